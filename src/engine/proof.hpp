#pragma once

#include "xen_drbd/engine/cluster.hpp"

namespace xen_drbd::engine {

/// Proves that the domain is on the node in no form, now (spec 5.2): the rows were read, Domain-0 among them, none is
/// the domain's or a half-name of it, and no xl watcher for it lives there. Where watchers cannot be listed it takes
/// looks over 10 s: a guest that reboots is off the list for some 2 s.
/// A domain that is dying, or that only lost its name, is waited for up to `patience`.
/// The accident it prevents: a guest that restarts itself on the peer between the plan and `xl create`.
/// Fails: ErrorKind::refused, saying what is there; ErrorKind::unknown when it cannot be told.
[[nodiscard]] Result<> prove_absent(const Cluster& cluster, const DomainName& domain, model::NodeId node,
                                    Milliseconds patience, Clock& clock);

/// The right to change something now (spec 5.5): every node that takes part answered not longer than 5 s ago.
/// The accident it prevents: orders given to a peer that has already let its lock go to another run.
/// Fails: ErrorKind::unreachable.
[[nodiscard]] Result<> still_in_command(const Cluster& cluster);

} // namespace xen_drbd::engine
