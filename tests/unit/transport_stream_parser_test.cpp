#include "stream_parser.hpp"
#include "support/catch.hpp"
#include "transport_stream.hpp"

#include <algorithm>
#include <functional>
#include <rapidcheck.h>

using namespace test_stream;
using xen_drbd::transport::StreamParser;
using State = StreamParser::State;
using Kind = StreamParser::Want::Kind;

namespace {

struct Outcome {
  StreamParser parser;
  std::string out;      // passed on
  std::size_t used = 0; // of the input
};

// Plays the part of the pump: pieces of at most chunk() bytes.
Outcome run(std::string_view input, const std::function<std::size_t()>& chunk) {
  Outcome outcome;
  while (outcome.used < input.size()) {
    const auto want = outcome.parser.want();
    if (want.kind == Kind::nothing) break;
    const auto piece =
        input.substr(outcome.used, static_cast<std::size_t>(std::min<std::uint64_t>(chunk(), want.bytes)));
    outcome.used += piece.size();
    if (want.kind == Kind::framing) {
      outcome.parser.feed(piece);
      outcome.out += outcome.parser.take();
    } else {
      outcome.out += piece;
      outcome.parser.passed(piece.size());
    }
  }
  return outcome;
}
Outcome run(std::string_view input) {
  return run(input, [] { return std::size_t(1) << 30U; });
}
std::string objection(const std::string& input) {
  const Outcome outcome = run(input);
  CHECK(outcome.parser.state() == State::unknown);
  return outcome.parser.objection();
}

} // namespace

TEST_CASE("a whole stream is passed on unchanged but for its last record, which is held") {
  const std::string whole = body() + end_record;
  Outcome outcome = run(whole + "what follows");
  CHECK(outcome.parser.state() == State::end_held);
  CHECK(outcome.out == body());
  CHECK(outcome.used == whole.size());
  CHECK(outcome.parser.page_bytes() == 5000 + 16);
  CHECK(outcome.parser.take_held() == end_record);
  CHECK(outcome.parser.take_held().empty());
}

TEST_CASE("nothing is passed on before all headers are known to be right") {
  const std::string headers = preamble();
  for (std::size_t length = 0; length <= headers.size(); ++length) {
    const Outcome outcome = run(std::string_view(headers).substr(0, length));
    CHECK(outcome.parser.nothing_sent() == (length < headers.size()));
    CHECK(outcome.out == (length < headers.size() ? "" : headers));
  }
}

TEST_CASE("a stream byte by byte gives the same as a stream in one") {
  const std::string whole = body(100) + end_record;
  const Outcome slow = run(whole, [] { return std::size_t(1); });
  CHECK(slow.out == body(100));
  CHECK(slow.parser.state() == State::end_held);
  CHECK(slow.parser.page_bytes() == 104 + 16);
}

TEST_CASE("any stream of known records in any chunks is passed on unchanged up to its last record") {
  REQUIRE(rc::check([] {
    const auto records = [](const std::vector<std::uint32_t>& types) {
      std::string bytes;
      const auto count = *rc::gen::inRange(0, 6);
      for (int i = 0; i < count; ++i)
        bytes += record(*rc::gen::elementOf(types), std::string(*rc::gen::inRange<std::size_t>(0, 70), 'b'));
      return bytes;
    };
    const std::string stream =
        preamble(std::string(*rc::gen::inRange<std::size_t>(0, 50), 'c')) +
        records({1, 2, 3, 4, 5, 6, 7, 8, 9, 0xa, 0xb, 0xc, 0xd, 0x10, 0x11, 0x12, 0x80000000, 0xffffffff}) +
        record(0, "") + records({2, 3, 0x80000004});
    const auto chunk = [] { return *rc::gen::inRange<std::size_t>(1, 40); };
    Outcome outcome = run(stream + end_record + "GO", chunk);
    RC_ASSERT(outcome.parser.state() == State::end_held);
    RC_ASSERT(outcome.out == stream);
    RC_ASSERT(outcome.used == stream.size() + end_record.size());
    RC_ASSERT(outcome.parser.page_bytes() == run(stream).parser.page_bytes());
  }));
}

TEST_CASE("a stream cut short anywhere never shows a last record and loses no byte that it let through") {
  const std::string whole = body(40) + end_record;
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const Outcome outcome = run(std::string_view(whole).substr(0, length));
    CHECK(outcome.parser.state() != State::end_held);
    CHECK(outcome.parser.state() != State::unknown);
    CHECK(whole.starts_with(outcome.out));
  }
}

TEST_CASE("a garbled stream is refused or framed as it says, and what is passed on is always what came") {
  REQUIRE(rc::check([] {
    std::string stream = body(64) + end_record;
    const auto flips = *rc::gen::inRange(1, 6);
    for (int i = 0; i < flips; ++i)
      stream[*rc::gen::inRange<std::size_t>(0, stream.size())] = *rc::gen::arbitrary<char>();
    Outcome outcome = run(stream, [] { return *rc::gen::inRange<std::size_t>(1, 64); });
    const std::string held = outcome.parser.take_held();
    RC_ASSERT(stream.starts_with(outcome.out));
    if (outcome.parser.state() == State::unknown || outcome.parser.state() == State::end_held)
      RC_ASSERT(outcome.out + held == stream.substr(0, outcome.used));
    if (outcome.parser.nothing_sent()) RC_ASSERT(outcome.out.empty());
  }));
}

TEST_CASE("a stream of another form is noticed while nothing was sent, and all of it can be given back") {
  using Catch::Matchers::ContainsSubstring;
  const std::string config(10, 'c');
  const std::string front = save_header(10) + config;
  const std::vector<std::pair<std::string, std::string>> cases{
      {"Xen saved domain, xl format\n \0 \n" + std::string(48, 'x'), "does not begin"},
      {std::string(48, '\0'), "does not begin"},
      {save_header(10, 3, 0x04030201), "byte order"},
      {save_header(10, 7), "mandatory flags are 0x7"},
      {save_header(10, 1), "mandatory flags are 0x1"},
      {save_header(0xfffffff0), "configuration has 4294967280 bytes"},
      {front + "LibxlFmu" + big(2) + big(0), "another mark"},
      {front + libxl_header(3), "version 3"},
      {front + libxl_header(2, 1), "options 0x1"},
      {front + libxl_header(2, 2), "options 0x2"},
      {front + libxl_header() + record(7, ""), "type 0x7"},
      {front + libxl_header() + end_record, "type 0x0"},
      {front + libxl_header() + little(1) + little(8), "LIBXC_CONTEXT"},
      {front + libxl_header() + record(1, "") + libxc_header(4), "version 4"},
      {front + libxl_header() + record(1, "") + libxc_header(1), "version 1"},
      {front + libxl_header() + record(1, "") + libxc_header(3, 1), "options 0x1"},
      {front + libxl_header() + record(1, "") + std::string(24, '\0'), "another mark"},
  };
  for (const auto& [input, why] : cases) {
    Outcome outcome = run(input);
    CHECK(outcome.parser.state() == State::unknown);
    CHECK_THAT(outcome.parser.objection(), ContainsSubstring(why));
    CHECK(outcome.parser.nothing_sent());
    CHECK(outcome.out.empty());
    CHECK(outcome.parser.take_held() == input.substr(0, outcome.used));
    CHECK(outcome.parser.want() == StreamParser::Want{Kind::nothing, 0});
  }
}

TEST_CASE("a stream of Xen before 4.14 (libxc version 2) is known") {
  const std::string stream = save_header(0, 2) + libxl_header() + record(1, "") + libxc_header(2) + record(0, "");
  const Outcome outcome = run(stream + end_record);
  CHECK(outcome.parser.state() == State::end_held);
  CHECK(outcome.out == stream);
}

TEST_CASE("an unknown mandatory record or a length that cannot be ends the stream before that record is passed on") {
  using Catch::Matchers::ContainsSubstring;
  const std::string inside = preamble() + record(1, "12345678");
  const std::string after = inside + record(0, "");
  CHECK_THAT(objection(inside + record(0x13, "")), ContainsSubstring("unknown type 0x13"));
  CHECK_THAT(objection(inside + record(0xe, "")), ContainsSubstring("unknown type 0xe"));
  CHECK_THAT(objection(inside + record(0xf, "")), ContainsSubstring("unknown type 0xf"));
  CHECK_THAT(objection(inside + little(1) + little((128U << 20U) + 1)), ContainsSubstring("134217729 bytes"));
  CHECK_THAT(objection(inside + little(0x80000001) + little(0xffffffff)), ContainsSubstring("4294967295 bytes"));
  CHECK_THAT(objection(inside + little(0) + little(8)), ContainsSubstring("END record has 8"));
  CHECK_THAT(objection(after + record(4, "")), ContainsSubstring("unknown type 0x4"));
  CHECK_THAT(objection(after + record(6, "")), ContainsSubstring("unknown type 0x6"));
  CHECK_THAT(objection(after + record(1, "")), ContainsSubstring("LIBXC_CONTEXT"));
  CHECK_THAT(objection(after + little(3) + little(0x7fffffff)), ContainsSubstring("2147483647 bytes"));
  CHECK_THAT(objection(after + little(0) + little(1)), ContainsSubstring("END record has 1"));
  CHECK(run(after + record(4, "")).out == after);
  CHECK(run(inside + record(0x13, "")).out == inside);
}

TEST_CASE("the largest page record that libxc takes is streamed, not kept") {
  StreamParser parser;
  for (const std::string& piece : {preamble(), little(1) + little(128U << 20U)})
    for (std::size_t at = 0; at < piece.size();) {
      const auto most = std::min<std::size_t>(static_cast<std::size_t>(parser.want().bytes), piece.size() - at);
      parser.feed(std::string_view(piece).substr(at, most));
      at += most;
    }
  CHECK(parser.want() == StreamParser::Want{Kind::payload, 128U << 20U});
  parser.passed(128U << 20U);
  CHECK(parser.page_bytes() == 128U << 20U);
  CHECK(parser.want() == StreamParser::Want{Kind::framing, 8});
}
