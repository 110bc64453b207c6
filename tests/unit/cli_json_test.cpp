#include "json.hpp"
#include "render.hpp"
#include "support/catch.hpp"
#include "support/cli_session.hpp"

#include <set>

using namespace xen_drbd;
using namespace xen_drbd::cli;
using namespace xen_drbd::planner_world;
using cli::test::ended;
using cli::test::error_of_kind;
using cli::test::options_of;
using cli::test::session_of;
using engine::ResultKind;

TEST_CASE("the document of an error has the fields of the contract, in their order") {
  Error error = error_of_kind(ErrorKind::unreachable);
  CHECK(line_of(json_of(options_of("start", true), error, 5)) ==
        R"({"schema":1,"command":"start","exit_code":5,"error":{"what":"samba was not started on dom0",)"
        R"("because":"of a reason","while":"asking; looking","changed":false,"hint":"do this"}})"
        "\n");
  error.changed = Changed::unknown;
  CHECK(json_of(options_of("start", true), error, 5)["error"]["changed"] == true);
  error.changed = Changed::yes;
  CHECK(json_of(options_of("start", true), error, 5)["error"]["changed"] == true);
}

TEST_CASE("the document of a run is that of the contract") {
  World world;
  const engine::Report report{{ended("samba", ResultKind::started, dom0)}};
  CHECK(line_of(json_of(session_of(world, "start"), report, nullptr, 0)) ==
        R"({"schema":1,"command":"start","this_node":"dom0","peer":"mirror","exit_code":0,)"
        R"("domains":[{"name":"samba","result":"started","node":"dom0","reason":"","seconds":1.94}]})"
        "\n");
}

TEST_CASE("a run on the second node names itself as this node") {
  World world;
  world.state.this_node = mirror;
  const Json document = json_of(session_of(world, "start"), {}, nullptr, 0);
  CHECK(document["this_node"] == "mirror");
  CHECK(document["peer"] == "dom0");
  CHECK(document["domains"].is_array());
  CHECK(document["domains"].empty());
}

TEST_CASE("every result is one of the eight words of the contract") {
  World world;
  const std::set<std::string> words{"started", "migrated", "stopped", "already",
                                    "skipped", "refused",  "failed",  "unknown"};
  std::set<std::string> seen;
  for (const ResultKind kind :
       {ResultKind::started, ResultKind::migrated, ResultKind::stopped, ResultKind::recovered, ResultKind::already,
        ResultKind::skipped, ResultKind::refused, ResultKind::failed, ResultKind::unknown}) {
    const Json document = json_of(session_of(world, "recover"), {{ended("samba", kind, dom0)}}, nullptr, 0);
    const auto word = document["domains"][0]["result"].get<std::string>();
    CHECK(words.contains(word));
    seen.insert(word);
  }
  CHECK(seen == words);
}

TEST_CASE("what recover did is told by its reason") {
  World world;
  const auto reason = [&](std::string why) {
    return json_of(session_of(world, "recover"), {{ended("samba", ResultKind::recovered, dom0, std::move(why))}},
                   nullptr, 0)["domains"][0]["reason"];
  };
  CHECK(reason("the copy on mirror was destroyed") == "recovered: the copy on mirror was destroyed");
  CHECK(reason("") == "recovered");
  const model::Plan plan;
  CHECK(json_of(session_of(world, "recover"), {{ended("samba", ResultKind::recovered, dom0, "it crashed")}}, &plan,
                0)["domains"][0]["reason"] == "would be recovered: it crashed");
}

TEST_CASE("what recover started again is called started") {
  World world;
  engine::DomainReport report = ended("samba", ResultKind::recovered, dom0);
  const auto result = [&] {
    return json_of(session_of(world, "recover"), {{report}}, nullptr, 0)["domains"][0]["result"];
  };
  CHECK(result() == "already");
  report.new_start = engine::NewStart::done;
  CHECK(result() == "started");
}

TEST_CASE("a reason carries the notes, fit for a terminal") {
  World world;
  engine::DomainReport report = ended("samba", ResultKind::stopped, dom0, "\x1b[2Jloud");
  report.notes = {"a demotion is left undone", "a window is open"};
  CHECK(json_of(session_of(world, "stop"), {{report}}, nullptr, 6)["domains"][0]["reason"] ==
        "\\x1b[2Jloud; a demotion is left undone; a window is open");
}

TEST_CASE("the document of a run that went wrong has the error that decided its exit code") {
  World world;
  engine::Report report{{ended("dns", ResultKind::refused, dom0), ended("samba", ResultKind::failed, dom0)}};
  report.domains[0].error = error_of_kind(ErrorKind::refused, "dns was not started on dom0");
  report.domains[1].error = error_of_kind(ErrorKind::failed, "samba was not started on dom0");
  const Json document = json_of(session_of(world, "start-all"), report, nullptr, exit_code(report));
  CHECK(document["exit_code"] == 6);
  CHECK(document["error"]["what"] == "samba was not started on dom0");
  CHECK_FALSE(json_of(session_of(world, "start-all"), {{ended("dns", ResultKind::already, dom0)}}, nullptr, 0)
                  .contains("error"));
}

TEST_CASE("the document of a dry run is the run's, with the plan") {
  World world;
  const model::Plan plan = world.plan(Goal::start_here, {"samba"});
  const Json document = json_of(session_of(world, "start"), expected_report(plan), &plan, 0);
  CHECK(document["dry_run"] == true);
  CHECK(document["domains"][0]["result"] == "started");
  REQUIRE(document["plan"].size() == 3);
  CHECK(
      document["plan"][0].dump() ==
      R"({"domain":"samba","node":"dom0","action":"promote","command":"drbdadm primary samba","when":"next","why":"the domain writes its disks here"})");
  CHECK(document["plan"][1]["action"] == "create");
  CHECK(document["plan"][2]["when"] == "on-failure");
  world.runs("samba", dom0);
  const model::Plan none = world.plan(Goal::start_here, {"samba"});
  const Json idle = json_of(session_of(world, "start"), expected_report(none), &none, 0);
  CHECK(idle["dry_run"] == true);
  CHECK(idle["plan"].is_array());
  CHECK(idle["plan"].empty());
  CHECK(idle["domains"][0]["result"] == "already");
}

TEST_CASE("nothing has a document too") {
  CHECK(line_of(json_of(options_of("nothing", true))) ==
        "{\"schema\":1,\"command\":\"nothing\",\"exit_code\":0,\"domains\":[]}\n");
}

TEST_CASE("a document is one line of JSON whatever bytes are in it") {
  const std::string line = line_of({{"text", "a\nb\xff\xfe\x01"}});
  CHECK(line.find('\n') == line.size() - 1);
  CHECK(Json::accept(line));
}

TEST_CASE("the document of status has every field of the contract") {
  World world;
  world.runs("samba", dom0);
  const Json document = status_json(session_of(world, "status"), world.state,
                                    {domain_name("dns"), domain_name("samba"), domain_name("web")});
  CHECK(document["schema"] == 1);
  CHECK(document["topology"] == "topology");
  CHECK(document["this_node"] == "dom0");
  CHECK(document["peer"] == "mirror");
  CHECK(document["nodes"].dump() ==
        R"([{"name":"dom0","reachable":true,"leaving":false},{"name":"mirror","reachable":true,"leaving":false}])");
  REQUIRE(document["domains"].size() == 3);
  const Json& samba = document["domains"][1];
  CHECK(samba["name"] == "samba");
  CHECK(samba["home"] == "mirror");
  CHECK(samba["running_on"].dump() == R"(["dom0"])");
  CHECK(samba["state"] == "running");
  REQUIRE(samba["disks"].size() == 2);
  CHECK(samba["disks"][0].dump() ==
        R"({"minor":1,"link":"samba1","resource":"samba","role":"Primary","peer_role":"Secondary","disk":"UpToDate",)"
        R"("peer_disk":"UpToDate","connection":"Connected","two_primaries":"off"})");
  CHECK(document["domains"][0]["state"] == "absent");
  CHECK(document["domains"][0]["running_on"].dump() == "[]");
  CHECK(document["domains"][2]["disks"].dump() == "[]");
}

TEST_CASE("a peer that cannot be reached is said to be so, and its side of the disks is unknown") {
  World world;
  world.runs("samba", dom0).unreachable();
  const Json document =
      status_json(session_of(world, "status"), world.state, {domain_name("dns"), domain_name("samba")});
  CHECK(document["nodes"][1].dump() ==
        R"({"name":"mirror","reachable":false,"reason":"No route to host","leaving":false})");
  CHECK(document["domains"][0]["state"] == "unknown");
  CHECK(document["domains"][1]["state"] == "running");
  const Json& disk = document["domains"][1]["disks"][0];
  CHECK(disk["role"] == "Primary");
  CHECK(disk["disk"] == "UpToDate");
  CHECK(disk["peer_role"] == "Unknown");
  CHECK(disk["peer_disk"] == "Unknown");
  CHECK(disk["connection"] == "Connecting");
}

TEST_CASE("the sides of a disk are those of the node that asks") {
  World world;
  world.runs("samba", dom0);
  world.state.this_node = mirror;
  const Json disk =
      status_json(session_of(world, "status"), world.state, {domain_name("samba")})["domains"][0]["disks"][0];
  CHECK(disk["role"] == "Secondary");
  CHECK(disk["peer_role"] == "Primary");
}

TEST_CASE("a peer's role is what the peer says, not what DRBD here says of it") {
  World world;
  world.drbd(dom0, "samba").peer_role = Role::secondary;
  world.drbd(mirror, "samba").role = Role::primary;
  const Json disk =
      status_json(session_of(world, "status"), world.state, {domain_name("samba")})["domains"][0]["disks"][0];
  CHECK(disk["peer_role"] == "Primary");
}

TEST_CASE("disks that are not up here are unknown, with the resource that is configured for them") {
  World world;
  world.node(dom0).resources->clear();
  const Json disk =
      status_json(session_of(world, "status"), world.state, {domain_name("samba")})["domains"][0]["disks"][0];
  CHECK(disk["resource"] == "samba");
  CHECK(disk["role"] == "Unknown");
  CHECK(disk["disk"] == "Unknown");
  CHECK(disk["connection"] == "Unknown");
  CHECK(disk["peer_role"] == "Secondary");
}

TEST_CASE("the window of a disk is off, open, configured or unknown") {
  World world;
  const auto word = [&] {
    return status_json(session_of(world, "status"), world.state,
                       {domain_name("samba")})["domains"][0]["disks"][0]["two_primaries"];
  };
  CHECK(word() == "off");
  world.window("samba", TwoPrimaries::yes);
  CHECK(word() == "open");
  world.window_configured("samba", TwoPrimaries::yes);
  CHECK(word() == "configured");
  world.window_configured("samba", TwoPrimaries::no);
  world.node(dom0).resources.reset();
  world.node(mirror).resources.reset();
  CHECK(word() == "unknown");
}

TEST_CASE("a domain that runs on both nodes is listed with both") {
  World world;
  world.add_row(dom0, "web", "-b----").add_row(mirror, "web", "r-----");
  const Json web = status_json(session_of(world, "status"), world.state, {domain_name("web")})["domains"][0];
  CHECK(web["running_on"].dump() == R"(["dom0","mirror"])");
  CHECK(web["state"] == "double-run");
}

TEST_CASE("a node that is leaving says so") {
  World world;
  world.node(mirror).leaving = true;
  CHECK(status_json(session_of(world, "status"), world.state, {})["nodes"][1]["leaving"] == true);
}
