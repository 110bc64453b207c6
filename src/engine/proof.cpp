#include "proof.hpp"

#include "xen_drbd/engine/observe.hpp"

namespace xen_drbd::engine {
namespace {

using model::Presence;

constexpr Milliseconds look_interval{500};
constexpr Milliseconds looks_without_watchers{10'000};
constexpr Milliseconds youngest_answer{5000};

/// What may end by itself within moments: worth another look.
bool passes(Presence presence) {
  return presence == Presence::dying || presence == Presence::unknown || presence == Presence::shut_down ||
         presence == Presence::incoming || presence == Presence::migrated_away || presence == Presence::suspended;
}

} // namespace

Result<> prove_absent(const Cluster& cluster, const DomainName& domain, model::NodeId node, Milliseconds patience,
                      Clock& clock) {
  const auto begin = clock.now();
  for (;;) {
    const model::Observation observed = observe_domains(cluster, node);
    if (const auto* gone = std::get_if<model::Unreachable>(&observed)) return gone->error;
    const model::DomainPresence found = presence_of(domain, observed);
    const auto waited = clock.now() - begin;
    if (found.presence == Presence::absent && (found.watchers_known || waited >= looks_without_watchers)) return {};
    if (found.presence != Presence::absent && !(passes(found.presence) && waited < patience)) {
      if (found.presence == Presence::unknown)
        return Error{.kind = ErrorKind::unknown,
                     .what = "whether " + domain.str() + " is on " + cluster.name(node) + " cannot be told",
                     .because = found.why,
                     .while_doing = {},
                     .changed = Changed::no,
                     .hint = "look with `xl list` on " + cluster.name(node)};
      return Error{.kind = ErrorKind::refused,
                   .what = domain.str() + " is on " + cluster.name(node),
                   .because = "it is " + std::string(to_string(found.presence)) + " there",
                   .while_doing = {},
                   .changed = Changed::no,
                   .hint = "xen-drbd status " + domain.str() + " shows both nodes"};
    }
    clock.sleep(look_interval);
  }
}

Result<> still_in_command(const Cluster& cluster) {
  for (model::NodeId node : model::both_nodes) {
    const host::Host* host = cluster.host(node);
    if (host == nullptr) continue; // never part of this run
    if (auto lost = host->lost()) return std::move(*lost);
    if (!host->answered_within(youngest_answer))
      return Error{.kind = ErrorKind::unreachable,
                   .what = cluster.name(node) + " does not answer",
                   .because = "it has not answered for 5 s and may have let the cluster lock go",
                   .while_doing = {},
                   .changed = Changed::no,
                   .hint = "see why " + host->name() + " hangs"};
  }
  return {};
}

} // namespace xen_drbd::engine
