#include "xen_drbd/base/log.hpp"

#include "json.hpp"
#include "output.hpp"
#include "render.hpp"
#include "support/catch.hpp"
#include "support/cli_capture.hpp"
#include "support/cli_session.hpp"

#include <stdexcept>

using namespace xen_drbd;
using namespace xen_drbd::cli;
using namespace xen_drbd::planner_world;
using Catch::Matchers::ContainsSubstring;
using cli::test::ended;
using cli::test::error_of_kind;
using cli::test::options_of;
using cli::test::session_of;
using cli::test::written_by;
using engine::ResultKind;

TEST_CASE("an error goes to stderr and leaves stdout empty") {
  int code = 0;
  const auto written =
      written_by([&] { code = print_error(options_of("start", false), error_of_kind(ErrorKind::busy)); });
  CHECK(code == 75);
  CHECK(written.out.empty());
  CHECK(written.err == error_text(error_of_kind(ErrorKind::busy)));
}

TEST_CASE("with --json an error is one document on stdout, and text on stderr") {
  for (const auto& [kind, expected] :
       {std::pair(ErrorKind::usage, 2), std::pair(ErrorKind::topology, 3), std::pair(ErrorKind::unreachable, 5),
        std::pair(ErrorKind::bug, 70), std::pair(ErrorKind::busy, 75)}) {
    int code = 0;
    const auto written =
        written_by([&, wanted = kind] { code = print_error(options_of("start", true), error_of_kind(wanted)); });
    CHECK(code == expected);
    CHECK(written.out == line_of(json_of(options_of("start", true), error_of_kind(kind), expected)));
    CHECK(written.err == error_text(error_of_kind(kind)));
  }
}

TEST_CASE("in place of a script that cannot be printed, stdout has exit N and nothing else") {
  for (const char* command : {"make-links", "make-bridges", "make-keys"})
    for (const bool json : {false, true})
      CHECK(written_by([&] {
              CHECK(print_error(options_of(command, json), error_of_kind(ErrorKind::topology)) == 3);
            }).out == "exit 3\n");
}

TEST_CASE("what throws is a bug: exit 70, with a document where one is wanted") {
  int code = 0;
  const auto throwing = []() -> int { throw std::out_of_range("map::at"); };
  auto written = written_by([&] { code = guarded(options_of("start", true), throwing); });
  CHECK(code == 70);
  const Json document = Json::parse(written.out);
  CHECK(document["exit_code"] == 70);
  CHECK(document["error"]["because"] == "map::at");
  CHECK(document["error"]["changed"] == true);
  CHECK_THAT(written.err, ContainsSubstring("error: a bug in xen-drbd"));
  CHECK_THAT(written.err, ContainsSubstring("whether anything was changed is not known"));
  written = written_by([&] { code = guarded(options_of("make-links", false), throwing); });
  CHECK(written.out == "exit 70\n");
  CHECK(guarded(options_of("start", true), [] { return 4; }) == 4);
}

TEST_CASE("a report is on stdout, the errors of its domains on stderr, and the worst of them is the exit code") {
  World world;
  engine::Report report{
      {ended("dns", ResultKind::started, dom0), ended("samba", ResultKind::refused, dom0, "of a reason")}};
  report.domains[1].error = error_of_kind(ErrorKind::refused);
  Session session = session_of(world, "start-all");
  int code = 0;
  auto written = written_by([&] { code = print_report(session, report, nullptr); });
  CHECK(code == 4);
  CHECK(written.out == report_text(session, report, false, false));
  CHECK(written.err == error_text(error_of_kind(ErrorKind::refused)));
  session.options.json = true;
  written = written_by([&] { code = print_report(session, report, nullptr); });
  CHECK(code == 4);
  CHECK(written.out == line_of(json_of(session, report, nullptr, 4)));
  CHECK(written.err == error_text(error_of_kind(ErrorKind::refused)));
}

TEST_CASE("with --json a plan is not printed as text, and its warnings still come on stderr") {
  World world;
  model::Plan plan = world.plan(Goal::start_here, {"samba"});
  plan.warnings = {"the clocks differ"};
  plan.domains[0].warnings = {"disconnected \x1b[2J"};
  Session session = session_of(world, "start");
  log::set_level(log::Level::normal);
  auto written = written_by([&] { print_plan(session, plan); });
  CHECK(written.out == plan_text(session, plan));
  CHECK(written.err == "warning: the clocks differ\nwarning: samba: disconnected \\x1b[2J\n");
  session.options.json = true;
  written = written_by([&] { print_plan(session, plan); });
  CHECK(written.out.empty());
  CHECK(written.err == "warning: the clocks differ\nwarning: samba: disconnected \\x1b[2J\n");
  log::set_level(log::Level::quiet);
  CHECK(written_by([&] { print_plan(session, plan); }).err.empty());
  log::set_level(log::Level::normal);
}

TEST_CASE("an answer that was written leaves the exit code as it is") {
  written_by([] { write_answer("all of it\n"); });
  CHECK_FALSE(answer_is_lost());
  CHECK(finish_answer(0) == 0);
  CHECK(finish_answer(4) == 4);
}
