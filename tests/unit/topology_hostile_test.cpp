#include "xen_drbd/topology/load.hpp"

#include "support/catch.hpp"
#include "support/data_file.hpp"

#include <algorithm>
#include <chrono>
#include <rapidcheck.h>

using namespace xen_drbd;
using namespace xen_drbd::topology;

namespace {

std::string repeated(const std::string& piece, std::size_t bytes) {
  std::string text;
  while (text.size() + piece.size() <= bytes) text += piece;
  return text;
}

/// Parses and says whether the answer is a proper one: a topology, or at least one problem with a place.
bool answers(const std::string& text) {
  const auto parsed = parse_topology(text, {"x", "x.yaml"});
  if (parsed) return true;
  const auto good = [](const Problem& p) { return p.line >= 1 && p.column >= 1 && !p.text.empty(); };
  return !parsed.error().empty() && std::all_of(parsed.error().begin(), parsed.error().end(), good);
}

} // namespace

TEST_CASE("a file of ten megabytes is refused at once") {
  const auto start = std::chrono::steady_clock::now();
  const auto parsed = parse_topology(repeated("a: b\n", 10'000'000), {"x", "x.yaml"});
  REQUIRE_FALSE(parsed.has_value());
  REQUIRE(parsed.error().size() == 1);
  CHECK(parsed.error()[0].text == "found 10000000 bytes, expected at most 1048576");
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(10));
}

TEST_CASE("nesting bombs, flows without end and long keys are refused, in seconds") {
  const std::string prefix = "node1: dom0\nnode2: mirror\ndomains: []\njobs: ";
  const std::string piece =
      GENERATE(as<std::string>{}, "[", "{", "- ", "? ", "{a: ", "[a, ", "a: ", "!", "&a ", "*a ", "'", "\"", "|\n ",
               ">\n", ",", "--- \n", "...\n", "%", "\\", "a", "\n- - ", "<<: ", "[[]],");
  CAPTURE(piece);
  const auto start = std::chrono::steady_clock::now();
  CHECK_FALSE(parse_topology(prefix + repeated(piece, 200'000), {"x", "x.yaml"}).has_value());
  CHECK_FALSE(parse_topology(repeated(piece, 200'000), {"x", "x.yaml"}).has_value());
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(20));
}

TEST_CASE("tens of thousands of mistakes are reported in seconds") {
  std::string text = "node1: dom0\nnode2: mirror\ndomains:\n";
  for (int i = 0; i < 20'000; ++i)
    text += "- {name: d" + std::to_string(i) + ", after: [e" + std::to_string(i) + "]}\n";
  text += "domain_home:\n";
  for (int i = 0; i < 20'000; ++i) text += " f" + std::to_string(i) + ": dom0\n";
  const auto start = std::chrono::steady_clock::now();
  const auto parsed = parse_topology(text, {"x", "x.yaml"});
  REQUIRE_FALSE(parsed.has_value());
  CHECK(parsed.error().size() == 60'000);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(20));
}

TEST_CASE("a name that is suggested is as fit for a terminal as one that is found") {
  const auto parsed = parse_topology("node1: dom0\nnode2: mirror\ndomains: [\"dns\\tX\"]\ndomain_home: {dnsX: dom0}\n",
                                     {"x", "x.yaml"});
  REQUIRE_FALSE(parsed.has_value());
  std::string all;
  for (const Problem& problem : parsed.error()) all += problem.text;
  CHECK(all.find("did you mean `dns\\x09X`?") != all.npos);
  CHECK(all.find('\t') == all.npos);
}

TEST_CASE("any bytes get a proper answer") {
  REQUIRE(rc::check("bytes", [](const std::string& text) { RC_ASSERT(answers(text)); }));
}

TEST_CASE("a topology with any bytes changed, lost or added gets a proper answer") {
  const std::string whole = test::source_file("topologies/example.yaml");
  REQUIRE(rc::check("mutated", [&] {
    std::string text = whole;
    const auto edits = *rc::gen::inRange(1, 6);
    for (int i = 0; i < edits; ++i) {
      const auto at = *rc::gen::inRange<std::size_t>(0, text.size());
      const auto count = *rc::gen::inRange<std::size_t>(0, 40);
      const auto piece =
          *rc::gen::oneOf(rc::gen::arbitrary<std::string>(),
                          rc::gen::element<std::string>(":", "- ", "[", "]", "{", "}", "\n", " ", "'", "\"", "&a", "*a",
                                                        "!!t", "<<: ", "---\n", "#", "? ", "|", "~"));
      text.replace(at, std::min(count, text.size() - at), piece);
      if (text.empty()) break;
    }
    RC_ASSERT(answers(text));
  }));
}

TEST_CASE("a topology that is cut short anywhere gets a proper answer") {
  const std::string whole = test::source_file("topologies/example.yaml");
  for (std::size_t length = 0; length < whole.size(); length += 7) {
    CAPTURE(length);
    CHECK(answers(whole.substr(0, length)));
  }
}
