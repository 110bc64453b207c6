#pragma once

#include "xen_drbd/engine/lock.hpp"
#include "xen_drbd/engine/observe.hpp"

#include "session.hpp"

#include <optional>

namespace xen_drbd::cli {

/// The wish that a command line stands for. Precondition: the command is one of those that have one.
[[nodiscard]] model::Wish wish_of(const Session& session);

/// What a look must bring for this wish.
[[nodiscard]] engine::Look look_for(const Session& session, const model::Wish& wish);

/// Looks at both nodes. What passes by itself within 15 s is waited for: before a recover whatever dies, reboots or has
/// lost its name; before a stop or an evacuation a guest of this node that reboots or has just shut
/// down, within the time that --deadline leaves before the shutdowns. Accident: a node was switched off with a guest on
/// it that was off the list when `evacuate` looked, and came back behind it.
[[nodiscard]] model::ClusterState look_at_rest(const Session& session, const model::Wish& wish,
                                               const engine::Look& look);

/// What the plan warned of belongs to the report: since when a disk was disconnected, what cannot be closed.
void add_warnings(engine::Report& report, const model::Plan& plan);

/// Why what answers at the peer's address is not the peer, or does not mean the same pair (rule 5.1); nothing when it
/// is the peer, or nobody answers there. Asked before the lock: an address that leads back here would wait for itself.
[[nodiscard]] std::optional<Error> stranger_at_peer(const Session& session, const model::Wish& wish);

/// From now on this run has no peer: what a stranger says is not to be read.
void do_without_peer(Session& session, Error why);

/// How long this run waits for the cluster lock: --lock-wait, else what the topology says.
[[nodiscard]] Milliseconds lock_wait(const Session& session);

/// Takes the cluster lock, telling on stderr whom it waits for: as long as `lock_wait` says, and `at_most` so long.
[[nodiscard]] Result<engine::ClusterLock> take_lock(const Session& session, engine::ClusterLock::Scope scope,
                                                    std::optional<Milliseconds> at_most = std::nullopt);

} // namespace xen_drbd::cli
