#include "xen_drbd/engine/lock.hpp"

#include "support/catch.hpp"
#include "support/engine_lab.hpp"

using namespace xen_drbd;
using namespace xen_drbd::engine_world;
using Catch::Matchers::ContainsSubstring;
using engine::ClusterLock;

namespace {

const std::string holder = "dom0 pid 4711 start samba since 2026-11-22T18:19:02Z";
const std::string present = "mirror pid 99 evacuate since 2026-11-22T18:00:00Z";

struct Waiting {
  std::vector<std::string> told;
  std::function<bool()> stop = [] { return false; };
  Result<ClusterLock> acquire(Lab& lab, ClusterLock::Scope scope, Milliseconds wait = Milliseconds(30'000)) {
    return ClusterLock::acquire(
        lab.cluster, scope, holder, wait, *lab.world->clock, [this](const std::string& text) { told.push_back(text); },
        [this] { return stop(); });
  }
};

} // namespace

TEST_CASE("The cluster lock is taken on node1 first, whichever node this is, and let go in the end") {
  Lab lab;
  lab.cluster.this_node = GENERATE(dom0, mirror);
  Waiting waiting;
  {
    const auto lock = waiting.acquire(lab, ClusterLock::Scope::both_nodes);
    REQUIRE(lock);
    CHECK(lab.world->log == std::vector<std::string>{"dom0: lock", "mirror: lock"});
    CHECK(lab.world->holders == std::vector<std::string>{holder, holder});
  }
  CHECK_FALSE(lab.world->node(dom0).holds_lock);
  CHECK_FALSE(lab.world->node(mirror).holds_lock);
  CHECK(waiting.told.empty());
}

TEST_CASE("With the scope of this node the peer's half is left alone") {
  Lab lab;
  lab.cluster.this_node = mirror;
  Waiting waiting;
  const auto lock = waiting.acquire(lab, ClusterLock::Scope::this_node);
  REQUIRE(lock);
  CHECK(lab.world->log == std::vector<std::string>{"mirror: lock"});
}

TEST_CASE("A lock that stays taken is busy after the wait, naming node and holder, and the first half is let go") {
  Lab lab;
  lab.world->node(mirror).locked_by = present;
  Waiting waiting;
  const Moment begin = lab.now();
  const auto lock = waiting.acquire(lab, ClusterLock::Scope::both_nodes);
  REQUIRE_FALSE(lock);
  CHECK(lock.error().kind == ErrorKind::busy);
  CHECK_THAT(lock.error().because, ContainsSubstring("mirror") && ContainsSubstring(present));
  CHECK(lab.seconds_since(begin) >= 30);
  CHECK(lab.seconds_since(begin) < 31);
  CHECK(waiting.told == std::vector<std::string>{"mirror: " + present});
  CHECK_FALSE(lab.world->node(dom0).holds_lock);
}

TEST_CASE("A lock that is let go while it is waited for is had") {
  Lab lab;
  lab.world->node(dom0).locked_by = present;
  lab.world->time->after(Milliseconds(7000), [&] { lab.world->node(dom0).locked_by.clear(); });
  Waiting waiting;
  const Moment begin = lab.now();
  CHECK(waiting.acquire(lab, ClusterLock::Scope::both_nodes));
  CHECK(lab.seconds_since(begin) < 8);
  CHECK(waiting.told.size() == 1);
}

TEST_CASE("An interruption ends the waiting for the lock") {
  Lab lab;
  lab.world->node(mirror).locked_by = present;
  Waiting waiting;
  int looks = 0;
  waiting.stop = [&] { return ++looks > 3; };
  const auto lock = waiting.acquire(lab, ClusterLock::Scope::both_nodes);
  REQUIRE_FALSE(lock);
  CHECK(lock.error().kind == ErrorKind::interrupted);
  CHECK_FALSE(lab.world->node(dom0).holds_lock);
}

TEST_CASE("A node that is lost while the lock is taken is unreachable, and what may have been taken is let go") {
  Lab lab;
  lab.world->lose(mirror);
  Waiting waiting;
  const auto lock = waiting.acquire(lab, ClusterLock::Scope::both_nodes);
  REQUIRE_FALSE(lock);
  CHECK(lock.error().kind == ErrorKind::unreachable);
  CHECK(lab.world->count("dom0: unlock") == 1);
  CHECK(lab.world->count("mirror: unlock") == 1);
}

TEST_CASE("A lock that cannot be used is a failure with its reason") {
  Lab lab;
  lab.world->node(dom0).lock_broken = true;
  Waiting waiting;
  const auto lock = waiting.acquire(lab, ClusterLock::Scope::both_nodes);
  REQUIRE_FALSE(lock);
  CHECK(lock.error().kind == ErrorKind::failed);
  CHECK_THAT(lock.error().because, ContainsSubstring("flock does not work"));
  CHECK(lab.world->count("mirror: lock") == 0);
}

TEST_CASE("A peer that was never reached is the error of the lock on both nodes") {
  Lab lab;
  lab.cluster.hosts[1] = nullptr;
  lab.cluster.peer_error =
      Error{.kind = ErrorKind::unreachable, .what = "mirror was not reached", .because = "No route to host"};
  Waiting waiting;
  const auto lock = waiting.acquire(lab, ClusterLock::Scope::both_nodes);
  REQUIRE_FALSE(lock);
  CHECK(lock.error() == *lab.cluster.peer_error);
  CHECK(waiting.acquire(lab, ClusterLock::Scope::this_node));
}
