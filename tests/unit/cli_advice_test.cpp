#include "advice.hpp"
#include "findings.hpp"
#include "json.hpp"
#include "render.hpp"
#include "status_text.hpp"
#include "support/catch.hpp"
#include "support/cli_session.hpp"

using namespace xen_drbd;
using namespace xen_drbd::cli;
using namespace xen_drbd::planner_world;
using Catch::Matchers::ContainsSubstring;
using cli::test::session_of;

namespace {

/// A run with `-t lan`, as long as it is there.
struct RunOfLan {
  RunOfLan() { advise_with("-t lan"); }
  ~RunOfLan() { advise_with(""); }
  RunOfLan(const RunOfLan&) = delete;
  RunOfLan& operator=(const RunOfLan&) = delete;
};

model::Topology at(const std::string& name, const std::string& path) {
  World world;
  world.topology.name = name;
  world.topology.path = path;
  return world.topology;
}

} // namespace

TEST_CASE("a command needs -t where the topology of the run is not what is meant without it") {
  CHECK(topology_words(at("topology", "/etc/xen/topology.yaml"), "").empty());
  CHECK(topology_words(at("lan", "/etc/xen/lan.yaml"), "") == "-t lan");
  CHECK(topology_words(at("lan", "/etc/xen/lan.yaml"), "TOPOLOGY_NAME=lan\n").empty());
  CHECK(topology_words(at("topology", "/etc/xen/topology.yaml"), "TOPOLOGY_NAME=lan\n") == "-t topology");
  CHECK(topology_words(at("lan", "/root/lan.yaml"), "") == "-t /root/lan.yaml");
  CHECK(topology_words(at("lan", "/root/my lan.yaml"), "") == "-t '/root/my lan.yaml'");
  CHECK(topology_words(at("topology", "/etc/xen/topology.yaml"), "TOPOLOGY_NAME=$(id)\n") == "-t topology");
}

TEST_CASE("every advised command of xen-drbd gets the topology of the run, and nothing else does") {
  CHECK(advice("then on dom0: xen-drbd start samba") == "then on dom0: xen-drbd start samba");
  const RunOfLan run;
  CHECK(advice("xen-drbd recover samba") == "xen-drbd -t lan recover samba");
  CHECK(advice("on dom0: xen-drbd stop dns, then xen-drbd start dns") ==
        "on dom0: xen-drbd -t lan stop dns, then xen-drbd -t lan start dns");
  CHECK(advice("xen-drbd make-keys | sh") == "xen-drbd -t lan make-keys | sh");
  CHECK(advice("look with xen-drbd status") == "look with xen-drbd -t lan status");
  for (const char* text : {"xen-drbd is not installed on mirror", "xen-drbd --help lists commands and options",
                           "mirror has xen-drbd 0.1.0", "xen-drbd ", "systemctl start xen-drbd", "xl destroy start"})
    CHECK(advice(text) == text);
  CHECK(advice("\x1b[2J xen-drbd status") == "\\x1b[2J xen-drbd -t lan status");
}

TEST_CASE("errors, reports, documents, findings and status advise with the topology of the run") {
  const RunOfLan run;
  const std::string advised = "xen-drbd -t lan recover samba";
  Error error = cli::test::error_of_kind(ErrorKind::refused);
  error.hint = "xen-drbd recover samba";
  CHECK_THAT(error_text(error), ContainsSubstring("hint:    " + advised));
  World world;
  CHECK(json_of(Options{}, error, 4)["error"]["hint"] == advised);
  engine::DomainReport report = cli::test::ended("samba", engine::ResultKind::already, dom0, "xen-drbd recover samba");
  report.notes = {"note: xen-drbd recover samba"};
  const Session session = session_of(world, "start");
  CHECK_THAT(report_text(session, {{report}}, false, false),
             ContainsSubstring("nothing to do: " + advised) && ContainsSubstring("note: " + advised));
  CHECK(json_of(session, {{report}}, nullptr, 0)["domains"][0]["reason"] == advised + "; note: " + advised);
  const std::vector<planner::Finding> findings{
      {.level = planner::Level::error, .id = "domain", .text = "it is dying", .hint = "xen-drbd recover samba"}};
  CHECK_THAT(findings_text(findings, false, false), ContainsSubstring("hint: " + advised));
  CHECK(findings_json(findings)["findings"][0]["hint"] == advised);
  world.add_row(dom0, "samba", "---ss-");
  CHECK_THAT(status_text(session_of(world, "status"), world.state, {domain_name("samba")}, false),
             ContainsSubstring(advised));
}
