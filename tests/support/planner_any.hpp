#pragma once
// Arbitrary pairs for the properties of the planner: anything that xl and DRBD can show, most often healthy.

#include "support/planner_pair.hpp"

#include <rapidcheck.h>

namespace xen_drbd::planner_world {

/// Enough chances for a whole pair and a whole run, small and large ones alike.
inline Dice any_dice() {
  return Dice(*rc::gen::resize(rc::kNominalSize * 4,
                               rc::gen::container<std::vector<std::uint8_t>>(rc::gen::arbitrary<std::uint8_t>())));
}

/// One domain somewhere: most often nowhere or on one node, now and then as only an accident leaves it.
inline void place(World& world, const std::string& name, Dice& dice) {
  const bool disks = !world.domain(name).disks.empty();
  switch (dice.roll(4)) {
  case 1: world.runs(name, dom0); break;
  case 2: world.runs(name, mirror); break;
  case 3:
    for (NodeId id : both_nodes) {
      struct Left {
        std::string suffix, letters;
        double cpu;
      };
      const Left left = dice.pick<Left>({{"", "", 0},
                                         {"", "", 0},
                                         {"", "-b----", 1},
                                         {"", "--p---", 1},
                                         {"", "--p---", 0},
                                         {"", "---s--", 1},
                                         {"", "---ss-", 1},
                                         {"", "---sc-", 1},
                                         {"", "-----d", 1},
                                         {"--incoming", "--p---", 0},
                                         {"--incoming", "-b----", 1},
                                         {"--migratedaway", "---ss-", 1},
                                         {"--migratedaway", "--pssd", 1}});
      if (!left.letters.empty()) world.add_row(id, name + left.suffix, left.letters, left.cpu);
      if (dice.one_in(4)) world.watcher(id, name);
      if (dice.one_in(8)) world.node(id).migrations.push_back({3, dice.one_in(2), name});
      if (disks && dice.one_in(2)) world.role(id, name, Role::primary);
    }
    break;
  default: break;
  }
}

/// The DRBD resource of a domain: most often healthy.
inline void disturb(World& world, const std::string& name, Dice& dice) {
  if (dice.one_in(8)) world.window_configured(name, TwoPrimaries::yes);
  const bool both = world.drbd(dom0, name).role == Role::primary && world.drbd(mirror, name).role == Role::primary;
  if (dice.one_in(4) || both) world.window(name, TwoPrimaries::yes);
  if (dice.one_in(8))
    world.drbd(mirror, name).two_primaries = dice.pick<TwoPrimaries>({TwoPrimaries::no, TwoPrimaries::unknown});
  if (dice.one_in(8)) world.connection(name, dice.pick<Connection>({Connection::connecting, Connection::stand_alone}));
  if (dice.one_in(12)) world.drbd(mirror, name).volumes[0].disk = DiskState::inconsistent;
  if (dice.one_in(12)) world.drbd(dom0, name).volumes[0].disk = DiskState::outdated;
  if (dice.one_in(12)) world.drbd(dom0, name).volumes[0].replication = Replication::sync_target;
}

/// What an accepted claim says: nothing lives on the peer.
inline void bury_the_peer(World& world) {
  world.node(mirror).rows = {row("Domain-0", "r-----")};
  world.node(mirror).watchers->clear();
  world.node(mirror).migrations.clear();
  for (Resource& resource : *world.node(mirror).resources) {
    resource.role = Role::secondary;
    world.connection(resource.name.str(), Connection::connecting);
  }
}

inline Pair any_pair(Dice& dice) {
  World world;
  world.add_domain("mail", mirror, {20});
  if (dice.one_in(2)) world.domain("samba").after = {domain_name("dns")};
  if (dice.one_in(2)) world.domain("web").after = {domain_name("mail"), domain_name("samba")};
  const std::vector<std::string> all{"dns", "samba", "web", "mail"};
  for (const std::string& name : all) place(world, name, dice);
  for (const std::string& name : all)
    if (!world.domain(name).disks.empty()) disturb(world, name, dice);
  for (NodeId id : both_nodes) {
    world.node(id).xen->free_memory = MiB{dice.pick<std::int64_t>({2000, 600, 300, 0})};
    world.node(id).leaving = dice.one_in(6);
    world.node(id).has_resume = dice.one_in(2);
    if (dice.one_in(16)) world.add_row(id, "(null)", "-----d");
  }
  const bool lost = dice.one_in(5);
  world.wish.peer_is_dead = dice.one_in(3);
  if (lost && world.wish.peer_is_dead) bury_the_peer(world);
  world.wish.plain_ssh = dice.one_in(4);
  world.wish.yes = dice.one_in(2);
  Pair pair(std::move(world));
  pair.peer_answers = !lost;
  pair.peer_lists = !dice.one_in(12);
  return pair;
}

inline void wish_anything(Pair& pair, Dice& dice) {
  Wish& wish = pair.truth().wish;
  wish.goal = dice.pick<Goal>({Goal::start_here, Goal::migrate_out, Goal::migrate_in, Goal::home_and_start_my,
                               Goal::home_and_start_all, Goal::stop_here, Goal::evacuate, Goal::recover});
  wish.named = dice.one_in(2);
  wish.domains.clear();
  for (const Domain& domain : pair.truth().topology.domains)
    if (!wish.named || !dice.one_in(3)) wish.domains.push_back(domain.name);
}

/// The record of a migration of a domain: of these boots or of others, with counts that fit or do not.
inline void record(World& world, const std::string& name, Dice& dice) {
  const NodeId source = dice.pick<NodeId>({dom0, mirror});
  planner::RecordedMigration then{.source = source,
                                  .source_identity = world.node(source).identity,
                                  .target_identity = world.node(other(source)).identity,
                                  .before_go = dice.one_in(2),
                                  .target_writes = {},
                                  .target_received = {},
                                  .source_written = {}};
  if (dice.one_in(4)) then.source_identity = "another boot";
  if (dice.one_in(4)) then.target_identity = "another boot";
  for (Volume& volume : world.drbd(other(source), name).volumes) {
    volume.written_kib = volume.received_kib = dice.one_in(4) ? 0 : 400;
    then.target_writes[volume.minor] = volume.written_kib - volume.received_kib + (dice.one_in(4) ? 4 : 0);
    then.target_received[volume.minor] = volume.received_kib + (dice.one_in(4) ? 4 : 0);
  }
  for (const Volume& volume : world.drbd(source, name).volumes)
    then.source_written[volume.minor] = volume.written_kib + (dice.one_in(4) ? 4 : 0);
  world.inputs.records[domain_name(name)] = then;
  world.recorded(source, name);
}

} // namespace xen_drbd::planner_world
