#pragma once
// A run on dom0 of the pair of planner_world.hpp, as far as it is before anything is connected.

#include "session.hpp"
#include "support/planner_world.hpp"

namespace xen_drbd::cli::test {

using planner_world::World;

inline Options options_of(const std::string& command, bool json) {
  Options options;
  options.command = command;
  options.json = json;
  return options;
}

/// The run of a command, with the domains that were typed behind it.
inline Session session_of(const World& world, const std::string& command, std::vector<std::string> domains = {}) {
  Options options;
  options.command = command;
  options.domains = std::move(domains);
  return {.options = std::move(options), .topology = world.topology, .this_node = world.state.this_node, .cluster = {}};
}

inline engine::DomainReport ended(const std::string& name, engine::ResultKind result, model::NodeId node,
                                  std::string reason = {}) {
  return {.domain = planner_world::domain_name(name),
          .result = result,
          .node = node,
          .reason = std::move(reason),
          .error = {},
          .seconds = 1.94,
          .notes = {}};
}

inline Error error_of_kind(ErrorKind kind, std::string what = "samba was not started on dom0") {
  return {.kind = kind,
          .what = std::move(what),
          .because = "of a reason",
          .while_doing = {"asking", "looking"},
          .changed = Changed::no,
          .hint = "do this"};
}

} // namespace xen_drbd::cli::test
