#include "proof.hpp"
#include "support/catch.hpp"
#include "support/engine_lab.hpp"

using namespace xen_drbd;
using namespace xen_drbd::engine_world;
using Catch::Matchers::ContainsSubstring;

namespace {

Result<> prove(Lab& lab, Milliseconds patience = Milliseconds(0), std::vector<NodeId> nodes = {dom0, mirror}) {
  return engine::prove_absent(lab.cluster, domain_name("samba"), nodes, patience, *lab.world->clock);
}

} // namespace

TEST_CASE("A domain of which nothing is seen is absent, at once") {
  Lab lab;
  lab.world->runs("dns", dom0);
  const Moment begin = lab.now();
  CHECK(prove(lab));
  CHECK(lab.seconds_since(begin) == 0);
}

TEST_CASE("A row, a half-name and a watcher each disprove absence, on either node") {
  Lab lab;
  const NodeId where = GENERATE(dom0, mirror);
  const std::string row = GENERATE(values<std::string>({"samba", "samba--incoming", "samba--migratedaway", ""}));
  if (row.empty())
    lab.world->node(where).watchers.insert("samba");
  else
    lab.world->add_guest(where, row, "samba", "--p---");
  const auto proof = prove(lab);
  REQUIRE_FALSE(proof);
  CHECK(proof.error().kind == ErrorKind::refused);
  CHECK_THAT(proof.error().what, ContainsSubstring(lab.world->node(where).hostname));
  CHECK(prove(lab, Milliseconds(0), {other(where)}));
}

TEST_CASE("An xl that fails proves nothing") {
  Lab lab;
  lab.world->node(mirror).xl_works = false;
  const auto proof = prove(lab);
  REQUIRE_FALSE(proof);
  CHECK(proof.error().kind == ErrorKind::unknown);
}

TEST_CASE("A node that cannot be reached proves nothing") {
  Lab lab;
  lab.world->lose(mirror);
  const auto proof = prove(lab, Milliseconds(60'000));
  REQUIRE_FALSE(proof);
  CHECK(proof.error().kind == ErrorKind::unreachable);
}

TEST_CASE("Where watchers cannot be listed, absence takes looks over 10 s") {
  Lab lab;
  lab.world->node(mirror).watchers_listable = false;
  const Moment begin = lab.now();
  SECTION("and is proved then") {
    CHECK(prove(lab));
    CHECK(lab.seconds_since(begin) >= 10);
    CHECK(lab.seconds_since(begin) < 11);
  }
  SECTION("and is disproved by a guest that comes back from its reboot") {
    lab.world->time->after(Milliseconds(2000), [&] { lab.world->add_guest(mirror, "samba", "samba", "-b----"); });
    CHECK_FALSE(prove(lab));
    CHECK(lab.seconds_since(begin) < 3);
  }
  SECTION("counted from when it was last there") {
    lab.world->add_guest(mirror, "samba", "samba", "-----d");
    lab.world->time->after(Milliseconds(8000), [&] { lab.world->node(mirror).guests.clear(); });
    CHECK(prove(lab, Milliseconds(20'000)));
    CHECK(lab.seconds_since(begin) >= 17.5);
  }
  SECTION("on the other node, which is looked at to the end as well") {
    lab.world->time->after(Milliseconds(5000), [&] { lab.world->runs("samba", dom0); });
    CHECK_FALSE(prove(lab));
  }
}

TEST_CASE("What passes by itself is waited for, as long as patience lasts") {
  Lab lab;
  SECTION("a dying domain") { lab.world->add_guest(mirror, "samba", "samba", "-----d"); }
  SECTION("a domain that has lost its name") { lab.world->add_guest(mirror, "(null)", "samba", "-----d"); }
  SECTION("a guest that is cleared away after its shutdown") {
    lab.world->add_guest(mirror, "samba", "samba", "---s--");
  }
  SECTION("a watcher that ends a moment after its guest") { lab.world->node(mirror).watchers.insert("samba"); }
  lab.world->time->after(Milliseconds(4000), [&] {
    lab.world->node(mirror).guests.clear();
    lab.world->node(mirror).watchers.clear();
  });
  const Moment begin = lab.now();
  CHECK_FALSE(prove(lab));
  CHECK_FALSE(prove(lab, Milliseconds(2000)));
  CHECK(lab.seconds_since(begin) < 3);
  CHECK(prove(lab, Milliseconds(5000)));
}

TEST_CASE("A running domain is not waited for") {
  Lab lab;
  lab.world->runs("samba", mirror);
  const Moment begin = lab.now();
  CHECK_FALSE(prove(lab, Milliseconds(60'000)));
  CHECK(lab.seconds_since(begin) == 0);
}

TEST_CASE("The right to change something is every node's answer within 5 s") {
  Lab lab;
  CHECK(still_in_command(lab.cluster));
  lab.world->node(mirror).silent = true;
  REQUIRE_FALSE(still_in_command(lab.cluster));
  CHECK(still_in_command(lab.cluster).error().kind == ErrorKind::unreachable);
  CHECK(still_in_command(lab.cluster, dom0));
  CHECK_FALSE(still_in_command(lab.cluster, mirror));
  lab.world->node(mirror).silent = false;
  lab.world->lose(mirror);
  CHECK_FALSE(still_in_command(lab.cluster));
  lab.cluster.hosts[1] = nullptr; // never part of the run
  CHECK(still_in_command(lab.cluster));
}
