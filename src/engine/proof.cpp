#include "proof.hpp"

#include "xen_drbd/engine/observe.hpp"

#include <algorithm>
#include <future>

namespace xen_drbd::engine {
namespace {

using model::DomainPresence;
using model::NodeId;
using model::Presence;

constexpr Milliseconds absence_interval{500};
constexpr Milliseconds youngest_answer{5000};

/// What may end by itself within moments: worth another look.
bool passes(Presence presence) {
  switch (presence) {
  case Presence::dying:
  case Presence::unknown:
  case Presence::shut_down:
  case Presence::suspended:
  case Presence::incoming:
  case Presence::migrated_away:
  case Presence::watcher_only: return true;
  case Presence::absent:
  case Presence::running:
  case Presence::paused:
  case Presence::crashed: return false;
  }
  return false;
}

Error is_there(const Cluster& cluster, const DomainName& domain, NodeId node, const DomainPresence& found) {
  if (found.presence == Presence::unknown)
    return {.kind = ErrorKind::unknown,
            .what = "whether " + domain.str() + " is on " + cluster.name(node) + " cannot be told",
            .because = found.why,
            .while_doing = {},
            .changed = Changed::no,
            .hint = "look with `xl list` on " + cluster.name(node)};
  return {.kind = ErrorKind::refused,
          .what = domain.str() + " is on " + cluster.name(node),
          .because = "it is " + std::string(to_string(found.presence)) + " on " + cluster.name(node),
          .while_doing = {},
          .changed = Changed::no,
          .hint = "xen-drbd status " + domain.str() + " shows both nodes"};
}

} // namespace

std::vector<model::Observation> observe_domains_on(const Cluster& cluster, const std::vector<NodeId>& nodes) {
  std::vector<std::future<model::Observation>> under_way;
  for (std::size_t i = 1; i < nodes.size(); ++i)
    under_way.push_back(
        std::async(std::launch::async, [&cluster, node = nodes[i]] { return observe_domains(cluster, node); }));
  std::vector<model::Observation> seen{observe_domains(cluster, nodes.front())};
  for (auto& look : under_way) seen.push_back(look.get());
  return seen;
}

Result<> prove_absent(const Cluster& cluster, const DomainName& domain, const std::vector<NodeId>& nodes,
                      Milliseconds patience, Clock& clock) {
  const auto begin = clock.now();
  auto seen_last = begin; // or not known to be absent
  for (;;) {
    bool absent = true;
    bool watchers_known = true;
    const auto seen = observe_domains_on(cluster, nodes);
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (const auto* gone = std::get_if<model::Unreachable>(&seen[i])) return gone->error;
      const DomainPresence found = presence_of(domain, seen[i]);
      watchers_known = watchers_known && found.watchers_known;
      if (found.presence == Presence::absent) continue;
      absent = false;
      if (!passes(found.presence) || clock.now() - begin >= patience) return is_there(cluster, domain, nodes[i], found);
    }
    if (!absent) seen_last = clock.now();
    if (absent && (watchers_known || clock.now() - seen_last >= looks_without_watchers)) return {};
    clock.sleep(absence_interval);
  }
}

Result<> still_in_command(const Cluster& cluster) {
  for (const NodeId node : model::both_nodes) XEN_DRBD_CHECK(still_in_command(cluster, node));
  return {};
}

Result<> still_in_command(const Cluster& cluster, NodeId node) {
  const host::Host* host = cluster.host(node);
  if (host == nullptr) return {}; // never part of this run
  if (auto lost = host->lost()) return std::move(*lost);
  if (host->answered_within(youngest_answer)) return {};
  return Error{.kind = ErrorKind::unreachable,
               .what = cluster.name(node) + " does not answer",
               .because = cluster.name(node) + " has not answered for 5 s and may have let the cluster lock go",
               .while_doing = {},
               .changed = Changed::no,
               .hint = "see why " + host->name() + " hangs"};
}

Result<> may_arrive_on(const Cluster& cluster, NodeId node, const std::function<bool()>& left_before) {
  if (node == cluster.this_node && left_before && left_before()) return {};
  XEN_DRBD_TRY(const bool leaving, observe_leaving(cluster, node));
  if (!leaving) return {};
  return Error{.kind = ErrorKind::refused,
               .what = "nothing is brought to " + cluster.name(node),
               .because = cluster.name(node) + " is leaving: it is being evacuated now",
               .while_doing = {},
               .changed = Changed::no,
               .hint = "on " + cluster.name(node) + ", when it is to stay: xen-drbd evacuate --cancel"};
}

} // namespace xen_drbd::engine
