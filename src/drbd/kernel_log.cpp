#include "xen_drbd/base/text.hpp"
#include "xen_drbd/drbd/look.hpp"

namespace xen_drbd::drbd {
namespace {

constexpr const char* kernel_log_script = R"sh(dmesg --time-format iso | grep 'drbd .* conn( ')sh";

/// A state in which the peer is there; 8.4 has the states of a resync in the same place.
bool is_linked(std::string_view state) {
  const model::Replication replication = model::parse_replication(state);
  return model::parse_connection(state) == model::Connection::connected ||
         (replication != model::Replication::unknown && replication != model::Replication::off);
}

/// Whether "conn( FROM -> TO )" in the line says that the peer went away.
bool says_lost(const std::vector<std::string_view>& line) {
  for (std::size_t i = 0; i + 3 < line.size(); ++i)
    if (line[i] == "conn(" && line[i + 2] == "->") return is_linked(line[i + 1]) && !is_linked(line[i + 3]);
  return false;
}

} // namespace

host::Command kernel_log_command() {
  return {.argv = {"sh", "-c", kernel_log_script, "sh"}, .timeout = Milliseconds{10'000}};
}

std::map<ResourceName, std::string> parse_kernel_log(const host::Outcome& outcome) {
  std::map<ResourceName, std::string> lost;
  for (std::string_view text : lines(outcome.out)) {
    const auto line = words(text);
    // TIME drbd RESOURCE: ... from 8.4, TIME drbd RESOURCE PEER: ... from 9
    if (line.size() < 3 || line[1] != "drbd" || !says_lost(line)) continue;
    std::string_view name = line[2];
    if (name.ends_with(':')) name.remove_suffix(1);
    if (auto resource = ResourceName::parse(name))
      lost.insert_or_assign(*std::move(resource), std::string(line[0].substr(0, line[0].find(','))));
  }
  return lost;
}

} // namespace xen_drbd::drbd
