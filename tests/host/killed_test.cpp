// What is left when the tool is killed or stopped, at the worst moment.

#include "ground.hpp"
#include "support/catch.hpp"

#include <csignal>
#include <fstream>

using namespace xen_drbd;
using namespace xen_drbd::host;
using namespace xen_drbd::host::test;

namespace {

bool lock_is_free(Host& host) {
  const auto result = host.try_lock("watcher");
  REQUIRE(result);
  if (!result->has_value()) host.unlock();
  return !result->has_value();
}

} // namespace

TEST_CASE("A killed tool leaves the lock with the command that still runs, and with nothing else") {
  Ground ground(GENERATE(false, true));
  const auto watcher = ground.open();
  const auto probe =
      ground.probe(Milliseconds{15'000}, {"lock-and-act", "sh", "-c",
                                          ": >" + ground.path("begun") + "; " + until_there(ground.path("go")) +
                                              "; echo done >" + ground.path("result")});
  REQUIRE_FALSE(lock_is_free(*watcher));
  REQUIRE(soon(Milliseconds{20'000}, [&] { return std::filesystem::exists(ground.path("begun")); }));
  probe->signal(SIGKILL);
  CHECK(soon(Milliseconds{20'000}, [&] { return ground.worker_directories() == 1; })); // the watcher's
  CHECK_FALSE(lock_is_free(*watcher));
  CHECK_FALSE(std::filesystem::exists(ground.path("result")));
  ground.scratch().write("go", "");
  CHECK(soon(Milliseconds{20'000}, [&] { return std::filesystem::exists(ground.path("result")); }));
  CHECK(soon(Milliseconds{20'000}, [&] { return lock_is_free(*watcher); }));
}

TEST_CASE("A session that is ended by signals does not take the lock from a command that goes on in its scope") {
  Ground ground(GENERATE(false, true));
  const auto watcher = ground.open();
  const auto probe = ground.probe(Milliseconds{15'000},
                                  {"lock-and-act", "sh", "-c",
                                   "echo $PPID >" + ground.path("keeper") + "; : >" + ground.path("begun") + "; " +
                                       until_there(ground.path("go")) + "; echo done >" + ground.path("result")});
  REQUIRE(soon(Milliseconds{20'000}, [&] { return std::filesystem::exists(ground.path("begun")); }));
  pid_t keeper = 0;
  std::ifstream(ground.path("keeper")) >> keeper;
  REQUIRE(keeper > 1);
  for (const int signal : {SIGHUP, SIGINT, SIGTERM}) REQUIRE(::kill(keeper, signal) == 0);
  probe->signal(SIGKILL);
  CHECK_FALSE(soon(Milliseconds{1500}, [&] { return lock_is_free(*watcher); }));
  ground.scratch().write("go", "");
  CHECK(soon(Milliseconds{20'000}, [&] { return std::filesystem::exists(ground.path("result")); }));
  CHECK(soon(Milliseconds{20'000}, [&] { return lock_is_free(*watcher); }));
}

TEST_CASE("A killed tool that runs nothing leaves the lock free within moments") {
  Ground ground(GENERATE(false, true));
  const auto watcher = ground.open();
  const auto probe = ground.probe(Milliseconds{15'000}, {"lock"});
  REQUIRE_FALSE(lock_is_free(*watcher));
  probe->signal(SIGKILL);
  CHECK(soon(Milliseconds{20'000}, [&] { return lock_is_free(*watcher); }));
}

TEST_CASE("A stopped tool loses its worker and the lock after the silence, and its commands keep theirs") {
  Ground ground(GENERATE(false, true));
  const auto watcher = ground.open();
  SECTION("no command runs") {
    const auto probe = ground.probe(Milliseconds{3000}, {"lock"});
    const auto begin = BootClock::now();
    probe->signal(SIGSTOP);
    REQUIRE_FALSE(lock_is_free(*watcher));
    CHECK(soon(Milliseconds{20'000}, [&] { return lock_is_free(*watcher); }));
    CHECK(BootClock::now() - begin >= Milliseconds{1500}); // since its last beat
    CHECK(soon(Milliseconds{20'000}, [&] { return ground.worker_directories() == 1; }));
  }
  SECTION("a command runs") {
    const auto probe = ground.probe(Milliseconds{3000}, {"lock-and-act", "sh", "-c", until_there(ground.path("go"))});
    const auto commands = [&] { return processes_with(until_there(ground.path("go"))); };
    REQUIRE(soon(Milliseconds{20'000}, [&] { return commands().size() >= 2; })); // the probe and the command
    probe->signal(SIGSTOP);
    // the worker goes, with its directory; the command and its lock stay
    CHECK(soon(Milliseconds{20'000}, [&] { return ground.worker_directories() == 1; }));
    CHECK(commands().size() >= 2);
    CHECK_FALSE(lock_is_free(*watcher));
    ground.scratch().write("go", "");
    CHECK(soon(Milliseconds{20'000}, [&] { return lock_is_free(*watcher); }));
    CHECK(commands() == std::vector<pid_t>{probe->pid()});
  }
}

TEST_CASE("The watchdog holds neither the lock nor the connection") {
  Ground ground(GENERATE(false, true));
  const auto host = ground.open();
  REQUIRE_FALSE((*host->try_lock("me")).has_value());
  std::vector<pid_t> watchdogs; // beside it, for a moment, what the lock was taken with
  REQUIRE(soon(Milliseconds{20'000}, [&] { return (watchdogs = children_of(ground.worker_pid())).size() == 1; }));
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(watchdogs.front()) + "/fd")) {
    std::error_code closed_meanwhile;
    const std::string file = std::filesystem::read_symlink(entry, closed_meanwhile);
    if (closed_meanwhile) continue;
    ++files;
    INFO(file);
    CHECK((file == "/dev/null" || file.ends_with("/turn")));
  }
  CHECK(files >= 3);
}

TEST_CASE("A worker that hears its tool outlives the silence") {
  Ground ground(GENERATE(false, true));
  const auto host =
      ground.open({.beat_every = Milliseconds{100}, .lost_after = Milliseconds{15'000}, .silence = Milliseconds{4000}});
  CHECK(ask_one(*host, {"sleep", "10"}, Milliseconds{30'000}).ok());
  CHECK_FALSE(host->lost());
}

TEST_CASE("A worker that is killed is noticed at once, and everything that waits ends as lost") {
  Ground ground(GENERATE(false, true));
  const auto host = ground.open();
  const pid_t worker = ground.worker_pid();
  const auto begin = BootClock::now();
  const Outcome lost = act_sh(*host, "kill -9 " + std::to_string(worker) + "; sleep 5", Milliseconds{8000});
  CHECK(lost.end == End::lost);
  CHECK(BootClock::now() - begin < Milliseconds{4000});
  REQUIRE(host->lost());
  CHECK_THAT(host->lost()->because, Catch::Matchers::ContainsSubstring("killed by signal"));
  CHECK(ask_one(*host, {"true"}).end == End::lost);
  CHECK_FALSE(host->try_lock("me"));
  CHECK_FALSE(host->hold({"cat"}));
  CHECK_FALSE(host->answered_within(Milliseconds{60'000}));
}
