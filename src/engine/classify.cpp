#include "classify.hpp"

#include "xen_drbd/engine/observe.hpp"

#include <future>

namespace xen_drbd::engine {

using model::Presence;

Whereabouts look_for(const Cluster& cluster, const DomainName& domain, model::NodeId source, Milliseconds patience,
                     Clock& clock) {
  constexpr Milliseconds interval{300};
  const model::NodeId target = other(source);
  const auto begin = clock.now();
  for (;;) {
    auto there = std::async(std::launch::async, [&] { return presence_of(domain, observe_domains(cluster, target)); });
    const model::DomainPresence at_source = presence_of(domain, observe_domains(cluster, source));
    const model::DomainPresence at_target = there.get();

    Whereabouts found;
    found.source_has_watcher = at_source.has_watcher || !at_source.watchers_known;
    found.seen = std::string(to_string(at_source.presence)) + " on " + cluster.name(source) + ", " +
                 std::string(to_string(at_target.presence)) + " on " + cluster.name(target);
    const bool runs_there = at_target.presence == Presence::running && at_target.rows.size() == 1;
    const bool runs_here = at_source.presence == Presence::running && at_source.rows.size() == 1;
    if (runs_there && at_source.presence == Presence::absent) found.moved = Moved::yes;
    if (runs_here && at_target.presence == Presence::absent) found.moved = Moved::no;
    if (found.moved != Moved::unclear || clock.now() - begin >= patience) return found;
    clock.sleep(interval);
  }
}

} // namespace xen_drbd::engine
