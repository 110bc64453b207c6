#include "support/catch.hpp"
#include "support/planner_refusal.hpp"
#include "support/planner_world.hpp"

#include <functional>

using namespace xen_drbd;
using namespace xen_drbd::planner_world;
using Catch::Matchers::ContainsSubstring;

namespace {

DomainPlan recover(World& world, const std::string& name = "samba") { return world.plan_for(Goal::recover, name); }

void require_not_recovered(const DomainPlan& plan, const std::string& because, const std::string& hint,
                           ErrorKind kind = ErrorKind::refused) {
  require_refused(plan, because, hint, kind);
  CHECK(plan.error->what == "samba was not recovered");
}

/// A copy of samba, as an abandoned migration to `id` leaves it.
void incoming(World& world, NodeId id) { world.add_row(id, "samba--incoming", "--p---", 0); }
void away(World& world, NodeId id) {
  world.add_row(id, "samba--migratedaway", "---ss-").role(id, "samba", Role::primary);
}

/// The record of a migration of samba from `source` in the boots that both nodes are in, as its figures were noted at
/// the end of the copy: those that the disks still show.
void note(World& world, NodeId source) {
  for (NodeId id : both_nodes)
    for (Volume& volume : world.drbd(id, "samba").volumes) {
      volume.written_kib = 5000;
      volume.received_kib = id == source ? 0 : 4990;
    }
  world.recorded(source, "samba");
  world.inputs.records[domain_name("samba")] = {.source = source,
                                                .source_identity = world.node(source).identity,
                                                .target_identity = world.node(other(source)).identity,
                                                .before_go = true,
                                                .target_writes = {{Minor{1}, 10}, {Minor{2}, 10}},
                                                .target_received = {{Minor{1}, 4990}, {Minor{2}, 4990}},
                                                .source_written = {{Minor{1}, 5000}, {Minor{2}, 5000}}};
}

/// What makes the record of a migration from dom0 worthless as a proof.
const std::vector<std::function<void(World&)>> proves_nothing{
    [](World& w) { w.inputs.records.at(domain_name("samba")).source_written.clear(); }, // of an older version
    [](World& w) { w.node(dom0).identity = "a later boot"; },
    [](World& w) { w.inputs.records.clear(); }, // it cannot be understood
    [](World& w) {
      w.inputs.records.clear();
      w.node(dom0).records.clear();
      w.node(dom0).records_problem = "no answer in time";
    },
};

/// The source Primary, the target Primary, the window open: as a migration leaves it near its end.
void near_the_end(World& world) {
  world.role(dom0, "samba", Role::primary).role(mirror, "samba", Role::primary).window("samba", TwoPrimaries::yes);
}

} // namespace

TEST_CASE("recover has nothing to do where nothing is left behind") {
  World world;
  CHECK(recover(world).verdict == Verdict::already);
  CHECK(recover(world).reason == "it runs on neither node");
  for (NodeId id : both_nodes) {
    World running;
    running.runs("samba", id);
    CHECK(recover(running).verdict == Verdict::already);
    CHECK(recover(running).steps.empty());
  }
}

TEST_CASE("a domain that runs has the other side demoted and the window closed") {
  for (NodeId id : both_nodes) {
    World world;
    world.runs("samba", id);
    near_the_end(world);
    const DomainPlan plan = recover(world);
    CHECK(plan.verdict == Verdict::recover);
    CHECK(plan.node == id);
    CHECK(in_words(plan.steps) ==
          Words{std::string("demote ") + (id == dom0 ? "mirror" : "dom0") + " samba", "close-window samba"});
  }
}

TEST_CASE("a domain that runs without its watcher is reported") {
  World world;
  world.add_row(dom0, "samba", "-b----").role(dom0, "samba", Role::primary);
  const DomainPlan plan = recover(world);
  CHECK(plan.verdict == Verdict::already);
  REQUIRE(plan.warnings.size() == 1);
  CHECK_THAT(plan.warnings[0], ContainsSubstring("no xl watches over samba on dom0"));
}

TEST_CASE("an abandoned copy loses its receiver and is destroyed") {
  World world;
  world.runs("samba", dom0);
  near_the_end(world);
  incoming(world, mirror);
  const DomainPlan plan = recover(world);
  CHECK(plan.reason == "its migration was abandoned");
  CHECK(in_words(plan.steps) ==
        Words{"end-receiver mirror", "destroy mirror samba--incoming", "demote mirror samba", "close-window samba"});
}

TEST_CASE("a copy that is not paused or has run is nobody's to destroy") {
  World world;
  world.runs("samba", dom0).add_row(mirror, "samba--incoming", "--p---", 0.3);
  require_not_recovered(recover(world), "samba--incoming on mirror is not paused, or has run", "by hand");
  World awake;
  awake.runs("samba", dom0).add_row(mirror, "samba--incoming", "-b----", 0);
  require_not_recovered(recover(awake), "is not paused, or has run", "by hand");
}

TEST_CASE("a source that was not cleared away is destroyed once the domain runs on the other side") {
  World world;
  world.runs("samba", mirror);
  away(world, dom0);
  world.window("samba", TwoPrimaries::yes);
  const DomainPlan plan = recover(world);
  CHECK(plan.node == mirror);
  CHECK(plan.reason == "it was moved, and its source was not cleared away");
  CHECK(in_words(plan.steps) == Words{"destroy dom0 samba--migratedaway", "demote dom0 samba", "close-window samba"});
}

TEST_CASE("a migration stuck before the last word is resumed at its source where xl can") {
  World world;
  away(world, dom0);
  near_the_end(world);
  note(world, dom0);
  incoming(world, mirror);
  world.node(dom0).has_resume = true;
  CHECK(in_words(recover(world).steps) == Words{"end-receiver mirror", "destroy mirror samba--incoming",
                                                "demote mirror samba", "close-window samba",
                                                "resume dom0 samba--migratedaway"});
}

TEST_CASE("a migration stuck before the last word is started again with --yes where xl cannot resume") {
  World world;
  away(world, dom0);
  incoming(world, mirror);
  require_not_recovered(recover(world), "samba--migratedaway is suspended on dom0, and xl there cannot resume it",
                        "xen-drbd recover samba --yes");
  world.wish.yes = true;
  CHECK(in_words(recover(world).steps) == Words{"end-receiver mirror", "destroy mirror samba--incoming",
                                                "promote dom0 samba", "destroy dom0 samba--migratedaway",
                                                "promote dom0 samba", "create dom0 /etc/xen/samba.cfg",
                                                "on failure: demote dom0 samba"});
}

TEST_CASE("a domain between rename and unpause is unpaused, and its source destroyed") {
  World world;
  away(world, dom0);
  near_the_end(world);
  world.add_row(mirror, "samba", "--p---", 0);
  const DomainPlan plan = recover(world);
  CHECK(plan.node == mirror);
  CHECK(in_words(plan.steps) ==
        Words{"unpause mirror", "destroy dom0 samba--migratedaway", "demote dom0 samba", "close-window samba"});
}

TEST_CASE("a domain between rename and unpause does not run on over disks that somebody has written since") {
  std::vector<std::function<void(World&)>> doubts = proves_nothing;
  doubts.emplace_back([](World& w) { // there, or on mirror: they are mirrored
    ++w.drbd(dom0, "samba").volumes.back().written_kib;
  });
  const auto between = [] {
    World world;
    away(world, dom0);
    near_the_end(world);
    note(world, dom0);
    world.inputs.records.at(domain_name("samba")).before_go = false;
    world.add_row(mirror, "samba", "--p---", 0);
    return world;
  };
  World untouched = between();
  const DomainPlan plan = recover(untouched);
  REQUIRE(plan.verdict == Verdict::recover);
  CHECK(plan.steps.front().action == Action(Unpause{mirror, {{Minor{1}, 5000}, {Minor{2}, 5000}}}));
  for (const auto& doubt : doubts) {
    World world = between();
    doubt(world);
    require_not_recovered(recover(world), "it is not proved that nobody wrote to its disks since it was moved there",
                          "on mirror: xl destroy samba; then xen-drbd recover samba --yes");
  }
}

TEST_CASE("a domain between rename and unpause is waited for while its receiver is at work") {
  World world;
  away(world, dom0);
  near_the_end(world);
  world.add_row(mirror, "samba", "--p---", 0);
  world.node(mirror).migrations.push_back({12, true, ""});
  require_not_recovered(recover(world), "the xl migrate-receive of samba on mirror is still at work", "wait");
}

TEST_CASE("a moved domain that has run and is paused, or cannot write, is not unpaused") {
  World ran;
  away(ran, dom0);
  near_the_end(ran);
  ran.add_row(mirror, "samba", "--p---", 4);
  require_not_recovered(recover(ran), "samba has run on mirror since it was moved there, and is paused",
                        "xl unpause samba");
  World cut;
  away(cut, dom0);
  near_the_end(cut);
  cut.add_row(mirror, "samba", "--p---", 0).connection("samba", Connection::connecting);
  require_not_recovered(recover(cut), "not Connected on mirror", "mend the link");
  World blind;
  away(blind, dom0);
  blind.add_row(mirror, "samba", "--p---", 0);
  require_not_recovered(recover(blind), "its DRBD resource samba is not Primary", "xl destroy samba");
}

TEST_CASE("a source whose other side is gone is never resumed, and started again with --yes only") {
  World world;
  away(world, dom0);
  near_the_end(world);
  world.node(dom0).has_resume = true;
  require_not_recovered(recover(world), "whether it ever ran on mirror is not known: it must never be resumed",
                        "--yes");
  world.wish.yes = true;
  CHECK(in_words(recover(world).steps) == Words{"demote mirror samba", "close-window samba", "promote dom0 samba",
                                                "destroy dom0 samba--migratedaway", "promote dom0 samba",
                                                "create dom0 /etc/xen/samba.cfg", "on failure: demote dom0 samba"});
}

TEST_CASE("a suspended guest that would not fit is not destroyed for a start") {
  World world;
  away(world, dom0);
  world.wish.yes = true;
  world.config(dom0, "samba").memory = world.config(mirror, "samba").memory = {1257}; // 1000 are free, 256 are its own
  require_not_recovered(recover(world), "samba needs 1257 MiB, and dom0 has 1000 MiB free, 1256 MiB when",
                        "free memory");
  world.config(dom0, "samba").memory = world.config(mirror, "samba").memory = {1256};
  CHECK(recover(world).verdict == Verdict::recover);
  world.node(dom0).xen.reset();
  require_not_recovered(recover(world), "the free memory of dom0 could not be read", "xl info");
}

TEST_CASE("a receiver that is still at work is ended before its source is started again") {
  World world;
  away(world, dom0);
  world.node(mirror).migrations.push_back({12, true, ""});
  world.wish.yes = true;
  CHECK(in_words(recover(world).steps) == Words{"end-receiver mirror", "promote dom0 samba",
                                                "destroy dom0 samba--migratedaway", "promote dom0 samba",
                                                "create dom0 /etc/xen/samba.cfg", "on failure: demote dom0 samba"});
}

TEST_CASE("recover starts nothing again on a peer that is leaving") {
  World world;
  away(world, mirror);
  world.wish.yes = true;
  CHECK(recover(world).verdict == Verdict::recover);
  world.node(mirror).leaving = true;
  require_not_recovered(recover(world), "mirror is leaving", "evacuate --cancel");
}

TEST_CASE("a start by recover keeps the rules of a start") {
  World world;
  away(world, dom0);
  world.wish.yes = true;
  world.connection("samba", Connection::connecting);
  require_not_recovered(recover(world), "not Connected on dom0", "mend the link");
  world.config(mirror, "samba").sha256 = "another";
  require_not_recovered(recover(world), "differs between the nodes", "the same");
}

TEST_CASE("a start by recover promotes what is not Primary, and demotes it when the create fails") {
  World world;
  world.add_row(dom0, "samba", "---ss-");
  world.wish.yes = true;
  CHECK(in_words(recover(world).steps) == Words{"destroy dom0 samba", "promote dom0 samba",
                                                "create dom0 /etc/xen/samba.cfg", "on failure: demote dom0 samba"});
}

TEST_CASE("a source whose peer is dead needs the claim as well") {
  World world;
  away(world, dom0);
  world.unreachable();
  world.wish.yes = true;
  require_not_recovered(recover(world), "cannot be reached", "--peer-is-dead", ErrorKind::unreachable);
  world.wish.peer_is_dead = true;
  CHECK(in_words(recover(world).steps) == Words{"promote dom0 samba", "destroy dom0 samba--migratedaway",
                                                "promote dom0 samba", "create dom0 /etc/xen/samba.cfg",
                                                "on failure: demote dom0 samba"});
}

TEST_CASE("a guest left suspended by a killed xl is resumed, copy or not") {
  for (bool copy : {false, true}) {
    World world;
    world.add_row(dom0, "samba", "---ss-").role(dom0, "samba", Role::primary);
    world.node(dom0).has_resume = true;
    if (copy) incoming(world, mirror);
    const Words clearing = copy ? Words{"end-receiver mirror", "destroy mirror samba--incoming"} : Words{};
    Words expected = clearing;
    expected.push_back("resume dom0 samba");
    CHECK(in_words(recover(world).steps) == expected);
  }
}

TEST_CASE("a guest is not resumed unless the record proves that nobody wrote to its disk since it was suspended") {
  const auto stuck = [] {
    World world;
    away(world, dom0);
    near_the_end(world);
    incoming(world, mirror);
    note(world, dom0);
    world.node(dom0).has_resume = true;
    return world;
  };
  const std::map<Minor, std::uint64_t> written{{Minor{1}, 5000}, {Minor{2}, 5000}};
  World well = stuck();
  CHECK(recover(well).steps.back().action == Action{Resume{dom0, "samba--migratedaway", written}});
  std::vector<std::function<void(World&)>> doubts{
      [](World& w) { // on the other node, and it came over
        w.drbd(dom0, "samba").volumes[1].written_kib += 4;
        w.drbd(dom0, "samba").volumes[1].received_kib += 4;
      },
      [](World& w) { // the same, and the counter of what came over has begun anew since
        w.drbd(dom0, "samba").volumes[0].written_kib += 4;
      },
      [](World& w) { w.inputs.records.at(domain_name("samba")).source_written.erase(Minor{2}); },
      [](World& w) { // it is gone
        w.inputs.records.clear();
        w.node(dom0).records.clear();
      },
  };
  doubts.insert(doubts.end(), proves_nothing.begin(), proves_nothing.end());
  for (const auto& doubt : doubts) {
    World world = stuck();
    doubt(world);
    require_not_recovered(recover(world),
                          "it is not proved that nobody wrote to its disks on mirror since: it must not be resumed",
                          "xen-drbd recover samba --yes");
    world.wish.yes = true;
    CHECK(in_words(recover(world).steps) == Words{"end-receiver mirror", "destroy mirror samba--incoming",
                                                  "demote mirror samba", "close-window samba", "promote dom0 samba",
                                                  "destroy dom0 samba--migratedaway", "promote dom0 samba",
                                                  "create dom0 /etc/xen/samba.cfg", "on failure: demote dom0 samba"});
  }
}

TEST_CASE("without a record a guest is resumed only where nobody can have written to its disk on the other node") {
  const auto by_hand = [] {
    World world;
    world.add_row(dom0, "samba", "---ss-").role(dom0, "samba", Role::primary);
    world.node(dom0).has_resume = true;
    return world;
  };
  World well = by_hand();
  CHECK(in_words(recover(well).steps) == Words{"resume dom0 samba"});
  World both = by_hand();
  both.role(mirror, "samba", Role::primary);
  require_not_recovered(recover(both), "it is not proved that nobody wrote", "--yes");
  World open = by_hand();
  open.window("samba", TwoPrimaries::yes);
  require_not_recovered(recover(open), "it is not proved that nobody wrote", "--yes");
  open.window_configured("samba", TwoPrimaries::yes);
  require_not_recovered(recover(open), "it is not proved that nobody wrote", "--yes");
  World unread = by_hand(); // one may be there
  unread.node(dom0).records_problem = "no answer in time";
  require_not_recovered(recover(unread), "it is not proved that nobody wrote", "--yes");
}

TEST_CASE("a guest is not resumed onto a disk that would have to be promoted without its peer") {
  World world;
  world.add_row(dom0, "samba", "---ss-");
  world.node(dom0).has_resume = true;
  CHECK(in_words(recover(world).steps) == Words{"promote dom0 samba", "resume dom0 samba"});
  world.connection("samba", Connection::connecting);
  require_not_recovered(recover(world), "not Connected on dom0", "mend the link");
}

TEST_CASE("beside a nameless zombie nothing is recovered, but what runs") {
  World world;
  away(world, dom0);
  world.add_row(dom0, "(null)", "-----d");
  world.wish.yes = true;
  require_not_recovered(recover(world), "dom0 has a domain without a name, (null)", "reboot");
  World running;
  running.runs("samba", dom0).add_row(dom0, "(null)", "-----d").role(mirror, "samba", Role::primary);
  CHECK(in_words(recover(running).steps) == Words{"demote mirror samba"});
}

TEST_CASE("a receiver that has no copy yet is ended before its source is resumed") {
  World world;
  world.add_row(dom0, "samba", "---ss-").role(dom0, "samba", Role::primary);
  world.node(dom0).has_resume = true;
  world.node(mirror).migrations.push_back({12, true, ""});
  CHECK(in_words(recover(world).steps) == Words{"end-receiver mirror", "resume dom0 samba"});
}

TEST_CASE("what has powered off and nobody clears away is destroyed and demoted") {
  World world;
  world.add_row(mirror, "samba", "---s--").role(mirror, "samba", Role::primary);
  CHECK(in_words(recover(world).steps) == Words{"destroy mirror samba", "demote mirror samba"});
  incoming(world, dom0);
  CHECK(in_words(recover(world).steps) ==
        Words{"destroy mirror samba", "end-receiver dom0", "destroy dom0 samba--incoming", "demote mirror samba"});
}

TEST_CASE("what has powered off under a living watcher is left to it") {
  World world;
  world.add_row(dom0, "samba", "---sr-").watcher(dom0, "samba");
  require_not_recovered(recover(world), "may be about to clear it away", "wait");
  World unread;
  unread.add_row(dom0, "samba", "---s--");
  unread.node(dom0).watchers.reset();
  require_not_recovered(recover(unread), "may be about to clear it away", "xl destroy samba");
}

TEST_CASE("a crashed domain is reported, and destroyed with --yes") {
  World world;
  world.add_row(dom0, "samba", "---sc-").role(dom0, "samba", Role::primary);
  require_not_recovered(recover(world), "samba has crashed on dom0 and is kept there", "--yes");
  world.wish.yes = true;
  CHECK(in_words(recover(world).steps) == Words{"destroy dom0 samba", "demote dom0 samba"});
}

TEST_CASE("a copy without a source is destroyed, and the start offered") {
  World world;
  incoming(world, mirror);
  world.role(mirror, "samba", Role::primary);
  const DomainPlan plan = recover(world);
  CHECK(in_words(plan.steps) == Words{"end-receiver mirror", "destroy mirror samba--incoming", "demote mirror samba"});
  CHECK_THAT(plan.reason, ContainsSubstring("xen-drbd start samba"));
}

TEST_CASE("roles and windows left without a domain are cleared away") {
  World world;
  near_the_end(world);
  CHECK(in_words(recover(world).steps) == Words{"demote dom0 samba", "demote mirror samba", "close-window samba"});
}

TEST_CASE("what is dying, or between reboot and restart, is waited for") {
  for (NodeId id : both_nodes) {
    World world;
    world.add_row(id, "samba", "-----d");
    require_not_recovered(recover(world), "is dying on", "wait");
    World half;
    half.runs("samba", other(id)).add_row(id, "samba--migratedaway", "--pssd");
    require_not_recovered(recover(half), "a row of samba is dying on", "wait");
    World reboot;
    reboot.watcher(id, "samba");
    require_not_recovered(recover(reboot), "between reboot and restart", "wait");
    World zombie;
    zombie.add_row(id, "(null)", "-----d");
    require_not_recovered(recover(zombie), "without a name", "xl list");
  }
}

TEST_CASE("recover touches nothing while an xl migrate lives, and nothing it cannot see") {
  World migrating;
  migrating.add_row(dom0, "samba", "---ss-");
  migrating.node(dom0).migrations.push_back({77, false, "samba"});
  require_not_recovered(recover(migrating), "a migration is going on", "wait");
  World unread;
  unread.node(mirror).rows.reset();
  require_not_recovered(recover(unread), "it is not known whether samba is on mirror", "xl list",
                        ErrorKind::unreachable);
  for (NodeId id : both_nodes) {
    World no_status;
    no_status.node(id).resources.reset();
    require_not_recovered(recover(no_status), "the state of DRBD on", "drbdsetup status");
    World no_show;
    no_show.drbd(id, "samba").two_primaries = TwoPrimaries::unknown;
    require_not_recovered(recover(no_show), "allows two Primaries on", "drbdsetup show samba");
  }
  World gone;
  gone.unreachable();
  require_not_recovered(recover(gone), "cannot be reached", "bring mirror back", ErrorKind::unreachable);
}

TEST_CASE("an xl migrate to which the domain was told by its domid is seen like one by its name") {
  for (const char* name : {"samba", "samba--migratedaway"})
    for (NodeId id : both_nodes) {
      World world;
      world.add_row(id, name, "---ss-");
      world.node(id).migrations.push_back({77, false, "7"});
      world.wish.yes = true;
      require_not_recovered(recover(world), "a migration is going on", "wait");
      world.node(id).migrations = {{77, false, "8"}}; // another domain's
      CHECK(recover(world).verdict == Verdict::recover);
    }
  World elsewhere; // the same number on the other node is another domain's
  elsewhere.add_row(dom0, "samba", "---ss-").node(mirror).migrations.push_back({77, false, "7"});
  elsewhere.wish.yes = true;
  CHECK(recover(elsewhere).verdict == Verdict::recover);
}

TEST_CASE("a domain that an xl save has suspended is left to it") {
  for (const char* told : {"samba", "7"})
    for (const char* command : {"save", "dump-core", "remus"}) {
      World world;
      world.add_row(dom0, "samba", "---ss-").role(dom0, "samba", Role::primary);
      world.node(dom0).has_resume = true;
      world.wish.yes = true;
      world.node(dom0).migrations.push_back({78, false, told, command});
      require_not_recovered(recover(world), std::string("an xl ") + command + " of samba is at work on dom0 (pid 78)",
                            "wait");
      CHECK_THAT(recover(world).error->because, !ContainsSubstring("migration"));
    }
}

TEST_CASE("a moved domain is not unpaused while an xl restore is at work beside it") {
  World world;
  away(world, dom0);
  near_the_end(world);
  world.add_row(mirror, "samba", "--p---", 0);
  world.node(mirror).migrations.push_back({12, true, "", "restore"});
  require_not_recovered(recover(world), "the xl restore of samba on mirror is still at work", "wait");
}

TEST_CASE("where the resources of a domain cannot be told nothing half-done is touched") {
  const auto check = [](World& world) {
    world.wish.yes = true;
    world.node(dom0).has_resume = world.node(mirror).has_resume = true;
    CHECK(recover(world).verdict == Verdict::recover);
    for (NodeId id : both_nodes) {
      World unread = world;
      unread.node(id).resource_configs.reset();
      unread.node(id).resource_configs_problem = "drbd.d/samba.res:4: parse error";
      require_not_recovered(recover(unread), "drbd.d/samba.res:4: parse error", "drbdadm dump");
    }
  };
  World suspended;
  suspended.add_row(dom0, "samba", "---ss-").role(dom0, "samba", Role::primary);
  check(suspended);
  World stuck;
  away(stuck, dom0);
  near_the_end(stuck);
  incoming(stuck, mirror);
  check(stuck);
  World between;
  away(between, dom0);
  near_the_end(between);
  between.add_row(mirror, "samba", "--p---", 0);
  check(between);
  World abandoned;
  abandoned.runs("samba", dom0);
  incoming(abandoned, mirror);
  check(abandoned);
  World off;
  off.add_row(mirror, "samba", "---s--").role(mirror, "samba", Role::primary);
  check(off);
}

TEST_CASE("a domain that simply runs is well though its resources cannot be told, and its record is kept") {
  World world;
  world.runs("samba", dom0).recorded(dom0, "samba");
  world.node(mirror).resource_configs.reset();
  world.node(mirror).resource_configs_problem = "drbd.d/samba.res:4: parse error";
  const DomainPlan plan = recover(world);
  CHECK(plan.verdict == Verdict::already);
  REQUIRE(plan.warnings.size() == 2);
  CHECK_THAT(plan.warnings[0], ContainsSubstring("its DRBD disks are left as they are"));
  CHECK_THAT(plan.warnings[1], ContainsSubstring("record"));
}

TEST_CASE("where processes cannot be listed nothing half-done is touched: an xl migrate may be at work") {
  const auto check = [](World& world) {
    world.wish.yes = true;
    world.node(dom0).has_resume = world.node(mirror).has_resume = true;
    CHECK(recover(world).verdict == Verdict::recover);
    for (NodeId id : both_nodes) {
      World blind = world;
      blind.node(id).watchers.reset();
      require_not_recovered(recover(blind), "could not be listed, so an xl migrate of samba may be at work", "/proc");
    }
  };
  World suspended;
  suspended.add_row(dom0, "samba", "---ss-");
  check(suspended);
  World stuck;
  away(stuck, dom0);
  incoming(stuck, mirror);
  check(stuck);
  World alone;
  incoming(alone, mirror);
  check(alone);
  World running;
  running.runs("samba", dom0).role(mirror, "samba", Role::primary);
  running.node(mirror).watchers.reset();
  CHECK(in_words(recover(running).steps) == Words{"demote mirror samba"});
}

TEST_CASE("a domain paused by hand is reported when named, and passed over otherwise") {
  World world;
  world.add_row(dom0, "samba", "--p---");
  require_not_recovered(recover(world), "samba is paused on dom0", "xl unpause samba");
  const DomainPlan passed = of(world.plan(Goal::recover), "samba");
  CHECK(passed.verdict == Verdict::skipped);
  CHECK_FALSE(passed.error);
  incoming(world, mirror);
  CHECK(in_words(recover(world).steps) == Words{"end-receiver mirror", "destroy mirror samba--incoming"});
}

TEST_CASE("a state that no migration leaves is shown and left alone") {
  World twice;
  away(twice, dom0);
  away(twice, mirror);
  require_not_recovered(recover(twice), "dom0: migrated away and mirror: migrated away", "by hand");
  World dead;
  dead.add_row(dom0, "samba", "---s--").add_row(mirror, "samba", "---sc-");
  require_not_recovered(recover(dead), "dom0: shut down and mirror: crashed", "by hand");
  const auto with_all_that_helps = [](World& world) -> World& {
    world.wish.yes = true;
    world.node(dom0).has_resume = true;
    return world;
  };
  World given_away;
  given_away.add_row(dom0, "samba", "---ss-");
  away(given_away, mirror);
  require_not_recovered(recover(with_all_that_helps(given_away)), "dom0: suspended and mirror: migrated away",
                        "by hand");
  World beside_copy;
  beside_copy.add_row(dom0, "samba", "---ss-");
  incoming(beside_copy, dom0);
  require_not_recovered(recover(with_all_that_helps(beside_copy)), "dom0: suspended and mirror: absent", "by hand");
  World beside_source;
  beside_source.add_row(dom0, "samba", "---ss-");
  away(beside_source, dom0);
  require_not_recovered(recover(with_all_that_helps(beside_source)), "dom0: suspended and mirror: absent", "by hand");
  World both_halves;
  away(both_halves, dom0);
  incoming(both_halves, dom0);
  require_not_recovered(recover(with_all_that_helps(both_halves)), "dom0: migrated away and mirror: absent", "by hand");
}

namespace {

/// After a link cut late in a migration: samba runs on, both sides stand alone, mirror was Primary but wrote nothing.
World split() {
  World world;
  world.runs("samba", dom0).role(mirror, "samba", Role::primary).window("samba", TwoPrimaries::yes);
  world.connection("samba", Connection::stand_alone);
  for (Volume& volume : world.drbd(mirror, "samba").volumes) {
    volume.written_kib = 5000;
    volume.received_kib = 4990;
  }
  world.inputs.records[domain_name("samba")] = {.source = dom0,
                                                .source_identity = "boot-of-dom0",
                                                .target_identity = "boot-of-mirror",
                                                .before_go = true,
                                                .target_writes = {{Minor{1}, 10}, {Minor{2}, 10}},
                                                .target_received = {{Minor{1}, 4990}, {Minor{2}, 4990}},
                                                .source_written = {}};
  return world;
}

} // namespace

TEST_CASE("the disks of a domain whose configuration has others than the topology says are not touched") {
  World world; // the topology's minor is wrong: the resource is somebody else's
  world.role(dom0, "samba", Role::primary);
  for (NodeId id : both_nodes) world.config(id, "samba").disks = {{"/dev/drbd7", "", "xvda"}};
  require_not_recovered(
      recover(world), "/etc/xen/samba.cfg on dom0 uses /dev/drbd7, and the topology declares /dev/drbd1 and /dev/drbd2",
      "make the disks of the file and of the topology the same");
  SECTION("nor by a command that finds it running elsewhere, or not here") {
    world.add_row(mirror, "samba", "-b----").watcher(mirror, "samba");
    const DomainPlan there = world.plan_for(Goal::migrate_out, "samba");
    CHECK(in_words(there.steps) == Words{});
    REQUIRE(there.warnings.size() == 1);
    CHECK_THAT(there.warnings[0], ContainsSubstring("uses /dev/drbd7"));
  }
  SECTION("where nothing is to be done, nothing is refused") {
    world.role(dom0, "samba", Role::secondary);
    CHECK(recover(world).verdict == Verdict::already);
  }
}

TEST_CASE("a configuration that proves nothing keeps no disk from being demoted") {
  const std::vector<std::function<void(World&, NodeId)>> doubts{
      [](World& w, NodeId id) { w.node(id).configs.clear(); },
      [](World& w, NodeId id) { w.config(id, "samba") = {.path = "/etc/xen/samba.cfg", .problem = "syntax error"}; },
      [](World& w, NodeId id) { w.config(id, "samba").parsed = false; },
      [](World& w, NodeId id) { w.config(id, "samba").disks[0].path = "/dev/drbd/no-such-link"; },
      [](World& w, NodeId id) { w.config(id, "samba").name = "another"; },
  };
  for (const auto& doubt : doubts) {
    World world;
    world.role(dom0, "samba", Role::primary);
    for (NodeId id : both_nodes) {
      world.config(id, "samba").disks.back().path = "/dev/drbd7";
      doubt(world, id);
    }
    CHECK(in_words(recover(world).steps) == Words{"demote dom0 samba"});
  }
}

TEST_CASE("a split brain that is none is reconnected, its target's data discarded") {
  World world = split();
  CHECK(in_words(recover(world).steps) == Words{"demote mirror samba", "reconnect mirror samba", "close-window samba"});
}

TEST_CASE("a split brain is explained and left alone unless the record proves that the target wrote nothing") {
  const std::vector<std::function<void(World&)>> doubts{
      [](World& w) { w.inputs.records.clear(); },
      [](World& w) { w.inputs.records.at(domain_name("samba")).before_go = false; },
      [](World& w) { w.inputs.records.at(domain_name("samba")).source = mirror; },
      [](World& w) { w.node(mirror).identity = "a later boot"; },
      [](World& w) { w.node(dom0).identity = "a later boot"; },
      [](World& w) { w.drbd(mirror, "samba").volumes[1].written_kib += 4; },
      [](World& w) { w.inputs.records.at(domain_name("samba")).target_writes.erase(Minor{2}); },
      [](World& w) { w.inputs.records.at(domain_name("samba")).target_received.clear(); }, // of an older version
      [](World& w) { w.inputs.records.at(domain_name("samba")).target_received.at(Minor{2}) = 0; },
      [](World& w) { // drbdadm down and up: it counts from 0 again
        w.inputs.records.at(domain_name("samba")).target_writes = {{Minor{1}, 0}, {Minor{2}, 0}};
        for (Volume& volume : w.drbd(mirror, "samba").volumes) volume.written_kib = volume.received_kib = 0;
      },
  };
  for (const auto& doubt : doubts) {
    World world = split();
    world.role(mirror, "samba", Role::secondary);
    doubt(world);
    require_not_recovered(recover(world), "the DRBD resource samba stands alone", "--discard-my-data samba");
  }
}

TEST_CASE("who stands alone is told, and that a plain connect comes before any data are given up") {
  World world; // somebody typed drbdadm disconnect on mirror
  world.runs("samba", dom0);
  World::disconnect(world.drbd(dom0, "samba"), Connection::connecting);
  World::disconnect(world.drbd(mirror, "samba"), Connection::stand_alone);
  require_not_recovered(recover(world), "the DRBD resource samba stands alone on mirror (Secondary; on dom0: Primary)",
                        "on mirror: drbdadm connect samba; only if it returns to StandAlone, on the node whose data "
                        "are given up, where it must not be Primary (shut its guest down first): drbdadm disconnect "
                        "samba; drbdadm connect --discard-my-data samba; on the other: drbdadm connect samba");
  World chooses;
  chooses.runs("samba", dom0).connection("samba", Connection::stand_alone);
  chooses.drbd_config(mirror, "samba").after_split_brain = {{"after-sb-1pri", "discard-secondary"}};
  require_not_recovered(recover(chooses), "the DRBD resource samba stands alone",
                        "first, since DRBD discards one side by itself when it connects (after-sb-1pri "
                        "discard-secondary): on both nodes disconnect for that in the configuration, and drbdadm "
                        "adjust; then, on dom0 and mirror: drbdadm connect samba; only if");
  World both;
  both.runs("samba", dom0).connection("samba", Connection::stand_alone);
  require_not_recovered(recover(both), "stands alone on dom0 (Primary) and mirror (Secondary)",
                        "on dom0 and mirror: drbdadm connect samba; only if");
}

TEST_CASE("a split brain of a migration that failed is not taken for a window of which one node has not heard") {
  World stopped; // since then
  stopped.connection("samba", Connection::stand_alone).inputs.records = split().inputs.records;
  require_not_recovered(recover(stopped), "the DRBD resource samba stands alone", "--discard-my-data samba");
}

TEST_CASE("a split brain is not mended by a record where the other side gave the domain away since") {
  World world = split();
  world.add_row(mirror, "samba--migratedaway", "---ss-");
  const DomainPlan plan = recover(world);
  CHECK(in_words(plan.steps) == Words{"destroy mirror samba--migratedaway", "demote mirror samba"});
  REQUIRE_FALSE(plan.warnings.empty());
  CHECK_THAT(plan.warnings.back(), ContainsSubstring("only you can tell"));
}

TEST_CASE("a window that is open on one node only is closed though the link is gone, and DRBD connects again") {
  World world;
  world.runs("samba", dom0).connection("samba", Connection::connecting);
  world.drbd(dom0, "samba").two_primaries = TwoPrimaries::yes;
  CHECK(in_words(recover(world).steps) == Words{"close-window samba"});
  world.connection("samba", Connection::stand_alone);
  CHECK(in_words(recover(world).steps) == Words{"close-window samba", "connect samba"});
  World nowhere;
  nowhere.connection("samba", Connection::stand_alone);
  nowhere.drbd(mirror, "samba").two_primaries = TwoPrimaries::yes;
  CHECK(in_words(recover(nowhere).steps) == Words{"close-window samba", "connect samba"});
}

TEST_CASE("what 8.4 forgets when it stands alone is not taken for a window that is open on one node only") {
  World world;
  world.runs("samba", dom0).connection("samba", Connection::connecting).window("samba", TwoPrimaries::yes);
  World::disconnect(world.drbd(mirror, "samba"), Connection::stand_alone);
  world.drbd(mirror, "samba").two_primaries = TwoPrimaries::no;
  require_not_recovered(recover(world), "the DRBD resource samba stands alone", "--discard-my-data samba");
}

TEST_CASE("DRBD is asked to connect again where a node of an unfinished migration lost its power in the window") {
  const auto crashed = [] {
    World world = split();
    world.role(mirror, "samba", Role::secondary).window("samba", TwoPrimaries::no); // 8.4 forgets it standing alone
    world.node(mirror).identity = "a later boot";
    for (Volume& volume : world.drbd(mirror, "samba").volumes) volume.written_kib = volume.received_kib = 0;
    return world;
  };
  World world = crashed();
  CHECK(in_words(recover(world).steps) == Words{"connect samba"});
  world.recorded(dom0, "samba");
  CHECK(in_words(recover(world).steps) == Words{"connect samba", "remove-record dom0"});
  const std::vector<std::function<void(World&)>> doubts{
      [](World& w) { w.inputs.records.clear(); },
      [](World& w) { w.node(mirror).identity = "boot-of-mirror"; },
      [](World& w) { w.drbd(mirror, "samba").volumes[0].written_kib = 4; },
  };
  for (const auto& doubt : doubts) {
    World doubtful = crashed();
    doubtful.inputs.records.at(domain_name("samba")).before_go = false;
    CHECK(in_words(recover(doubtful).steps) == Words{"connect samba"});
    doubt(doubtful);
    require_not_recovered(recover(doubtful), "the DRBD resource samba stands alone", "--discard-my-data samba");
  }
  World source_crashed; // the domain went down with it
  source_crashed.connection("samba", Connection::stand_alone);
  source_crashed.inputs.records = split().inputs.records;
  source_crashed.node(dom0).identity = "a later boot";
  for (Volume& volume : source_crashed.drbd(dom0, "samba").volumes) volume.written_kib = volume.received_kib = 0;
  CHECK(in_words(recover(source_crashed).steps) == Words{"connect samba"});
  source_crashed.runs("samba", mirror); // or had moved
  CHECK(in_words(recover(source_crashed).steps) == Words{"connect samba"});
}

TEST_CASE("what DRBD may discard by itself when it connects is not connected by recover") {
  const auto recover_choosing = [](World world, NodeId node, const char* name, const char* policy) {
    world.drbd_config(node, "samba").after_split_brain = {{name, policy}};
    return recover(world);
  };
  World served_alone; // dom0 did, for a day, before it lost its power and mirror took over
  served_alone.runs("samba", mirror).connection("samba", Connection::stand_alone);
  served_alone.inputs.records = split().inputs.records;
  served_alone.node(dom0).identity = "a later boot";
  for (Volume& volume : served_alone.drbd(dom0, "samba").volumes) volume.written_kib = volume.received_kib = 0;
  REQUIRE(in_words(recover(served_alone).steps) == Words{"connect samba"});
  for (NodeId node : both_nodes)
    require_not_recovered(recover_choosing(served_alone, node, "after-sb-1pri", "discard-secondary"),
                          "the DRBD resource samba stands alone",
                          "first, since DRBD discards one side by itself when it connects (after-sb-1pri "
                          "discard-secondary)");
  World nowhere;
  nowhere.connection("samba", Connection::stand_alone);
  nowhere.drbd(mirror, "samba").two_primaries = TwoPrimaries::yes;
  const DomainPlan closing = recover_choosing(nowhere, dom0, "after-sb-0pri", "discard-younger-primary");
  CHECK(in_words(closing.steps) == Words{"close-window samba"});
  REQUIRE_FALSE(closing.warnings.empty());
  CHECK_THAT(closing.warnings.back(), ContainsSubstring("after-sb-0pri discard-younger-primary"));
  CHECK(in_words(recover_choosing(served_alone, dom0, "after-sb-0pri", "discard-zero-changes").steps) ==
        Words{"connect samba"});

  const Words mended{"demote mirror samba", "reconnect mirror samba", "close-window samba"};
  CHECK(in_words(recover_choosing(split(), dom0, "after-sb-1pri", "discard-secondary").steps) == mended);
  const DomainPlan explained = recover_choosing(split(), mirror, "after-sb-0pri", "discard-younger-primary");
  CHECK(in_words(explained.steps) == Words{"demote mirror samba"});
  REQUIRE_FALSE(explained.warnings.empty());
  CHECK_THAT(explained.warnings.back(), ContainsSubstring("after-sb-0pri discard-younger-primary"));
}

TEST_CASE("before a domain is started again, disks that stand alone are mended or explained") {
  const auto stuck = [] {
    World world;
    away(world, dom0);
    world.connection("samba", Connection::stand_alone).inputs.records = split().inputs.records;
    for (Volume& volume : world.drbd(mirror, "samba").volumes) volume.written_kib = volume.received_kib = 0;
    world.wish.yes = true;
    return world;
  };
  World apart = stuck();
  apart.inputs.records.at(domain_name("samba")).before_go = false;
  require_not_recovered(recover(apart), "the DRBD resource samba stands alone", "--discard-my-data samba");
  apart.node(mirror).identity = "a later boot";
  CHECK(in_words(recover(apart).steps) == Words{"connect samba"});
}

TEST_CASE("a copy that holds its disk is cleared away before a split brain is left to the administrator") {
  World world;
  away(world, dom0);
  incoming(world, mirror);
  world.connection("samba", Connection::stand_alone).role(mirror, "samba", Role::primary);
  require_not_recovered(recover(world), "cannot resume it", "--yes");
  world.wish.yes = true;
  const DomainPlan plan = recover(world);
  CHECK(in_words(plan.steps) == Words{"end-receiver mirror", "destroy mirror samba--incoming", "demote mirror samba"});
  REQUIRE_FALSE(plan.warnings.empty());
  CHECK_THAT(plan.warnings.back(), ContainsSubstring("--discard-my-data samba"));
}

TEST_CASE("a node that still waits with the window open is closed before DRBD is asked to connect again") {
  World world;
  world.runs("samba", mirror).connection("samba", Connection::stand_alone);
  world.inputs.records = split().inputs.records;
  world.node(dom0).identity = "a later boot";
  World::disconnect(world.drbd(mirror, "samba"), Connection::connecting);
  world.drbd(mirror, "samba").two_primaries = TwoPrimaries::yes;
  CHECK(in_words(recover(world).steps) == Words{"close-window samba", "connect samba"});
  world.window_configured("samba", TwoPrimaries::yes);
  CHECK(in_words(recover(world).steps) == Words{"connect samba"});
}

TEST_CASE("DRBD is asked to connect again where a link was cut while the window of a finished migration was closed") {
  World world;
  world.runs("samba", mirror).connection("samba", Connection::stand_alone).recorded(dom0, "samba");
  world.inputs.records = split().inputs.records;
  world.inputs.records.at(domain_name("samba")).before_go = false;
  CHECK(in_words(recover(world).steps) == Words{"connect samba", "remove-record dom0"});
  world.role(dom0, "samba", Role::primary); // not demoted: both wrote, or might have
  CHECK(in_words(recover(world).steps) == Words{"demote dom0 samba"});
}

TEST_CASE("DRBD is asked to connect again where a link was cut while the window opened and the domain is shut down") {
  const auto evacuated = [] {
    World world;
    world.connection("samba", Connection::stand_alone).recorded(dom0, "samba");
    world.inputs.records = split().inputs.records;
    for (Volume& volume : world.drbd(mirror, "samba").volumes) volume.written_kib = 10;
    return world;
  };
  World world = evacuated();
  CHECK(in_words(recover(world).steps) == Words{"connect samba", "remove-record dom0"});
  const std::vector<std::function<void(World&)>> doubts{
      [](World& w) { w.inputs.records.clear(); },
      [](World& w) { w.drbd(mirror, "samba").volumes[0].written_kib = 14; },
  };
  for (const auto& doubt : doubts) {
    World doubtful = evacuated();
    doubt(doubtful);
    require_not_recovered(recover(doubtful), "the DRBD resource samba stands alone", "--discard-my-data samba");
  }
  World promoted = evacuated(); // DRBD calls that a split brain
  promoted.role(mirror, "samba", Role::primary);
  CHECK(in_words(recover(promoted).steps) == Words{"demote mirror samba"});
}

TEST_CASE("the record of a migration goes once the domain is well, and stays while it may prove something") {
  World running;
  running.runs("samba", mirror).recorded(dom0, "samba").recorded(mirror, "samba").recorded(dom0, "dns");
  CHECK(in_words(recover(running).steps) == Words{"remove-record dom0", "remove-record mirror"});
  World nowhere;
  nowhere.recorded(dom0, "samba");
  CHECK(in_words(recover(nowhere).steps) == Words{"remove-record dom0"});
  nowhere.connection("samba", Connection::connecting); // and may stand alone in a moment
  CHECK(recover(nowhere).steps.empty());
  CHECK_THAT(recover(nowhere).warnings.back(), ContainsSubstring("record"));
  World half;
  half.runs("samba", dom0).recorded(dom0, "samba");
  incoming(half, mirror);
  CHECK(in_words(recover(half).steps) ==
        Words{"end-receiver mirror", "destroy mirror samba--incoming", "remove-record dom0"});
  World mended = split();
  mended.recorded(dom0, "samba");
  CHECK(in_words(recover(mended).steps) ==
        Words{"demote mirror samba", "reconnect mirror samba", "close-window samba", "remove-record dom0"});
  World split_for_good = split();
  split_for_good.recorded(dom0, "samba").inputs.records.clear();
  CHECK(in_words(recover(split_for_good).steps) == Words{"demote mirror samba"});
  World suspended;
  suspended.add_row(dom0, "samba", "---ss-").role(dom0, "samba", Role::primary);
  note(suspended, dom0);
  suspended.node(dom0).has_resume = true;
  CHECK(in_words(recover(suspended).steps) == Words{"resume dom0 samba"});
}
