#include "xen_drbd/planner/rules.hpp"

#include "support/catch.hpp"
#include "support/planner_world.hpp"

#include <functional>

using namespace xen_drbd;
using namespace xen_drbd::planner_world;
using Catch::Matchers::ContainsSubstring;
using planner::Scene;

namespace {

Scene scene(const World& world) { return {world.topology, world.state, world.wish, world.inputs}; }

void require_objection(const planner::Objection& objection, const std::string& because, const std::string& hint,
                       ErrorKind kind = ErrorKind::refused) {
  REQUIRE(objection);
  CHECK(objection->kind == kind);
  CHECK_THAT(objection->because, ContainsSubstring(because));
  CHECK_THAT(objection->hint, ContainsSubstring(hint));
}

} // namespace

TEST_CASE("the peer is the peer by its host name or the first label of it") {
  World world;
  CHECK_FALSE(planner::same_pair(scene(world)));
  world.node(mirror).hostname = "mirror.example.org";
  CHECK_FALSE(planner::same_pair(scene(world)));
  world.node(mirror).hostname = "mirror2";
  require_objection(planner::same_pair(scene(world)),
                    "the machine that answers at 10.77.0.2 calls itself 'mirror2', not mirror", "/etc/hosts");
  world.node(mirror).hostname = "dom0";
  require_objection(planner::same_pair(scene(world)), "calls itself 'dom0'", "/etc/hosts");
}

TEST_CASE("a node that finds itself at the peer's address changes nothing") {
  World world;
  world.node(mirror).identity = world.node(dom0).identity;
  require_objection(planner::same_pair(scene(world)), "is this node itself", "/etc/hosts");
  world.node(mirror).identity.clear();
  world.inputs.identities_made = true;
  require_objection(planner::same_pair(scene(world)), "did not say which of its boots", "/run/xen-drbd");
}

TEST_CASE("a node that is taken for the other one is told so") {
  World world;
  world.node(dom0).hostname = "mirror.example.org";
  CHECK_FALSE(planner::is_the_peer(scene(world)));
  world.node(mirror).identity = world.node(dom0).identity;
  require_objection(planner::is_the_peer(scene(world)), "is this node itself",
                    "this node calls itself mirror and was taken for dom0: correct i_am in the topology, or --i-am");
}

TEST_CASE("a dry run, which makes no identities, does without them") {
  World world;
  world.node(mirror).identity.clear();
  CHECK_FALSE(planner::same_pair(scene(world)));
  world.node(dom0).identity.clear();
  CHECK_FALSE(planner::same_pair(scene(world)));
}

TEST_CASE("topologies that mean different pairs change nothing") {
  World world;
  world.inputs.topology_difference = "samba has its home on dom0 there";
  require_objection(planner::same_pair(scene(world)), "samba has its home on dom0 there", "/etc/xen/topology.yaml");
}

TEST_CASE("a topology that was changed since the run has read it changes nothing, and evacuate shuts down") {
  for (bool alone : {false, true})
    for (Goal goal : {Goal::start_here, Goal::migrate_out, Goal::migrate_in, Goal::home_and_start_my,
                      Goal::home_and_start_all, Goal::stop_here, Goal::recover}) {
      World world;
      world.domain("samba").home = dom0;
      world.runs("samba", dom0);
      if (alone) world.unreachable();
      world.inputs.topology_changed = true;
      const DomainPlan plan = of(world.plan(goal), "samba");
      CHECK(plan.verdict == Verdict::refused);
      CHECK_THAT(plan.reason, ContainsSubstring("/etc/xen/topology.yaml was changed since this run has read it"));
      CHECK(plan.error->hint == "repeat the command");
    }
  World world;
  world.runs("samba", dom0);
  world.inputs.topology_changed = true;
  const DomainPlan plan = of(world.plan(Goal::evacuate), "samba");
  CHECK(plan.verdict == Verdict::stop);
  CHECK_THAT(plan.reason, ContainsSubstring("was changed"));
}

TEST_CASE("a peer that is not the peer refuses every wish but evacuate, which shuts down") {
  for (Goal goal : {Goal::start_here, Goal::migrate_out, Goal::migrate_in, Goal::home_and_start_my,
                    Goal::home_and_start_all, Goal::stop_here, Goal::recover}) {
    World world;
    world.domain("samba").home = dom0;
    world.runs("samba", dom0);
    world.inputs.topology_difference = "another pair";
    const Plan plan = world.plan(goal);
    CHECK(of(plan, "samba").verdict == Verdict::refused);
    CHECK(of(plan, "samba").error->kind == ErrorKind::refused);
  }
  World world;
  world.runs("samba", dom0);
  world.inputs.topology_difference = "another pair";
  const DomainPlan plan = of(world.plan(Goal::evacuate), "samba");
  CHECK(plan.verdict == Verdict::stop);
  CHECK_THAT(plan.reason, ContainsSubstring("another pair"));
}

TEST_CASE("a configuration file is the domain's, and the same on both nodes") {
  struct Case {
    std::function<void(World&)> change;
    std::string because, hint;
  };
  const std::vector<Case> cases{
      {[](World& w) { w.config(mirror, "samba").path.clear(); }, "mirror has no configuration file /etc/xen/samba.cfg",
       "mirror"},
      {[](World& w) {
         w.node(dom0).configs.clear();
         w.domain("samba").config_candidates = {"/etc/xen/samba.cfg", "/etc/xen/samba"};
       },
       "dom0 has no configuration file /etc/xen/samba.cfg or /etc/xen/samba", "dom0"},
      {[](World& w) { w.config(dom0, "samba").problem = "line 3: syntax error"; }, "line 3: syntax error",
       "xl create -n"},
      {[](World& w) {
         w.config(mirror, "samba") = {};
         w.config(mirror, "samba").problem = "no answer within 13s";
       },
       "could not be read on mirror: no answer within 13s", "look again"},
      {[](World& w) {
         w.config(mirror, "samba").sha256.clear();
         w.config(mirror, "samba").problem = "the file is there but cannot be read";
       },
       "on mirror: the file is there but cannot be read", "mode"},
      {[](World& w) { w.config(mirror, "samba").sha256 = "another"; }, "differs between the nodes", "the same"},
      {[](World& w) { w.config(dom0, "samba").name = "samba2"; }, "is the configuration of 'samba2', not of samba",
       "name"},
      {[](World& w) { w.config(dom0, "samba").disks.pop_back(); },
       "uses /dev/drbd1, and the topology declares /dev/drbd1 and /dev/drbd2", "the same"},
      {[](World& w) { w.config(dom0, "samba").disks[1].path = "/dev/drbd10"; },
       "uses /dev/drbd1 and /dev/drbd10, and the topology declares", "the same"},
      {[](World& w) {
         w.config(dom0, "samba").disks.push_back({"nosuch", "block-drbd", "xvdz"});
       },
       "names the DRBD disk 'nosuch', which is not configured there", "disk"},
      {[](World& w) {
         w.config(dom0, "samba").parsed = false;
         w.config(mirror, "samba").parsed = false;
       },
       "did not say what is in /etc/xen/samba.cfg", "xl create -n"},
  };
  for (const Case& each : cases) {
    World world;
    each.change(world);
    INFO(each.because);
    require_objection(planner::config_is_the_domains(scene(world), world.domain("samba"), dom0), each.because,
                      each.hint);
  }
  World world;
  CHECK_FALSE(planner::config_is_the_domains(scene(world), world.domain("samba"), dom0));
}

TEST_CASE("disks that are not DRBD's are the domain's own business") {
  World world;
  world.config(dom0, "samba").disks.push_back({"/srv/cd.iso", "", "hdc"});
  CHECK_FALSE(planner::config_is_the_domains(scene(world), world.domain("samba"), dom0));
}

TEST_CASE("a domain that declares no disks may not use DRBD's") {
  World world;
  world.config(dom0, "web").disks.push_back({"/dev/drbd1", "", "xvda"});
  require_objection(planner::config_is_the_domains(scene(world), world.domain("web"), dom0),
                    "uses /dev/drbd1, and the topology declares no DRBD disk", "the same");
}

TEST_CASE("the same file parsed on the other node speaks for this one") {
  World world;
  world.config(dom0, "samba").parsed = false;
  CHECK_FALSE(planner::config_is_the_domains(scene(world), world.domain("samba"), dom0));
  world.config(mirror, "samba").name = "samba2";
  require_objection(planner::config_is_the_domains(scene(world), world.domain("samba"), dom0), "samba2", "name");
}

TEST_CASE("with a dead peer only this node's configuration is looked at") {
  World world;
  world.unreachable();
  world.wish.peer_is_dead = true;
  CHECK_FALSE(planner::config_is_the_domains(scene(world), world.domain("samba"), dom0));
}

TEST_CASE("a guest moves to the same Xen or to one newer by one") {
  struct Case {
    unsigned major, minor;
    bool fits;
  };
  for (const Case& target :
       {Case{4, 17, true}, Case{4, 18, true}, Case{4, 19, false}, Case{4, 16, false}, Case{5, 17, false}}) {
    World world;
    world.node(mirror).xen = XenInfo{"other", target.major, target.minor, {1000}, {2000}, ""};
    CHECK(planner::versions_fit(scene(world), dom0).has_value() != target.fits);
  }
  World world;
  world.node(mirror).xen->version = "4.16.2";
  world.node(mirror).xen->minor = 16;
  require_objection(planner::versions_fit(scene(world), dom0), "dom0 runs Xen 4.17.7 and mirror runs Xen 4.16.2",
                    "stop it");
  world.node(mirror).xen.reset();
  require_objection(planner::versions_fit(scene(world), dom0), "the version of Xen on mirror could not be read",
                    "xl info");
}

TEST_CASE("resources are what drbdadm configures for the declared minors, each once") {
  World world;
  const auto resources = planner::resources_of(scene(world), world.domain("samba"));
  REQUIRE(resources);
  CHECK(*resources == std::vector{resource_name("samba")});
  CHECK(planner::resources_of(scene(world), world.domain("web"))->empty());
}

TEST_CASE("a resource that is not the domain's alone, or not the same on both nodes, is refused") {
  struct Case {
    std::function<void(World&)> change;
    std::string because, hint;
  };
  const std::vector<Case> cases{
      {[](World& w) { w.drbd_config(mirror, "samba").volumes.pop_back(); },
       "drbdadm on mirror configures no resource for /dev/drbd2", "minor of samba2"},
      {[](World& w) { w.drbd_config(mirror, "samba").name = resource_name("smb"); },
       "belongs to the resource samba on dom0, and to smb on mirror", "the same on both nodes"},
      {[](World& w) {
         std::swap(w.drbd_config(mirror, "samba").volumes[0].minor, w.drbd_config(mirror, "samba").volumes[1].minor);
       },
       "/dev/drbd1 is volume 0 of the resource samba on dom0, and volume 1 on mirror", "the same minor on both nodes"},
      {[](World& w) { w.domain("samba").disks[0].resource = resource_name("other"); },
       "into the resource other, and drbdadm on dom0 into samba", "topology"},
      {[](World& w) {
         w.drbd_config(dom0, "samba").volumes.push_back({2, Minor{10}});
       },
       "used by two domains, samba and dns", "of its own"},
      {[](World& w) { w.domain("dns").disks[0].resource = resource_name("samba"); },
       "used by two domains, samba and dns", "of its own"},
      {[](World& w) {
         w.drbd_config(dom0, "samba").volumes.push_back({2, Minor{33}});
       },
       "a volume that samba does not declare: 2, /dev/drbd33", "minor 33"},
      {[](World& w) {
         w.node(mirror).resource_configs.reset();
         w.node(mirror).resource_configs_problem = "drbd.d/samba.res:4: parse error";
       },
       "drbd.d/samba.res:4: parse error", "drbdadm dump"},
  };
  for (const Case& each : cases) {
    World world;
    each.change(world);
    INFO(each.because);
    const auto resources = planner::resources_of(scene(world), world.domain("samba"));
    REQUIRE_FALSE(resources);
    require_objection(resources.error(), each.because, each.hint);
    CHECK(world.plan_for(Goal::start_here, "samba").verdict == Verdict::refused);
  }
}

namespace {

/// What refuses a start and a migration alike, on either node.
struct DiskCase {
  std::function<void(World&, NodeId)> change;
  std::string because, hint;
};

const std::vector<DiskCase>& wherever_it_is_seen() {
  static const std::vector<DiskCase> cases{
      {[](World& w, NodeId id) {
         w.node(id).resources.reset();
         w.node(id).resources_problem = "drbdsetup: exit 20";
       },
       "drbdsetup: exit 20", "drbdsetup status"},
      {[](World& w, NodeId id) {
         std::erase_if(*w.node(id).resources, [](const Resource& r) { return r.name.str() == "samba"; });
       },
       "the DRBD resource samba is down on", "drbdadm up samba"},
      {[](World& w, NodeId id) { w.drbd(id, "samba").volumes.pop_back(); }, "with other volumes than are configured",
       "drbdadm adjust"},
      {[](World& w, NodeId id) { w.drbd(id, "samba").connections = 2; }, "has 2 connections", "connections"},
      {[](World& w, NodeId id) { w.drbd(id, "samba").suspended = true; }, "is suspended on", "drbdadm status samba"},
      {[](World& w, NodeId id) { w.drbd(id, "samba").quorum = false; }, "has no quorum", "drbdadm status samba"},
      {[](World& w, NodeId id) { w.drbd(id, "samba").connection = Connection::connecting; }, "but Connecting",
       "mend the link"},
      {[](World& w, NodeId id) { w.drbd(id, "samba").connection = Connection::stand_alone; }, "but StandAlone",
       "drbdadm connect samba; only if it returns to StandAlone"},
      {[](World& w, NodeId id) { w.drbd(id, "samba").connection = Connection::unknown; }, "but Unknown",
       "mend the link"},
      {[](World& w, NodeId id) { w.drbd(id, "samba").peer_role = Role::unknown; }, "does not know the role",
       "drbdadm role samba"},
      {[](World& w, NodeId id) {
         Role& role = w.drbd(id, "samba").peer_role;
         role = role == Role::primary ? Role::secondary : Role::primary;
       },
       " says that it is ", "drbdadm role samba"},
      {[](World& w, NodeId id) { w.drbd_config(id, "samba").two_primaries = TwoPrimaries::yes; },
       "configured on one node only", "take it out"},
      {[](World& w, NodeId id) { w.drbd_config(id, "samba").two_primaries = TwoPrimaries::unknown; },
       "could not be read", "drbdadm dump"},
      {[](World& w, NodeId id) { w.drbd(id, "samba").two_primaries = TwoPrimaries::unknown; },
       "allows two Primaries on", "drbdsetup show samba"},
  };
  return cases;
}

} // namespace

TEST_CASE("a disk that is not sane on either node refuses a start and a migration") {
  for (const DiskCase& each : wherever_it_is_seen())
    for (NodeId id : both_nodes) {
      INFO(each.because << " on " << (id == dom0 ? "dom0" : "mirror"));
      World world;
      each.change(world, id);
      require_objection(planner::disk_may_start(scene(world), resource_name("samba"), dom0), each.because, each.hint);
      World moving;
      moving.runs("samba", dom0);
      each.change(moving, id);
      require_objection(planner::disk_may_migrate(scene(moving), resource_name("samba"), dom0), each.because,
                        each.hint);
    }
}

TEST_CASE("the way out of a disk that is not UpToDate is the one for its state") {
  const std::vector<std::pair<DiskState, std::string>> ways{{DiskState::diskless, "drbdadm attach samba"},
                                                            {DiskState::failed, "drbdadm attach samba"},
                                                            {DiskState::outdated, "drbdadm connect samba"},
                                                            {DiskState::inconsistent, "drbdadm status samba"},
                                                            {DiskState::negotiating, "drbdadm status samba"}};
  for (const auto& [state, way] : ways) {
    World world;
    world.drbd(dom0, "samba").volumes[0].disk = state;
    require_objection(planner::disk_may_start(scene(world), resource_name("samba"), dom0), to_string(state).data(),
                      way);
  }
}

TEST_CASE("a lost link makes the data of a start doubtful, and those of a target, never those of the node that runs") {
  World world;
  world.runs("samba", dom0).connection("samba", Connection::connecting);
  require_objection(planner::disk_may_migrate(scene(world), resource_name("samba"), dom0),
                    "not Connected on dom0 but Connecting: the target may not have what the domain has written",
                    "mend the link");
  require_objection(planner::disk_may_start(scene(world), resource_name("samba"), dom0),
                    "not Connected on dom0 but Connecting: its data may be the older", "mend the link");
}

TEST_CASE("a double run names the command for each node, with the role of its disks there") {
  World world;
  world.runs("samba", dom0).runs("samba", mirror).role(mirror, "samba", Role::secondary);
  const planner::Objection no = planner::runs_once(scene(world), domain_name("samba"));
  REQUIRE(no);
  CHECK(no->hint == "decide which copy has the good data, and destroy the other one only: on dom0 (DRBD Primary): "
                    "xl destroy samba; or on mirror (DRBD Secondary): xl destroy samba");
}

TEST_CASE("a domain that an xl create is building is waited for, and not to be destroyed") {
  World world;
  world.add_row(mirror, "samba", "--p---", 0);
  world.node(mirror).watchers->push_back({.pid = 100, .name = "samba", .creating = true});
  require_objection(planner::absence(scene(world), domain_name("samba"), mirror),
                    "samba is being created on mirror: an xl create or restore of it is at work there (pid 100)",
                    "wait until it has ended");
  world.node(mirror).rows->back().cpu_seconds = 1; // it has run: xl create -F stays, and somebody paused the guest
  require_objection(planner::absence(scene(world), domain_name("samba"), mirror), "samba is paused on mirror",
                    "xl unpause samba");
}

TEST_CASE("a resource kept apart by a window that is open on one node is sent to recover") {
  World world;
  world.connection("samba", Connection::connecting);
  world.drbd(mirror, "samba").two_primaries = TwoPrimaries::yes;
  require_objection(planner::disk_may_start(scene(world), resource_name("samba"), dom0), "allowed on one node only",
                    "xen-drbd recover");
}

TEST_CASE("a start needs UpToDate here, a migration on both nodes") {
  for (DiskState state : {DiskState::unknown, DiskState::diskless, DiskState::inconsistent, DiskState::outdated,
                          DiskState::consistent, DiskState::failed, DiskState::negotiating}) {
    World world;
    world.runs("samba", dom0);
    world.drbd(mirror, "samba").volumes[1].disk = state;
    CHECK_FALSE(planner::disk_may_start(scene(world), resource_name("samba"), dom0));
    require_objection(planner::disk_may_migrate(scene(world), resource_name("samba"), dom0),
                      "/dev/drbd2 of the DRBD resource samba is " + std::string(to_string(state)) + " on mirror",
                      "resync");
    require_objection(planner::disk_may_start(scene(world), resource_name("samba"), mirror), "not UpToDate", "resync");
  }
}

TEST_CASE("a node that receives its data may not start, one that gives them may; neither migrates") {
  struct Case {
    Replication replication;
    bool starts;
  };
  for (const Case& each :
       {Case{Replication::sync_source, true}, Case{Replication::paused_sync_source, true},
        Case{Replication::verify_target, true}, Case{Replication::ahead, true}, Case{Replication::sync_target, false},
        Case{Replication::paused_sync_target, false}, Case{Replication::behind, false},
        Case{Replication::wf_sync_uuid, false}, Case{Replication::off, false}, Case{Replication::unknown, false}}) {
    INFO(to_string(each.replication));
    World world;
    world.runs("samba", dom0);
    world.drbd(dom0, "samba").volumes[0].replication = each.replication;
    CHECK(planner::disk_may_start(scene(world), resource_name("samba"), dom0).has_value() != each.starts);
    require_objection(planner::disk_may_migrate(scene(world), resource_name("samba"), dom0), "not Established",
                      "Established");
  }
}

TEST_CASE("a migration needs protocol C, and the source Primary") {
  World world;
  world.runs("samba", dom0);
  world.drbd_config(mirror, "samba").protocol = "B";
  require_objection(planner::disk_may_migrate(scene(world), resource_name("samba"), dom0), "protocol B on mirror",
                    "protocol C");
  world.drbd_config(mirror, "samba").protocol = "C";
  world.role(dom0, "samba", Role::secondary);
  require_objection(planner::disk_may_migrate(scene(world), resource_name("samba"), dom0),
                    "Secondary on dom0 although the domain runs there", "stop the domain");
}

TEST_CASE("a window is configured where both nodes configure it, and a leftover where one does") {
  for (NodeId id : both_nodes) {
    World world;
    world.window("samba", TwoPrimaries::yes);
    world.drbd_config(id, "samba").two_primaries = TwoPrimaries::yes;
    CHECK(planner::window_of(scene(world), resource_name("samba")) == planner::Window::open);
    world.drbd_config(other(id), "samba").two_primaries = TwoPrimaries::yes;
    CHECK(planner::window_of(scene(world), resource_name("samba")) == planner::Window::configured);
  }
}

TEST_CASE("settings that differ keep DRBD apart where it is Connected on neither node, and forgot them on none") {
  struct Case {
    Connection here, there;
    bool differ;
  };
  for (const Case& each : {Case{Connection::connecting, Connection::connecting, true},
                           Case{Connection::stand_alone, Connection::stand_alone, true},
                           Case{Connection::connected, Connection::connected, false},
                           Case{Connection::connected, Connection::connecting, false},
                           Case{Connection::connecting, Connection::connected, false},
                           Case{Connection::stand_alone, Connection::connecting, false}})
    for (NodeId open : both_nodes) {
      World world;
      world.drbd(dom0, "samba").connection = each.here;
      world.drbd(mirror, "samba").connection = each.there;
      CHECK_FALSE(planner::windows_differ(scene(world), resource_name("samba")));
      world.drbd(open, "samba").two_primaries = TwoPrimaries::yes;
      CHECK(planner::windows_differ(scene(world), resource_name("samba")) == each.differ);
    }
}
