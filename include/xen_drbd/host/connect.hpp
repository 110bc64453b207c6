#pragma once

#include "xen_drbd/host/host.hpp"
#include "xen_drbd/model/topology.hpp"

namespace xen_drbd::host {

struct Settings {
  std::string run_directory = "/run/xen-drbd"; ///< 0700, root's; made when missing
};

/// This node. Fails: ErrorKind::failed when no sh can be started.
[[nodiscard]] Result<std::unique_ptr<Host>> open_local(std::string name, const Settings& settings);

/// The host key that was verified, for the ssh of `xl migrate` (HostKeyAlias).
struct VerifiedPeer {
  std::unique_ptr<Host> host;
  std::string host_key_alias; ///< the name under which the key stands in known_hosts
};

/// Connects to a node over SSH, once: connect under `connect_timeout`, host key verified against known_hosts before any
/// authentication, public keys only (agent first), the worker started in one exec.
/// Fails: ErrorKind::unreachable; `because` tells refused, no route, timed out, unknown or changed host key (with its
/// fingerprint and how to mend it in `hint`), key refused, no sh; `peer_answered` holds
/// wherever a connection was made or refused. Source: facts on libssh 0.10 in ARCHITECTURE.md.
[[nodiscard]] Result<VerifiedPeer> open_ssh(const model::Node& node, const model::SshSettings& ssh,
                                            const Settings& settings);

} // namespace xen_drbd::host
