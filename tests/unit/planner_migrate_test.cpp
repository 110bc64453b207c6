#include "support/catch.hpp"
#include "support/planner_refusal.hpp"
#include "support/planner_world.hpp"

using namespace xen_drbd;
using namespace xen_drbd::planner_world;
using Catch::Matchers::ContainsSubstring;

namespace {

DomainPlan out(World& world, const std::string& name) { return world.plan_for(Goal::migrate_out, name); }

} // namespace

TEST_CASE("a migration opens the window after the copy, and closes it whatever happens") {
  World world;
  world.runs("samba", dom0);
  const Domain& samba = world.domain("samba");
  const ResourceName resource = resource_name("samba");
  CHECK(world.plan(Goal::migrate_out, {"samba"}) ==
        Plan{.domains = {DomainPlan{
                 .domain = samba.name,
                 .verdict = Verdict::migrate,
                 .node = mirror,
                 .steps = {
                     {CopyMemory{dom0}, "the guest runs on at its source while its memory is copied"},
                     {OpenWindow{resource}, "both nodes are Primary while the domain changes sides"},
                     {Promote{mirror, resource, true}, "the domain writes its disks there from now on"},
                     {HandOver{dom0}, "memory is copied and the target's disks are Primary"},
                     {Demote{mirror, resource}, "promoted for a migration that failed", When::on_failure},
                     {Demote{dom0, resource}, "the domain has left this node"},
                     {CloseWindow{resource}, "two Primaries are allowed during a migration only", When::always}}}}});
}

TEST_CASE("migrate-in is the mirror image of migrate-out") {
  World world;
  world.runs("samba", mirror);
  const DomainPlan plan = world.plan_for(Goal::migrate_in, "samba");
  CHECK(plan.node == dom0);
  CHECK(in_words(plan.steps) == Words{"copy-memory mirror", "open-window samba", "promote dom0 samba",
                                      "hand-over mirror", "on failure: demote dom0 samba", "demote mirror samba",
                                      "always: close-window samba"});
}

TEST_CASE("with plain ssh the target is promoted before the copy") {
  World world;
  world.wish.plain_ssh = true;
  world.runs("samba", dom0);
  CHECK(in_words(out(world, "samba").steps) == Words{"open-window samba", "promote mirror samba", "migrate-plain dom0",
                                                     "on failure: demote mirror samba", "demote dom0 samba",
                                                     "always: close-window samba"});
}

TEST_CASE("a domain without disks moves without windows and roles") {
  World world;
  world.runs("web", dom0);
  CHECK(in_words(out(world, "web").steps) == Words{"copy-memory dom0", "hand-over dom0"});
}

TEST_CASE("a window that is configured on both nodes is neither opened nor closed") {
  World world;
  world.runs("samba", dom0).window("samba", TwoPrimaries::yes).window_configured("samba", TwoPrimaries::yes);
  CHECK(in_words(out(world, "samba").steps) == Words{"copy-memory dom0", "promote mirror samba", "hand-over dom0",
                                                     "on failure: demote mirror samba", "demote dom0 samba"});
  world.drbd(mirror, "samba").two_primaries = TwoPrimaries::no;
  CHECK(in_words(out(world, "samba").steps) == Words{"copy-memory dom0", "open-window samba", "promote mirror samba",
                                                     "hand-over dom0", "on failure: demote mirror samba",
                                                     "demote dom0 samba"});
}

TEST_CASE("what an earlier migration left is cleared away before the next copy") {
  World world;
  world.runs("samba", dom0).role(mirror, "samba", Role::primary).window("samba", TwoPrimaries::yes);
  const Words words = in_words(out(world, "samba").steps);
  CHECK(Words(words.begin(), words.begin() + 3) ==
        Words{"demote mirror samba", "close-window samba", "copy-memory dom0"});
}

TEST_CASE("migrate-out of a domain that is on the peer has nothing to do, and clears away what was left") {
  World world;
  world.runs("samba", mirror);
  DomainPlan plan = out(world, "samba");
  CHECK(plan.verdict == Verdict::already);
  CHECK(plan.node == mirror);
  CHECK(plan.steps.empty());
  world.role(dom0, "samba", Role::primary).window("samba", TwoPrimaries::yes);
  plan = out(world, "samba");
  CHECK(plan.verdict == Verdict::already);
  CHECK(in_words(plan.steps) == Words{"demote dom0 samba", "close-window samba"});
}

TEST_CASE("migrating what runs nowhere is refused by name and passed over otherwise") {
  World world;
  require_refused(out(world, "samba"), "samba runs on neither node", "on mirror: xen-drbd start samba");
  const DomainPlan in = world.plan_for(Goal::migrate_in, "samba");
  require_refused(in, "samba runs on neither node", "xen-drbd start samba");
  CHECK(in.error->hint == "xen-drbd start samba");
  for (Goal goal : {Goal::migrate_out, Goal::migrate_in}) {
    const Plan all = world.plan(goal);
    CHECK(of(all, "samba").verdict == Verdict::skipped);
    CHECK(of(all, "samba").reason == "it runs on neither node");
    CHECK_FALSE(of(all, "samba").error);
  }
}

TEST_CASE("migrate-all-out passes over what stands half-done on the peer only, and refuses what does here") {
  World world;
  world.add_row(mirror, "samba", "---sc-").add_row(dom0, "dns", "--p---");
  const Plan all = world.plan(Goal::migrate_out);
  CHECK(of(all, "samba").verdict == Verdict::skipped);
  CHECK(of(all, "samba").reason == "it does not run on dom0");
  require_refused(of(all, "dns"), "dns is paused on dom0", "xl unpause dns");
  require_refused(out(world, "samba"), "samba has crashed on mirror", "recover samba");
}

TEST_CASE("nothing is migrated while the peer cannot be reached, dead or not") {
  for (bool dead : {false, true}) {
    World world;
    world.runs("samba", dom0).unreachable();
    world.wish.peer_is_dead = dead;
    const DomainPlan plan = out(world, "samba");
    require_refused(plan, "the second node, mirror, cannot be reached", "bring mirror back", ErrorKind::unreachable);
    CHECK_THAT(plan.error->hint, !ContainsSubstring("--peer-is-dead"));
    CHECK(plan.error->what == "samba was not migrated to mirror");
    CHECK(plan.error->because == "the second node, mirror, cannot be reached, so what it has of samba, which runs on "
                                 "dom0, cannot be seen");
    CHECK(world.plan_for(Goal::migrate_in, "samba").verdict == Verdict::already);
    require_refused(world.plan_for(Goal::migrate_in, "dns"), "cannot be reached", "bring mirror back",
                    ErrorKind::unreachable);
  }
}

TEST_CASE("a domain that is not simply running is not migrated") {
  struct Row {
    std::string name, letters, because;
  };
  for (const Row& row :
       {Row{"samba", "--p---", "is paused on dom0"}, Row{"samba", "---s--", "has shut down on dom0"},
        Row{"samba", "---ss-", "is suspended on dom0"}, Row{"samba", "---sc-", "has crashed on dom0"},
        Row{"samba", "-----d", "is dying on dom0"}, Row{"samba--migratedaway", "---ss-", "samba--migratedaway"}}) {
    World world;
    world.add_row(dom0, row.name, row.letters);
    require_refused(out(world, "samba"), row.because, "");
  }
}

TEST_CASE("a domain does not move where anything of it stands already") {
  for (const char* name : {"samba--incoming", "samba--migratedaway"}) {
    World world;
    world.runs("samba", dom0).add_row(mirror, name, "--p---");
    require_refused(out(world, "samba"), name, "xen-drbd recover samba");
  }
  World world;
  world.runs("samba", dom0).watcher(mirror, "samba");
  require_refused(out(world, "samba"), "between reboot and restart", "wait");
}

TEST_CASE("a domain is not migrated from a node with a nameless zombie: its absence there could not be proved") {
  World world;
  world.runs("samba", dom0).add_row(dom0, "(null)", "-----d");
  require_refused(out(world, "samba"), "dom0 has a domain without a name, (null)", "reboot");
}

TEST_CASE("a domain does not move away from what an earlier migration left beside it") {
  for (const char* name : {"samba--incoming", "samba--migratedaway"}) {
    World world;
    world.runs("samba", dom0).add_row(dom0, name, "--p---");
    require_refused(out(world, "samba"), name, "xen-drbd recover samba");
  }
}

TEST_CASE("a second migration of a domain is refused while the first is at work") {
  World world;
  world.runs("samba", dom0);
  world.node(dom0).migrations.push_back({99, false, "samba"});
  require_refused(out(world, "samba"), "a migration is going on", "wait");
}

TEST_CASE("nothing moves onto a peer that is leaving, and what is asked for here may come to a leaving node") {
  World world;
  world.runs("samba", dom0).runs("dns", mirror);
  world.node(mirror).leaving = true;
  world.node(dom0).leaving = true;
  require_refused(out(world, "samba"), "mirror is leaving", "evacuate --cancel");
  CHECK(world.plan_for(Goal::migrate_in, "dns").verdict == Verdict::migrate);
}

TEST_CASE("a migration is refused for versions, configuration, disks and memory") {
  World world;
  world.runs("samba", dom0);
  world.node(mirror).xen->minor = 16;
  require_refused(out(world, "samba"), "runs Xen", "stop it");
  world.node(mirror).xen->minor = 17;
  world.config(mirror, "samba").sha256 = "another";
  require_refused(out(world, "samba"), "differs between the nodes", "the same");
  world.config(mirror, "samba").sha256 = "sum-of-samba";
  world.drbd_config(mirror, "samba").volumes.pop_back();
  require_refused(out(world, "samba"), "configures no resource for /dev/drbd2", "minor");
  world.drbd_config(mirror, "samba").volumes.push_back({1, Minor{2}});
  world.drbd(mirror, "samba").volumes[0].disk = DiskState::inconsistent;
  require_refused(out(world, "samba"), "/dev/drbd1 of the DRBD resource samba is Inconsistent on mirror", "resync");
  world.drbd(mirror, "samba").volumes[0].disk = DiskState::up_to_date;
  world.node(mirror).xen->free_memory = {100};
  require_refused(out(world, "samba"), "samba needs 256 MiB, and mirror has 100 MiB free", "free memory on mirror");
}

TEST_CASE("a running domain needs the memory it has now, not what its configuration says") {
  World world;
  world.runs("samba", dom0);
  world.config(mirror, "samba").memory = {2000};
  CHECK(out(world, "samba").verdict == Verdict::migrate);
}

TEST_CASE("a migration from a peer without this xen-drbd is refused, and goes over plain ssh") {
  World world;
  world.runs("samba", mirror);
  world.node(mirror).tool_version = "";
  require_refused(world.plan_for(Goal::migrate_in, "samba"), "xen-drbd is not installed on mirror", "--plain-ssh");
  world.node(mirror).tool_version = "9.9";
  require_refused(world.plan_for(Goal::migrate_in, "samba"), "mirror has xen-drbd 9.9", "--plain-ssh");
  world.wish.plain_ssh = true;
  CHECK(world.plan_for(Goal::migrate_in, "samba").verdict == Verdict::migrate);
}

TEST_CASE("a disk of the configuration that can only be DRBD's is never passed over") {
  World world;
  world.runs("samba", dom0);
  world.config(mirror, "samba").disks.push_back({"/dev/drbd/dangling", "", "xvdz"});
  require_refused(out(world, "samba"), "names the DRBD disk '/dev/drbd/dangling'", "correct the disk");
  world.config(mirror, "samba").disks.back() = {"/srv/images/scratch.img", "", "xvdz"};
  CHECK(out(world, "samba").verdict == Verdict::migrate);
}
