#include "scope.hpp"
#include "support/catch.hpp"
#include "support/run_here.hpp"

using namespace xen_drbd;
using namespace xen_drbd::host;

namespace {

/// What came of `xl create "a b"` in its own scope, on a machine whose /run is `run` in the workshop.
std::string came_of(const test::Workshop& shop) {
  const Command command{.argv = in_own_scope({"xl", "create", "a b"})};
  const Outcome outcome = shop.run(shop.moved(command, "/run/systemd/system", "/run/systemd/system"));
  CHECK(outcome.ok());
  return outcome.out;
}

} // namespace

TEST_CASE("where systemd runs, a command that leaves a daemon behind gets a scope of its own") {
  test::Workshop shop;
  shop.program("xl", "printf '%s|' \"$@\"\n");
  shop.program("systemd-run", "echo \"$1 $2 $3\"; shift 4; exec \"$@\"\n");
  CHECK(came_of(shop) == "create|a b|");
  shop.file("run/systemd/system/made", "");
  CHECK(came_of(shop) == "--quiet --scope --slice=system.slice\ncreate|a b|");
}
