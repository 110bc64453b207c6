#include "xen_drbd/base/log.hpp"

#include "json.hpp"
#include "output.hpp"
#include "render.hpp"
#include "support/catch.hpp"
#include "support/cli_capture.hpp"
#include "support/cli_session.hpp"

#include <array>
#include <chrono>
#include <fcntl.h>
#include <optional>
#include <stdexcept>
#include <thread>
#include <unistd.h>

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

namespace {

/// stdout and stderr lead into one small pipe that nobody reads until `read` is called.
class StandsStill {
public:
  StandsStill() {
    REQUIRE(::pipe2(ends_.data(), O_CLOEXEC) == 0);
    REQUIRE(::fcntl(ends_[1], F_SETPIPE_SZ, 4096) == 4096);
    for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) {
      kept_.at(static_cast<std::size_t>(fd)) = ::dup(fd);
      ::dup2(ends_[1], fd);
    }
    ::close(ends_[1]);
  }
  StandsStill(const StandsStill&) = delete;
  StandsStill& operator=(const StandsStill&) = delete;
  ~StandsStill() {
    ::close(ends_[0]);
    put_back();
  }
  /// All that is written until `work` has ended.
  std::string read(const std::function<void()>& work) {
    std::string all;
    std::thread reader([&] {
      std::array<char, 4096> block{};
      for (ssize_t count = 0; (count = ::read(ends_[0], block.data(), block.size())) > 0;)
        all.append(block.data(), static_cast<std::size_t>(count));
    });
    work();
    put_back();
    reader.join();
    return all;
  }

private:
  void put_back() {
    for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) {
      int& kept = kept_.at(static_cast<std::size_t>(fd));
      if (kept < 0) continue;
      ::dup2(kept, fd);
      ::close(kept);
      kept = -1;
    }
  }

  std::array<int, 2> ends_{-1, -1};
  std::array<int, 3> kept_{-1, -1, -1};
};

} // namespace

TEST_CASE("while a run acts nobody waits for a reader that stands still, and what it reads later is in its order") {
  const std::string plan(std::size_t{2} * Aside::most_waiting, 'p');
  const std::string warning(1000, 'w');
  std::string wanted = "begins\n" + plan + warning + "middle\n" + plan;
  std::fflush(nullptr);
  StandsStill terminal;
  std::optional<Aside> aside(std::in_place);
  const auto begin = std::chrono::steady_clock::now();
  write_message("begins\n");
  write_answer(plan);
  write_message(warning);
  write_answer("middle\n");
  write_answer(plan);
  for (int line = 0; line < 100; ++line) write_message(warning);
  const auto took = std::chrono::steady_clock::now() - begin;
  const std::string said = terminal.read([&] {
    aside.reset();
    write_answer("the report\n");
  });
  CHECK(took < std::chrono::seconds(4));
  CHECK(said.starts_with(wanted));
  CHECK(said.ends_with(warning + "the report\n"));
  CHECK(said.size() <= wanted.size() + Aside::most_waiting + 11); // of diagnostics the rest is dropped
}

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
