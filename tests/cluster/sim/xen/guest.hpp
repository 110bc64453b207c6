#pragma once
// What guests do in the simulated world: execute, write to their disks, shut down, go away.
//
// Every change of a domain goes through these functions, so that the event log shows each moment at which a guest
// begins or ceases to execute, and each write, on the node where it really happened.

#include "world/world.hpp"

namespace sim {

/// Brings `executing` and the event log in line with the domain's state; call it after every change.
void settle(World& world, int node, Domain& domain, double now, State& state);

/// Accounts the writes of all guests up to `now`: one write a second and disk.
void account_writes(World& world, State& state, double now);

/// The guest has shut down for the reason it was asked for.
void guest_shuts_down(World& world, State& state, int node, Domain& domain, double now);

/// Asks a guest to shut down ("poweroff" or "reboot"); it may ignore it or take its time.
void ask_to_shut_down(World& world, State& state, int node, Domain& domain, const std::string& reason);

/// Suspends a guest for a migration, or lets it run on after a failed one.
void suspend_guest(World& world, State& state, int node, Domain& domain);
void resume_guest(World& world, State& state, int node, Domain& domain);

/// First half of a destruction: the domain executes no more, but is still listed and holds its disks.
void begin_destroying(World& world, State& state, int node, Domain& domain);

/// The domain is gone, its disks are closed. Its watcher is woken.
void destroy_domain(World& world, State& state, int node, unsigned domid);

/// Megabytes no domain owns. Source: free_memory of the captured `xl info` with guests of 36, 560 and 600 MiB.
[[nodiscard]] int free_memory(const Node& node);
[[nodiscard]] int needed_memory(int memory);

/// CPU seconds the domain has used.
[[nodiscard]] double cpu_seconds(const Domain& domain, double now);

} // namespace sim
