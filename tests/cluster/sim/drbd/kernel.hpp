#pragma once
// The DRBD kernel module of both nodes: roles, connections, data generations, resync, split brain.
//
// Data is modelled by generations, as DRBD does: a Primary that loses its peer, and a node promoted without one, starts
// a new generation and remembers the one both had. At the handshake one side is ahead (resync), or both are (split
// brain). Source: captured states of DRBD 8.4.11; drbd_nl.c and drbd_receiver.c for what was not captured.

#include "world/world.hpp"

#include <string>
#include <utility>
#include <vector>

namespace sim {

/// Why a state change was refused.
enum class Refusal {
  none,
  two_primaries,   ///< -1: the peer is Primary and this node does not allow two
  refused_by_peer, ///< -10: the peer does not allow two
  no_good_data,    ///< -2: no UpToDate data
  in_use,          ///< -12: a guest holds the device open
  waits,           ///< the peer does not answer, and DRBD has not noticed yet: the command blocks
};

[[nodiscard]] Refusal promote(World& world, State& state, int node, Resource& resource, const std::string& by);
[[nodiscard]] Refusal demote(World& world, State& state, int node, Resource& resource, const std::string& by);
[[nodiscard]] bool held_open(const Node& node, const Resource& resource);

/// A write of `kib` to a volume: here, and on the peer if it is Connected.
void write_volume(State& state, int node, Resource& resource, int volume, std::int64_t kib);

/// Starts waiting for the peer, or stops (StandAlone); the peer of a Connected resource sees it at once.
void start_connecting(World& world, State& state, int node, Resource& resource, bool discard_my_data);
void stand_alone(World& world, State& state, int node, Resource& resource, const std::string& why);

/// The end of a Connected connection, as the side sees it that did not ask for it.
void lose_peer(World& world, State& state, int node, Resource& resource, double now);

/// The same resource on the other node, if it is up there.
[[nodiscard]] Resource* peer_resource(State& state, int node, const std::string& name);

/// Resources whose two sides wait for each other over a whole link, and when they will meet.
[[nodiscard]] std::vector<std::pair<std::string, double>> handshakes_due(const State& state);
void handshake(World& world, State& state, const std::string& name, double now);
void finish_resync(World& world, State& state, int node, Resource& resource, double now);

/// Starts a full or partial resync from node `source`.
void start_resync(World& world, State& state, int source, const std::string& name, double now);

/// Link and node events.
void cut_link(World& world, State& state);
void mend_link(World& world, State& state);
void peer_died(World& world, State& state, int dead);

/// The role, connection and disk states of the peer as this side sees them ("Unknown", "DUnknown").
[[nodiscard]] std::string peer_role(State& state, int node, const Resource& resource);
[[nodiscard]] std::string peer_disk(State& state, int node, const Resource& resource, const Volume& volume);

} // namespace sim
