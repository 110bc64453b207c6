#pragma once
// The process xl leaves behind for the life of a guest: it destroys the domain that has shut down and creates it again
// after a reboot. Its executable is xl, its stdout /var/log/xen/xl-NAME.log; before Xen 4.20 it ends when the guest
// suspends, and a guest that resumes after a failed migration is watched by nobody.

#include "xen/cfg.hpp"
#include "xen/xl.hpp"

namespace sim {

/// Forks the watcher off; this process goes on.
void leave_watcher(World& world, Faults& faults, unsigned domid, const std::string& name, const GuestConfig& config);

/// Watches in this process until the domain is gone for good.
void watch(World& world, Faults& faults, unsigned domid, const std::string& name, const GuestConfig& config);

} // namespace sim
