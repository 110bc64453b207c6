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
    remarked(world, "web is paused (mirror has web)", "xl unpause web");
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
               "xen-drbd recover samba demotes them");
      CHECK_THAT(shown(world), !ContainsSubstring(std::string("Primary on ") + (id == dom0 ? "mirror" : "dom0")));
    }
  }
  SECTION("DRBD that stands alone") {
    World world;
    world.connection("samba", Connection::stand_alone);
    remarked(world, "by itself any more (StandAlone)", "xen-drbd recover samba mends or explains it");
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
             "did not come to its end. Then xen-drbd recover samba");
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
