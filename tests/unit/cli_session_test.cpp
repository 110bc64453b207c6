#include "xen_drbd/engine/record.hpp"

#include "advice.hpp"
#include "audit.hpp"
#include "changing.hpp"
#include "commands.hpp"
#include "dead_peer.hpp"
#include "interrupt.hpp"
#include "leaving.hpp"
#include "support/catch.hpp"
#include "support/cli_session.hpp"
#include "support/scripted_host.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <stdexcept>
#include <stdlib.h>
#include <sys/stat.h>

using namespace xen_drbd;
using namespace xen_drbd::cli;
using namespace xen_drbd::planner_world;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;
using cli::test::session_of;
using xen_drbd::test::exited;

namespace {

/// A topology file of its own folder.
class File {
public:
  explicit File(const std::string& text) {
    std::string name = (std::filesystem::temp_directory_path() / "cli-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    folder_ = name;
    std::ofstream(path()) << text;
    REQUIRE(chmod(path().c_str(), 0644) == 0);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    std::filesystem::remove_all(folder_);
    advise_with(""); // a session that was opened on it
  }
  [[nodiscard]] std::string path() const { return folder_ / "lan.yaml"; }
  [[nodiscard]] Options options(std::vector<std::string> domains = {}) const {
    Options options;
    options.command = "start";
    options.topology = path();
    options.domains = std::move(domains);
    return options;
  }

private:
  std::filesystem::path folder_;
};

constexpr const char* pair = "node1: dom0\n"
                             "node2: mirror\n"
                             "i_am: dom0\n"
                             "domains: [dns, samba, web]\n"
                             "domain_home: {dns: dom0, samba: mirror, web: dom0}\n";

/// The run is on dom0, and mirror takes whatever it is asked.
std::shared_ptr<xen_drbd::test::ScriptedHost> peer_of(Session& session) {
  session.cluster.topology = &session.topology;
  session.cluster.this_node = dom0;
  const auto peer = std::make_shared<xen_drbd::test::ScriptedHost>("mirror");
  session.cluster.hosts[index(mirror)] = peer;
  return peer;
}

struct Expected {
  Goal goal;
  bool named;
  Words domains;
};

} // namespace

TEST_CASE("each command that changes something stands for its wish") {
  const std::map<std::string, Expected> expected{
      {"start", {Goal::start_here, true, {"samba"}}},
      {"start-all", {Goal::start_here, false, {"dns", "samba", "web"}}},
      {"start-my-domains", {Goal::start_here, false, {"dns", "web"}}},
      {"migrate-out", {Goal::migrate_out, true, {"samba"}}},
      {"migrate-in", {Goal::migrate_in, true, {"samba"}}},
      {"migrate-all-out", {Goal::migrate_out, false, {"dns", "samba", "web"}}},
      {"migrate-all-in", {Goal::migrate_in, false, {"dns", "samba", "web"}}},
      {"migrate-my-domains-home", {Goal::migrate_in, false, {"dns", "web"}}},
      {"migrate-and-start-my-domains", {Goal::home_and_start_my, false, {"dns", "web"}}},
      {"migrate-and-start-all", {Goal::home_and_start_all, false, {"dns", "samba", "web"}}},
      {"stop", {Goal::stop_here, true, {"samba"}}},
      {"stop-all", {Goal::stop_here, false, {"dns", "samba", "web"}}},
      {"stop-my-domains", {Goal::stop_here, false, {"dns", "web"}}},
      {"evacuate", {Goal::evacuate, false, {"dns", "samba", "web"}}},
      {"recover", {Goal::recover, false, {"dns", "samba", "web"}}},
  };
  World world;
  for (const Subcommand& command : subcommands()) {
    if (command.run != run_wish && command.run != run_evacuate) continue;
    const std::string name(command.name);
    INFO(name);
    REQUIRE(expected.contains(name));
    const Expected& want = expected.at(name);
    const model::Wish wish = wish_of(session_of(world, name, want.named ? want.domains : Words{}));
    CHECK(wish.goal == want.goal);
    CHECK(wish.named == want.named);
    CHECK(names(wish.domains) == want.domains);
    CHECK_FALSE(wish.peer_is_dead);
  }
  const model::Wish named = wish_of(session_of(world, "recover", {"web"}));
  CHECK(named.named);
  CHECK(names(named.domains) == Words{"web"});
}

TEST_CASE("on the second node the domains at home there are mine") {
  World world;
  world.state.this_node = mirror;
  CHECK(names(wish_of(session_of(world, "start-my-domains")).domains) == Words{"samba"});
}

TEST_CASE("domains that were typed come in the order of the topology, each once") {
  World world;
  CHECK(names(wish_of(session_of(world, "start", {"web", "dns", "web", "dns"})).domains) == Words{"dns", "web"});
}

TEST_CASE("what was typed reaches the wish") {
  World world;
  Session session = session_of(world, "stop-all");
  session.options.destroy = true;
  session.options.yes = true;
  session.options.plain_ssh = true;
  session.options.peer_is_dead = true;
  session.options.deadline = Milliseconds(5000);
  const model::Wish wish = wish_of(session);
  CHECK(wish.destroy);
  CHECK(wish.yes);
  CHECK(wish.plain_ssh);
  CHECK(wish.shutdown_limit == Milliseconds(5000));
  CHECK_FALSE(wish.peer_is_dead); // a claim, until it was looked at
}

TEST_CASE("a deadline counts from the begin of the run and keeps the longest shutdown in reserve, half at most") {
  World world;
  Session session = session_of(world, "evacuate");
  CHECK_FALSE(time_left(session));
  CHECK_FALSE(time_before_shutdowns(session));
  const auto near = [](std::optional<Milliseconds> time, Milliseconds expected) {
    return time && *time <= expected && *time > expected - Milliseconds(1000);
  };
  for (model::Domain& domain : session.topology.domains) domain.shutdown_timeout = Milliseconds(60'000);
  session.topology.domains.front().shutdown_timeout = Milliseconds(120'000);
  session.options.deadline = Milliseconds(600'000);
  session.begun -= std::chrono::seconds(100);
  CHECK(near(time_left(session), Milliseconds(500'000)));
  CHECK(near(time_before_shutdowns(session), Milliseconds(380'000)));
  session.options.deadline = Milliseconds(210'000);
  CHECK(near(time_before_shutdowns(session), Milliseconds(5000)));
  session.options.deadline = Milliseconds(90'000);
  CHECK(time_left(session) == Milliseconds(1000));
  CHECK(time_before_shutdowns(session) == Milliseconds(0));
}

TEST_CASE("a look asks xl to parse the configurations where a domain is to come up, or its disks to be demoted") {
  World world;
  const auto parses_on = [&](const std::string& command) {
    const Session session = session_of(world, command);
    return look_for(session, wish_of(session)).parse_on;
  };
  using Nodes = std::vector<model::NodeId>;
  CHECK(parses_on("start-all") == Nodes{dom0});
  CHECK(parses_on("migrate-all-in") == Nodes{dom0});
  CHECK(parses_on("migrate-and-start-my-domains") == Nodes{dom0});
  CHECK(parses_on("migrate-all-out") == Nodes{mirror});
  CHECK(parses_on("migrate-and-start-all") == Nodes{dom0, mirror});
  CHECK(parses_on("recover") == Nodes{dom0, mirror});
  // whose the disks are that a stop demotes
  CHECK(parses_on("evacuate") == Nodes{dom0, mirror});
  CHECK(parses_on("stop-all") == Nodes{dom0});
}

TEST_CASE("another run is told which node, process, command and since when") {
  World world;
  const std::string text = holder_text(session_of(world, "start", {"samba", "dns"}));
  CHECK_THAT(text, ContainsSubstring("dom0 pid " + std::to_string(getpid()) + " start samba dns since 20"));
  CHECK(text.ends_with("Z"));
}

TEST_CASE("a session has the topology, this node and the domains that were typed") {
  const File file(pair);
  const auto session = open_session(file.options({"samba"}));
  REQUIRE(session);
  CHECK(session->here() == "dom0");
  CHECK(session->peer() == "mirror");
  CHECK(session->topology.name == "lan");
  CHECK(names(typed_domains(*session)) == Words{"samba"});
}

TEST_CASE("the option --i-am outranks the file, and names one of the two nodes") {
  const File file(pair);
  Options options = file.options();
  options.i_am = "mirror";
  REQUIRE(open_session(options));
  CHECK(open_session(options)->here() == "mirror");
  options.i_am = "mirrow";
  const auto session = open_session(options);
  REQUIRE_FALSE(session);
  CHECK(session.error().kind == ErrorKind::usage);
  CHECK_THAT(session.error().hint, ContainsSubstring("mirror"));
}

TEST_CASE("a domain that the topology does not name is wrong usage, with the nearest name") {
  const File file(pair);
  auto session = open_session(file.options({"dns", "sambo"}));
  REQUIRE_FALSE(session);
  CHECK(session.error().kind == ErrorKind::usage);
  CHECK_THAT(session.error().what, ContainsSubstring("'sambo'"));
  CHECK(session.error().hint == "did you mean samba?");
  session = open_session(file.options({"Domain-0"}));
  REQUIRE_FALSE(session);
  CHECK(session.error().hint == "it names dns, samba and web");
  const File empty("node1: dom0\nnode2: mirror\ni_am: dom0\ndomains: []\n");
  const auto nothing = open_session(empty.options({"dns"}));
  REQUIRE_FALSE(nothing);
  CHECK(nothing.error().hint == "it names no domain at all");
  session = open_session(file.options({"\x1b[2J"}));
  REQUIRE_FALSE(session);
  CHECK(session.error().what.find('\x1b') == std::string::npos);
}

TEST_CASE("all errors of a topology come in one error, each with its line") {
  const File file("node1: dom0\nnode2: dom0\nbridgse: []\ndomains: [dns]\ndomain_home: {dns: nowhere}\n");
  const auto session = open_session(file.options());
  REQUIRE_FALSE(session);
  CHECK(session.error().kind == ErrorKind::topology);
  for (const char* part : {"lan.yaml:2:", "lan.yaml:3:", "lan.yaml:5:", "bridges"})
    CHECK_THAT(session.error().because, ContainsSubstring(part));
}

TEST_CASE("a topology that others may write is refused") {
  const File file(pair);
  REQUIRE(chmod(file.path().c_str(), 0664) == 0);
  const auto session = open_session(file.options());
  REQUIRE_FALSE(session);
  CHECK(session.error().kind == ErrorKind::topology);
  CHECK_THAT(session.error().hint, ContainsSubstring("chmod go-w"));
}

TEST_CASE("the leaving mark is made with its directory, and taken away as often as one likes") {
  const File file(pair);
  auto session = open_session(file.options());
  REQUIRE(session);
  session->cluster.run_directory = std::filesystem::path(file.path()).parent_path() / "run";
  CHECK(set_leaving(*session, false));
  CHECK(set_leaving(*session, true));
  CHECK(set_leaving(*session, true));
  CHECK(std::filesystem::exists(leaving_mark(*session)));
  CHECK((std::filesystem::status(session->cluster.run_directory).permissions() & std::filesystem::perms::others_all) ==
        std::filesystem::perms::none);
  CHECK(set_leaving(*session, false));
  CHECK_FALSE(std::filesystem::exists(leaving_mark(*session)));
  CHECK(set_leaving(*session, false));
}

TEST_CASE("an evacuation that did nothing takes its own mark back, and no other's") {
  const File file(pair);
  auto session = open_session(file.options());
  REQUIRE(session);
  session->cluster.run_directory = std::filesystem::path(file.path()).parent_path() / "run-taken-back";
  REQUIRE(set_leaving(*session, true));
  SECTION("its own") {
    CHECK(take_leaving_back(*session));
    CHECK_FALSE(std::filesystem::exists(leaving_mark(*session)));
    CHECK(take_leaving_back(*session));
  }
  SECTION("one that was set since") {
    Session later = *session;
    REQUIRE(set_leaving(later, true));
    CHECK(take_leaving_back(*session));
    CHECK(leaving_by(*session) == later.left_by_this_run);
  }
  SECTION("where the node was leaving before, for the mark of then") {
    session->leaving_at_begin = leaving_by(*session);
    REQUIRE(set_leaving(*session, true));
    CHECK_FALSE(leaving_by(*session) == session->leaving_at_begin);
    CHECK(take_leaving_back(*session));
    CHECK(leaving_by(*session) == session->leaving_at_begin);
  }
  SECTION("where the node was leaving before, and nobody has the mark of then any more") {
    session->leaving_at_begin = "an older one";
    CHECK(take_leaving_back(*session));
    CHECK(leaving_by(*session) == session->left_by_this_run);
  }
  CHECK(set_leaving(*session, false));
}

TEST_CASE("what the boot script tries again does not take the leaving mark away, everything else does") {
  const File file(pair);
  auto session = open_session(file.options());
  REQUIRE(session);
  session->cluster.run_directory = std::filesystem::path(file.path()).parent_path() / "run-of-retry";
  setenv("XEN_DRBD_UNLESS_LEAVING", "1", 1);
  CHECK(end_leaving(*session));
  CHECK(set_leaving(*session, true));
  session->leaving_at_begin = leaving_by(*session);
  const auto refused = end_leaving(*session);
  unsetenv("XEN_DRBD_UNLESS_LEAVING");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ErrorKind::refused);
  CHECK(std::filesystem::exists(leaving_mark(*session)));
  CHECK(end_leaving(*session));
  CHECK_FALSE(std::filesystem::exists(leaving_mark(*session)));
}

TEST_CASE("what the boot script tries again ends the very leaving that its start has met, and no newer one") {
  const File file(pair);
  auto session = open_session(file.options());
  REQUIRE(session);
  session->cluster.run_directory = std::filesystem::path(file.path()).parent_path() / "run-of-restart";
  CHECK(set_leaving(*session, true));
  setenv("XEN_DRBD_UNLESS_LEAVING", leaving_by(*session)->c_str(), 1);
  SECTION("a newer one, which was there when the retry began") {
    CHECK(set_leaving(*session, true));
    session->leaving_at_begin = leaving_by(*session);
    CHECK_FALSE(leaves_as_before(*session));
    CHECK_FALSE(end_leaving(*session));
    CHECK(leaving_by(*session) == session->leaving_at_begin);
  }
  SECTION("the one of the start") {
    session->leaving_at_begin = leaving_by(*session);
    CHECK(leaves_as_before(*session));
    CHECK(end_leaving(*session));
    CHECK_FALSE(leaving_by(*session));
  }
  unsetenv("XEN_DRBD_UNLESS_LEAVING");
  CHECK(set_leaving(*session, false));
}

TEST_CASE("an evacuation of this node that the look shows is newer than the run, unless the run began with it") {
  const File file(pair);
  auto session = open_session(file.options());
  REQUIRE(session);
  session->cluster.run_directory = std::filesystem::path(file.path()).parent_path() / "run-of-arrival";
  CHECK_FALSE(leaves_as_before(*session));
  CHECK(set_leaving(*session, true));
  CHECK_FALSE(leaves_as_before(*session));
  session->leaving_at_begin = leaving_by(*session);
  CHECK(leaves_as_before(*session));
  CHECK(set_leaving(*session, true));
  CHECK_FALSE(leaves_as_before(*session));
  CHECK(set_leaving(*session, false));
  CHECK_FALSE(leaves_as_before(*session));
}

TEST_CASE("a run that does not end the leaving of this node hands on how to tell a newer one") {
  World world;
  Session session = session_of(world, "recover", {"samba"});
  CHECK_FALSE(execution(session, world.state).left_before);
  bool newer = false;
  session.left_before = [&] { return !newer; };
  const engine::Execution how = execution(session, world.state);
  CHECK(how.left_before());
  newer = true;
  CHECK_FALSE(how.left_before());
}

TEST_CASE("a run begins with the leaving mark of its node, or ends it") {
  const File file(pair);
  auto session = open_session(file.options());
  REQUIRE(session);
  session->cluster.run_directory = std::filesystem::path(file.path()).parent_path() / "run-of-recover";
  CHECK_FALSE(leaving_by(*session));
  CHECK(set_leaving(*session, true));
  CHECK(leaving_by(*session));
  session->leaving_at_begin = leaving_by(*session);
  CHECK(end_leaving(*session));
  CHECK_FALSE(leaving_by(*session));
}

TEST_CASE("a run does not end an evacuation that was typed after it, also where the node was leaving already") {
  const File file(pair);
  auto session = open_session(file.options());
  REQUIRE(session);
  session->cluster.run_directory = std::filesystem::path(file.path()).parent_path() / "run-of-late";
  const bool left_before = GENERATE(false, true);
  if (left_before) {
    CHECK(set_leaving(*session, true));
    session->leaving_at_begin = leaving_by(*session);
  }
  CHECK(set_leaving(*session, true));
  const auto refused = end_leaving(*session);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ErrorKind::refused);
  CHECK_THAT(refused.error().because, ContainsSubstring("typed after this command"));
  CHECK(leaving_by(*session));
  CHECK(set_leaving(*session, false));
}

TEST_CASE("a leaving mark that cannot be made is an error that names it") {
  const File file(pair);
  auto session = open_session(file.options());
  REQUIRE(session);
  session->cluster.run_directory = file.path();
  for (const bool leaving : {true, false}) {
    const auto result = set_leaving(*session, leaving);
    REQUIRE_FALSE(result);
    CHECK(result.error().kind == ErrorKind::failed);
    CHECK_THAT(result.error().because, ContainsSubstring(file.path() + "/leaving: Not a directory"));
  }
}

TEST_CASE("an audit line is left on the peer too, with every override that was used") {
  World world;
  Session session = session_of(world, "recover");
  session.options.yes = session.options.destroy = session.options.peer_is_dead = session.options.plain_ssh = true;
  session.options.i_am = "dom0";
  const auto peer = peer_of(session);
  engine::Report report{{cli::test::ended("dns", engine::ResultKind::already, dom0),
                         cli::test::ended("samba", engine::ResultKind::failed, dom0)}};
  ::setenv("SUDO_USER", "eve\x1b[2J\n", 1);
  audit(session, report, 6);
  ::unsetenv("SUDO_USER");
  REQUIRE(peer->asked.size() == 1);
  const std::vector<std::string>& argv = peer->asked.front().argv;
  REQUIRE(argv.size() == 5);
  CHECK(std::vector(argv.begin(), argv.end() - 1) == std::vector<std::string>{"logger", "-t", "xen-drbd", "--"});
  const std::string& line = argv.back();
  CHECK_THAT(line, StartsWith("recover by eve\\x1b[2J"));
  CHECK_THAT(line, ContainsSubstring("on dom0: exit 6, samba failed"));
  for (const char* used : {"--peer-is-dead", "--yes", "--destroy", "--plain-ssh", "--i-am"})
    CHECK_THAT(line, ContainsSubstring(used));
  CHECK_THAT(line, !ContainsSubstring("dns"));
  CHECK(line.find_first_of("\x1b\n") == std::string::npos);
}

TEST_CASE("an audit line says which domains were named, also where nothing came of it") {
  World world;
  Session session = session_of(world, "start");
  session.options.domains = {"samba", "dns"};
  const auto peer = peer_of(session);
  audit(session, {}, 75);
  audit(session, {{cli::test::ended("samba", engine::ResultKind::already, dom0)}}, 0);
  REQUIRE(peer->asked.size() == 2);
  for (const auto& [asked, code] : {std::pair(0, "75"), std::pair(1, "0")}) {
    const std::string line = peer->asked[static_cast<std::size_t>(asked)].argv.back();
    CHECK_THAT(line, StartsWith("start samba dns by uid ") && EndsWith(std::string(" on dom0: exit ") + code));
  }
}

TEST_CASE("a run that ends in a bug leaves its audit line, and the bug is not swallowed") {
  World world;
  Session session = session_of(world, "start");
  const auto peer = peer_of(session);
  CHECK(audited(session, [] { return 4; }) == 4);
  CHECK(peer->asked.empty());
  CHECK_THROWS_WITH(audited(session, []() -> int { throw std::logic_error("no such step"); }), "no such step");
  REQUIRE(peer->asked.size() == 1);
  CHECK_THAT(peer->asked.front().argv.back(), ContainsSubstring("on dom0: exit 70"));
}

TEST_CASE("of two records of one domain neither is believed, and one says in which boots the nodes were") {
  World world;
  const Session session = session_of(world, "recover");
  const DomainName samba = domain_name("samba");
  engine::Record record{.run = "7", .source = "dom0", .source_identity = "here", .target_identity = "there"};
  world.node(dom0).records = {{samba, engine::to_text(record)}};
  const planner::Inputs one = planner_inputs(session, world.state);
  REQUIRE(one.records.contains(samba));
  CHECK(one.records.at(samba).source == dom0);
  CHECK(one.records.at(samba).source_identity == "here");
  CHECK(one.records.at(samba).target_identity == "there");
  record.source = "mirror";
  world.node(mirror).records = {{samba, engine::to_text(record)}};
  CHECK_FALSE(planner_inputs(session, world.state).records.contains(samba));
}

TEST_CASE("only exit status 2 together with the line Status: OFF proves that the peer is off") {
  CHECK(proves_off(exited(2, "Status: OFF\n")));
  CHECK(proves_off(exited(2, "fence_ipmilan: asking\n  Status: OFF  \n")));
  CHECK_FALSE(proves_off(exited(0, "Status: OFF\n")));
  CHECK_FALSE(proves_off(exited(1, "Status: OFF\n")));
  CHECK_FALSE(proves_off(exited(2, "Status: ON\n")));
  CHECK_FALSE(proves_off(exited(2, "")));
  CHECK_FALSE(proves_off(exited(2, "", "Status: OFF\n")));
  CHECK_FALSE(proves_off(exited(2, "no Status: OFF here\n")));
  CHECK_FALSE(
      proves_off({.end = host::End::timed_out, .status = 2, .out = "Status: OFF\n", .err = {}, .lost_because = {}}));
  CHECK_FALSE(
      proves_off({.end = host::End::signalled, .status = 2, .out = "Status: OFF\n", .err = {}, .lost_because = {}}));
}

TEST_CASE("a signal is 130 for SIGINT and 143 for the others") {
  CHECK(exit_code_of_signal(SIGINT) == 130);
  CHECK(exit_code_of_signal(SIGTERM) == 143);
  CHECK(exit_code_of_signal(SIGHUP) == 143);
}
