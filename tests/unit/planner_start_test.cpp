#include "support/catch.hpp"
#include "support/planner_refusal.hpp"
#include "support/planner_world.hpp"

using namespace xen_drbd;
using namespace xen_drbd::planner_world;
using Catch::Matchers::ContainsSubstring;

namespace {

DomainPlan start(World& world, const std::string& name) { return world.plan_for(Goal::start_here, name); }

} // namespace

TEST_CASE("a domain that runs nowhere is promoted and created, and demoted again when the create fails") {
  World world;
  const Domain& samba = world.domain("samba");
  const ResourceName resource = resource_name("samba");
  CHECK(world.plan(Goal::start_here, {"samba"}) ==
        Plan{.domains = {DomainPlan{
                 .domain = samba.name,
                 .verdict = Verdict::start,
                 .node = dom0,
                 .steps = {{Promote{dom0, resource}, "the domain writes its disks here"},
                           {Create{dom0, "/etc/xen/samba.cfg", "sum-of-samba"}, "the domain runs on neither node"},
                           {Demote{dom0, resource}, "promoted for a start that failed", When::on_failure}}}}});
}

TEST_CASE("a domain without disks is only created") {
  World world;
  CHECK(in_words(start(world, "web").steps) == Words{"create dom0 /etc/xen/web.cfg"});
}

TEST_CASE("a disk that is Primary here without its domain is demoted first: DRBD tells whether it is in use") {
  World world;
  world.role(dom0, "samba", Role::primary);
  CHECK(in_words(start(world, "samba").steps) == Words{"demote dom0 samba", "promote dom0 samba",
                                                       "create dom0 /etc/xen/samba.cfg",
                                                       "on failure: demote dom0 samba"});
}

TEST_CASE("a peer that is Primary while the domain is absent there is demoted before a start") {
  World world;
  world.role(mirror, "samba", Role::primary);
  CHECK(in_words(start(world, "samba").steps) == Words{"demote mirror samba", "promote dom0 samba",
                                                       "create dom0 /etc/xen/samba.cfg",
                                                       "on failure: demote dom0 samba"});
}

TEST_CASE("a window that was left open is closed before a start, after the peer was demoted") {
  World world;
  world.role(mirror, "samba", Role::primary).window("samba", TwoPrimaries::yes);
  CHECK(in_words(start(world, "samba").steps) == Words{"demote mirror samba", "close-window samba",
                                                       "promote dom0 samba", "create dom0 /etc/xen/samba.cfg",
                                                       "on failure: demote dom0 samba"});
}

TEST_CASE("the record of an earlier migration goes before a start and before the next migration, on either node") {
  World world;
  world.recorded(dom0, "samba").recorded(mirror, "samba").recorded(mirror, "dns");
  const Words start = in_words(world.plan_for(Goal::start_here, "samba").steps);
  CHECK(Words(start.begin(), start.begin() + 3) ==
        Words{"remove-record dom0", "remove-record mirror", "promote dom0 samba"});
  world.runs("samba", dom0);
  const Words move = in_words(world.plan_for(Goal::migrate_out, "samba").steps);
  CHECK(Words(move.begin(), move.begin() + 3) ==
        Words{"remove-record dom0", "remove-record mirror", "copy-memory dom0"});
}

TEST_CASE("the record of an earlier migration is kept until what it left behind is cleared away") {
  World world;
  world.recorded(dom0, "samba").role(mirror, "samba", Role::primary).window("samba", TwoPrimaries::yes);
  const Words start = in_words(world.plan_for(Goal::start_here, "samba").steps);
  CHECK(Words(start.begin(), start.begin() + 4) ==
        Words{"demote mirror samba", "close-window samba", "remove-record dom0", "promote dom0 samba"});
  world.runs("samba", dom0);
  const Words move = in_words(world.plan_for(Goal::migrate_out, "samba").steps);
  CHECK(Words(move.begin(), move.begin() + 4) ==
        Words{"demote mirror samba", "close-window samba", "remove-record dom0", "copy-memory dom0"});
}

TEST_CASE("a window that could not be read refuses a start, and is no leftover of a domain that runs") {
  for (NodeId id : both_nodes) {
    World world;
    world.drbd(id, "samba").two_primaries = TwoPrimaries::unknown;
    require_refused(start(world, "samba"), "allows two Primaries on", "drbdsetup show samba");
    world.drbd(other(id), "samba").two_primaries = TwoPrimaries::yes;
    world.runs("samba", dom0);
    const DomainPlan running = start(world, "samba");
    CHECK(running.verdict == Verdict::already);
    CHECK(running.steps.empty());
    REQUIRE(running.warnings.size() == 1);
    CHECK_THAT(running.warnings.front(), ContainsSubstring("could not be read"));
  }
}

TEST_CASE("a window that is configured on both nodes is left as it is") {
  World world;
  world.window("samba", TwoPrimaries::yes).window_configured("samba", TwoPrimaries::yes);
  CHECK(in_words(start(world, "samba").steps).front() == "promote dom0 samba");
}

TEST_CASE("a window that one node configures is not closed behind a domain that runs: DRBD would set it again") {
  for (NodeId id : both_nodes) {
    World world;
    world.runs("samba", dom0).window("samba", TwoPrimaries::yes);
    world.drbd_config(id, "samba").two_primaries = TwoPrimaries::yes;
    CHECK(start(world, "samba").verdict == Verdict::already);
    CHECK(start(world, "samba").steps.empty());
  }
}

TEST_CASE("start of a domain that runs here has nothing to do") {
  World world;
  world.runs("samba", dom0);
  const DomainPlan plan = start(world, "samba");
  CHECK(plan.verdict == Verdict::already);
  CHECK(plan.node == dom0);
  CHECK(plan.reason == "it runs on dom0");
  CHECK(plan.steps.empty());
}

TEST_CASE("start of a domain that runs here clears away what an earlier run left") {
  World world;
  world.runs("samba", dom0).role(mirror, "samba", Role::primary).window("samba", TwoPrimaries::yes);
  const DomainPlan plan = start(world, "samba");
  CHECK(plan.verdict == Verdict::already);
  CHECK(in_words(plan.steps) == Words{"demote mirror samba", "close-window samba"});
}

TEST_CASE("start of a domain that runs here touches nothing where a copy stands on the peer") {
  World world;
  world.runs("samba", dom0).add_row(mirror, "samba--incoming", "--p---", 0).role(mirror, "samba", Role::primary);
  const DomainPlan plan = start(world, "samba");
  CHECK(plan.verdict == Verdict::already);
  CHECK(plan.steps.empty());
  REQUIRE(plan.warnings.size() == 1);
  CHECK_THAT(plan.warnings[0], ContainsSubstring("samba--incoming") && ContainsSubstring("xen-drbd recover samba"));
}

TEST_CASE("a window that cannot be closed because the link is gone is reported and left equal") {
  World world;
  world.runs("samba", dom0).window("samba", TwoPrimaries::yes).connection("samba", Connection::connecting);
  const DomainPlan plan = start(world, "samba");
  CHECK(plan.verdict == Verdict::already);
  CHECK(plan.steps.empty());
  REQUIRE(plan.warnings.size() == 1);
  CHECK_THAT(plan.warnings[0], ContainsSubstring("once it is Connected again"));
}

TEST_CASE("start of a domain that runs on the peer is refused by name, and passed over by start-all") {
  World world;
  world.runs("samba", mirror);
  require_refused(start(world, "samba"), "samba is running on mirror", "xen-drbd migrate-in samba");
  const Plan all = world.plan(Goal::start_here);
  CHECK(of(all, "samba").verdict == Verdict::already);
  CHECK(of(all, "samba").node == mirror);
  CHECK(of(all, "dns").verdict == Verdict::start);
}

TEST_CASE("a refusal says what was not started, and does not stop the others") {
  World world;
  world.add_row(mirror, "samba", "--p---");
  const Plan all = world.plan(Goal::start_here);
  CHECK(of(all, "samba").error->what == "samba was not started on dom0");
  CHECK(of(all, "dns").verdict == Verdict::start);
  CHECK(of(all, "web").verdict == Verdict::start);
}

TEST_CASE("a domain of which anything stands on either node is not started") {
  struct Row {
    std::string name, letters, because, hint;
  };
  for (NodeId id : both_nodes)
    for (const Row& row : {Row{"samba", "--p---", "samba is paused on", "xl unpause samba"},
                           Row{"samba", "---s--", "has shut down on", "xen-drbd recover samba"},
                           Row{"samba", "---sr-", "has shut down on", "xen-drbd recover samba"},
                           Row{"samba", "---ss-", "is suspended on", "xen-drbd recover samba"},
                           Row{"samba", "---sc-", "has crashed on", "xen-drbd recover samba --yes"},
                           Row{"samba", "-----d", "is dying on", "xl list"},
                           Row{"samba--incoming", "--p---", "samba--incoming", "xen-drbd recover samba"},
                           Row{"samba--migratedaway", "---ss-", "samba--migratedaway", "xen-drbd recover samba"},
                           Row{"(null)", "-----d", "without a name", "xl list"}}) {
      INFO(row.name << " " << row.letters << " on " << (id == dom0 ? "dom0" : "mirror"));
      World world;
      world.add_row(id, row.name, row.letters);
      require_refused(start(world, "samba"), row.because, row.hint);
    }
}

TEST_CASE("what stands paused where a migration may have brought it is for recover, and not to be destroyed") {
  World world;
  world.add_row(dom0, "samba", "--p---").add_row(mirror, "samba--migratedaway", "---ss-");
  for (Goal goal : {Goal::start_here, Goal::stop_here, Goal::migrate_out}) {
    const std::string hint = world.plan_for(goal, "samba").error.value().hint;
    CHECK_THAT(hint, ContainsSubstring("xen-drbd recover samba") && !ContainsSubstring("destroy"));
  }
  World alone;
  alone.add_row(dom0, "samba", "--p---").unreachable();
  const std::string hint = alone.plan_for(Goal::stop_here, "samba").error.value().hint;
  CHECK_THAT(hint, ContainsSubstring("see what is on mirror") && !ContainsSubstring("destroy"));
}

TEST_CASE("a guest between reboot and restart is not started: its watcher lives") {
  for (NodeId id : both_nodes) {
    World world;
    world.watcher(id, "samba");
    require_refused(start(world, "samba"), "between reboot and restart", "wait");
  }
}

TEST_CASE("an xl that fails is never taken for an empty list") {
  for (NodeId id : both_nodes) {
    World world;
    world.node(id).rows.reset();
    world.node(id).rows_problem = "xl list: exit 1";
    require_refused(start(world, "samba"), "xl list: exit 1", "xl list");
  }
}

TEST_CASE("watchers that cannot be listed leave the proof of absence to the last look") {
  World world;
  world.node(mirror).watchers.reset();
  CHECK(start(world, "samba").verdict == Verdict::start);
}

TEST_CASE("a domain whose configuration is not its own, or not the same on both nodes, is not started") {
  World unlike;
  unlike.config(mirror, "samba").sha256 = "another";
  require_refused(start(unlike, "samba"), "the configuration differs between the nodes", "the same on both nodes");
  World of_another;
  of_another.config(dom0, "samba").name = "samba2";
  require_refused(start(of_another, "samba"), "is the configuration of 'samba2'", "name");
}

TEST_CASE("a domain whose xl migrate is at work is not started") {
  World world;
  world.node(mirror).migrations.push_back({4711, false, "samba"});
  require_refused(start(world, "samba"), "pid 4711", "xen-drbd status");
}

TEST_CASE("nothing is tidied beside a domain while an xl migrate of it is at work, and that is said") {
  for (NodeId at_work : both_nodes)
    for (Goal goal : {Goal::start_here, Goal::migrate_in, Goal::home_and_start_all}) {
      World world;
      world.domain("samba").home = dom0;
      world.runs("samba", dom0).role(mirror, "samba", Role::primary).window("samba", TwoPrimaries::yes);
      CHECK_FALSE(of(world.plan(goal), "samba").steps.empty());
      world.node(at_work).migrations.push_back({99, false, "samba"});
      const DomainPlan plan = of(world.plan(goal), "samba");
      CHECK(plan.verdict == Verdict::already);
      CHECK(plan.steps.empty());
      REQUIRE(plan.warnings.size() == 1);
      CHECK_THAT(plan.warnings[0], ContainsSubstring("an xl migrate of samba is at work"));
    }
}

TEST_CASE("nothing is tidied beside a domain where an xl migrate of it cannot be listed, and that is said") {
  for (NodeId blind : both_nodes)
    for (Goal goal : {Goal::start_here, Goal::home_and_start_all, Goal::stop_here}) {
      World world;
      world.domain("samba").home = dom0;
      world.runs("samba", goal == Goal::stop_here ? mirror : dom0).role(mirror, "samba", Role::primary);
      if (goal == Goal::stop_here) world.role(dom0, "samba", Role::primary);
      CHECK_FALSE(of(world.plan(goal), "samba").steps.empty());
      world.node(blind).watchers.reset();
      const DomainPlan plan = of(world.plan(goal), "samba");
      INFO(index(blind));
      CHECK(plan.verdict == Verdict::already);
      CHECK(plan.steps.empty());
      REQUIRE(plan.warnings.size() == 1);
      CHECK_THAT(plan.warnings[0], ContainsSubstring("could not be listed, so an xl migrate of samba may be at work"));
    }
}

TEST_CASE("a domain on both nodes is touched by no wish, and is a failure") {
  for (const char* letters : {"-b----", "--p---", "---s--", "---sc-", "---ss-", "-----d"})
    for (Goal goal : {Goal::start_here, Goal::migrate_out, Goal::migrate_in, Goal::home_and_start_my,
                      Goal::home_and_start_all, Goal::stop_here, Goal::evacuate, Goal::recover}) {
      INFO(letters);
      World world;
      world.domain("samba").home = dom0;
      world.runs("samba", dom0).add_row(mirror, "samba", letters);
      const DomainPlan plan = of(world.plan(goal), "samba");
      require_refused(plan, "BOTH nodes", "xl destroy samba", ErrorKind::failed);
    }
}

TEST_CASE("nothing is started while the peer cannot be reached") {
  World world;
  world.unreachable();
  const DomainPlan plan = start(world, "samba");
  require_refused(plan, "the second node, mirror, cannot be reached, so samba may be running there", "--peer-is-dead",
                  ErrorKind::unreachable);
  CHECK(plan.error->while_doing == Words{"connecting to root@10.77.0.2:22: No route to host"});
}

TEST_CASE("where neither node can tell what runs, the peer that cannot be reached is what is told") {
  World world;
  world.node(dom0).rows.reset();
  require_refused(start(world, "samba"), "it is not known whether samba is on dom0", "", ErrorKind::refused);
  world.unreachable();
  require_refused(start(world, "samba"), "cannot be reached", "--peer-is-dead", ErrorKind::unreachable);
}

TEST_CASE("what the connection itself says leads out before the general advice") {
  World world;
  world.unreachable();
  Error& why = std::get<Unreachable>(world.state.nodes[index(mirror)]).error;
  why.because = "its host key has changed";
  why.hint = "ssh-keygen -R mirror";
  const DomainPlan plan = start(world, "samba");
  CHECK(plan.error.value().hint == "ssh-keygen -R mirror");
  CHECK(plan.error.value().while_doing ==
        Words{"connecting to root@10.77.0.2:22: No route to host", "its host key has changed"});
}

TEST_CASE("a peer accepted as dead lets a domain start on disks that are not connected, and the plan says so") {
  World world;
  world.unreachable();
  world.wish.peer_is_dead = true;
  const DomainPlan plan = start(world, "samba");
  CHECK(in_words(plan.steps) ==
        Words{"promote dom0 samba", "create dom0 /etc/xen/samba.cfg", "on failure: demote dom0 samba"});
  REQUIRE(plan.warnings.size() == 1);
  CHECK_THAT(plan.warnings[0], ContainsSubstring("Connecting") && ContainsSubstring("mirror"));
}

TEST_CASE("a start without the peer says since when each resource is without it") {
  World world;
  world.unreachable();
  world.wish.peer_is_dead = true;
  CHECK_THAT(start(world, "samba").warnings.at(0), ContainsSubstring("its kernel log does not say since when"));
  world.inputs.disconnected_since[resource_name("samba")] = "2026-11-22T18:19:02";
  CHECK_THAT(start(world, "samba").warnings.at(0), ContainsSubstring("disconnected since 2026-11-22T18:19:02"));
}

TEST_CASE("a peer accepted as dead to which DRBD is connected lives") {
  World world;
  world.unreachable();
  world.wish.peer_is_dead = true;
  world.drbd(dom0, "samba").connection = Connection::connected;
  require_refused(start(world, "samba"), "Connected: mirror lives", "SSH");
  world.drbd(dom0, "samba").connection = Connection::unknown;
  require_refused(start(world, "samba"), "could not be read", "drbdadm cstate samba");
}

TEST_CASE("a peer accepted as dead does not make an old disk good") {
  World world;
  world.unreachable();
  world.wish.peer_is_dead = true;
  world.drbd(dom0, "samba").volumes[1].disk = DiskState::consistent;
  require_refused(start(world, "samba"), "/dev/drbd2 of the DRBD resource samba is Consistent on dom0",
                  "drbdadm status");
}

TEST_CASE("a claim that the peer is dead means nothing when it answers") {
  World world;
  world.wish.peer_is_dead = true;
  world.connection("samba", Connection::connecting);
  require_refused(start(world, "samba"), "not Connected on dom0 but Connecting", "drbdadm status samba");
}

TEST_CASE("a leaving node may be started on by its own command") {
  World world;
  world.node(dom0).leaving = true;
  CHECK(start(world, "samba").verdict == Verdict::start);
}

TEST_CASE("a start that does not fit into memory is refused with the figures") {
  World world;
  world.node(dom0).xen->free_memory = {300};
  const Plan all = world.plan(Goal::start_here);
  CHECK(of(all, "dns").verdict == Verdict::start);
  require_refused(of(all, "samba"),
                  "samba needs 256 MiB, and dom0 has 300 MiB free, 44 MiB when the other steps of this plan are done",
                  "free memory on dom0");
  world.node(dom0).xen->free_memory = {255};
  require_refused(start(world, "samba"), "samba needs 256 MiB, and dom0 has 255 MiB free", "give samba less");
  world.node(dom0).xen->free_memory = {256};
  CHECK(start(world, "samba").verdict == Verdict::start);
  world.node(dom0).xen.reset();
  require_refused(start(world, "samba"), "the free memory of dom0 could not be read", "xl info");
}

TEST_CASE("a start waits for what it comes after when that is started too, and carries its delay") {
  World world;
  world.domain("samba").after = {domain_name("dns")};
  world.domain("dns").delay = Milliseconds{10'000};
  const Plan both = world.plan(Goal::start_here, {"dns", "samba"});
  CHECK(names(of(both, "samba").waits_for) == Words{"dns"});
  CHECK(of(both, "dns").delay == Milliseconds{10'000});
}

TEST_CASE("what a domain comes after may run on either node") {
  for (NodeId id : both_nodes) {
    World world;
    world.domain("samba").after = {domain_name("dns")};
    world.runs("dns", id);
    const DomainPlan plan = start(world, "samba");
    CHECK(plan.verdict == Verdict::start);
    CHECK(plan.waits_for.empty());
  }
}

TEST_CASE("a domain is held back when what it waits for runs nowhere and is not started") {
  World world;
  world.domain("samba").after = {domain_name("dns")};
  const DomainPlan plan = start(world, "samba");
  CHECK(plan.verdict == Verdict::skipped);
  CHECK(plan.steps.empty());
  CHECK(plan.error->kind == ErrorKind::refused);
  CHECK(plan.reason == "it waits for dns, which does not run");
  CHECK_THAT(plan.error->hint, ContainsSubstring("start dns first"));
}

TEST_CASE("a domain is held back, through others, when what it waits for is refused") {
  World world;
  world.domain("samba").after = {domain_name("dns")};
  world.domain("web").after = {domain_name("samba")};
  world.add_row(mirror, "dns", "--p---");
  const Plan all = world.plan(Goal::start_here);
  CHECK(of(all, "dns").verdict == Verdict::refused);
  CHECK(of(all, "samba").verdict == Verdict::skipped);
  CHECK_THAT(of(all, "samba").reason, ContainsSubstring("dns is paused on mirror"));
  CHECK(of(all, "web").verdict == Verdict::skipped);
  CHECK(of(all, "web").error->kind == ErrorKind::refused);
}

TEST_CASE("a domain held back by one that runs twice ends as a failure") {
  World world;
  world.domain("samba").after = {domain_name("dns")};
  world.runs("dns", dom0).add_row(mirror, "dns", "-b----");
  const Plan all = world.plan(Goal::start_here);
  CHECK(of(all, "samba").verdict == Verdict::skipped);
  CHECK(of(all, "samba").error->kind == ErrorKind::failed);
}

TEST_CASE("what does not fit holds back what waits for it") {
  World world;
  world.domain("samba").after = {domain_name("dns")};
  world.config(dom0, "dns").memory = {2000};
  const Plan all = world.plan(Goal::start_here);
  CHECK(of(all, "dns").verdict == Verdict::refused);
  CHECK(of(all, "samba").verdict == Verdict::skipped);
  CHECK(of(all, "web").verdict == Verdict::start);
}
