#include "xen/guest.hpp"

#include "drbd/kernel.hpp"
#include "xen/block.hpp"

#include <algorithm>
#include <cmath>
#include <sys/stat.h>
#include <unistd.h>

namespace sim {

namespace {

void write_to_disks(World& world, State& state, int node, Domain& domain, std::int64_t count, double now) {
  for (auto& disk : domain.disks) {
    if (disk.writable) { guest_writes(world, state, node, domain, disk, count, now); }
  }
}

} // namespace

void settle(World& world, int node, Domain& domain, double now, State& state) {
  const bool executes = domain.built && !domain.paused && !domain.dying && domain.shutdown.empty();
  if (executes == domain.executing) { return; }
  if (executes) {
    domain.executing = true;
    domain.since = now;
    domain.written_until = now;
    world.event_at(now, node, "executes", {{"domain", domain.name}, {"domid", domain.domid}, {"uuid", domain.uuid}});
    write_to_disks(world, state, node, domain, 1, now);
  } else {
    write_to_disks(world, state, node, domain, 1, now);
    domain.cpu = cpu_seconds(domain, now);
    domain.executing = false;
    world.event_at(now, node, "ceases", {{"domain", domain.name}, {"domid", domain.domid}, {"uuid", domain.uuid}});
  }
}

void account_writes(World& world, State& state, double now) {
  for (int n = 0; n < 2; ++n) {
    for (auto& domain : node_of(state, n).domains) {
      const auto seconds = static_cast<std::int64_t>(std::floor(now - domain.written_until));
      if (domain.executing && seconds > 0) {
        domain.written_until += static_cast<double>(seconds);
        write_to_disks(world, state, n, domain, seconds, now);
      }
    }
  }
}

void guest_shuts_down(World& world, State& state, int node, Domain& domain, double now) {
  domain.wanted_at = -1;
  domain.shutdown = domain.wanted;
  domain.wanted.clear();
  settle(world, node, domain, now, state);
  world.event_at(now, node, "shut-down",
                 {{"domain", domain.name}, {"domid", domain.domid}, {"reason", domain.shutdown}});
  world.ring(node, domain.domid);
}

void ask_to_shut_down(World& world, State& state, int node, Domain& domain, const std::string& reason) {
  world.event_at(World::now(), node, "asked-to-shut-down",
                 {{"domain", domain.name}, {"domid", domain.domid}, {"reason", reason}});
  if (domain.ignores_shutdown || !domain.shutdown.empty() || domain.wanted_at >= 0) { return; }
  domain.wanted = reason;
  domain.wanted_at =
      World::now() + (domain.shutdown_delay >= 0 ? domain.shutdown_delay : state.settings.shutdown_delay);
  world.ring(node, domain.domid);
}

void suspend_guest(World& world, State& state, int node, Domain& domain) {
  domain.shutdown = "suspend";
  domain.wanted_at = -1;
  settle(world, node, domain, World::now(), state);
  world.ring(node, domain.domid);
}

void resume_guest(World& world, State& state, int node, Domain& domain) {
  domain.shutdown.clear();
  settle(world, node, domain, World::now(), state);
}

void begin_destroying(World& world, State& state, int node, Domain& domain) {
  domain.paused = true;
  settle(world, node, domain, World::now(), state);
}

void destroy_domain(World& world, State& state, int node, unsigned domid) {
  Node& here = node_of(state, node);
  Domain* domain = find_domain(here, domid);
  if (domain == nullptr) { return; }
  begin_destroying(world, state, node, *domain);
  domain->dying = true;
  detach_disks(world, state, node, *domain);
  world.event("destroyed", {{"domain", domain->name}, {"domid", domid}});
  ::unlink(world.userdata(node, domid).c_str());
  std::erase_if(here.domains, [domid](const Domain& d) { return d.domid == domid; });
  world.ring(node, domid);
}

int needed_memory(int memory) { return memory + 1 + memory / 200; }

int free_memory(const Node& node) {
  constexpr int hypervisor = 17;
  int left = node.total_memory - node.dom0_memory - hypervisor;
  for (const auto& domain : node.domains) { left -= domain.built ? needed_memory(domain.memory) : domain.present + 1; }
  return std::max(left, 0);
}

double cpu_seconds(const Domain& domain, double now) {
  return domain.cpu + (domain.executing ? (now - domain.since) * 0.1 : 0.0);
}

} // namespace sim
