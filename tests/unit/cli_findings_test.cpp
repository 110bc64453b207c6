#include "findings.hpp"
#include "support/catch.hpp"
#include "support/planner_world.hpp"

using namespace xen_drbd;
using namespace xen_drbd::cli;
using planner::Finding;
using planner::Level;

namespace {

const std::vector<Finding> some{
    {Level::ok, "", "", "topology", "the topology is the same on both nodes", ""},
    {Level::warning, "mirror", "", "clock", "the clock is late", "set it"},
    {Level::error, "dom0", "samba", "config", "it \x1b[2J differs", "make it the same"},
    {Level::error, "", "samba", "drbd", "samba is not Connected", "mend the link"},
};

} // namespace

TEST_CASE("findings as JSON have the fields of the contract, printable, in their order") {
  CHECK(line_of(findings_json({some[1], some[2]})) ==
        R"({"schema":1,"findings":[)"
        R"({"level":"warning","node":"mirror","domain":"","id":"clock","text":"the clock is late","hint":"set it"},)"
        R"({"level":"error","node":"dom0","domain":"samba","id":"config","text":"it \\x1b[2J differs",)"
        R"("hint":"make it the same"}]})"
        "\n");
  CHECK(line_of(findings_json({})) == "{\"schema\":1,\"findings\":[]}\n");
}

TEST_CASE("findings for people: one line each, what to do below, and the sum") {
  CHECK(findings_text(some, false, false) ==
        "ok       both           topology: the topology is the same on both nodes\n"
        "warning  mirror         clock: the clock is late\n"
        "                        hint: set it\n"
        "error    samba on dom0  config: it \\x1b[2J differs\n"
        "                        hint: make it the same\n"
        "error    samba          drbd: samba is not Connected\n"
        "                        hint: mend the link\n"
        "2 errors, 1 warning, 1 ok\n");
}

TEST_CASE("in brief, what is well is left out; the level is coloured on a terminal") {
  CHECK(findings_text({some[0]}, true, false) == "0 errors, 0 warnings, 1 ok\n");
  CHECK(findings_text({some[1]}, true, true).starts_with("\x1b[33mwarning\x1b[0m  mirror  clock"));
}

TEST_CASE("the exit code of check: an unreachable node before an error before a warning") {
  planner_world::World world;
  CHECK(findings_code({}, world.state) == 0);
  CHECK(findings_code({some[0], some[1]}, world.state) == 0);
  CHECK(findings_code({some[1], some[2]}, world.state) == 4);
  world.unreachable();
  CHECK(findings_code({some[2]}, world.state) == 5);
}
