#pragma once

#include <string>
#include <vector>

namespace xen_drbd::cli {

/// `xen-drbd ssh-gate TOPOLOGY_FILE`, the forced command of the peer's key in authorized_keys (make-keys --restrict):
/// lets in what a run of xen-drbd of this version on the peer and a migration need, and refuses all else with exit 1, a
/// sentence on stderr and one in syslog. Returns the exit status; does not return where it becomes the command.
[[nodiscard]] int run_gate(const std::vector<std::string>& arguments);

} // namespace xen_drbd::cli
