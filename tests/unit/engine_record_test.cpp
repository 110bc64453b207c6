#include "xen_drbd/engine/record.hpp"

#include "support/catch.hpp"

using namespace xen_drbd;
using namespace xen_drbd::engine;

namespace {

Record sample() {
  return {.run = "a1b2",
          .source = "dom0",
          .source_identity = "1111",
          .target_identity = "2222",
          .before_go = true,
          .target_writes = {{Minor{1}, 0}, {Minor{2}, 4096}},
          .target_received = {{Minor{1}, 812}, {Minor{2}, 0}},
          .source_written = {{Minor{1}, 5000}, {Minor{2}, 1}}};
}

} // namespace

TEST_CASE("a record reads back as it was written") {
  CHECK(parse_record(to_text(sample())).value() == sample());
  Record later = sample();
  later.before_go = false;
  CHECK(parse_record(to_text(later)).value() == later);
}

TEST_CASE("a record that was cut short by a power loss is seen as one, wherever it was cut") {
  const std::string whole = to_text(sample());
  for (std::size_t length = 0; length + 1 < whole.size(); ++length) {
    CAPTURE(length);
    CHECK_FALSE(parse_record(whole.substr(0, length)).has_value());
  }
}

TEST_CASE("a record of before the figures of received and of the source is one, and has none of them") {
  const auto old = parse_record("run 1\nsource dom0\nsource-identity 1\ntarget-identity 2\nphase before-go\n"
                                "target-writes 1 4096\nend\n");
  REQUIRE(old.has_value());
  CHECK(old->target_writes == std::map<Minor, std::uint64_t>{{Minor{1}, 4096}});
  CHECK(old->target_received.empty());
  CHECK(old->source_written.empty());
}

TEST_CASE("a record with an unknown line or phase is not believed") {
  CHECK_FALSE(parse_record("run 1\nsource dom0\ntarget-identity 2\nphase after-lunch\nend\n").has_value());
  CHECK_FALSE(parse_record(to_text(sample()) + "run again\n").has_value());
  CHECK_FALSE(parse_record(
                  "run 1\nsource dom0\nsource-identity 1\ntarget-identity 2\ntarget-writes x y\nphase before-go\nend\n")
                  .has_value());
  CHECK_FALSE(parse_record("run 1\nsource dom0\nsource-identity 1\ntarget-identity 2\nsource-written 1 -\n"
                           "phase before-go\nend\n")
                  .has_value());
}
