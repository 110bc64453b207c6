#include "status_text.hpp"
#include "support/catch.hpp"
#include "support/cli_session.hpp"
#include "support/data_file.hpp"

using namespace xen_drbd;
using namespace xen_drbd::cli;
using namespace xen_drbd::planner_world;
using Catch::Matchers::ContainsSubstring;
using cli::test::session_of;
using xen_drbd::test::data_file;

namespace {

std::string shown(const World& world, bool color = false) {
  std::vector<DomainName> domains;
  for (const Domain& domain : world.topology.domains) domains.push_back(domain.name);
  return status_text(session_of(world, "status"), world.state, domains, color);
}

int code(const World& world) {
  return status_code(world.state, {domain_name("dns"), domain_name("samba"), domain_name("web")});
}

} // namespace

TEST_CASE("status of a healthy pair is a table without remarks") {
  World world;
  world.runs("dns", dom0).runs("samba", mirror);
  CHECK(shown(world) == data_file("cli/status.txt"));
  CHECK(code(world) == 0);
}

TEST_CASE("status on the second node has the sides of the disks the other way round") {
  World world;
  world.runs("dns", dom0).runs("samba", mirror);
  world.state.this_node = mirror;
  CHECK_THAT(shown(world), ContainsSubstring("topology: mirror (this node) and dom0\n"));
  CHECK_THAT(shown(world), ContainsSubstring("drbd1 samba1 Primary/Secondary UpToDate/UpToDate Connected\n"));
}

TEST_CASE("status shows what it could see when the peer cannot be reached, with exit 5") {
  World world;
  world.runs("dns", dom0).unreachable();
  CHECK(shown(world) == data_file("cli/status-unreachable.txt"));
  CHECK(code(world) == 5);
}

TEST_CASE("a domain on both nodes is an alarm with exit 6, whatever else") {
  World world;
  world.add_row(dom0, "web", "-b----").add_row(mirror, "web", "r-----");
  CHECK_THAT(shown(world), ContainsSubstring("ALARM: web is on BOTH nodes"));
  CHECK_THAT(shown(world), ContainsSubstring("on dom0: xl destroy web; or on mirror: xl destroy web"));
  CHECK_THAT(shown(world), ContainsSubstring("dom0 and mirror"));
  CHECK(code(world) == 6);
  world.node(mirror).resources.reset();
  CHECK(code(world) == 6);
}

TEST_CASE("a node that answers but cannot tell what runs on it is exit 6, and says so") {
  World world;
  world.node(mirror).rows.reset();
  world.node(mirror).rows_problem = "xl list: exit status 1: \x1b[2Jcannot open /proc/xen/privcmd";
  CHECK(code(world) == 6);
  CHECK_THAT(
      shown(world),
      ContainsSubstring("mirror: which domains run there is not known: xl list: exit status 1: \\x1b[2Jcannot open"));
  world.unreachable();
  CHECK(code(world) == 5);
}

TEST_CASE("DRBD that cannot be read is told where the topology has disks") {
  World world;
  world.node(dom0).resources.reset();
  world.node(dom0).resources_problem = "drbdsetup status: not found";
  CHECK_THAT(shown(world), ContainsSubstring("dom0: DRBD could not be read: drbdsetup status: not found"));
  for (Domain& domain : world.topology.domains) domain.disks.clear();
  CHECK_THAT(shown(world), !ContainsSubstring("DRBD could not be read"));
}

TEST_CASE("every remark names the command that helps") {
  const auto remarked = [](const World& world, const std::string& remark, const std::string& command) {
    const std::string text = shown(world);
    CHECK_THAT(text, ContainsSubstring(remark));
    CHECK_THAT(text, ContainsSubstring(command));
  };
  SECTION("a node that is leaving") {
    World world;
    world.node(mirror).leaving = true;
    remarked(world, "mirror is leaving", "xen-drbd evacuate --cancel");
  }
  SECTION("a domain without its watcher") {
    World world;
    world.add_row(dom0, "web", "-b----");
    remarked(world, "web has lost its xl watcher on dom0", "A live migration");
  }
  SECTION("a half-migrated domain") {
    World world;
    world.runs("samba", dom0).add_row(mirror, "samba--incoming", "--p---");
    remarked(world, "samba is half-migrated (dom0 has samba; mirror has samba--incoming)", "xen-drbd recover samba");
  }
  SECTION("a paused domain") {
    World world;
    world.add_row(mirror, "web", "--p---");
    remarked(world, "web is paused (mirror has web)", "on mirror: xl unpause web");
  }
  SECTION("a suspended domain") {
    World world;
    world.add_row(dom0, "web", "---ss-");
    remarked(world, "web is suspended", "xen-drbd recover web");
  }
  SECTION("a crashed domain") {
    World world;
    world.add_row(dom0, "web", "---sc-");
    remarked(world, "web has crashed", "xen-drbd recover web --yes");
  }
  SECTION("a domain that runs where its disk is Secondary") {
    for (NodeId id : both_nodes) {
      World world;
      world.runs("samba", id).role(id, "samba", Role::secondary);
      const std::string node = id == dom0 ? "dom0" : "mirror";
      remarked(world,
               "samba runs on " + node + ", where its DRBD resource samba is Secondary: it cannot write its disk",
               "on " + node + ": xen-drbd stop samba, then xen-drbd start samba");
    }
  }
  SECTION("a window that was left open") {
    World world;
    world.window("samba", TwoPrimaries::yes);
    remarked(world, "two Primaries are still allowed on the disks of samba", "xen-drbd recover samba");
  }
  SECTION("a disk that is Primary where its domain does not run, on either node") {
    for (NodeId id : both_nodes) {
      World world;
      world.runs("samba", other(id)).window("samba", TwoPrimaries::yes).role(id, "samba", Role::primary);
      remarked(world, std::string("the disks of samba are Primary on ") + (id == dom0 ? "dom0" : "mirror"),
               "recover demotes them: xen-drbd recover samba");
      CHECK_THAT(shown(world), !ContainsSubstring(std::string("Primary on ") + (id == dom0 ? "mirror" : "dom0")));
    }
  }
  SECTION("DRBD that stands alone") {
    World world;
    world.connection("samba", Connection::stand_alone);
    remarked(world, "by itself any more (StandAlone on dom0 and mirror)",
             "recover mends or explains it: xen-drbd recover samba");
  }
  SECTION("a zombie that lost its name") {
    World world;
    world.add_row(mirror, "(null)", "-----d");
    remarked(world, "mirror has a domain without a name, (null)", "xl list on mirror");
  }
  SECTION("a migration that did not come to its end") {
    World world;
    world.node(mirror).records = {{domain_name("samba"), "text"}};
    remarked(world, "a migration of samba from mirror is not over",
             "did not come to its end, and then: xen-drbd recover samba");
  }
}

TEST_CASE("a migration that goes on is none to recover, its window and its record are as they should be") {
  World world;
  world.runs("samba", dom0).window("samba", TwoPrimaries::yes);
  world.node(dom0).migrations = {{4711, false, "samba"}};
  world.node(dom0).records = {{domain_name("samba"), "text"}};
  const std::string text = shown(world);
  CHECK_THAT(text, ContainsSubstring("migrating"));
  CHECK_THAT(text, !ContainsSubstring("recover"));
}

TEST_CASE("a disk whose role was not read is not said to be one that cannot be written") {
  World world;
  world.runs("samba", dom0).role(dom0, "samba", Role::unknown);
  CHECK_THAT(shown(world), !ContainsSubstring("cannot write"));
}

TEST_CASE("a guest that an xl create is just building is not paused by anybody, and not to be destroyed") {
  World world;
  world.add_row(mirror, "samba", "--p---", 0);
  world.node(mirror).watchers->push_back({.pid = 100, .name = "samba", .creating = true});
  CHECK_THAT(shown(world), ContainsSubstring("samba is being created on mirror: an xl create or restore of it is at "
                                             "work there (pid 100). Wait until it has ended"));
  CHECK_THAT(shown(world), !ContainsSubstring("xl destroy") && !ContainsSubstring("unpause"));
}

TEST_CASE("a domain on both nodes is told with the command of each node, and recover is no way out of it") {
  World world;
  world.runs("samba", dom0).runs("samba", mirror).role(mirror, "samba", Role::secondary);
  world.window("samba", TwoPrimaries::yes).node(dom0).watchers->clear();
  CHECK_THAT(shown(world), ContainsSubstring("on dom0 (DRBD Primary): xl destroy samba; or on mirror (DRBD Secondary): "
                                             "xl destroy samba"));
  CHECK_THAT(shown(world), !ContainsSubstring("recover") && !ContainsSubstring("migrat"));
}

TEST_CASE("DRBD that stands alone on the peer only is told too") {
  World world;
  World::disconnect(world.drbd(dom0, "samba"), Connection::connecting);
  World::disconnect(world.drbd(mirror, "samba"), Connection::stand_alone);
  CHECK_THAT(shown(world), ContainsSubstring("by itself any more (StandAlone on mirror); recover mends or explains it: "
                                             "xen-drbd recover samba"));
}

TEST_CASE("of a domain that is half-migrated nothing is promised that recover may refuse") {
  World world;
  world.add_row(dom0, "samba--migratedaway", "---ss-").window("samba", TwoPrimaries::yes);
  world.role(mirror, "samba", Role::primary);
  const std::string text = shown(world);
  CHECK_THAT(text, ContainsSubstring("samba is half-migrated (dom0 has samba--migratedaway): xen-drbd recover samba"));
  CHECK_THAT(text, !ContainsSubstring("demotes") && !ContainsSubstring("closes"));
}

TEST_CASE("colour marks the state and nothing else") {
  World world;
  world.runs("samba", mirror).unreachable();
  std::string text = shown(world, true);
  CHECK_THAT(text, ContainsSubstring("\x1b[31munknown\x1b[0m"));
  CHECK(shown(world).find('\x1b') == std::string::npos);
  world = World();
  world.runs("samba", mirror);
  CHECK_THAT(shown(world, true), ContainsSubstring("\x1b[32mrunning\x1b[0m"));
}
