#pragma once

#include "xen_drbd/base/result.hpp"
#include "xen_drbd/model/topology.hpp"

#include "session.hpp"

namespace xen_drbd::host {

/// Authenticates with public keys and nothing else, and never asks anybody for anything: with the configured identity,
/// by the agent where its file needs a passphrase; without one, with the agent's keys and the default identities.
/// Fails: ErrorKind::unreachable, naming each key that was tried and why it did not do.
[[nodiscard]] Result<> log_in(const Session& session, const Target& target, const model::SshSettings& ssh,
                              const Deadline& deadline);

} // namespace xen_drbd::host
