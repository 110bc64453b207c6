#pragma once

#include "xen_drbd/engine/cluster.hpp"

#include <functional>
#include <vector>

namespace xen_drbd::engine {

/// The short look of rule 5.2 at several nodes at the same time, in their order.
[[nodiscard]] std::vector<model::Observation> observe_domains_on(const Cluster& cluster,
                                                                 const std::vector<model::NodeId>& nodes);

/// Proves that the domain is on none of the nodes in any form, now (rule 5.2): in one look at all of them the rows were
/// read, Domain-0 among them, none is the domain's or a half-name of it, and no xl watcher for it lives there. Where
/// watchers cannot be listed it takes looks over looks_without_watchers, all of which show it absent.
/// A domain that is dying, reboots, or only lost its name, is waited for up to `patience`.
/// The accident it prevents: a guest that restarts itself on the peer between the plan and `xl create`.
/// Fails: ErrorKind::refused, saying what is there; ErrorKind::unknown when it cannot be told; ErrorKind::unreachable.
[[nodiscard]] Result<> prove_absent(const Cluster& cluster, const DomainName& domain,
                                    const std::vector<model::NodeId>& nodes, Milliseconds patience, Clock& clock);

/// The right to change something now (rule 5.5): every node that takes part answered not longer than 5 s ago.
/// The accident it prevents: orders given to a peer that has already let its lock go to another run.
/// Fails: ErrorKind::unreachable.
[[nodiscard]] Result<> still_in_command(const Cluster& cluster);

/// The same for what needs one node's half of the lock only: a shutdown goes on when the peer is lost meanwhile.
[[nodiscard]] Result<> still_in_command(const Cluster& cluster, model::NodeId node);

/// Whether a domain may still arrive on the node (rule 5.10): not where it is being emptied. Of this node, whose
/// administrator asks, that is said only of an evacuation that is newer than the run (not `left_before`). The accident
/// it prevents: a domain that comes late in a long plan is moved onto a node whose `evacuate` has said since then that
/// nothing is left there, and which loses its power. Fails: ErrorKind::refused; ErrorKind::unreachable.
[[nodiscard]] Result<> may_arrive_on(const Cluster& cluster, model::NodeId node,
                                     const std::function<bool()>& left_before);

} // namespace xen_drbd::engine
