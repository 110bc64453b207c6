// The reader of the migration stream, in chunks of any size: every byte is passed on unchanged, in order, once; the
// last record is held, and never seen early.
#include "fuzz.hpp"
#include "stream_parser.hpp"
#include "unit/transport_stream.hpp"

#include <algorithm>

using xen_drbd::transport::StreamParser;
using State = StreamParser::State;
using Kind = StreamParser::Want::Kind;

namespace {

struct Passed {
  StreamParser parser;
  std::string out;
  std::size_t used = 0;
};

/// Plays the part of the pump. Chunk sizes come from `sizes`, over and over; 0 is as much as is wanted.
Passed pass(std::string_view input, std::string_view sizes) {
  Passed passed;
  for (std::size_t turn = 0; passed.used < input.size(); ++turn) {
    const auto want = passed.parser.want();
    if (want.kind == Kind::nothing) break;
    fuzz::must(want.bytes > 0, "what is wanted is something");
    std::uint64_t most = want.bytes;
    const auto size = sizes.empty() ? 0U : static_cast<unsigned char>(sizes[turn % sizes.size()]);
    if (size != 0) most = std::min<std::uint64_t>(most, size);
    const auto piece = input.substr(passed.used, static_cast<std::size_t>(most));
    passed.used += piece.size();
    if (want.kind == Kind::framing) {
      passed.parser.feed(piece);
      passed.out += passed.parser.take();
    } else {
      passed.out += piece;
      passed.parser.passed(piece.size());
    }
  }
  return passed;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text(data, size);
  if (text.empty()) return 0;
  // the first byte: whether a right preamble stands before the rest, and how many bytes are sizes of chunks
  const std::size_t count = std::min<std::size_t>(static_cast<unsigned char>(text[0]) / 2 % 8, size - 1);
  const std::string_view sizes = text.substr(1, count);
  const std::string stream = ((text[0] & 1) != 0 ? test_stream::preamble() : "") + std::string(text.substr(1 + count));

  Passed chunked = pass(stream, sizes);
  Passed whole = pass(stream, {});
  fuzz::must(chunked.parser.state() == whole.parser.state(), "the size of the chunks does not matter");
  fuzz::must(chunked.out == whole.out, "the size of the chunks does not matter for what is passed on");
  fuzz::must(chunked.parser.page_bytes() == whole.parser.page_bytes(), "progress does not depend on chunks");
  fuzz::must(stream.compare(0, chunked.out.size(), chunked.out) == 0, "what is passed on is what came");
  if (chunked.parser.nothing_sent()) fuzz::must(chunked.out.empty(), "nothing was sent");
  const State state = chunked.parser.state();
  const std::string held = chunked.parser.take_held();
  if (state == State::end_held) fuzz::must(held == test_stream::end_record, "what is held is the last record");
  if (state == State::end_held || state == State::unknown)
    fuzz::must(chunked.out + held == stream.substr(0, chunked.used), "no byte is lost");
  return 0;
}
