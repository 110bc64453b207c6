#include "xen_drbd/planner/settling.hpp"

#include "support/catch.hpp"
#include "support/planner_world.hpp"

using namespace xen_drbd;
using namespace xen_drbd::planner_world;
using Catch::Matchers::ContainsSubstring;

namespace {

std::string settling(const World& world) {
  return planner::what_still_settles(world.topology, world.state).value_or("");
}

} // namespace

TEST_CASE("a healthy pair is not waited for") { CHECK(settling(World()).empty()); }

TEST_CASE("a peer that does not answer is waited for, and so is an xl on either node") {
  CHECK(settling(World().unreachable()) == "mirror cannot be reached: No route to host");
  for (NodeId id : both_nodes) {
    World world;
    world.node(id).rows.reset();
    world.node(id).rows_problem = "xl list: \x1b exit status 1";
    CHECK_THAT(settling(world), ContainsSubstring(id == dom0 ? "xl on dom0" : "xl on mirror"));
    CHECK(settling(world).find('\x1b') == std::string::npos);
  }
}

TEST_CASE("a DRBD that cannot be asked here is waited for; the peer's own view is not") {
  World world;
  world.node(mirror).resources.reset();
  CHECK(settling(world).empty());
  world.node(dom0).resources.reset();
  world.node(dom0).resources_problem = "drbdsetup: no module";
  CHECK(settling(world) == "DRBD does not answer: drbdsetup: no module");
}

TEST_CASE("a resource that connects or receives is waited for, any other state is not") {
  struct Row {
    Connection connection;
    Replication replication;
    std::string word;
  };
  for (const Row& row : {
           Row{Connection::connecting, Replication::off, "the DRBD resource samba is Connecting"},
           Row{Connection::network_failure, Replication::off, "the DRBD resource samba is NetworkFailure"},
           Row{Connection::unconnected, Replication::off, "the DRBD resource samba is Unconnected"},
           Row{Connection::connected, Replication::sync_target, "/dev/drbd2 of the DRBD resource samba is SyncTarget"},
           Row{Connection::connected, Replication::wf_bitmap_target,
               "/dev/drbd2 of the DRBD resource samba is WFBitMapT"},
           Row{Connection::connected, Replication::paused_sync_target,
               "/dev/drbd2 of the DRBD resource samba is PausedSyncT"},
           Row{Connection::stand_alone, Replication::off, ""},
           Row{Connection::unknown, Replication::unknown, ""},
           Row{Connection::connected, Replication::sync_source, ""},
           Row{Connection::connected, Replication::verify_target, ""},
       }) {
    World world;
    world.drbd(dom0, "samba").connection = row.connection;
    world.drbd(dom0, "samba").volumes.back().replication = row.replication;
    CHECK(settling(world) == row.word);
  }
}

TEST_CASE("a resource of no domain of the topology, or one that is down, is not waited for") {
  World world;
  world.drbd(dom0, "samba").connection = Connection::connecting;
  world.domain("samba").disks.clear();
  CHECK(settling(world).empty());
  World down;
  down.node(dom0).resources->clear();
  CHECK(settling(down).empty());
}
