#include "xen_drbd/base/log.hpp"

#include "interrupt.hpp"
#include "progress.hpp"
#include "render.hpp"
#include "support/catch.hpp"
#include "support/cli_session.hpp"

#include <chrono>
#include <thread>

using namespace xen_drbd;
using namespace xen_drbd::cli;
using namespace xen_drbd::planner_world;
using cli::test::ended;
using cli::test::error_of_kind;
using cli::test::session_of;
using engine::MigrationProgress;

namespace {

class SetClock final : public engine::Clock {
public:
  std::chrono::steady_clock::time_point now() override { return now_; }
  void sleep(Milliseconds duration) override { now_ += duration; }

private:
  std::chrono::steady_clock::time_point now_;
};

/// A terminal that knows the two sequences live progress uses: n lines up, and clear from there on.
class Screen {
public:
  void operator()(std::string_view text) {
    while (!text.empty()) {
      if (text.starts_with("\x1b[J")) {
        text.remove_prefix(3);
        lines_.resize(cursor_);
      } else if (text.starts_with("\x1b[")) {
        const std::size_t up = text.find('A');
        REQUIRE(up != text.npos);
        const std::size_t count = std::stoul(std::string(text.substr(2, up - 2)));
        REQUIRE(count <= cursor_);
        cursor_ -= count;
        text.remove_prefix(up + 1);
      } else {
        const std::size_t end = text.find('\n');
        REQUIRE(end != text.npos);
        lines_.resize(cursor_);
        lines_.emplace_back(text.substr(0, end));
        ++cursor_;
        text.remove_prefix(end + 1);
      }
    }
  }
  const std::vector<std::string>& lines() const { return lines_; }

private:
  std::vector<std::string> lines_;
  std::size_t cursor_ = 0;
};

Extent wide() { return {.columns = 80, .rows = 24}; }

const Step promote{Promote{dom0, resource_name("samba")}, "", When::next};
const Step create{Create{dom0, "/etc/xen/samba.cfg"}, "", When::next};
const DomainName samba = domain_name("samba");
const DomainName dns = domain_name("dns");

} // namespace

TEST_CASE("off a terminal each change is a line") {
  World world;
  const Session session = session_of(world, "start");
  std::string text;
  const auto progress = line_progress(session, [&](std::string_view more) { text += more; });
  progress->step_begins(samba, promote);
  progress->step_ended(samba, promote, std::nullopt);
  progress->step_begins(samba, create);
  progress->step_ended(samba, create, error_of_kind(ErrorKind::failed));
  progress->domain_ended(ended("samba", engine::ResultKind::failed, dom0));
  CHECK(text == "samba: dom0: drbdadm primary samba\n"
                "samba: dom0: xl create /etc/xen/samba.cfg: failed: of a reason\n");
}

TEST_CASE("off a terminal a migration is one line for each phase, however often its bytes are told") {
  World world;
  const Session session = session_of(world, "migrate-out");
  std::string text;
  const auto progress = line_progress(session, [&](std::string_view more) { text += more; });
  for (std::uint64_t bytes = 0; bytes < 100'000'000; bytes += 10'000'000)
    progress->migration(samba, MigrationProgress{"copying", bytes, 0});
  progress->migration(dns, MigrationProgress{"copying", 12'345, 0});
  progress->migration(samba, MigrationProgress{"last record held", 49'100'000, 0});
  progress->migration(samba, MigrationProgress{"changing sides", 2'500'000'000, 0});
  CHECK(text == "samba: copying (0 B)\n"
                "dns: copying (12.3 kB)\n"
                "samba: last record held (49.1 MB)\n"
                "samba: changing sides (2.5 GB)\n");
}

TEST_CASE("what a failed step says cannot move the cursor") {
  World world;
  const Session session = session_of(world, "start");
  Error error = error_of_kind(ErrorKind::failed);
  error.because = "\x1b[2J";
  std::string text;
  line_progress(session, [&](std::string_view more) { text += more; })->step_ended(samba, create, error);
  CHECK(text == "samba: dom0: xl create /etc/xen/samba.cfg: failed: \\x1b[2J\n");
}

namespace {

/// A terminal on which a run shows what is under way; its clock moves when it is told to.
struct Terminal {
  explicit Terminal(const std::string& command) : session(session_of(world, command)) {}
  std::unique_ptr<engine::Progress> progress() {
    return live_progress(session, std::ref(screen), clock, wide, Milliseconds(0));
  }

  World world;
  Session session;
  SetClock clock;
  Screen screen;
};

} // namespace

TEST_CASE("on a terminal each domain at work has one line, redrawn in place, and none when it has ended") {
  Terminal terminal("start-all");
  const Screen& screen = terminal.screen;
  {
    const auto progress = terminal.progress();
    progress->step_begins(samba, promote);
    CHECK(screen.lines() == Words{"samba          0.0 s  dom0: drbdadm primary samba"});
    terminal.clock.sleep(Milliseconds(1500));
    progress->step_begins(dns, create);
    CHECK(screen.lines() == Words{"dns            0.0 s  dom0: xl create /etc/xen/samba.cfg",
                                  "samba          1.5 s  dom0: drbdadm primary samba"});
    progress->domain_ended(ended("dns", engine::ResultKind::started, dom0));
    CHECK(screen.lines() == Words{"samba          1.5 s  dom0: drbdadm primary samba"});
  }
  CHECK(screen.lines().empty());
}

TEST_CASE("a migration has a bar, what was sent and how fast") {
  Terminal terminal("migrate-out");
  const Screen& screen = terminal.screen;
  const auto progress = terminal.progress();
  progress->migration(samba, MigrationProgress{"copying", 0, 1'000'000'000});
  CHECK(screen.lines() == Words{"samba          0.0 s  [                ]      0 B      0 B/s  copying"});
  terminal.clock.sleep(Milliseconds(1000));
  progress->migration(samba, MigrationProgress{"copying", 500'000'000, 1'000'000'000});
  CHECK(screen.lines() == Words{"samba          1.0 s  [########        ]   500 MB   500 MB/s  copying"});
  terminal.clock.sleep(Milliseconds(1000));
  progress->migration(samba, MigrationProgress{"last record held", 1'200'000'000, 1'000'000'000});
  CHECK(screen.lines() == Words{"samba          2.0 s  [################]   1.2 GB   700 MB/s  last record held"});
}

TEST_CASE("a migration whose size nobody knows has an empty bar") {
  Terminal terminal("migrate-out");
  const Screen& screen = terminal.screen;
  const auto progress = terminal.progress();
  progress->migration(samba, MigrationProgress{"copying", 5'000, 0});
  CHECK(screen.lines() == Words{"samba          0.0 s  [                ]   5.0 kB      0 B/s  copying"});
}

TEST_CASE("no line is ever wider than the terminal, or it would be two") {
  World world;
  const Session session = session_of(world, "start-all");
  SetClock clock;
  for (const std::size_t columns : {0UL, 1UL, 20UL, 40UL}) {
    Screen screen;
    const auto progress = live_progress(
        session, std::ref(screen), clock,
        [&] {
          return Extent{columns, 24};
        },
        Milliseconds(0));
    progress->step_begins(samba, create);
    progress->migration(dns, MigrationProgress{"copying", 5'000, 0});
    REQUIRE(screen.lines().size() == 2);
    for (const std::string& line : screen.lines()) CHECK(line.size() < std::max(columns, std::size_t{2}));
  }
}

TEST_CASE("more domains than the terminal has rows are counted in its last line") {
  World world;
  const Session session = session_of(world, "start-all");
  SetClock clock;
  Screen screen;
  const auto progress = live_progress(
      session, std::ref(screen), clock,
      [] {
        return Extent{80, 4};
      },
      Milliseconds(0));
  for (const char* name : {"a", "b", "c"}) progress->step_begins(domain_name(name), promote);
  CHECK(screen.lines().size() == 3);
  for (const char* name : {"d", "e"}) progress->step_begins(domain_name(name), promote);
  REQUIRE(screen.lines().size() == 3);
  CHECK(screen.lines()[1].starts_with("b "));
  CHECK(screen.lines()[2] == "and 3 more");
}

TEST_CASE("a warning meanwhile stands above the lines, and stays when they are gone") {
  Terminal terminal("start-all");
  const Screen& screen = terminal.screen;
  {
    const auto progress = terminal.progress();
    progress->step_begins(samba, promote);
    log::warn("the record could not be removed");
    CHECK(screen.lines() ==
          Words{"warning: the record could not be removed", "samba          0.0 s  dom0: drbdadm primary samba"});
    progress->step_begins(samba, create);
    CHECK(screen.lines().size() == 2);
  }
  CHECK(screen.lines() == Words{"warning: the record could not be removed"});
}

TEST_CASE("the clock in the lines moves while nothing else happens") {
  World world;
  const Session session = session_of(world, "stop");
  std::atomic<int> drawn = 0;
  const auto progress = live_progress(
      session, [&](std::string_view) { ++drawn; }, engine::system_clock(), wide, Milliseconds(5));
  progress->step_begins(samba, create);
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (drawn < 4 && std::chrono::steady_clock::now() < limit)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  CHECK(drawn >= 4);
}

TEST_CASE("progress may be told by several threads at once") {
  World world;
  const Session session = session_of(world, "start-all");
  std::string text;
  const auto progress = line_progress(session, [&](std::string_view more) { text += more; });
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread)
      threads.emplace_back([&] {
        for (int i = 0; i < 100; ++i) progress->step_ended(samba, promote, std::nullopt);
      });
  }
  CHECK(text.size() == 400 * std::string("samba: dom0: drbdadm primary samba\n").size());
}

TEST_CASE("what a second signal names are the steps under way, and each xl migrate that was not seen to end") {
  World world;
  Session session = session_of(world, "migrate-out");
  session.options.quiet = true;
  const Step copy{CopyMemory{dom0}, "", When::next};
  const Step hand_over{HandOver{dom0}, "", When::next};
  const std::string migrate = "  samba: dom0: xl migrate samba 10.77.0.2, up to its last record\n";
  {
    const auto progress = make_progress(session);
    CHECK(under_way().empty());
    progress->step_begins(samba, copy);
    progress->xl_migrate(samba, true);
    CHECK(under_way() == migrate);
    progress->step_ended(samba, copy, {});
    progress->step_begins(dns, create);
    CHECK(under_way() == "  dns: dom0: xl create /etc/xen/samba.cfg\n" + migrate);
    progress->step_ended(dns, create, {});
    progress->step_begins(samba, promote);
    CHECK(under_way() == migrate + "  samba: dom0: drbdadm primary samba\n");
    progress->step_ended(samba, promote, {});
    progress->step_begins(samba, hand_over);
    progress->xl_migrate(samba, false);
    progress->step_ended(samba, hand_over, {});
    CHECK(under_way().empty());
    progress->domain_ended(ended("samba", engine::ResultKind::migrated, dom0));
    progress->step_begins(samba, create); // the second round of an evacuation
    CHECK(under_way() == "  samba: dom0: xl create /etc/xen/samba.cfg\n");
  }
  CHECK(under_way().empty());
}

TEST_CASE("what a second signal names after a copy that failed is what is tidied up, unless its xl migrate goes on") {
  World world;
  Session session = session_of(world, "migrate-out");
  session.options.quiet = true;
  const Step copy{CopyMemory{dom0}, "", When::next};
  const std::string migrate = "  samba: dom0: xl migrate samba 10.77.0.2, up to its last record\n";
  const auto progress = make_progress(session);
  progress->step_begins(samba, copy);
  SECTION("it was not even begun") { progress->step_ended(samba, copy, Error{}); }
  SECTION("it has ended") {
    progress->xl_migrate(samba, true);
    progress->xl_migrate(samba, false);
    progress->step_ended(samba, copy, Error{});
  }
  SECTION("it goes on") {
    progress->xl_migrate(samba, true);
    progress->step_ended(samba, copy, Error{});
    CHECK(under_way() == migrate);
    progress->domain_ended(ended("samba", engine::ResultKind::unknown, dom0));
    CHECK(under_way() == migrate);
    return;
  }
  CHECK(under_way().empty());
  progress->step_begins(samba, promote);
  CHECK(under_way() == "  samba: dom0: drbdadm primary samba\n");
}
