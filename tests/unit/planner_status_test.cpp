#include "xen_drbd/planner/status.hpp"

#include "support/catch.hpp"
#include "support/planner_world.hpp"

using namespace xen_drbd;
using namespace xen_drbd::planner_world;

namespace {

/// Rows of one node, as "NAME LETTERS"; "!" for an xl that fails, "w" for a watcher alone, "m" for an xl migrate at
/// work, "7" and "5" for one that was told that domid, "s" for an xl save.
using Shown = std::vector<std::string>;

World seen(const Shown& here, const Shown& there) {
  World world;
  const auto show = [&](NodeId id, const Shown& rows) {
    for (const std::string& text : rows) {
      if (text == "!")
        world.node(id).rows.reset();
      else if (text == "w")
        world.watcher(id, "samba");
      else if (text == "m")
        world.node(id).migrations.push_back({9, false, "samba"});
      else if (text == "s")
        world.node(id).migrations.push_back({9, false, "samba", "save"});
      else if (text == "7" || text == "5")
        world.node(id).migrations.push_back({9, false, text});
      else
        world.add_row(id, text.substr(0, text.find(' ')), text.substr(text.find(' ') + 1));
    }
  };
  show(dom0, here);
  show(mirror, there);
  return world;
}

} // namespace

TEST_CASE("the state of a domain over both nodes is one word") {
  struct Row {
    Shown here, there;
    std::string word;
    std::size_t running;
  };
  for (const Row& row : {
           Row{{}, {}, "absent", 0},
           Row{{"samba -b----"}, {}, "running", 1},
           Row{{"samba r-----"}, {}, "running", 1},
           Row{{"samba ------"}, {}, "running", 1},
           Row{{"samba -b----"}, {"!"}, "running", 1},
           Row{{"samba --p---"}, {}, "paused", 0},
           Row{{"samba --p---"}, {"!"}, "paused", 0},
           Row{{"samba ---ss-"}, {}, "suspended", 0},
           Row{{"samba ---sc-"}, {}, "crashed", 0},
           Row{{"samba ---sw-"}, {}, "crashed", 0},
           Row{{"samba -----d"}, {}, "dying", 0},
           Row{{"samba ---s--"}, {}, "dying", 0},
           Row{{"samba ---sr-"}, {}, "dying", 0},
           Row{{"w"}, {}, "unknown", 0},
           Row{{"!"}, {}, "unknown", 0},
           Row{{"(null) -----d"}, {}, "unknown", 0},
           Row{{"samba -b----", "m"}, {"samba--incoming --p---"}, "migrating", 1},
           Row{{"samba ---ss-", "m"}, {}, "migrating", 0},
           Row{{"samba ---ss-", "7"}, {}, "migrating", 0},
           Row{{"samba ---ss-", "5"}, {}, "suspended", 0},
           Row{{"samba ---ss-"}, {"7"}, "suspended", 0},
           Row{{"samba ---ss-", "s"}, {}, "suspended", 0},
           Row{{"samba -b----"}, {"samba--incoming --p---"}, "half-migrated", 1},
           Row{{"samba--migratedaway ---ss-"}, {"samba -b----"}, "half-migrated", 1},
           Row{{"samba--migratedaway ---ss-"}, {"!"}, "half-migrated", 0},
           Row{{"samba -b----"}, {"samba -b----"}, "double-run", 2},
           Row{{"samba -b----"}, {"samba --p---"}, "double-run", 1},
           Row{{"samba -b----"}, {"samba ---sc-"}, "double-run", 1},
           Row{{"samba --p---"}, {"samba ---s--"}, "double-run", 0},
           Row{{"samba ---s--"}, {"samba ---sc-"}, "crashed", 0},
           Row{{"samba -b----", "m"}, {"samba -b----"}, "double-run", 2},
       }) {
    World world = seen(row.here, row.there);
    const DomainName samba = domain_name("samba");
    CHECK(planner::state_word(samba, world.state) == row.word);
    CHECK(planner::running_on(samba, world.state).size() == row.running);
    World swapped = seen(row.there, row.here);
    CHECK(planner::state_word(samba, swapped.state) == row.word);
    CHECK(planner::state_word(domain_name("dns"), world.state) == (row.word == "unknown" && row.here != Shown{"w"}
                                                                       ? "unknown"
                                                                   : row.there == Shown{"!"} ? "unknown"
                                                                                             : "absent"));
  }
}

TEST_CASE("a node that could not be asked makes the state unknown, unless the domain is seen on the other") {
  World world;
  world.runs("samba", dom0).unreachable();
  CHECK(planner::state_word(domain_name("samba"), world.state) == "running");
  CHECK(planner::state_word(domain_name("dns"), world.state) == "unknown");
  CHECK(planner::running_on(domain_name("samba"), world.state) == std::vector{dom0});
}

TEST_CASE("the two-primaries window is off, open, configured or unknown") {
  World world;
  const auto word = [&] {
    return planner::two_primaries_word(resource_name("samba"), world.state.node(dom0), world.state.node(mirror));
  };
  CHECK(word() == "off");
  world.drbd(mirror, "samba").two_primaries = TwoPrimaries::yes;
  CHECK(word() == "open");
  world.drbd(mirror, "samba").two_primaries = TwoPrimaries::unknown;
  CHECK(word() == "off");
  world.drbd(dom0, "samba").two_primaries = TwoPrimaries::unknown;
  CHECK(word() == "unknown");
  world.drbd_config(dom0, "samba").two_primaries = TwoPrimaries::yes;
  CHECK(word() == "configured");
  CHECK(planner::two_primaries_word(resource_name("samba"), nullptr, nullptr) == "unknown");
}

TEST_CASE("what a machine says that is not the peer is not shown as the peer's") {
  World world = seen({"samba -b----"}, {"samba -b----"});
  const DomainName samba = domain_name("samba");
  REQUIRE(planner::is_double_run(samba, world.state));
  SECTION("the peer") {
    CHECK(planner::without_stranger(world.topology, world.state) == world.state);
    world.unreachable();
    CHECK(planner::without_stranger(world.topology, world.state) == world.state);
    return;
  }
  SECTION("this node itself") { world.node(mirror).identity = world.node(dom0).identity; }
  SECTION("another machine") { world.node(mirror).hostname = "other"; }
  const ClusterState shown = planner::without_stranger(world.topology, world.state);
  CHECK(shown.nodes[index(dom0)] == world.state.nodes[index(dom0)]);
  CHECK_FALSE(planner::is_double_run(samba, shown));
  CHECK(planner::state_word(samba, shown) == "running");
  const auto& gone = std::get<Unreachable>(shown.nodes[index(mirror)]);
  CHECK(gone.error.what == "mirror was not looked at");
  CHECK_FALSE(gone.error.because.empty());
  CHECK_FALSE(gone.error.hint.empty());
}
