#include "relay.hpp"
#include "support/catch.hpp"
#include "support/engine_world.hpp"
#include "support/scripted_host.hpp"

using namespace xen_drbd;
using namespace xen_drbd::engine_world;
using Catch::Matchers::ContainsSubstring;
using engine::Inbox;
using engine::Relay;

namespace {

/// What a relay says is put in by the test, what it is told is kept.
struct Wire {
  std::mutex mutex;
  std::condition_variable news;
  std::deque<std::string> lines;
  std::vector<std::string> told;
  bool ended = false;
  bool deaf = false;

  void says(const std::string& line) {
    const std::scoped_lock guard(mutex);
    lines.push_back(line);
    news.notify_all();
  }
  void says(std::uint64_t connection, const transport::TransportMessage& message) {
    says(std::to_string(connection) + " " + transport::to_line(message));
  }
  void ends() {
    const std::scoped_lock guard(mutex);
    ended = true;
    news.notify_all();
  }
  /// Waits until it was told that many lines.
  std::vector<std::string> told_at_least(std::size_t number) {
    Lock guard(mutex);
    news.wait_for(guard, std::chrono::seconds(10), [&] { return told.size() >= number; });
    return told;
  }
};

class WireStream final : public host::Stream {
public:
  explicit WireStream(Wire& wire) : wire_(wire) {}
  Result<> write_line(std::string_view line) override {
    const std::scoped_lock guard(wire_.mutex);
    if (wire_.deaf)
      return Error{.kind = ErrorKind::failed, .what = "a line was not sent", .because = "the pipe is broken"};
    wire_.told.emplace_back(line);
    wire_.news.notify_all();
    return {};
  }
  std::optional<std::string> read_line(Milliseconds timeout) override {
    Lock guard(wire_.mutex);
    wire_.news.wait_for(guard, timeout, [&] { return !wire_.lines.empty() || wire_.ended; });
    if (wire_.lines.empty()) return std::nullopt;
    std::string line = std::move(wire_.lines.front());
    wire_.lines.pop_front();
    return line;
  }
  [[nodiscard]] bool at_end() const override {
    const std::scoped_lock guard(wire_.mutex);
    return wire_.ended && wire_.lines.empty();
  }
  void close() override { wire_.ends(); }

private:
  Wire& wire_;
};

class WireHost final : public test::ScriptedHost {
public:
  explicit WireHost(Wire& wire) : wire_(wire) {}
  Result<std::unique_ptr<host::Stream>> hold(const std::vector<std::string>& argv) override {
    held = argv;
    return std::unique_ptr<host::Stream>(std::make_unique<WireStream>(wire_));
  }
  std::vector<std::string> held;

private:
  Wire& wire_;
};

struct Bench {
  std::shared_ptr<World> world = World::make();
  Wire wire;
  std::shared_ptr<WireHost> host = std::make_shared<WireHost>(wire);
  engine::Cluster cluster = world->connect();
  Bench() { cluster.hosts[0] = host; }
  Result<std::shared_ptr<Relay>> open() { return Relay::open(cluster, dom0, "run1", engine::system_clock()); }
};

transport::Hello hello(const std::string& domain) {
  return {std::string(transport::protocol_version()), domain, 7, "x", {"xl"}};
}

/// The next message, or that there is none for good.
std::optional<transport::TransportMessage> hear(Inbox& inbox) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!inbox.silent() && std::chrono::steady_clock::now() < end)
    if (auto message = inbox.next(Milliseconds(1000), engine::system_clock())) return message;
  return std::nullopt;
}

} // namespace

TEST_CASE("A relay is started with the run's name, and a conversation begins with its domain's hello") {
  Bench bench;
  bench.wire.says("listening");
  const auto relay = bench.open();
  REQUIRE(relay);
  CHECK(bench.host->held == std::vector<std::string>{"xen-drbd", "relay", "run1", "/run/xen-drbd"});
  const auto samba = std::make_shared<Inbox>();
  const auto dns = std::make_shared<Inbox>();
  (*relay)->expect(domain_name("samba"), samba);
  (*relay)->expect(domain_name("dns"), dns);
  CHECK_FALSE((*relay)->say(domain_name("samba"), transport::Release{})); // it has not come yet
  bench.wire.says(2, hello("dns"));
  bench.wire.says(1, hello("samba"));
  bench.wire.says(1, transport::Held{});
  bench.wire.says(2, transport::Ready{});
  CHECK(std::holds_alternative<transport::Hello>(*hear(*samba)));
  CHECK(std::holds_alternative<transport::Held>(*hear(*samba)));
  CHECK(std::holds_alternative<transport::Hello>(*hear(*dns)));
  CHECK(std::holds_alternative<transport::Ready>(*hear(*dns)));
  CHECK((*relay)->say(domain_name("samba"), transport::Release{}));
  CHECK(bench.wire.told_at_least(1)[0] == transport::to_relay_line(1, transport::Release{}));
}

TEST_CASE("A transport that nobody waits for, or a second one of the same domain, is told to end") {
  Bench bench;
  bench.wire.says("listening");
  const auto relay = bench.open();
  REQUIRE(relay);
  const auto samba = std::make_shared<Inbox>();
  (*relay)->expect(domain_name("samba"), samba);
  bench.wire.says(1, hello("samba"));
  bench.wire.says(2, hello("samba"));
  bench.wire.says(3, hello("web"));
  const auto told = bench.wire.told_at_least(2);
  CHECK_THAT(told.at(0), ContainsSubstring("2 ") && ContainsSubstring("\"end\""));
  CHECK_THAT(told.at(1), ContainsSubstring("3 ") && ContainsSubstring("\"end\""));
  CHECK((*relay)->say(domain_name("samba"), transport::Release{}));
}

TEST_CASE("A domain that is forgotten is silent for good, and its transport is told to end when it comes") {
  Bench bench;
  bench.wire.says("listening");
  const auto relay = bench.open();
  REQUIRE(relay);
  const auto samba = std::make_shared<Inbox>();
  (*relay)->expect(domain_name("samba"), samba);
  (*relay)->forget(domain_name("samba"));
  CHECK(samba->silent());
  bench.wire.says(1, hello("samba"));
  CHECK_THAT(bench.wire.told_at_least(1).at(0), ContainsSubstring("\"end\""));
  CHECK_FALSE((*relay)->say(domain_name("samba"), transport::Release{}));
}

TEST_CASE("Lines that no relay and no transport says are passed over") {
  Bench bench;
  bench.wire.says("listening");
  const auto relay = bench.open();
  REQUIRE(relay);
  const auto samba = std::make_shared<Inbox>();
  (*relay)->expect(domain_name("samba"), samba);
  bench.wire.says("what is this");
  bench.wire.says("1 {\"message\":\"nothing known\"}");
  bench.wire.says(1, transport::Held{}); // before any hello
  bench.wire.says("closed 9");
  bench.wire.says(1, hello("samba"));
  CHECK(std::holds_alternative<transport::Hello>(*hear(*samba)));
}

TEST_CASE("A transport that is gone, a relay that ends and one that hears nothing each end the conversation") {
  Bench bench;
  bench.wire.says("listening");
  const auto relay = bench.open();
  REQUIRE(relay);
  const auto samba = std::make_shared<Inbox>();
  (*relay)->expect(domain_name("samba"), samba);
  bench.wire.says(1, hello("samba"));
  CHECK(hear(*samba));
  SECTION("the transport") { bench.wire.says("closed 1"); }
  SECTION("the relay") {
    bench.wire.ends();
    CHECK_FALSE(hear(*samba));
    CHECK((*relay)->ended());
    const auto late = std::make_shared<Inbox>();
    (*relay)->expect(domain_name("dns"), late);
    CHECK(late->silent());
  }
  SECTION("a broken pipe, at the next beat") {
    const std::scoped_lock guard(bench.wire.mutex);
    bench.wire.deaf = true;
  }
  CHECK_FALSE(hear(*samba));
  CHECK(samba->silent());
}

TEST_CASE("A relay that does not say that it listens is refused with what it said") {
  const auto [line, because] =
      GENERATE(table<std::string, std::string>({{"failed /run/xen-drbd/run1.sock: File exists", "File exists"},
                                                {"sh: 1: xen-drbd: not found", "xen-drbd: not found"},
                                                {"closed 1", "closed 1"}}));
  Bench bench;
  bench.wire.says(line);
  const auto relay = bench.open();
  REQUIRE_FALSE(relay);
  CHECK(relay.error().kind == ErrorKind::refused);
  CHECK_THAT(relay.error().because, ContainsSubstring(because));
}

TEST_CASE("A relay that ends without a word is refused, and so is one on a node that was never reached") {
  Bench bench;
  bench.wire.ends();
  CHECK(bench.open().error().kind == ErrorKind::refused);
  bench.cluster.hosts[0] = nullptr;
  CHECK(bench.open().error().kind == ErrorKind::refused);
}

TEST_CASE("An inbox gives messages in their order, then the news of an end, and is silent once all was taken") {
  Inbox inbox;
  inbox.put(transport::Held{});
  inbox.put(transport::Ready{});
  inbox.transport_gone();
  CHECK_FALSE(inbox.silent());
  CHECK(std::holds_alternative<transport::Held>(*inbox.next(Milliseconds(0), engine::system_clock())));
  CHECK(std::holds_alternative<transport::Ready>(*inbox.next(Milliseconds(0), engine::system_clock())));
  CHECK(inbox.silent());
  CHECK_FALSE(inbox.xl());
  inbox.xl_returned(exited(1));
  REQUIRE(inbox.xl());
  CHECK(inbox.xl()->status == 1);
}
