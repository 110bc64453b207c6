#pragma once

#include <string>
#include <vector>

namespace xen_drbd::host {

/// The words of a command that leaves a daemon behind: where systemd runs, the command gets a scope of its own in
/// system.slice, in the same process; elsewhere it is itself. The accident it prevents: a login session or a service
/// that ends takes the process with it that xl left behind for the life of a guest. Source: spec section 8.
[[nodiscard]] std::vector<std::string> in_own_scope(const std::vector<std::string>& argv);

} // namespace xen_drbd::host
