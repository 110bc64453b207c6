#include "classify.hpp"

#include "proof.hpp"

#include <algorithm>

namespace xen_drbd::engine {

using model::DomainPresence;
using model::Presence;

namespace {

/// Under its own name, and nothing else of it beside that.
bool runs(const DomainPresence& found) { return found.presence == Presence::running && found.rows.size() == 1; }

/// Not there, a copy that was never cleared to run, or not to be told.
bool cannot_run_there(const DomainPresence& target) {
  return target.presence == Presence::absent || target.presence == Presence::incoming ||
         target.presence == Presence::unknown;
}

/// What xl leaves of a source that it gave away, or not to be told.
bool was_left(const DomainPresence& source) {
  return source.presence == Presence::absent || source.presence == Presence::migrated_away ||
         source.presence == Presence::dying || source.presence == Presence::watcher_only ||
         source.presence == Presence::unknown;
}

/// Whether any `xl migrate-receive` is at work there, or that cannot be told.
bool receives(const model::Observation& node) {
  const auto* state = std::get_if<model::NodeState>(&node);
  return state == nullptr || !state->watchers ||
         std::any_of(state->migrations.begin(), state->migrations.end(),
                     [](const model::MigrationProcess& process) { return process.receiving; });
}

bool any_host_lost(const Cluster& cluster) {
  return std::any_of(model::both_nodes.begin(), model::both_nodes.end(),
                     [&](model::NodeId node) { return cluster.host(node) == nullptr || cluster.host(node)->lost(); });
}

} // namespace

Whereabouts classify(const Cluster& cluster, const DomainName& domain, model::NodeId source,
                     const model::Observation& at_source, const model::Observation& at_target) {
  const DomainPresence here = presence_of(domain, at_source);
  const DomainPresence there = presence_of(domain, at_target);
  Whereabouts found;
  found.source_has_watcher = here.has_watcher || !here.watchers_known;
  found.seen = std::string(to_string(here.presence)) + " on " + cluster.name(source) + ", " +
               std::string(to_string(there.presence)) + " on " + cluster.name(other(source));
  if (runs(there) && was_left(here)) found.moved = Moved::yes;
  if (runs(here) && cannot_run_there(there)) found.moved = Moved::no;
  found.clean = (found.moved == Moved::yes && here.presence == Presence::absent) ||
                (found.moved == Moved::no && there.presence == Presence::absent);
  found.stays_so =
      found.moved == Moved::no && there.presence == Presence::incoming && !there.has_watcher && !receives(at_target);
  return found;
}

Whereabouts look_for(const Cluster& cluster, const DomainName& domain, model::NodeId source, Milliseconds patience,
                     Clock& clock) {
  constexpr Milliseconds interval{300};
  constexpr Milliseconds nobody_comes{2000};
  const auto begin = clock.now();
  auto changed = begin; // or may change by itself
  for (;;) {
    const auto seen = observe_domains_on(cluster, {source, other(source)});
    Whereabouts found = classify(cluster, domain, source, seen[0], seen[1]);
    const auto now = clock.now();
    if (!found.stays_so) changed = now;
    if (found.clean || any_host_lost(cluster) || now - begin >= patience || now - changed >= nobody_comes) return found;
    clock.sleep(interval);
  }
}

} // namespace xen_drbd::engine
