#pragma once

#include "session.hpp"

namespace xen_drbd::cli {

/// Whether this run may go on without its peer (rule 5.6).
struct DeadPeer {
  bool accepted = false;
  bool by_fence = false;
  /// Looks again, before each promotion and create: the error when the peer shows any sign of life.
  std::function<std::optional<Error>()> still_dead;
};

/// Decides after connect(): a peer that answers is never dead (a claim is ignored with a warning). A peer that does not
/// is taken for dead when its fence device says that it is off, or when --peer-is-dead claims it, the claim is
/// confirmed (its name typed, or --yes), nothing at all answered connect(), nor does now at its addresses, and no DRBD
/// resource of the topology is Connected at any moment of a watch of 15 s. The accident it prevents: a node whose sshd
/// hangs, or whose cable is out, goes on writing to the same disks. Accident: shown possible: a peer refused the login,
/// then the links were cut while this run waited for the lock, and it was taken for dead. Fails: ErrorKind::usage when
/// the claim is not confirmed; ErrorKind::refused when there is a sign of life.
[[nodiscard]] Result<DeadPeer> consider_dead_peer(const Session& session);

/// What a fence agent's answer to `--action=status` proves: only exit status 2 *and* a line "Status: OFF" is "off"; 2
/// is also what a wrong argument gives. Source: fence-agents lib/fencing.py.py; rule 5.6.
[[nodiscard]] bool proves_off(const host::Outcome& outcome);

} // namespace xen_drbd::cli
