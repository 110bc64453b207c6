#include "xen/block.hpp"

#include "drbd/kernel.hpp"

#include <cctype>
#include <climits>
#include <cstdlib>
#include <sys/stat.h>
#include <unistd.h>

namespace sim {

namespace {

std::string script_failure(const std::string& script, const std::string& action, const std::string& message) {
  return format("libxl: error: libxl_exec.c:117:libxl_report_child_exitstatus: /etc/xen/scripts/%s %s [%d] exited with "
                "error status 1\n"
                "libxl: error: libxl_device.c:1337:device_hotplug_child_death_cb: script: %s\n",
                script.c_str(), action.c_str(), ::getpid() + 1, message.c_str());
}

bool held_by_another(const Node& node, const Domain& self, const Disk& wanted) {
  for (const auto& domain : node.domains) {
    if (domain.domid == self.domid || domain.uuid == self.uuid) { continue; }
    for (const auto& disk : domain.disks) {
      if (disk.open && disk.minor >= 0 && disk.minor == wanted.minor) { return true; }
    }
  }
  return false;
}

std::optional<std::string> attach_by_script(World& world, State& state, int node, Disk& disk) {
  Resource* resource = find_resource(node_of(state, node), disk.resource);
  const std::string failed = "/etc/xen/scripts/block-drbd failed; error detected.";
  bool good = resource != nullptr;
  if (good && resource->role != "Primary") {
    if (resource->broken_at >= 0) {
      lose_peer(world, state, node, *resource, World::now()); // drbdadm blocks until the dead link is noticed
    }
    good = promote(world, state, node, *resource, "block-drbd") == Refusal::none;
    disk.promoted = good;
  }
  if (!good) {
    return script_failure("block-drbd", "add", failed) +
           format("libxl: error: libxl_create.c:1672:domcreate_launch_dm: Domain %%u:unable to add disk devices\n") +
           script_failure("block-drbd", "remove", failed);
  }
  disk.open = true;
  return std::nullopt;
}

} // namespace

void resolve_disk(const State& state, int node, Disk& disk) {
  if (disk.script == "block-drbd") {
    for (const auto& resource : node_of(state, node).resources) {
      if (resource.name == disk.target && !resource.volumes.empty()) {
        disk.resource = resource.name;
        disk.volume = resource.volumes.front().number;
        disk.minor = resource.volumes.front().minor;
      }
    }
    return;
  }
  std::array<char, PATH_MAX> resolved{};
  const char* path = ::realpath(disk.target.c_str(), resolved.data());
  const std::string device = path != nullptr ? path : disk.target;
  if (!device.starts_with("/dev/drbd") || device.size() < 10 || std::isdigit(device[9]) == 0) { return; }
  const int minor = std::atoi(device.c_str() + 9);
  for (const auto& resource : node_of(state, node).resources) {
    for (const auto& volume : resource.volumes) {
      if (volume.minor == minor) {
        disk.resource = resource.name;
        disk.volume = volume.number;
        disk.minor = minor;
      }
    }
  }
}

std::optional<std::string> missing_device(const State& state, int node, const Domain& domain) {
  for (std::size_t i = 0; i < domain.disks.size(); ++i) {
    Disk disk = domain.disks[i];
    resolve_disk(state, node, disk);
    struct stat info {};
    if (disk.script.empty() && disk.minor < 0 && ::stat(disk.target.c_str(), &info) != 0) {
      return format("libxl: error: libxl_device.c:455:libxl__device_disk_set_backend: Disk vdev=%s failed to stat: %s: "
                    "No such file or directory\n"
                    "libxl: error: libxl_create.c:1318:initiate_domain_create: Domain %%u:Unable to set disk defaults "
                    "for disk %zu\n",
                    disk.vdev.c_str(), disk.target.c_str(), i);
    }
  }
  return std::nullopt;
}

std::optional<std::string> attach_disks(World& world, State& state, int node, Domain& domain) {
  Node& here = node_of(state, node);
  for (auto& disk : domain.disks) {
    resolve_disk(state, node, disk);
    if (disk.script == "block-drbd") {
      if (auto failure = attach_by_script(world, state, node, disk)) { return failure; }
      continue;
    }
    if (held_by_another(here, domain, disk)) {
      return script_failure("block", "add",
                            "Device " + disk.target + " is mounted in a guest domain,\nand so cannot be mounted now.") +
             "libxl: error: libxl_create.c:1672:domcreate_launch_dm: Domain %u:unable to add disk devices\n";
    }
    Resource* resource = disk.resource.empty() ? nullptr : find_resource(here, disk.resource);
    if (resource != nullptr && resource->role != "Primary" && state.settings.dialect == "9") {
      disk.promoted = promote(world, state, node, *resource, "auto-promote") == Refusal::none;
    }
    disk.open = resource == nullptr || resource->role == "Primary";
    if (!disk.open) {
      world.event("disk-not-opened", {{"domain", domain.name}, {"resource", disk.resource}, {"vdev", disk.vdev}});
    }
  }
  return std::nullopt;
}

void detach_disks(World& world, State& state, int node, Domain& domain) {
  Node& here = node_of(state, node);
  for (auto& disk : domain.disks) {
    const bool was_open = disk.open;
    disk.open = false;
    Resource* resource = find_resource(here, disk.resource);
    if (resource == nullptr || !was_open) { continue; }
    if (disk.script == "block-drbd" || disk.promoted) {
      if (demote(world, state, node, *resource, disk.script.empty() ? "auto-demote" : disk.script) != Refusal::none) {
        world.event("not-demoted", {{"resource", resource->name}});
      }
    }
  }
}

void guest_writes(World& world, State& state, int node, Domain& domain, Disk& disk, std::int64_t count, double now) {
  if (disk.resource.empty() && disk.open) { return; }
  Resource* resource = find_resource(node_of(state, node), disk.resource);
  if (!disk.open || resource == nullptr || resource->role != "Primary") {
    world.event_at(now, node, "write-error",
                   {{"domain", domain.name}, {"resource", disk.resource}, {"volume", disk.volume}, {"n", count}});
    return;
  }
  if (resource->broken_at >= 0) {
    return; // protocol C: a write waits for the peer until the dead link is noticed
  }
  write_volume(state, node, *resource, disk.volume, 4 * count);
  world.event_at(now, node, "write",
                 {{"domain", domain.name},
                  {"resource", disk.resource},
                  {"volume", disk.volume},
                  {"n", count},
                  {"connected", resource->connection == "Connected"}});
}

int vdev_number(const std::string& vdev) {
  const auto letter = [&](std::size_t at) { return at < vdev.size() ? vdev[at] - 'a' : 0; };
  const auto partition = [&](std::size_t at) { return at < vdev.size() ? std::atoi(vdev.c_str() + at) : 0; };
  if (vdev.starts_with("xvd")) { return (202 << 8) | (letter(3) << 4) | partition(4); }
  if (vdev.starts_with("sd")) { return (8 << 8) | (letter(2) << 4) | partition(3); }
  if (vdev.starts_with("hd")) { return ((letter(2) < 2 ? 3 : 22) << 8) | ((letter(2) & 1) << 6) | partition(3); }
  return 0;
}

} // namespace sim
