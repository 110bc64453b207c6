#include "admin.hpp"

#include "drbd/kernel.hpp"
#include "world/world.hpp"
#include "xen/guest.hpp"

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <unistd.h>

namespace sim {

namespace {

int init(const std::string& directory, const std::string& first, const std::string& second) {
  std::filesystem::create_directories(directory);
  for (const char* folder : {"bells", "userdata", "faults", "held", "released"}) {
    std::filesystem::create_directories(directory + "/" + folder);
  }
  write_file(directory + "/names", first + "\n" + second + "\n");
  State state;
  state.nodes[0].name = first;
  state.nodes[1].name = second;
  state.nodes[0].booted = state.nodes[1].booted = state.link_since = World::now();
  write_file(directory + "/state", save(state));
  return 0;
}

void crash(World& world, State& state) {
  Node& node = node_of(state, world.index());
  for (auto& domain : node.domains) {
    domain.paused = true;
    settle(world, world.index(), domain, World::now(), state);
    ::unlink(world.userdata(world.index(), domain.domid).c_str());
    ::unlink(world.bell(world.index(), domain.domid).c_str());
  }
  node.alive = false;
  peer_died(world, state, world.index());
  node.domains.clear();
  node.resources.clear();
  node.next_domid = 1;
}

int set_disks(World& world, State& state, const std::string& name, const std::string& disk) {
  Node& node = node_of(state, world.index());
  Resource* resource = find_resource(node, name);
  if (resource == nullptr) { return 1; }
  for (auto& volume : resource->volumes) {
    volume.disk = disk;
    if (disk != "Diskless") { meta_of(node, *resource, volume).disk = disk; }
  }
  world.event("disk-set", {{"resource", name}, {"disk", disk}});
  return 0;
}

int diverge(World& world, State& state, const std::string& name) {
  Node& node = node_of(state, world.index());
  Resource* resource = find_resource(node, name);
  if (resource == nullptr) { return 1; }
  for (auto& volume : resource->volumes) {
    Meta& meta = meta_of(node, *resource, volume);
    meta.base = meta.base.empty() ? meta.current : meta.base;
    meta.current = node.name + "-diverged-" + std::to_string(++state.generations);
    volume.out_of_sync += 128;
  }
  world.event("diverged", {{"resource", name}});
  return 0;
}

/// Somebody mounts the disks of the resource on this node and writes to them. DRBD lets only a Primary do that.
int write_by_hand(World& world, State& state, const std::string& name) {
  Resource* resource = find_resource(node_of(state, world.index()), name);
  if (resource == nullptr || resource->role != "Primary") { return 1; }
  for (const auto& volume : resource->volumes) { write_volume(state, world.index(), *resource, volume.number, 64); }
  return 0;
}

/// The fields of a domain a test may change behind xl's back.
int change_domain(World& world, State& state, const std::string& name, const std::string& key,
                  const nlohmann::json& value) {
  auto document = to_document(state);
  for (auto& domain : document["nodes"][static_cast<std::size_t>(world.index())]["domains"]) {
    if (domain["name"] == name && domain.contains(key)) {
      domain[key] = value;
      state = from_document(document);
      Node& node = node_of(state, world.index());
      for (auto& changed : node.domains) {
        settle(world, world.index(), changed, World::now(), state);
        world.ring(world.index(), changed.domid);
      }
      return 0;
    }
  }
  return 1;
}

int carry_out(World& world, State& state, const std::vector<std::string>& arguments) {
  const std::string& verb = arguments[0];
  const auto argument = [&](std::size_t at) { return at < arguments.size() ? arguments[at] : std::string(); };
  Node& node = node_of(state, world.index());
  if (verb == "set") {
    const auto value = nlohmann::json::parse(argument(2), nullptr, false);
    return change_setting(state, argument(1), value) ? 0 : 1;
  }
  if (verb == "memory") {
    node.total_memory = std::atoi(argument(1).c_str());
    return 0;
  }
  if (verb == "link") {
    argument(1) == "cut" ? cut_link(world, state) : mend_link(world, state);
    return 0;
  }
  if (verb == "crash") {
    crash(world, state);
    return 0;
  }
  if (verb == "boot") {
    node.alive = true;
    node.booted = World::now();
    world.event("node-booted");
    return 0;
  }
  if (verb == "disk") { return set_disks(world, state, argument(1), argument(2)); }
  if (verb == "split-brain") { return diverge(world, state, argument(1)); }
  if (verb == "write") { return write_by_hand(world, state, argument(1)); }
  if (verb == "domain") {
    return change_domain(world, state, argument(1), argument(2), nlohmann::json::parse(argument(3), nullptr, false));
  }
  return 2;
}

} // namespace

int admin_main(const std::vector<std::string>& arguments) {
  const char* directory = std::getenv("XEN_DRBD_SIM_WORLD");
  if (arguments.empty() || directory == nullptr) {
    std::cerr << "usage: XEN_DRBD_SIM_WORLD=DIR XEN_DRBD_SIM_NODE=1|2 xen-drbd-sim world VERB ...\n";
    return 2;
  }
  if (arguments[0] == "init" && arguments.size() == 3) { return init(directory, arguments[1], arguments[2]); }
  World world = World::here();
  if (arguments[0] == "show") {
    std::cout << to_document(world.look()).dump(1) << "\n";
    return 0;
  }
  if (arguments[0] == "event" && arguments.size() == 3) {
    world.event(arguments[1], nlohmann::json::parse(arguments[2], nullptr, false));
    return 0;
  }
  int code = 0;
  world.change([&](State& state) { code = carry_out(world, state, arguments); });
  return code;
}

} // namespace sim
