#include "support/catch.hpp"
#include "support/planner_world.hpp"

#include <functional>

using namespace xen_drbd;
using namespace xen_drbd::planner_world;
using Catch::Matchers::ContainsSubstring;

namespace {

DomainPlan stop(World& world, const std::string& name) { return world.plan_for(Goal::stop_here, name); }
Plan evacuate(World& world) { return world.plan(Goal::evacuate); }

} // namespace

TEST_CASE("a domain is shut down within its own time, then its disks are demoted") {
  World world;
  world.runs("samba", dom0);
  const DomainPlan plan = stop(world, "samba");
  CHECK(plan.verdict == Verdict::stop);
  CHECK(plan.node == dom0);
  CHECK(plan.steps ==
        std::vector<Step>{{Shutdown{dom0, Milliseconds{120'000}, false}, "the domain runs here"},
                          {Demote{dom0, resource_name("samba")}, "nobody writes the disk here any more"}});
}

TEST_CASE("a deadline shortens the time of a shutdown, and --destroy ends it") {
  World world;
  world.runs("samba", dom0);
  world.wish.shutdown_limit = Milliseconds{30'000};
  world.wish.destroy = true;
  CHECK(stop(world, "samba").steps[0].action == Action{Shutdown{dom0, Milliseconds{30'000}, true}});
  world.wish.shutdown_limit = Milliseconds{300'000};
  CHECK(stop(world, "samba").steps[0].action == Action{Shutdown{dom0, Milliseconds{120'000}, true}});
}

TEST_CASE("a stop leaves disks alone that the domain's configuration does not have: they may be another guest's") {
  World world;
  world.runs("samba", dom0);
  for (NodeId id : both_nodes) world.config(id, "samba").disks = {{"/dev/drbd7", "", "xvda"}};
  const DomainPlan plan = stop(world, "samba");
  CHECK(in_words(plan.steps) == Words{"shutdown dom0"});
  REQUIRE(plan.warnings.size() == 1);
  CHECK_THAT(plan.warnings[0], ContainsSubstring("the disks of samba stay Primary on dom0") &&
                                   ContainsSubstring("/dev/drbd7, and the topology declares /dev/drbd1"));
}

TEST_CASE("a stop closes the window that an earlier run left, while DRBD is connected") {
  World world;
  world.runs("samba", dom0).window("samba", TwoPrimaries::yes);
  CHECK(in_words(stop(world, "samba").steps) == Words{"shutdown dom0", "demote dom0 samba", "close-window samba"});
  world.connection("samba", Connection::connecting);
  CHECK(in_words(stop(world, "samba").steps) == Words{"shutdown dom0", "demote dom0 samba"});
}

TEST_CASE("a stop of what is on the peer is refused, of what is nowhere done already") {
  World world;
  CHECK(stop(world, "samba").verdict == Verdict::already);
  CHECK(stop(world, "samba").steps.empty());
  world.runs("samba", mirror);
  const DomainPlan plan = stop(world, "samba");
  CHECK(plan.verdict == Verdict::refused);
  CHECK(plan.error->kind == ErrorKind::refused);
  CHECK(plan.error->because == "samba is running on mirror");
  CHECK(plan.error->hint == "on mirror: xen-drbd stop samba");
  CHECK(of(world.plan(Goal::stop_here), "samba").verdict == Verdict::already);
}

TEST_CASE("a stop repeated demotes what the first one left Primary here, and nothing on the peer") {
  World world;
  world.role(dom0, "samba", Role::primary);
  CHECK(in_words(stop(world, "samba").steps) == Words{"demote dom0 samba"});
  World other;
  other.role(mirror, "samba", Role::primary);
  CHECK(stop(other, "samba").steps.empty());
}

TEST_CASE("a stop needs no peer") {
  World world;
  world.runs("samba", dom0).unreachable();
  CHECK(in_words(stop(world, "samba").steps) == Words{"shutdown dom0", "demote dom0 samba"});
  CHECK(stop(world, "dns").verdict == Verdict::already);
}

TEST_CASE("a stop goes on without demotion when the configuration of DRBD cannot be read") {
  World world;
  world.runs("samba", dom0).unreachable();
  world.node(dom0).resource_configs.reset();
  const DomainPlan plan = stop(world, "samba");
  CHECK(in_words(plan.steps) == Words{"shutdown dom0"});
  REQUIRE(plan.warnings.size() == 1);
  CHECK_THAT(plan.warnings[0], ContainsSubstring("stay Primary on dom0"));
}

TEST_CASE("a disk whose state cannot be read is no disk that is Secondary: a stop tries to demote it, and says so") {
  World world;
  world.runs("samba", dom0);
  world.node(dom0).resources.reset();
  const DomainPlan plan = stop(world, "samba");
  CHECK(in_words(plan.steps) == Words{"shutdown dom0", "demote dom0 samba"});
  REQUIRE(plan.warnings.size() == 1);
  CHECK_THAT(plan.warnings[0], ContainsSubstring("the state of DRBD on dom0 could not be read"));
}

TEST_CASE("where DRBD's state cannot be read, what a run leaves behind is not said to be nothing") {
  const NodeId blind = GENERATE(dom0, mirror);
  World idle;
  idle.node(blind).resources.reset();
  World running;
  running.runs("samba", mirror);
  running.node(blind).resources.reset();
  for (const DomainPlan& plan : {stop(idle, "samba"), running.plan_for(Goal::migrate_out, "samba")}) {
    CHECK(plan.verdict == Verdict::already);
    REQUIRE(plan.warnings.size() == 1);
    CHECK_THAT(plan.warnings[0], ContainsSubstring("what is left of samba there cannot be told"));
  }
}

TEST_CASE("an evacuation moves a domain whose configuration only the target's xl could read") {
  World world;
  world.runs("samba", dom0);
  world.config(dom0, "samba").parsed = false;
  world.config(dom0, "samba").problem = "xl printed something else than JSON";
  CHECK(of(evacuate(world), "samba").verdict == Verdict::migrate);
}

TEST_CASE("beside a nameless zombie a domain is shut down, and its disks stay Primary") {
  World world;
  world.runs("samba", dom0).runs("web", dom0).add_row(dom0, "(null)", "-----d");
  const DomainPlan plan = stop(world, "samba");
  CHECK(in_words(plan.steps) == Words{"shutdown dom0"});
  REQUIRE(plan.warnings.size() == 1);
  CHECK_THAT(plan.warnings[0], ContainsSubstring("stay Primary on dom0: dom0 has a domain without a name"));
  CHECK(stop(world, "web").warnings.empty());
}

TEST_CASE("a domain that is not simply running here is not shut down") {
  for (const char* letters : {"--p---", "---s--", "---ss-", "---sc-", "-----d"}) {
    World world;
    world.add_row(dom0, "samba", letters);
    const DomainPlan named = stop(world, "samba");
    CHECK(named.verdict == Verdict::refused);
    CHECK(named.error->what == "samba was not stopped on dom0");
    const DomainPlan left = of(evacuate(world), "samba");
    const bool runs_no_more = std::string_view(letters) == "---s--" || std::string_view(letters) == "---sc-";
    CHECK(left.verdict == (runs_no_more ? Verdict::skipped : Verdict::refused));
    CHECK(left.steps.empty());
    CHECK(of(world.plan(Goal::stop_here), "samba").verdict == left.verdict);
    CHECK(of(world.plan(Goal::migrate_out), "samba").verdict == left.verdict);
    world.watcher(dom0, "samba"); // which may start it again
    CHECK(of(evacuate(world), "samba").verdict == Verdict::refused);
    world.node(dom0).watchers.reset();
    CHECK(of(evacuate(world), "samba").verdict == Verdict::refused);
  }
  World world;
  world.runs("samba", dom0);
  world.node(mirror).migrations.push_back({5, false, "samba"});
  for (const DomainPlan& plan : {stop(world, "samba"), of(evacuate(world), "samba")})
    CHECK_THAT(plan.error.value().because, ContainsSubstring("a migration is going on"));
}

TEST_CASE("a node is not tidied behind a domain while an xl migrate of it is at work") {
  for (NodeId at_work : both_nodes) {
    World world;
    world.runs("samba", mirror).role(dom0, "samba", Role::primary).window("samba", TwoPrimaries::yes);
    CHECK_FALSE(of(evacuate(world), "samba").steps.empty());
    world.node(at_work).migrations.push_back({5, false, "samba"});
    const DomainPlan plan = of(evacuate(world), "samba");
    CHECK(plan.steps.empty());
    REQUIRE(plan.warnings.size() == 1);
    CHECK_THAT(plan.warnings[0], ContainsSubstring("an xl migrate of samba is at work"));
  }
  World gone; // from the list, and not yet come elsewhere
  gone.role(dom0, "samba", Role::primary).node(mirror).migrations.push_back({5, false, "samba"});
  CHECK(of(evacuate(gone), "samba").steps.empty());
}

TEST_CASE("what comes after a domain is stopped before it, unless a deadline presses") {
  World world;
  world.domain("samba").after = {domain_name("dns")};
  world.domain("web").after = {domain_name("dns"), domain_name("samba")};
  world.runs("dns", dom0).runs("samba", dom0).runs("web", dom0);
  Plan plan = world.plan(Goal::stop_here);
  CHECK(names(of(plan, "dns").follows) == Words{"samba", "web"});
  CHECK(names(of(plan, "samba").follows) == Words{"web"});
  CHECK(of(plan, "web").follows.empty());
  world.wish.shutdown_limit = Milliseconds{10'000};
  plan = world.plan(Goal::stop_here);
  CHECK(of(plan, "dns").follows.empty());
}

TEST_CASE("evacuate migrates what runs here and leaves alone what does not") {
  World world;
  world.runs("dns", dom0).runs("samba", mirror);
  const Plan plan = evacuate(world);
  CHECK(of(plan, "dns").verdict == Verdict::migrate);
  CHECK(of(plan, "dns").node == mirror);
  CHECK(of(plan, "samba").verdict == Verdict::already);
  CHECK(of(plan, "web").verdict == Verdict::already);
}

TEST_CASE("evacuate shuts down what cannot go to the peer, and says why") {
  struct Case {
    std::function<void(World&)> change;
    std::string reason;
  };
  const std::vector<Case> cases{
      {[](World& w) { w.unreachable(); }, "cannot be reached"},
      {[](World& w) { w.node(mirror).leaving = true; }, "mirror is leaving"},
      {[](World& w) { w.node(mirror).xen->free_memory = {10}; }, "dns needs 256 MiB"},
      {[](World& w) { w.connection("dns", Connection::connecting); }, "not Connected"},
      {[](World& w) { w.add_row(mirror, "dns--incoming", "--p---"); }, "dns--incoming"},
      {[](World& w) { w.node(mirror).rows.reset(); }, "it is not known whether dns is on mirror"},
      {[](World& w) { w.inputs.failed_moves[domain_name("dns")] = "its migration failed: the guest did not suspend"; },
       "its migration failed: the guest did not suspend"},
      {[](World& w) { w.inputs.no_moves = "mirror's lock was not had within 30s"; },
       "mirror's lock was not had within 30s"},
  };
  for (const Case& each : cases) {
    World world;
    world.runs("dns", dom0);
    each.change(world);
    INFO(each.reason);
    const DomainPlan plan = of(evacuate(world), "dns");
    CHECK(plan.verdict == Verdict::stop);
    CHECK(plan.node == dom0);
    CHECK_THAT(plan.reason, ContainsSubstring(each.reason));
    CHECK_FALSE(plan.error);
    const Words words = in_words(plan.steps);
    CHECK(Words(words.begin(), words.begin() + 2) == Words{"shutdown dom0", "demote dom0 dns"});
  }
}

TEST_CASE("without the peer's half of the lock a stop closes no window, which would change the peer as well") {
  World world;
  world.runs("dns", dom0).window("dns", TwoPrimaries::yes).window("samba", TwoPrimaries::yes).runs("samba", mirror);
  CHECK(of(evacuate(world), "samba").steps.size() == 1);
  world.inputs.no_moves = "mirror's lock was not had within 30s";
  CHECK(in_words(of(evacuate(world), "dns").steps) == Words{"shutdown dom0", "demote dom0 dns"});
  CHECK(of(evacuate(world), "samba").steps.empty());
}

TEST_CASE("evacuate without the lock asks guests to shut down and touches nothing else") {
  World world;
  world.runs("dns", dom0).runs("samba", mirror).runs("web", dom0);
  world.node(dom0).migrations.push_back({99, false, "web"});
  world.wish.destroy = true;
  world.inputs.no_moves = "another run holds the cluster lock on dom0";
  world.inputs.without_lock = true;
  const Plan plan = evacuate(world);
  const DomainPlan asked = of(plan, "dns");
  CHECK(asked.verdict == Verdict::stop);
  REQUIRE(asked.steps.size() == 1);
  CHECK(asked.steps[0].action == Action{Shutdown{dom0, Milliseconds{120'000}, false, true}});
  CHECK_THAT(asked.warnings.back(), ContainsSubstring("xen-drbd recover"));
  CHECK(of(plan, "samba").steps.empty());
  CHECK(of(plan, "web").verdict == Verdict::refused);
}

TEST_CASE("two nodes that leave at once shut their guests down") {
  World world;
  world.runs("dns", dom0).runs("samba", mirror);
  world.node(dom0).leaving = world.node(mirror).leaving = true;
  CHECK(of(evacuate(world), "dns").verdict == Verdict::stop);
  world.state.this_node = mirror;
  CHECK(of(evacuate(world), "samba").verdict == Verdict::stop);
}

TEST_CASE("a node that cannot list its own domains does not claim to be empty") {
  World world;
  world.node(dom0).rows.reset();
  for (const DomainPlan& plan : evacuate(world).domains) CHECK(plan.verdict == Verdict::refused);
}
