#pragma once
// Building a guest in steps, as libxl does it: a domain of that name, its memory, its disks. Every step is one change
// of the world, so that others see the steps in between.

#include "xen/cfg.hpp"
#include "xen/xl.hpp"

#include <optional>
#include <string>

namespace sim {

/// Enters a new, paused domain into the list and makes its bell. Fails: libxl's lines, "already exists" among them.
[[nodiscard]] std::optional<std::string> enter_domain(World& world, Domain& domain, const GuestConfig& config);

/// Gives the domain its memory and loads its kernel. Fails: libxl's lines; the domain is gone again.
[[nodiscard]] std::optional<std::string> build_domain(World& world, unsigned domid, const GuestConfig& config);

/// Attaches disks and network. Fails: libxl's lines; the domain is gone again.
[[nodiscard]] std::optional<std::string> attach_devices(World& world, unsigned domid, const GuestConfig& config);

/// The guest begins to execute.
void unpause_domain(World& world, unsigned domid);

/// All of it, without faults: what a watcher does after a reboot. Fails: libxl's lines.
[[nodiscard]] std::optional<std::string> create_again(World& world, const GuestConfig& config, unsigned& domid);

} // namespace sim
