// What a host promises, on this node and over SSH alike.

#include "ground.hpp"
#include "support/catch.hpp"

#include <atomic>
#include <csignal>
#include <fstream>
#include <rapidcheck.h>
#include <thread>
#include <unistd.h>

using namespace xen_drbd;
using namespace xen_drbd::host;
using namespace xen_drbd::host::test;
using Catch::Matchers::ContainsSubstring;

namespace {

Outcome exited(int status, std::string out = {}, std::string err = {}) {
  return {.end = End::exited, .status = status, .out = std::move(out), .err = std::move(err), .lost_because = {}};
}

/// printf %s\0 of every argument, so that each can be told from the next.
std::vector<std::string> print_arguments(const std::vector<std::string>& words) {
  std::vector<std::string> argv{"printf", "%s\\0"};
  argv.insert(argv.end(), words.begin(), words.end());
  return argv;
}

std::string joined_by_nul(const std::vector<std::string>& words) {
  std::string joined;
  for (const std::string& word : words) joined += word + '\0';
  return joined;
}

} // namespace

TEST_CASE("A question brings back status, stdout and stderr, byte for byte") {
  Ground ground(GENERATE(false, true));
  const auto host = ground.open();
  const auto outcomes = host->ask({{.argv = {"true"}},
                                   {.argv = {"sh", "-c", "echo out; echo err >&2; exit 3"}},
                                   {.argv = {"printf", "no newline\\0nul"}},
                                   {.argv = {"/nonexistent/program"}},
                                   {.argv = {"sh", "-c", "kill -9 $$"}}});
  REQUIRE(outcomes.size() == 5);
  CHECK(outcomes[0] == exited(0));
  CHECK(outcomes[1] == exited(3, "out\n", "err\n"));
  CHECK(outcomes[2] == exited(0, std::string("no newline\0nul", 14)));
  CHECK(outcomes[3].end == End::exited);
  CHECK(outcomes[3].status == 127);
  CHECK(outcomes[4].end == End::signalled);
  CHECK(outcomes[4].status == 9);
  CHECK(host->ask({}).empty());
}

TEST_CASE("A changing command brings back status, stdout and stderr, and runs without a terminal or input") {
  Ground ground(GENERATE(false, true));
  const auto host = ground.open();
  CHECK(act_sh(*host, "echo out; echo err >&2; exit 11") == exited(11, "out\n", "err\n"));
  CHECK(act_sh(*host, "cat; readlink /proc/self/fd/0") == exited(0, "/dev/null\n"));
  CHECK(act_sh(*host, "exec </dev/tty").status != 0);
  CHECK(host->act({.argv = {"/nonexistent/program"}}).status == 127);
  CHECK(host->act({.argv = {"sh", "-c", "echo out; exit 7"}, .leaves_a_watcher = true}) == exited(7, "out\n"));
  const Outcome killed = act_sh(*host, "kill -TERM $$");
  CHECK(killed.end == End::signalled);
  CHECK(killed.status == 15);
}

TEST_CASE("What a host runs has a session of its own: no signal of a terminal reaches it") {
  Ground ground(GENERATE(false, true));
  const auto host = ground.open();
  const std::string own = std::to_string(getsid(0)) + "\n";
  const Outcome asked = ask_one(*host, {"cut", "-d ", "-f6", "/proc/self/stat"});
  const Outcome acted = host->act({.argv = {"cut", "-d ", "-f6", "/proc/self/stat"}});
  REQUIRE((asked.ok() && acted.ok()));
  CHECK(asked.out != own);
  CHECK(acted.out != own);
}

TEST_CASE("Names of the worker's own functions and of builtins are programs all the same") {
  Ground ground(GENERATE(false, true));
  const auto host = ground.open();
  CHECK(host->act({.argv = {"act", "1"}}).status == 127);
  CHECK(host->act({.argv = {"exit", "0"}}).status == 127);
  CHECK(ask_one(*host, {"unlock"}).status == 127);
  CHECK(host->act({.argv = {"echo", "a\\tb"}}) == exited(0, "a\\tb\n"));
}

TEST_CASE("Argument vectors arrive intact, whatever is in them") {
  Ground ground(GENERATE(false, true));
  const auto host = ground.open();
  const std::vector<std::string> awkward{"it's \"quoted\"",
                                         "",
                                         " two  spaces ",
                                         "$(reboot) `reboot` ${HOME} $$",
                                         "; exit 1 & | < > ( )",
                                         "line\nline\n\n",
                                         "'\n'",
                                         "\n",
                                         "$nl \"$nl\"",
                                         "back\\slash\\",
                                         "*?[a-z]~ ~root #! -n --",
                                         "Gr\xc3\xbc\xc3\x9f"
                                         "e \xff\xfe \x81\x82\x88",
                                         "\t\r\x01\x1b[31m\x7f"};
  CHECK(ask_one(*host, print_arguments(awkward)) == exited(0, joined_by_nul(awkward)));
  CHECK(host->act({.argv = print_arguments(awkward)}) == exited(0, joined_by_nul(awkward)));
  REQUIRE(rc::check("any bytes but NUL", [&] {
    auto words = *rc::gen::resize(
        12, rc::gen::container<std::vector<std::string>>(rc::gen::container<std::string>(
                rc::gen::oneOf(rc::gen::element(' ', '\'', '"', '\\', '\n', '$', ';', '*', '\x81', '\x88'),
                               rc::gen::distinctFrom(rc::gen::arbitrary<char>(), '\0')))));
    words.emplace_back("end");
    RC_ASSERT(ask_one(*host, print_arguments(words)).out == joined_by_nul(words));
  }));
}

TEST_CASE("Output of megabytes on both streams comes back whole") {
  Ground ground(GENERATE(false, true));
  const auto host = ground.open();
  const std::string script = "head -c 6000000 /dev/zero | tr '\\0' e >&2; head -c 3000000 /dev/zero";
  const Outcome asked = ask_one(*host, {"sh", "-c", script}, Milliseconds{30'000});
  const Outcome acted = act_sh(*host, script, Milliseconds{30'000});
  CHECK(asked.err == std::string(6'000'000, 'e'));
  CHECK(asked.out == std::string(3'000'000, '\0'));
  CHECK(acted.err == asked.err);
  CHECK(acted.out == asked.out);
}

TEST_CASE("A question that outlives its timeout is killed there, and the next one is answered") {
  Ground ground(GENERATE(false, true));
  const auto host = ground.open();
  const std::string mark = "97.531";
  const auto outcomes =
      host->ask({{.argv = {"sleep", mark}, .timeout = Milliseconds{300}},
                 {.argv = {"sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"}, .timeout = Milliseconds{200}},
                 {.argv = {"echo", "next"}}});
  CHECK(outcomes[0].end == End::timed_out);
  CHECK(outcomes[1].end == End::timed_out);
  CHECK(outcomes[2] == exited(0, "next\n"));
  CHECK(soon(Milliseconds{20'000}, [&] { return processes_with(mark).empty(); }));
  CHECK(describe(outcomes[0]) == "no answer within 300ms");
}

TEST_CASE("Questions that hang take no longer than one of them") {
  Ground ground(GENERATE(false, true));
  const auto host = ground.open();
  const Command hangs{.argv = {"sleep", "97"}, .timeout = Milliseconds{3000}};
  const auto begin = std::chrono::steady_clock::now();
  const auto outcomes = host->ask({hangs, hangs, hangs, hangs, hangs, {.argv = {"echo", "well"}}});
  CHECK(std::chrono::steady_clock::now() - begin < Milliseconds{12'000});
  for (std::size_t i = 0; i < 5; ++i) CHECK(outcomes[i].end == End::timed_out);
  CHECK(outcomes[5] == exited(0, "well\n"));
}

TEST_CASE("A changing command is not killed by its timeout and ends in its own time") {
  Ground ground(GENERATE(false, true));
  const auto host = ground.open();
  const Outcome outcome =
      act_sh(*host, until_there(ground.path("go")) + "; echo done >" + ground.path("result"), Milliseconds{200});
  CHECK(outcome.end == End::timed_out);
  CHECK_FALSE(std::filesystem::exists(ground.path("result")));
  ground.scratch().write("go", "");
  CHECK(soon(Milliseconds{20'000}, [&] { return read_file(ground.path("result")) == "done\n"; }));
  CHECK(ask_one(*host, {"echo", "still here"}) == exited(0, "still here\n"));
}

TEST_CASE("Questions and commands of several threads run at the same time and are not mixed up") {
  Ground ground(GENERATE(false, true));
  const auto host = ground.open();
  const auto begin = BootClock::now();
  std::vector<std::thread> threads;
  std::vector<std::string> wrong(4);
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) {
        const std::string text = std::to_string(t) + "-" + std::to_string(i);
        const std::string script =
            "head -c 70000 /dev/zero | tr '\\0' " + std::to_string(t) + "; echo " + text + " >&2";
        const Outcome outcome = i % 2 == 0 ? ask_one(*host, {"sh", "-c", script}) : act_sh(*host, script);
        if (outcome.out != std::string(70'000, static_cast<char>('0' + t)) || outcome.err != text + "\n")
          wrong[static_cast<std::size_t>(t)] += text + ": " + describe(outcome) + "; ";
        (void)host->answered_within(Milliseconds{5000});
        (void)host->lost();
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(wrong == std::vector<std::string>(4));

  std::atomic<bool> slow_has_ended = false;
  std::thread slow([&] {
    (void)ask_one(*host, {"sleep", "3"});
    slow_has_ended = true;
  });
  CHECK(ask_one(*host, {"echo", "quick"}) == exited(0, "quick\n"));
  CHECK_FALSE(slow_has_ended);
  slow.join();
  CHECK(BootClock::now() - begin < Milliseconds{60'000});
}

TEST_CASE("Output that looks like the worker's frames is output") {
  Ground ground(GENERATE(false, true));
  const auto host = ground.open();
  // the shape is right, the tokens are somebody else's
  const std::string token(32, 'a');
  const std::string forged =
      token + " cut\n" + token + " done 1 0\n" + token + " lock 2 taken\n" + token + " out 1 1\n";
  CHECK(ask_one(*host, {"printf", "%s", forged}) == exited(0, forged));
  CHECK(host->act({.argv = {"printf", "%s", forged}}) == exited(0, forged));
}

TEST_CASE("The tokens are seen neither in arguments nor in the environment of commands") {
  Ground ground(GENERATE(false, true));
  const auto host = ground.open();
  const Outcome environment = ask_one(*host, {"env"});
  REQUIRE(environment.ok());
  CHECK_THAT(environment.out, ContainsSubstring("PATH="));
  CHECK(environment.out.find("\nframe=") == std::string::npos);
  CHECK(environment.out.find("\nbeat=") == std::string::npos);
  // the directory of the worker has a name like a token, but it is not one of the two
  // of the worker and what it runs: other processes of this machine may have such words
  const Outcome arguments = ask_one(
      *host, {"sh", "-c",
              "p=$$; while [ \"$p\" -gt 1 ] && [ \"$p\" != " + std::to_string(::getpid()) +
                  " ]; do cat /proc/$p/cmdline; p=$(sed 's/.*) . //; s/ .*//' /proc/$p/stat); done | tr '\\0' '\\n' | "
                  "grep -Ex '[0-9a-f]{32}'"});
  CHECK(arguments.out.empty());
}

TEST_CASE("A command has none of the worker's descriptors") {
  Ground ground(GENERATE(false, true));
  const auto host = ground.open();
  REQUIRE_FALSE((*host->try_lock("me")).has_value());
  const std::string script = "ls -l /proc/self/fd | sed -n 's/.* -> //p' | grep -vE '^(/proc/|/dev/null)' | sort -u";
  for (const Outcome& outcome : {act_sh(*host, script), ask_one(*host, {"sh", "-c", script})}) {
    INFO(outcome.out);
    CHECK(outcome.out.find("/lock") == std::string::npos);
    CHECK(outcome.out.find("socket:") == std::string::npos);
    // one pipe: that of the script
    CHECK(outcome.out.find("pipe:") == outcome.out.rfind("pipe:"));
  }
}

TEST_CASE("Two hosts compete for a lock: one has it, the other is told who") {
  Ground ground(GENERATE(false, true));
  const auto first = ground.open();
  const auto second = ground.open();
  const auto taken = first->try_lock("dom0 pid 4711 start samba since 2026-11-22T18:19:02Z");
  REQUIRE(taken);
  REQUIRE_FALSE(taken->has_value());
  const auto busy = second->try_lock("mirror pid 1");
  REQUIRE(busy);
  REQUIRE(busy->has_value());
  CHECK((*busy)->text == "dom0 pid 4711 start samba since 2026-11-22T18:19:02Z");
  CHECK_FALSE((*first->try_lock("again")).has_value());
  first->unlock();
  CHECK_FALSE((*second->try_lock("mirror pid 1")).has_value());
  CHECK((*first->try_lock("dom0"))->text == "mirror pid 1");
  CHECK(read_file(ground.run_directory() + "/lock") == "mirror pid 1\n");
  using std::filesystem::perms;
  CHECK(std::filesystem::status(ground.run_directory()).permissions() == perms::owner_all);
  CHECK(std::filesystem::status(ground.run_directory() + "/lock").permissions() ==
        (perms::owner_read | perms::owner_write));
}

TEST_CASE("A run directory that exists with other permissions is closed to others before the lock is used") {
  Ground ground(GENERATE(false, true));
  std::filesystem::create_directory(ground.run_directory());
  std::filesystem::permissions(ground.run_directory(), static_cast<std::filesystem::perms>(0755));
  const auto host = ground.open();
  REQUIRE_FALSE((*host->try_lock("me")).has_value());
  CHECK(std::filesystem::status(ground.run_directory()).permissions() == std::filesystem::perms::owner_all);
}

TEST_CASE("A lock file that cannot be used is an error, not a free lock") {
  Ground ground(GENERATE(false, true));
  const auto host = ground.open();
  SECTION("a directory in its place") {
    std::filesystem::create_directory(ground.run_directory() + "/lock");
    const auto result = host->try_lock("me");
    REQUIRE_FALSE(result);
    CHECK(result.error().kind == ErrorKind::failed);
    CHECK_THAT(result.error().because, ContainsSubstring("/lock cannot be used"));
  }
  SECTION("a symbolic link in its place") {
    std::filesystem::create_symlink("/dev/null", ground.run_directory() + "/lock");
    const auto result = host->try_lock("me");
    REQUIRE_FALSE(result);
    CHECK_THAT(result.error().because, ContainsSubstring("symbolic link"));
  }
  CHECK(ask_one(*host, {"echo", "still here"}) == exited(0, "still here\n"));
}

TEST_CASE("A running command keeps the lock after unlock, until it has ended") {
  Ground ground(GENERATE(false, true));
  const auto host = ground.open();
  const auto other = ground.open();
  REQUIRE_FALSE((*host->try_lock("first run")).has_value());
  CHECK(act_sh(*host, until_there(ground.path("go")), Milliseconds{100}).end == End::timed_out);
  host->unlock();
  CHECK((*other->try_lock("other"))->text == "first run");
  ground.scratch().write("go", "");
  CHECK(soon(Milliseconds{20'000}, [&] { return !(*other->try_lock("other")).has_value(); }));
}

TEST_CASE("A daemon that a command leaves behind keeps neither the answer nor the lock") {
  Ground ground(GENERATE(false, true));
  const auto host = ground.open();
  const auto other = ground.open();
  REQUIRE_FALSE((*host->try_lock("me")).has_value());
  const auto begin = BootClock::now();
  const Outcome outcome = act_sh(*host, "sleep 30.321 & echo started");
  CHECK(outcome == exited(0, "started\n"));
  CHECK(BootClock::now() - begin < Milliseconds{15'000});
  // between fork and exec it does not have that name yet
  REQUIRE(soon(Milliseconds{10'000}, [] { return !processes_with("30.321").empty(); }));
  host->unlock();
  CHECK_FALSE((*other->try_lock("other")).has_value());
  const auto daemons = processes_with("30.321");
  REQUIRE(daemons.size() == 1);
  ::kill(daemons.front(), SIGKILL);
}

TEST_CASE("What a daemon writes after its command has ended is not taken for an answer") {
  Ground ground(GENERATE(false, true));
  const auto host = ground.open();
  const std::string script = "(while :; do echo stray; : >" + ground.path("begun") + "; sleep 0.01; [ -e " +
                             ground.path("stop") + " ] && exit; [ -d " + ground.path("") +
                             " ] || exit; done) & until [ -e " + ground.path("begun") + " ]; do sleep 0.01; done";
  const auto outcomes = host->ask({{.argv = {"sh", "-c", script}}, {.argv = {"sh", "-c", "sleep 0.2; echo clean"}}});
  CHECK_THAT(outcomes[0].out, ContainsSubstring("stray"));
  CHECK(outcomes[1] == exited(0, "clean\n"));
  ground.scratch().write("stop", "");
}

TEST_CASE("A held command is spoken to line by line in both directions") {
  Ground ground(GENERATE(false, true));
  const auto host = ground.open();
  auto stream = host->hold(
      {"sh", "-c", "echo 'it'\\''s \"'\"$1\"; echo err >&2; while read -r l; do echo \"got $l\"; done; echo bye", "sh",
       "a b;c"});
  REQUIRE(stream);
  CHECK((*stream)->read_line(Milliseconds{5000}) == "it's \"a b;c");
  for (const char* line : {"one", "two words", ""}) {
    REQUIRE((*stream)->write_line(line));
    CHECK((*stream)->read_line(Milliseconds{5000}) == std::string("got ") + line);
  }
  CHECK((*stream)->read_line(Milliseconds{50}) == std::nullopt);
  CHECK_FALSE((*stream)->at_end());
  (*stream)->close();
  CHECK((*stream)->read_line(Milliseconds{5000}) == "bye");
  CHECK((*stream)->read_line(Milliseconds{5000}) == std::nullopt);
  CHECK(soon(Milliseconds{20'000}, [&] { return (*stream)->at_end(); }));
  CHECK_FALSE((*stream)->write_line("late"));
}

TEST_CASE("A held command does not keep the lock, and ends with its stream") {
  Ground ground(GENERATE(false, true));
  const auto host = ground.open();
  const auto other = ground.open();
  REQUIRE_FALSE((*host->try_lock("me")).has_value());
  auto stream = host->hold({"sh", "-c", "echo here; cat; :", "held-" + ground.run_directory()});
  REQUIRE(stream);
  REQUIRE((*stream)->read_line(Milliseconds{5000}) == "here");
  host->unlock();
  CHECK_FALSE((*other->try_lock("other")).has_value());
  // between fork and exec cat has that name too
  CHECK(soon(Milliseconds{20'000}, [&] { return processes_with("held-" + ground.run_directory()).size() == 1; }));
  stream->reset();
  CHECK(soon(Milliseconds{20'000}, [&] { return processes_with("held-" + ground.run_directory()).empty(); }));
}

TEST_CASE("A stream that outlives its host is at its end") {
  Ground ground(GENERATE(false, true));
  auto host = ground.open();
  auto stream = host->hold({"cat"});
  REQUIRE(stream);
  host.reset();
  CHECK((*stream)->at_end());
  CHECK_FALSE((*stream)->write_line("anybody?"));
}

TEST_CASE("A host answers heartbeats, and nothing of the worker is left after it") {
  Ground ground(GENERATE(false, true));
  auto host = ground.open({.beat_every = Milliseconds{50}});
  CHECK(host->answered_within(Milliseconds{5000}));
  CHECK(soon(Milliseconds{20'000}, [&] { return host->answered_within(Milliseconds{500}); }));
  CHECK_FALSE(host->lost());
  CHECK(ground.worker_directories() == 1);
  host.reset(); // waits a moment only for the worker's end
  CHECK(soon(Milliseconds{20'000}, [&] { return ground.worker_directories() == 0; }));
}

TEST_CASE("The worker runs in every shell that may be sh") {
  const bool over_ssh = GENERATE(false, true);
  const std::vector<std::string> shell =
      GENERATE(std::vector<std::string>{"dash"}, std::vector<std::string>{"bash", "--posix"},
               std::vector<std::string>{"busybox", "sh"});
  INFO(shell.front());
  Ground ground(over_ssh);
  const auto host = ground.open({.shell = shell});
  const auto other = ground.open({.shell = shell});
  const std::vector<std::string> words{"a\nb", "it's", "\x81\xff", "$nl", ""};
  CHECK(ask_one(*host, print_arguments(words)) == exited(0, joined_by_nul(words)));
  CHECK(host->act({.argv = print_arguments(words)}) == exited(0, joined_by_nul(words)));
  REQUIRE_FALSE((*host->try_lock("me")).has_value());
  CHECK((*other->try_lock("other"))->text == "me");
  CHECK(act_sh(*host, until_there(ground.path("go")), Milliseconds{50}).end == End::timed_out);
  host->unlock();
  CHECK((*other->try_lock("other")).has_value()); // what still runs keeps it
  ground.scratch().write("go", "");
  CHECK(soon(Milliseconds{20'000}, [&] { return !(*other->try_lock("other")).has_value(); }));
  CHECK(ask_one(*host, {"sleep", "3"}, Milliseconds{100}).end == End::timed_out);
}

TEST_CASE("A run directory that cannot be made is said, and no host is opened") {
  Ground ground(GENERATE(false, true));
  ground.scratch().write("run", "a file");
  const auto host = ground.try_open();
  REQUIRE_FALSE(host);
  CHECK_THAT(host.error().because, ContainsSubstring(ground.run_directory()));
}
