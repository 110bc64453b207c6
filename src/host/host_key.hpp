#pragma once

#include "xen_drbd/base/result.hpp"
#include "xen_drbd/model/topology.hpp"

#include "session.hpp"

namespace xen_drbd::host {

/// Checks the server's key against known_hosts, after the key exchange and before any authentication. libssh by itself
/// enforces nothing: without this, whoever sits at the address of the peer would be told to start its domains.
/// Fails: ErrorKind::unreachable with the fingerprint seen, what known_hosts has, and the commands that mend it.
[[nodiscard]] Result<> verify_host_key(const Session& session, const Target& target, const model::SshSettings& ssh);

} // namespace xen_drbd::host
