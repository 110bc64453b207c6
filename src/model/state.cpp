#include "xen_drbd/model/state.hpp"

#include <algorithm>

namespace xen_drbd::model {
namespace {

/// The state letters of one row of the domain's own name, worst first: what is dying or shut down is not running.
Presence of_own_row(const DomainRow& row) {
  if (row.dying) return Presence::dying;
  if (row.shut_down) {
    if (row.reason == 'c' || row.reason == 'w') return Presence::crashed;
    return row.reason == 's' ? Presence::suspended : Presence::shut_down;
  }
  if (row.paused && !row.running) return Presence::paused;
  return Presence::running;
}

/// Whether this row of the domain's own name says more of it than that one: what runs before what may, that before what
/// does not. xl gives a name to one domain only, but it asks and gives in two steps.
bool livelier(const DomainRow& row, const DomainRow& than) {
  const auto life = [](const DomainRow& one) {
    const Presence presence = of_own_row(one);
    return (presence == Presence::running ? 2 : 0) + (may_execute(presence) ? 1 : 0);
  };
  return life(row) > life(than);
}

} // namespace

namespace {

/// Whether the watcher is the domain's, as far as can be told.
bool watches(const Watcher& watcher, const DomainName& domain, const NodeState& node) {
  if (watcher.name != domain.str()) return false;
  return watcher.or_of.empty() || !node.rows ||
         std::none_of(node.rows->begin(), node.rows->end(),
                      [&](const DomainRow& row) { return row.name == watcher.or_of; });
}

} // namespace

DomainPresence presence_of(const DomainName& domain, const Observation& node) {
  DomainPresence found;
  const auto* state = std::get_if<NodeState>(&node);
  if (state == nullptr) {
    found.why = std::get<Unreachable>(node).error.because;
    return found;
  }
  found.watchers_known = state->watchers.has_value();
  if (state->watchers)
    found.has_watcher = std::any_of(state->watchers->begin(), state->watchers->end(),
                                    [&](const Watcher& watcher) { return watches(watcher, domain, *state); });
  if (!state->rows) {
    found.why = state->rows_problem;
    return found;
  }

  const DomainRow* own = nullptr;
  const DomainRow* incoming = nullptr;
  const DomainRow* away = nullptr;
  bool nameless = false;
  for (const DomainRow& row : *state->rows) {
    if (row.name == domain.str())
      own = own == nullptr || livelier(row, *own) ? &row : own;
    else if (row.name == domain.str() + "--incoming")
      incoming = &row;
    else if (row.name == domain.str() + "--migratedaway")
      away = &row;
    else {
      nameless = nameless || row.name == "(null)";
      continue;
    }
    found.rows.push_back(row);
  }

  if (own != nullptr) {
    found.presence = of_own_row(*own);
    if (found.presence == Presence::paused && own->cpu_seconds == 0 && state->watchers)
      for (const Watcher& watcher : *state->watchers)
        if (watcher.creating && watcher.name == domain.str()) found.created_by = watcher.pid;
    if (found.presence == Presence::paused && own->cpu_seconds == 0 && found.created_by == 0)
      for (const MigrationProcess& process : state->migrations) // it does not name what it builds
        if (process.command == "restore") found.created_by = process.pid;
  } else if (away != nullptr)
    found.presence = Presence::migrated_away;
  else if (incoming != nullptr)
    found.presence = Presence::incoming;
  else if (nameless) {
    found.why = "xl list shows a domain without a name, (null), that may be it on its way out";
  } else {
    found.presence = found.has_watcher ? Presence::watcher_only : Presence::absent;
  }
  return found;
}

bool runs_no_more(const DomainPresence& found) {
  return (found.presence == Presence::crashed || found.presence == Presence::shut_down) && found.watchers_known &&
         !found.has_watcher;
}

bool may_execute(Presence presence) {
  switch (presence) {
  case Presence::absent:
  case Presence::shut_down:
  case Presence::crashed:
  case Presence::suspended:
  case Presence::incoming:
  case Presence::migrated_away: return false;
  case Presence::running:
  case Presence::paused:
  case Presence::dying:
  case Presence::watcher_only:
  case Presence::unknown: return true;
  }
  return true;
}

std::string_view to_string(Presence presence) {
  switch (presence) {
  case Presence::absent: return "absent";
  case Presence::running: return "running";
  case Presence::paused: return "paused";
  case Presence::shut_down: return "shut down";
  case Presence::suspended: return "suspended";
  case Presence::crashed: return "crashed";
  case Presence::dying: return "dying";
  case Presence::incoming: return "an incoming copy";
  case Presence::migrated_away: return "migrated away";
  case Presence::watcher_only: return "between reboot and restart";
  case Presence::unknown: return "unknown";
  }
  return "unknown";
}

} // namespace xen_drbd::model
