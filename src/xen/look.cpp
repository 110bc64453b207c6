#include "xen_drbd/xen/look.hpp"

namespace xen_drbd::xen {

std::vector<host::Command> questions(std::span<const ConfigQuestion> configs, Reading reading) {
  std::vector<host::Command> commands{list_command(), info_command(), processes_command()};
  if (!configs.empty()) commands.push_back(config_command(configs, reading));
  return commands;
}

void read_into(model::NodeState& state, std::span<const host::Outcome> answers, std::span<const ConfigQuestion> configs,
               std::span<const model::Domain> domains) {
  const auto answer = [&](std::size_t i) { return i < answers.size() ? answers[i] : host::Outcome{}; };

  if (auto rows = parse_list(answer(0)))
    state.rows = std::move(*rows);
  else
    state.rows_problem = rows.error().because;

  if (auto info = parse_info(answer(1))) {
    state.has_resume = has_resume(*info);
    state.xen = std::move(*info);
  }
  if (auto processes = parse_processes(answer(2), domains)) {
    state.watchers = std::move(processes->watchers);
    state.migrations = std::move(processes->migrations);
  }
  if (configs.empty()) return;
  auto reports = parse_configs(answer(3), configs);
  for (const auto& question : configs) {
    model::ConfigReport report;
    if (reports)
      report = reports->at(question.domain);
    else
      report.problem = reports.error().because;
    state.configs.insert_or_assign(question.domain, std::move(report));
  }
}

} // namespace xen_drbd::xen
