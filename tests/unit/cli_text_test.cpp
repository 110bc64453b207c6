#include "xen_drbd/base/log.hpp"

#include "render.hpp"
#include "support/catch.hpp"
#include "support/cli_session.hpp"
#include "support/data_file.hpp"

#include <cstdlib>
#include <rapidcheck.h>

using namespace xen_drbd;
using namespace xen_drbd::cli;
using namespace xen_drbd::planner_world;
using Catch::Matchers::ContainsSubstring;
using cli::test::ended;
using cli::test::error_of_kind;
using cli::test::session_of;
using engine::ResultKind;
using xen_drbd::test::data_file;

namespace {

constexpr std::array all_codes{130, 143, 70, 6, 5, 75, 4, 3, 2, 0};

/// A domain of each kind of end.
engine::Report every_end() {
  engine::Report report;
  report.domains = {ended("dns", ResultKind::started, dom0),
                    ended("samba", ResultKind::migrated, mirror),
                    ended("web", ResultKind::stopped, dom0, "it could not be moved: mirror is leaving"),
                    ended("mail", ResultKind::recovered, dom0, "the copy on mirror was destroyed"),
                    ended("ldap", ResultKind::already, dom0, "ldap runs on dom0"),
                    ended("print", ResultKind::skipped, dom0, "dns, which it waits for, did not start"),
                    ended("backup", ResultKind::refused, dom0, "backup runs on mirror"),
                    ended("cups", ResultKind::failed, dom0, "xl create: exit status 3"),
                    ended("radius", ResultKind::unknown, mirror, "no answer within 2m")};
  report.domains[1].notes = {"two Primaries are still allowed on samba",
                             "xl destroy samba--migratedaway is left to do"};
  return report;
}

} // namespace

TEST_CASE("the worst exit code wins: interrupted, then 70, 6, 5, 75, 4, 3, 2, 0") {
  for (std::size_t bad = 0; bad < all_codes.size(); ++bad)
    for (std::size_t better = bad; better < all_codes.size(); ++better) {
      CHECK(worse(all_codes[bad], all_codes[better]) == all_codes[bad]);
      CHECK(worse(all_codes[better], all_codes[bad]) == all_codes[bad]);
    }
}

TEST_CASE("a report's exit code is that of its worst domain, in whatever order they ended") {
  REQUIRE(rc::check([] {
    const auto kinds = *rc::gen::container<std::vector<ErrorKind>>(rc::gen::element(
        ErrorKind::refused, ErrorKind::unreachable, ErrorKind::failed, ErrorKind::unknown, ErrorKind::bug));
    engine::Report report;
    int worst = 0;
    for (const ErrorKind kind : kinds) {
      report.domains.push_back(ended("samba", ResultKind::failed, dom0));
      report.domains.back().error = error_of_kind(kind);
      const auto rank = [](int code) { return std::find(all_codes.begin(), all_codes.end(), code); };
      if (rank(exit_code(kind)) < rank(worst)) worst = exit_code(kind);
    }
    report.domains.push_back(ended("dns", ResultKind::started, dom0));
    RC_ASSERT(exit_code(report) == worst);
  }));
  CHECK(exit_code(engine::Report{}) == 0);
}

TEST_CASE("a report says one thing for each domain, and a line for each note") {
  World world;
  const Session session = session_of(world, "start-all");
  CHECK(report_text(session, every_end(), false, false) == data_file("cli/report.txt"));
}

TEST_CASE("the report of a dry run says what would be, and no durations") {
  World world;
  const Session session = session_of(world, "start-all");
  const std::string text = report_text(session, every_end(), true, false);
  CHECK(text == data_file("cli/report-dry-run.txt"));
}

TEST_CASE("colour stands around the words and changes none of them") {
  World world;
  const Session session = session_of(world, "start-all");
  std::string text = report_text(session, every_end(), false, true);
  CHECK_THAT(text, ContainsSubstring("\x1b[32mstarted on dom0"));
  CHECK_THAT(text, ContainsSubstring("\x1b[31mrefused"));
  for (const char* code : {"\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[0m"})
    for (std::size_t at = text.find(code); at != text.npos; at = text.find(code))
      text.erase(at, std::string_view(code).size());
  CHECK(text == report_text(session, every_end(), false, false));
}

TEST_CASE("a report without domains says that there is nothing to do") {
  World world;
  CHECK(report_text(session_of(world, "start-my-domains"), {}, false, false) == "nothing to do\n");
}

TEST_CASE("what a peer or a guest wrote cannot move the cursor") {
  World world;
  const Session session = session_of(world, "start-all");
  engine::Report report;
  report.domains = {ended("samba", ResultKind::failed, dom0, "xl: \x1b[2J\x07 and \x9b bytes")};
  report.domains.back().notes = {"\x1b]0;title\x07"};
  const std::string text = report_text(session, report, false, false);
  CHECK(text.find_first_of("\x1b\x07\x9b") == text.npos);
  CHECK_THAT(text, ContainsSubstring("\\x1b[2J\\x07 and \\x9b bytes"));
  CHECK_THAT(text, ContainsSubstring("note: \\x1b]0;title\\x07"));
  CHECK(error_text(error_of_kind(ErrorKind::failed, "\x1b[2J")).find('\x1b') == std::string::npos);
}

TEST_CASE("an error says what, why, in which step, whether anything was changed, and what to do next") {
  CHECK(error_text({.kind = ErrorKind::unreachable,
                    .what = "samba was not started on dom0",
                    .because = "the second node, mirror, cannot be reached, so samba may be running there",
                    .while_doing = {"connecting to root@10.77.0.2:22: No route to host"},
                    .changed = Changed::no,
                    .hint = "bring mirror back; if it is powered off for certain, repeat with --peer-is-dead"}) ==
        "error: samba was not started on dom0\n"
        "  because: the second node, mirror, cannot be reached, so samba may be running there\n"
        "  while:   connecting to root@10.77.0.2:22: No route to host\n"
        "  nothing was changed\n"
        "  hint:    bring mirror back; if it is powered off for certain, repeat with --peer-is-dead\n");
}

TEST_CASE("an interrupted domain's error has a headline and says what to do next") {
  engine::DomainReport report = ended("samba", ResultKind::failed, dom0);
  CHECK_FALSE(error_of(report));
  report.error = Error{.kind = ErrorKind::interrupted,
                       .what = {},
                       .because = "the run was interrupted",
                       .while_doing = {},
                       .changed = Changed::no,
                       .hint = {}};
  const auto error = error_of(report);
  REQUIRE(error);
  CHECK(error->what == "the work on samba was not finished");
  CHECK_THAT(error->hint, ContainsSubstring("xen-drbd status samba"));
  report.error = error_of_kind(ErrorKind::failed);
  CHECK(error_of(report) == error_of_kind(ErrorKind::failed));
}

TEST_CASE("the plan of a start names each step, its node and what is only done after a failure") {
  World world;
  const model::Plan plan = world.plan(Goal::start_here, {"samba"});
  CHECK(plan_text(session_of(world, "start"), plan) == data_file("cli/plan-start.txt"));
}

TEST_CASE("the plan of a migration names the window and the order") {
  World world;
  world.runs("samba", dom0);
  CHECK(plan_text(session_of(world, "migrate-out"), world.plan(Goal::migrate_out, {"samba"})) ==
        data_file("cli/plan-migrate.txt"));
}

TEST_CASE("the plan of several domains says what waits for what") {
  World world;
  world.domain("samba").after = {domain_name("dns"), domain_name("web")};
  const model::Plan plan = world.plan(Goal::start_here);
  REQUIRE(of(plan, "samba").waits_for.size() == 2);
  CHECK(plan_text(session_of(world, "start-all"), plan) == data_file("cli/plan-start-all.txt"));
}

TEST_CASE("the plan of a stop says what is stopped first") {
  World world;
  world.domain("samba").after = {domain_name("dns")};
  world.runs("dns", dom0).runs("samba", dom0);
  const std::string text = plan_text(session_of(world, "stop-all"), world.plan(Goal::stop_here));
  CHECK_THAT(text, ContainsSubstring("  dns, after the steps of samba\n"));
  CHECK_THAT(text, ContainsSubstring("  samba\n"));
}

TEST_CASE("a plan without steps is no text at all") {
  World world;
  world.runs("samba", dom0);
  CHECK(plan_text(session_of(world, "start"), world.plan(Goal::start_here, {"samba"})).empty());
}

TEST_CASE("what a dry run reports is what the plan expects of every domain") {
  World world;
  world.runs("samba", mirror).runs("web", dom0);
  const engine::Report report = expected_report(world.plan(Goal::start_here, {"dns", "samba", "web"}));
  REQUIRE(report.domains.size() == 3);
  CHECK(report.find(domain_name("dns"))->result == ResultKind::started);
  CHECK(report.find(domain_name("samba"))->result == ResultKind::refused);
  CHECK(report.find(domain_name("web"))->result == ResultKind::already);
  CHECK(exit_code(report) == 4);
}

TEST_CASE("the option --color decides before anything else") {
  Options options;
  options.color = Color::always;
  CHECK(wants_color(options, -1));
  options.color = Color::never;
  CHECK_FALSE(wants_color(options, 1));
  options.color = Color::automatic;
  CHECK_FALSE(wants_color(options, -1));
}
