#include "support/catch.hpp"
#include "wire.hpp"

#include <rapidcheck.h>

using namespace xen_drbd::host;

namespace {

const std::string frame(32, 'f');
const std::string beat(32, 'b');

std::string captured(int id, int index, const std::string& out, const std::string& err) {
  const std::string which = std::to_string(id) + " " + std::to_string(index) + "\n";
  return frame + " out " + which + out + frame + " cut\n" + frame + " err " + which + err + frame + " cut\n";
}

std::vector<Note> read_all(const std::string& bytes) { return Reader(frame, beat).read(bytes); }

} // namespace

TEST_CASE("What is said outside of notes and captured output means nothing") {
  const auto notes = read_all("Welcome to dom0!\nout 1 1\n" + beat + " hello 0\nmore noise");
  CHECK(notes == std::vector<Note>{{.verb = "hello", .id = 0, .rest = "", .captured = {}}});
}

TEST_CASE("An answer has one captured output for each of its codes, byte for byte") {
  const std::string binary("\0\n\xff no newline", 14);
  const auto notes = read_all(captured(7, 1, "out\n", "") + captured(7, 2, binary, "err") + beat + " done 7 0 11\n");
  REQUIRE(notes.size() == 1);
  CHECK(notes[0].rest == "0 11");
  CHECK(notes[0].captured == std::vector<Captured>{{.out = "out\n", .err = "", .whole = true},
                                                   {.out = binary, .err = "err", .whole = true}});
}

TEST_CASE("Captured output that was not cut is not whole") {
  const auto notes = read_all(frame + " out 7 1\nhalf" + beat + " done 7 0\n");
  REQUIRE(notes.size() == 1);
  CHECK_FALSE(notes[0].captured.at(0).whole);
}

TEST_CASE("What a daemon writes behind the cut is not read") {
  const auto notes = read_all(frame + " out 7 1\nmine" + frame + " cut\nstray" + frame + " err 7 1\n" + frame +
                              " cut\nstray" + beat + " done 7 0\n");
  CHECK(notes.at(0).captured.at(0) == Captured{.out = "mine", .err = "", .whole = true});
}

TEST_CASE("An output beyond the limit is not whole and is not kept") {
  Reader reader(frame, beat, 1000);
  const auto notes = reader.read(captured(1, 1, std::string(1001, 'x'), "") +
                                 captured(1, 2, std::string(1000, 'x'), "") + beat + " done 1 0 0\n");
  CHECK_FALSE(notes.at(0).captured.at(0).whole);
  CHECK(notes.at(0).captured.at(0).out.size() <= 1000);
  CHECK(notes.at(0).captured.at(1).whole);
}

TEST_CASE("A note about one answer in the midst of another answer ends only its own") {
  const auto notes = read_all(captured(1, 1, "first", "") + frame + " out 2 1\nsec" + beat + " done 1 0\n" + "ond" +
                              frame + " cut\n" + frame + " err 2 1\n" + frame + " cut\n" + beat + " done 2 3\n");
  REQUIRE(notes.size() == 2);
  CHECK(notes[0].captured.at(0).out == "first");
  CHECK(notes[1].captured.at(0) == Captured{.out = "second", .err = "", .whole = true});
}

TEST_CASE("Any output comes back whatever it is, however the stream is cut and wherever notes fall into it") {
  REQUIRE(rc::check("streams", [] {
    // bytes of the tokens themselves among them, so that beginnings of tokens are common
    const auto some_bytes = rc::gen::container<std::string>(rc::gen::element('f', 'b', '\n', ' ', '\0', 'c', '\xff'));
    const std::string out = *some_bytes;
    const std::string err = *some_bytes;
    RC_PRE(out.find(frame) == std::string::npos && out.find(beat) == std::string::npos);
    RC_PRE(err.find(frame) == std::string::npos && err.find(beat) == std::string::npos);
    // a run of the token's first byte right before a token would begin it earlier; random tokens have no such runs
    RC_PRE(!out.ends_with('f') && !err.ends_with('f'));
    std::string stream = captured(3, 1, out, err);
    const auto at = *rc::gen::inRange<std::size_t>(0, stream.size() + 1);
    RC_PRE(at == 0 || stream[at - 1] != 'b');
    stream.insert(at, beat + " beat 9\n");
    stream += beat + " done 3 0\n";

    Reader reader(frame, beat);
    std::vector<Note> notes;
    for (std::size_t from = 0; from < stream.size();) {
      const auto size = *rc::gen::inRange<std::size_t>(1, 40);
      for (Note& note : reader.read(std::string_view(stream).substr(from, size))) notes.push_back(std::move(note));
      from += size;
    }
    RC_ASSERT(notes.size() == 2U);
    RC_ASSERT(notes[0].verb == "beat");
    RC_ASSERT(notes[0].id == 9U);
    RC_ASSERT(notes[1].captured == (std::vector<Captured>{{.out = out, .err = err, .whole = true}}));
  }));
}

TEST_CASE("A garbled note is no note") {
  CHECK(read_all(beat + " done\n").empty());
  CHECK(read_all(beat + " done x 0\n").empty());
  CHECK(read_all(beat + " done -1 0\n").empty());
  CHECK(read_all(beat + "\n").empty());
  CHECK(read_all(frame + " out x y\n" + frame + "\n" + frame + " out 1\n" + beat + " beat 1\n").size() == 1);
}

TEST_CASE("A line to the worker is one line, whatever its words are") {
  CHECK(wire_line(std::vector<std::string>{"ask", "a\nb", ""}) == "ask a\"$nl\"b ''\n");
  REQUIRE(rc::check("one newline, at the end", [](const std::vector<std::string>& words) {
    const std::string line = wire_line(words);
    RC_ASSERT(line.find('\n') == line.size() - 1);
  }));
}

TEST_CASE("Tokens are 32 hexadecimal digits and never the same") {
  const std::string token = random_token();
  CHECK(token.size() == 32);
  CHECK(token.find_first_not_of("0123456789abcdef") == std::string::npos);
  CHECK(token != random_token());
}
