#include "transport_rig.hpp"

#include <sys/stat.h>

using namespace test_rig;

namespace {

class RelayRig {
public:
  RelayRig() {
    ::signal(SIGPIPE, SIG_IGN);
    auto in = open_pipe(), out = open_pipe();
    REQUIRE((in && out));
    pid_ = ::fork();
    if (pid_ == 0) {
      in->write_end.close(), out->read_end.close();
      ::_exit(run_relay({"run1", dir.path(), in->read_end.number(), out->write_end.number()}));
    }
    to = std::move(in->write_end);
    from_ = std::move(out->read_end);
  }
  ~RelayRig() {
    if (!reaped_) kill();
  }
  RelayRig(const RelayRig&) = delete;
  RelayRig& operator=(const RelayRig&) = delete;

  void say(std::string line) {
    line += '\n';
    while (!line.empty() && write_some(to.number(), line) != Flow::closed) {}
  }
  RelayEvent hear() {
    const auto until = Clock::now() + patience;
    while (received_.find('\n') == std::string::npos && Clock::now() < until) {
      pollfd fd{from_.number(), POLLIN, 0};
      if (::poll(&fd, 1, 100) == 1 && read_some(from_.number(), received_, 4096) == Flow::closed) break;
    }
    const auto end = received_.find('\n');
    REQUIRE(end != std::string::npos);
    const auto event = parse_relay_event(received_.substr(0, end));
    received_.erase(0, end + 1);
    REQUIRE(event);
    return *event;
  }
  LineSocket connect() const {
    auto socket = LineSocket::connect(path());
    REQUIRE(socket);
    return std::move(*socket);
  }
  void signal(int number) const { ::kill(pid_, number); }
  void kill() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    reaped_ = true;
  }
  int exit_status() {
    int status = 0;
    REQUIRE(::waitpid(pid_, &status, 0) == pid_);
    reaped_ = true;
    REQUIRE(WIFEXITED(status));
    return WEXITSTATUS(status);
  }
  [[nodiscard]] std::string path() const { return dir / "run1.sock"; }
  void stop_reading() { from_.close(); }

  Directory dir;
  Fd to;

private:
  pid_t pid_ = -1;
  bool reaped_ = false;
  Fd from_;
  std::string received_;
};

std::string line_of(LineSocket& socket) {
  const auto until = Clock::now() + patience;
  while (Clock::now() < until) {
    if (auto line = socket.next_line()) return *line;
    REQUIRE_FALSE(socket.closed());
    pollfd fd{socket.number(), POLLIN, 0};
    ::poll(&fd, 1, 100);
    socket.receive();
  }
  return {};
}

} // namespace

TEST_CASE("a relay numbers its connections and carries lines both ways") {
  RelayRig rig;
  CHECK(rig.hear() == RelayEvent(RelayListening{}));
  auto first = rig.connect();
  first.send("one");
  CHECK(rig.hear() == RelayEvent(RelayLine{1, "one"}));
  auto second = rig.connect();
  second.send("two");
  CHECK(rig.hear() == RelayEvent(RelayLine{2, "two"}));
  rig.say("2 {\"for\":\"the second\"}");
  rig.say("1 for the first");
  CHECK(line_of(second) == "{\"for\":\"the second\"}");
  CHECK(line_of(first) == "for the first");
}

TEST_CASE("a relay tells of a connection's end after all its lines, and lines for it then go nowhere") {
  RelayRig rig;
  CHECK(rig.hear() == RelayEvent(RelayListening{}));
  auto first = rig.connect();
  auto second = rig.connect();
  first.send("last words");
  first.close();
  CHECK(rig.hear() == RelayEvent(RelayLine{1, "last words"}));
  CHECK(rig.hear() == RelayEvent(RelayClosed{1}));
  rig.say("1 too late");
  rig.say("nonsense");
  rig.say("2 still here");
  CHECK(line_of(second) == "still here");
}

TEST_CASE("a relay's socket is root's alone and goes with the relay, however that ends") {
  RelayRig rig;
  CHECK(rig.hear() == RelayEvent(RelayListening{}));
  struct stat what {};
  REQUIRE(::stat(rig.path().c_str(), &what) == 0);
  CHECK((what.st_mode & 07777U) == 0600U);
  auto transport = rig.connect();
  transport.send("here");
  CHECK(rig.hear() == RelayEvent(RelayLine{1, "here"}));
  SECTION("its stdin ends") { rig.to.close(); }
  SECTION("a signal") { rig.signal(SIGHUP); }
  SECTION("nobody reads it") { rig.stop_reading(); }
  CHECK(rig.exit_status() == 0);
  CHECK_FALSE(std::filesystem::exists(rig.path()));
  transport.receive();
  CHECK(transport.closed());
}

TEST_CASE("a relay that cannot listen says why") {
  RelayRig rig;
  CHECK(rig.hear() == RelayEvent(RelayListening{}));
  auto out = open_pipe();
  CHECK(run_relay({"run1", rig.dir.path(), -1, out->write_end.number()}) == 1);
  CHECK(run_relay({"../run1", rig.dir.path(), -1, out->write_end.number()}) == 1);
  std::string said;
  CHECK(read_some(out->read_end.number(), said, 4096) == Flow::moved);
  const auto newline = said.find('\n');
  const auto first = parse_relay_event(said.substr(0, newline));
  REQUIRE(first);
  REQUIRE(std::holds_alternative<RelayFailed>(*first));
  CHECK_THAT(std::get<RelayFailed>(*first).why, Catch::Matchers::ContainsSubstring("Address already in use"));
  CHECK(said.find("failed ", newline) != std::string::npos);
  CHECK(std::filesystem::exists(rig.path()));
}

TEST_CASE("a relay listens where one was killed before it, whose socket is still there") {
  RelayRig rig;
  CHECK(rig.hear() == RelayEvent(RelayListening{}));
  rig.kill();
  REQUIRE(std::filesystem::exists(rig.path()));
  auto in = open_pipe(), out = open_pipe();
  in->write_end.close();
  CHECK(run_relay({"run1", rig.dir.path(), in->read_end.number(), out->write_end.number()}) == 0);
  std::string said;
  CHECK(read_some(out->read_end.number(), said, 4096) == Flow::moved);
  CHECK(parse_relay_event(said.substr(0, said.find('\n'))) == std::optional(RelayEvent(RelayListening{})));
  CHECK_FALSE(std::filesystem::exists(rig.path()));
}

TEST_CASE("a relay loses and mixes no line of many connections at once") {
  RelayRig rig;
  CHECK(rig.hear() == RelayEvent(RelayListening{}));
  constexpr std::uint64_t connections = 10, lines = 200;
  std::vector<LineSocket> sockets;
  for (std::uint64_t i = 0; i < connections; ++i) sockets.push_back(rig.connect());
  for (std::uint64_t line = 0; line < lines; ++line)
    for (auto& socket : sockets) socket.send(std::string(300, 'x') + std::to_string(line));
  std::vector<std::uint64_t> next(connections + 1, 0);
  for (std::uint64_t i = 0; i < connections * lines; ++i) {
    for (auto& socket : sockets) socket.flush();
    const auto event = rig.hear();
    const auto* line = std::get_if<RelayLine>(&event);
    REQUIRE(line);
    REQUIRE(line->line == std::string(300, 'x') + std::to_string(next.at(line->connection)++));
  }
}
