#include "drbd/kernel.hpp"

#include <algorithm>
#include <set>

namespace sim {

namespace {

Resource* mirror_of(State& state, int node, const Resource& resource) {
  Resource* peer = peer_resource(state, node, resource.name);
  return resource.connection == "Connected" && peer != nullptr && peer->connection == "Connected" ? peer : nullptr;
}

void new_generation(State& state, Node& node, Resource& resource) {
  for (auto& volume : resource.volumes) {
    Meta& meta = meta_of(node, resource, volume);
    if (volume.disk == "UpToDate" && meta.base.empty()) {
      meta.base = meta.current;
      meta.current = format("%s-%lld", node.name.c_str(), static_cast<long long>(++state.generations));
    }
  }
}

void set_disk(Node& node, Resource& resource, Volume& volume, const std::string& disk) {
  volume.disk = disk;
  if (disk != "Diskless") { meta_of(node, resource, volume).disk = disk; }
}

enum class Comparison { equal, ahead, behind, split_brain, unrelated };

Comparison compare(const Meta& own, const Meta& peer) {
  if (own.current == peer.current) { return Comparison::equal; }
  const bool own_descends = own.base == peer.current;
  const bool peer_descends = peer.base == own.current;
  if (own_descends && !peer_descends) { return Comparison::ahead; }
  if (peer_descends && !own_descends) { return Comparison::behind; }
  return own.base == peer.base && !own.base.empty() ? Comparison::split_brain : Comparison::unrelated;
}

/// Which node becomes the source: 0 or 1, -1 for none needed, -2 for a split brain.
int source_of(State& state, Resource& first, Resource& second) {
  int source = -1;
  for (auto& volume : first.volumes) {
    const auto other = std::ranges::find(second.volumes, volume.number, &Volume::number);
    if (other == second.volumes.end() || volume.disk == "Diskless" || other->disk == "Diskless") { continue; }
    const Meta& own = meta_of(state.nodes[0], first, volume);
    const Meta& peer = meta_of(state.nodes[1], second, *other);
    int wanted = -1;
    switch (compare(own, peer)) {
    case Comparison::equal:
      if (own.disk == "Inconsistent" || own.disk == "Outdated") {
        wanted = 1;
      } else if (peer.disk == "Inconsistent" || peer.disk == "Outdated") {
        wanted = 0;
      }
      break;
    case Comparison::ahead: wanted = 0; break;
    case Comparison::behind: wanted = 1; break;
    case Comparison::split_brain:
    case Comparison::unrelated:
      if (first.discard_my_data != second.discard_my_data) {
        wanted = first.discard_my_data ? 1 : 0;
      } else {
        return -2;
      }
      break;
    }
    const Resource& victim = wanted == 0 ? second : first;
    if (wanted >= 0 && victim.role == "Primary") {
      return -2; // a Primary cannot become SyncTarget
    }
    source = wanted >= 0 ? wanted : source;
  }
  return source;
}

void break_connection(State& state, int node, Resource& resource, bool for_good) {
  if (resource.connection != "Connected") { return; }
  if (resource.broken_at < 0) {
    resource.seen_role = peer_role(state, node, resource);
    resource.broken_at = World::now();
  }
  resource.broken_for_good = resource.broken_for_good || for_good;
}

std::string refuse_handshake(const Resource& first, const Resource& second) {
  if (first.two_primaries != second.two_primaries) { return "incompatible allow-two-primaries settings"; }
  if (first.role == "Primary" && second.role == "Primary" && !first.two_primaries) { return "both Primary"; }
  return "";
}

} // namespace

Resource* peer_resource(State& state, int node, const std::string& name) {
  Node& peer = node_of(state, 1 - node);
  return peer.alive ? find_resource(peer, name) : nullptr;
}

bool held_open(const Node& node, const Resource& resource) {
  for (const auto& domain : node.domains) {
    for (const auto& disk : domain.disks) {
      if (disk.open && disk.resource == resource.name) { return true; }
    }
  }
  return false;
}

Refusal promote(World& world, State& state, int node, Resource& resource, const std::string& by) {
  if (resource.role == "Primary") { return Refusal::none; }
  if (resource.broken_at >= 0) { return Refusal::waits; }
  Resource* peer = mirror_of(state, node, resource);
  const bool good = std::ranges::all_of(resource.volumes, [&](const Volume& volume) {
    return volume.disk == "UpToDate" || (peer != nullptr && peer_disk(state, node, resource, volume) == "UpToDate");
  });
  if (!good) { return Refusal::no_good_data; }
  if (resource.connection == "Connected" && peer_role(state, node, resource) == "Primary") {
    if (!resource.two_primaries) { return Refusal::two_primaries; }
    if (peer != nullptr && !peer->two_primaries) { return Refusal::refused_by_peer; }
  }
  resource.role = "Primary";
  if (resource.connection != "Connected") { new_generation(state, node_of(state, node), resource); }
  world.event_at(World::now(), node, "promote",
                 {{"resource", resource.name},
                  {"by", by},
                  {"connection", resource.connection},
                  {"peer_role", peer_role(state, node, resource)}});
  return Refusal::none;
}

Refusal demote(World& world, State& state, int node, Resource& resource, const std::string& by) {
  if (resource.role != "Primary") { return Refusal::none; }
  if (held_open(node_of(state, node), resource)) { return Refusal::in_use; }
  resource.role = "Secondary";
  world.event_at(World::now(), node, "demote",
                 {{"resource", resource.name}, {"by", by}, {"connection", resource.connection}});
  return Refusal::none;
}

void write_volume(State& state, int node, Resource& resource, int volume, std::int64_t kib) {
  const auto here = std::ranges::find(resource.volumes, volume, &Volume::number);
  if (here == resource.volumes.end()) { return; }
  here->written += kib;
  Resource* peer = mirror_of(state, node, resource);
  if (peer == nullptr) {
    here->out_of_sync += kib;
    meta_of(node_of(state, node), resource, *here).out_of_sync = here->out_of_sync;
    return;
  }
  here->sent += kib;
  const auto there = std::ranges::find(peer->volumes, volume, &Volume::number);
  if (there != peer->volumes.end()) {
    there->received += kib;
    there->written += kib;
  }
}

void start_connecting(World& world, State& state, int node, Resource& resource, bool discard_my_data) {
  resource.has_net = true;
  resource.connection = "Connecting";
  resource.discard_my_data = discard_my_data;
  resource.waiting_since = World::now();
  for (auto& volume : resource.volumes) {
    volume.sent = 0;
    volume.received = 0;
  }
  world.event("connecting", {{"resource", resource.name}, {"of", node_of(state, node).name}});
}

void stand_alone(World& world, State& state, int node, Resource& resource, const std::string& why) {
  if (resource.connection == "StandAlone") {
    resource.has_net = false;
    return;
  }
  Resource* peer = mirror_of(state, node, resource);
  const bool was_connected = resource.connection == "Connected";
  resource.connection = "StandAlone";
  resource.has_net = false;
  resource.replication = "Off";
  resource.broken_at = -1;
  resource.sync_until = -1;
  resource.waiting_since = -1;
  if (was_connected && resource.role == "Primary") { new_generation(state, node_of(state, node), resource); }
  world.event_at(World::now(), node, "stand-alone", {{"resource", resource.name}, {"why", why}});
  if (peer != nullptr && was_connected && state.link_up) {
    lose_peer(world, state, 1 - node, *peer, World::now());
  } else if (peer != nullptr && was_connected) {
    break_connection(state, 1 - node, *peer, true);
  }
}

void lose_peer(World& world, State& state, int node, Resource& resource, double now) {
  resource.connection = "Connecting";
  resource.replication = "Off";
  resource.broken_at = -1;
  resource.broken_for_good = false;
  resource.sync_until = -1;
  resource.waiting_since = now;
  resource.discard_my_data = false;
  if (resource.role == "Primary") { new_generation(state, node_of(state, node), resource); }
  world.event_at(now, node, "peer-lost", {{"resource", resource.name}, {"role", resource.role}});
}

std::vector<std::pair<std::string, double>> handshakes_due(const State& state) {
  std::vector<std::pair<std::string, double>> due;
  if (!state.link_up || !state.nodes[0].alive || !state.nodes[1].alive) { return due; }
  for (const auto& first : state.nodes[0].resources) {
    if (first.connection != "Connecting") { continue; }
    for (const auto& second : state.nodes[1].resources) {
      if (second.name == first.name && second.connection == "Connecting") {
        due.emplace_back(first.name, std::max({first.waiting_since, second.waiting_since, state.link_since}) +
                                         state.settings.reconnect_delay);
      }
    }
  }
  return due;
}

void handshake(World& world, State& state, const std::string& name, double now) {
  Resource* first = find_resource(state.nodes[0], name);
  Resource* second = find_resource(state.nodes[1], name);
  if (first == nullptr || second == nullptr) { return; }
  std::string refusal = refuse_handshake(*first, *second);
  const int source = source_of(state, *first, *second);
  if (refusal.empty() && source == -2) { refusal = "split brain"; }
  if (!refusal.empty()) {
    for (int n = 0; n < 2; ++n) {
      Resource& resource = n == 0 ? *first : *second;
      resource.connection = "StandAlone";
      resource.has_net = false;
      resource.waiting_since = -1;
      world.event_at(now, n, "stand-alone", {{"resource", name}, {"why", refusal}});
    }
    return;
  }
  for (int n = 0; n < 2; ++n) {
    Resource& resource = n == 0 ? *first : *second;
    resource.connection = "Connected";
    resource.replication = "Established";
    resource.waiting_since = -1;
    resource.discard_my_data = false;
    world.event_at(now, n, "connected", {{"resource", name}, {"role", resource.role}});
  }
  if (source >= 0) { start_resync(world, state, source, name, now); }
}

void start_resync(World& world, State& state, int source, const std::string& name, double now) {
  Resource* from = find_resource(node_of(state, source), name);
  Resource* to = find_resource(node_of(state, 1 - source), name);
  if (from == nullptr || to == nullptr) { return; }
  for (auto& volume : to->volumes) {
    const auto other = std::ranges::find(from->volumes, volume.number, &Volume::number);
    const std::int64_t left = other == from->volumes.end() ? 0 : std::max(other->out_of_sync, volume.out_of_sync);
    volume.out_of_sync = left;
    if (other != from->volumes.end()) { other->out_of_sync = left; }
    set_disk(node_of(state, 1 - source), *to, volume, "Inconsistent");
  }
  from->replication = "SyncSource";
  to->replication = "SyncTarget";
  from->sync_until = to->sync_until = now + state.settings.resync_seconds;
  world.event_at(now, source, "resync", {{"resource", name}});
}

void finish_resync(World& world, State& state, int node, Resource& resource, double now) {
  const int source = resource.replication == "SyncSource" ? node : 1 - node;
  Node& good = node_of(state, source);
  Node& stale = node_of(state, 1 - source);
  Resource* from = find_resource(good, resource.name);
  Resource* to = find_resource(stale, resource.name);
  resource.sync_until = -1;
  if (from == nullptr || to == nullptr || from->broken_at >= 0 || to->broken_at >= 0) { return; }
  for (auto& volume : to->volumes) {
    const auto other = std::ranges::find(from->volumes, volume.number, &Volume::number);
    if (other == from->volumes.end()) { continue; }
    volume.received += other->out_of_sync;
    volume.written += other->out_of_sync;
    other->sent += other->out_of_sync;
    other->read += other->out_of_sync;
    volume.out_of_sync = other->out_of_sync = 0;
    Meta& reference = meta_of(good, *from, *other);
    reference.base.clear();
    reference.out_of_sync = 0;
    meta_of(stale, *to, volume) = reference;
    set_disk(stale, *to, volume, "UpToDate");
  }
  for (Resource* side : {from, to}) {
    side->replication = "Established";
    side->sync_until = -1;
  }
  world.event_at(now, source, "resync-done", {{"resource", resource.name}});
}

void cut_link(World& world, State& state) {
  state.link_up = false;
  state.link_since = World::now();
  for (int n = 0; n < 2; ++n) {
    for (auto& resource : node_of(state, n).resources) { break_connection(state, n, resource, false); }
  }
  world.event("link-cut");
}

void mend_link(World& world, State& state) {
  state.link_up = true;
  state.link_since = World::now();
  for (int n = 0; n < 2; ++n) {
    for (auto& resource : node_of(state, n).resources) {
      if (resource.broken_at < 0 || resource.broken_for_good) { continue; }
      Resource* peer = peer_resource(state, n, resource.name);
      if (peer != nullptr && peer->connection == "Connected") {
        resource.broken_at = -1; // nobody had noticed
      }
    }
  }
  world.event("link-mended");
}

void peer_died(World& world, State& state, int dead) {
  for (auto& resource : node_of(state, 1 - dead).resources) { break_connection(state, 1 - dead, resource, true); }
  world.event_at(World::now(), dead, "node-crashed", nlohmann::json::object());
}

std::string peer_role(State& state, int node, const Resource& resource) {
  if (resource.connection != "Connected") { return "Unknown"; }
  const Resource* peer = resource.broken_at >= 0 ? nullptr : peer_resource(state, node, resource.name);
  return peer == nullptr ? resource.seen_role : peer->role;
}

std::string peer_disk(State& state, int node, const Resource& resource, const Volume& volume) {
  if (resource.connection != "Connected") { return "DUnknown"; }
  const Resource* peer = peer_resource(state, node, resource.name);
  if (peer == nullptr) { return "UpToDate"; }
  const auto there = std::ranges::find(peer->volumes, volume.number, &Volume::number);
  return there == peer->volumes.end() ? "DUnknown" : there->disk;
}

} // namespace sim
