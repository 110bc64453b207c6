#include "xen_drbd/transport/protocol.hpp"
#include "xen_drbd/transport/run.hpp"

#include "support/catch.hpp"

#include <rapidcheck.h>

using namespace xen_drbd;
using namespace xen_drbd::transport;

namespace {

std::vector<TransportMessage> every_transport_message() {
  return {
      Hello{"0.1.0", "samba", 4711, "10.77.0.2", {"xl", "-t", "migrate-receive"}},
      Progress{Phase::copying, 1ULL << 40U, 12},
      Held{},
      Ready{},
      Go{},
      TargetResult{6},
      UnknownStream{"the libxl stream has version 3"},
      Ended{EndCause::ssh_ended, Phase::copying, "ssh ended with exit status 255", 255, {}, {}, {"a", "b \"c\""}, 5, 4},
      Ended{EndCause::finished, Phase::gone, "", {}, 15, 0, {}, 0, 0}};
}

std::vector<ToolMessage> every_tool_message() {
  return {Settings{"0.1.0", {"ssh", "-T", "exec sh -c 'a\nb'"}, Milliseconds(20), true}, Beat{}, Release{}, Pass{},
          End{"interrupted"}};
}

} // namespace

TEST_CASE("every message of a transport is read back as it was written") {
  for (const auto& message : every_transport_message()) {
    const std::string line = to_line(message);
    INFO(line);
    CHECK(line.find('\n') == std::string::npos);
    const auto read = parse_transport_message(line);
    REQUIRE(read);
    CHECK(*read == message);
  }
}

TEST_CASE("every message of a tool is read back as it was written") {
  for (const auto& message : every_tool_message()) {
    const std::string line = to_line(message);
    INFO(line);
    CHECK(line.find('\n') == std::string::npos);
    const auto read = parse_tool_message(line);
    REQUIRE(read);
    CHECK(*read == message);
  }
}

TEST_CASE("bytes of ssh that are no UTF-8 do not keep the last message from being written and read") {
  Ended ended;
  ended.ssh_said = {"caf\xe9", std::string("\0x", 2)};
  const auto read = parse_transport_message(to_line(TransportMessage(ended)));
  REQUIRE(read);
  CHECK(std::get<Ended>(*read).ssh_said.at(0) == "caf\xef\xbf\xbd");
  CHECK(std::get<Ended>(*read).ssh_said.at(1) == std::string("\0x", 2));
}

TEST_CASE("a message that lacks a field, or has one of another type, is refused and the field is named") {
  const auto because = [](std::string_view line) {
    const auto read = parse_transport_message(line);
    REQUIRE_FALSE(read);
    return read.error().because;
  };
  using Catch::Matchers::ContainsSubstring;
  CHECK_THAT(because(R"({"message":"result"})"), ContainsSubstring("'status'"));
  CHECK_THAT(because(R"({"message":"result","status":"0"})"), ContainsSubstring("'status'"));
  CHECK_THAT(because(R"({"message":"result","status":99999999999})"), ContainsSubstring("'status'"));
  CHECK_THAT(because(R"({"message":"progress","phase":"elsewhere","stream_bytes":1,"page_bytes":1})"),
             ContainsSubstring("'phase'"));
  CHECK_THAT(because(R"({"message":"progress","phase":"held","stream_bytes":-1,"page_bytes":1})"),
             ContainsSubstring("'stream_bytes'"));
  CHECK_THAT(because(R"({"message":"settled"})"), ContainsSubstring("settled"));
  CHECK_THAT(because("[]"), ContainsSubstring("no JSON object"));
  CHECK_THAT(because(""), ContainsSubstring("no JSON object"));
  CHECK_FALSE(parse_tool_message(
      R"({"message":"settings","version":"1","argv":["a",1],"silence_ms":1,"allow_passthrough":true})"));
  CHECK_FALSE(parse_tool_message(R"({"message":"hello"})"));
}

TEST_CASE("a line cut short at any byte is refused") {
  for (const auto& message : every_transport_message()) {
    const std::string line = to_line(message);
    for (std::size_t length = 0; length < line.size(); ++length)
      CHECK_FALSE(parse_transport_message(std::string_view(line).substr(0, length)));
  }
}

TEST_CASE("a garbled line is read as some message or refused, never more") {
  REQUIRE(rc::check([] {
    auto messages = every_transport_message();
    std::string line = to_line(*rc::gen::elementOf(messages));
    line[*rc::gen::inRange<std::size_t>(0, line.size())] = *rc::gen::arbitrary<char>();
    const auto read = parse_transport_message(line);
    if (read)
      RC_ASSERT(parse_transport_message(to_line(*read)));
    else
      RC_ASSERT(!read.error().because.empty());
  }));
}

TEST_CASE("what a relay says is told apart whatever the lines of its transports are") {
  CHECK(parse_relay_event("listening") == RelayEvent(RelayListening{}));
  CHECK(parse_relay_event("closed 12") == RelayEvent(RelayClosed{12}));
  CHECK(parse_relay_event("failed no such directory") == RelayEvent(RelayFailed{"no such directory"}));
  CHECK(parse_relay_event("3 closed 4") == RelayEvent(RelayLine{3, "closed 4"}));
  CHECK(parse_relay_event("3 ") == RelayEvent(RelayLine{3, ""}));
  for (const char* odd : {"", "3", "x 3", "closed x", "closed ", "-1 {}", "closed 3 4", "99999999999999999999 {}"})
    CHECK_FALSE(parse_relay_event(odd));
}

TEST_CASE("a message for a connection carries the connection's number in front") {
  CHECK(to_relay_line(7, Beat{}) == R"(7 {"message":"beat"})");
}

TEST_CASE("a run's socket lies in the run directory, and odd ids are refused") {
  CHECK(socket_path("/run/xen-drbd", "a1-B_2") == std::string("/run/xen-drbd/a1-B_2.sock"));
  for (const char* odd : {"", "../x", "a/b", "a b", "a.b"}) CHECK_FALSE(socket_path("/run/xen-drbd", odd));
  CHECK_FALSE(socket_path("/run/xen-drbd", std::string(65, 'a')));
  CHECK_FALSE(socket_path("/" + std::string(120, 'd'), "a"));
}
