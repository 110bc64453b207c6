#pragma once
// Block devices of guests: what the hotplug scripts and the block backend do when a disk is attached, written to,
// detached.

#include "world/world.hpp"

#include <optional>
#include <string>

namespace sim {

/// Opens the disks of a domain. A DRBD device that is Secondary is not opened, and the guest then has no disk: xl says
/// nothing about it. A device held by another domain, a device that is not there and a resource that block-drbd cannot
/// promote are errors.
/// Fails: the lines libxl prints on stderr. Source: captured errors of `xl create`.
[[nodiscard]] std::optional<std::string> attach_disks(World& world, State& state, int node, Domain& domain);

/// Checks before anything is attached: every device exists. Fails: what libxl prints.
[[nodiscard]] std::optional<std::string> missing_device(const State& state, int node, const Domain& domain);

void detach_disks(World& world, State& state, int node, Domain& domain);

/// The guest writes `count` times 4 KiB. Without an open device each write is an error the guest sees.
void guest_writes(World& world, State& state, int node, Domain& domain, Disk& disk, std::int64_t count, double now);

/// Finds the DRBD resource and volume behind a disk's target: /dev/drbdN, a link to it, or a resource for block-drbd.
void resolve_disk(const State& state, int node, Disk& disk);

/// The number xl prints for a virtual device name: 51712 for xvda.
[[nodiscard]] int vdev_number(const std::string& vdev);

} // namespace sim
