#include "xen_drbd/drbd/look.hpp"

namespace xen_drbd::drbd {
namespace {

std::string joined(const std::vector<std::string>& notes) {
  std::string text;
  for (const auto& note : notes) text.append(text.empty() ? "" : "; ").append(note);
  return text;
}

} // namespace

std::vector<host::Command> questions() { return {status_command(), show_command(), dump_command(), links_command()}; }

void read_into(model::NodeState& state, std::span<const host::Outcome> answers, std::string_view host_name) {
  const auto answer = [&](std::size_t i) { return i < answers.size() ? answers[i] : host::Outcome{}; };

  if (auto status = assemble(answer(0), answer(1))) {
    state.drbd_nine = status->dialect == Dialect::json;
    state.resources = std::move(status->resources);
    state.resources_problem = joined(status->notes);
  } else {
    state.resources_problem = status.error().because;
  }
  if (auto configuration = parse_dump(answer(2), host_name)) {
    state.resource_configs = std::move(configuration->resources);
    state.resource_configs_problem = joined(configuration->notes);
  } else {
    state.resource_configs_problem = configuration.error().because;
  }
  if (auto links = parse_links(answer(3))) state.drbd_links = std::move(*links);
}

} // namespace xen_drbd::drbd
