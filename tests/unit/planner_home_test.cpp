#include "support/catch.hpp"
#include "support/planner_world.hpp"

using namespace xen_drbd;
using namespace xen_drbd::planner_world;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("every domain goes to its home, and the missing ones are started there") {
  World world;
  world.runs("samba", dom0);
  world.add_domain("mail", mirror, {20});
  const Plan plan = world.plan(Goal::home_and_start_all);
  CHECK(of(plan, "samba").verdict == Verdict::migrate);
  CHECK(of(plan, "samba").node == mirror);
  CHECK(of(plan, "dns").verdict == Verdict::start);
  CHECK(of(plan, "dns").node == dom0);
  CHECK(of(plan, "mail").verdict == Verdict::start);
  CHECK(in_words(of(plan, "mail").steps) ==
        Words{"promote mirror mail", "create mirror /etc/xen/mail.cfg", "on failure: demote mirror mail"});
}

TEST_CASE("starts on the peer come behind the starts on this node") {
  World world;
  world.add_domain("mail", mirror, {});
  const Plan plan = world.plan(Goal::home_and_start_all);
  CHECK(names(of(plan, "samba").follows) == Words{"dns", "web"});
  CHECK(names(of(plan, "mail").follows) == Words{"dns", "web"});
  CHECK(of(plan, "web").follows.empty());
}

TEST_CASE("after outranks this node first") {
  World world;
  world.domain("web").after = {domain_name("samba")};
  const Plan plan = world.plan(Goal::home_and_start_all);
  CHECK(names(of(plan, "web").waits_for) == Words{"samba"});
  CHECK(names(of(plan, "samba").follows) == Words{"dns"});
}

TEST_CASE("a start on the peer that waits for one here does not follow it as well") {
  World world;
  world.domain("samba").after = {domain_name("dns")};
  const Plan plan = world.plan(Goal::home_and_start_all);
  CHECK(names(of(plan, "samba").waits_for) == Words{"dns"});
  CHECK(names(of(plan, "samba").follows) == Words{"web"});
}

TEST_CASE("a domain that moves runs all along: what comes after it need not wait") {
  World world;
  world.domain("web").after = {domain_name("samba")};
  world.runs("samba", dom0);
  const Plan plan = world.plan(Goal::home_and_start_all);
  CHECK(of(plan, "samba").verdict == Verdict::migrate);
  CHECK(of(plan, "web").verdict == Verdict::start);
  CHECK(of(plan, "web").waits_for.empty());
}

TEST_CASE("migrate-and-start-my-domains brings and starts what belongs here, and nothing on the peer") {
  World world;
  world.runs("dns", mirror);
  const Plan plan = world.plan(Goal::home_and_start_my);
  CHECK(of(plan, "dns").verdict == Verdict::migrate);
  CHECK(of(plan, "dns").node == dom0);
  CHECK(of(plan, "web").verdict == Verdict::start);
  CHECK(of(plan, "samba").verdict == Verdict::skipped);
  CHECK(of(plan, "samba").reason == "its home is mirror");
}

TEST_CASE("a domain at home is left there") {
  World world;
  world.runs("dns", dom0).runs("samba", mirror);
  const Plan plan = world.plan(Goal::home_and_start_all);
  CHECK(of(plan, "dns").verdict == Verdict::already);
  CHECK(of(plan, "samba").verdict == Verdict::already);
}

TEST_CASE("nothing goes to a peer that is leaving, neither by migration nor by start") {
  World world;
  world.add_domain("mail", mirror, {20});
  world.runs("samba", dom0);
  world.node(mirror).leaving = true;
  const Plan plan = world.plan(Goal::home_and_start_all);
  for (const char* name : {"samba", "mail"}) {
    REQUIRE(of(plan, name).verdict == Verdict::refused);
    CHECK_THAT(of(plan, name).error->because, ContainsSubstring("mirror is leaving"));
  }
  CHECK(of(plan, "dns").verdict == Verdict::start);
}

TEST_CASE("without the peer, domains at home here are well, and everything else is refused") {
  World world;
  world.runs("dns", dom0).unreachable();
  Plan plan = world.plan(Goal::home_and_start_all);
  CHECK(of(plan, "dns").verdict == Verdict::already);
  CHECK(of(plan, "samba").error.value().kind == ErrorKind::unreachable);
  CHECK(of(plan, "web").error.value().kind == ErrorKind::unreachable);
  world.wish.peer_is_dead = true;
  plan = world.plan(Goal::home_and_start_all);
  CHECK(of(plan, "web").verdict == Verdict::start);
  CHECK(of(plan, "samba").error.value().kind == ErrorKind::unreachable);
}

TEST_CASE("opposite moves are ordered so that each fits") {
  World world;
  world.runs("dns", mirror).runs("samba", dom0);
  world.node(dom0).xen->free_memory = {300};
  world.node(mirror).xen->free_memory = {100};
  const Plan plan = world.plan(Goal::home_and_start_all, {"dns", "samba"});
  CHECK(of(plan, "dns").verdict == Verdict::migrate);
  CHECK(of(plan, "dns").follows.empty());
  CHECK(of(plan, "samba").verdict == Verdict::migrate);
  CHECK(names(of(plan, "samba").follows) == Words{"dns"});
}

TEST_CASE("the order of moves is turned round when only that fits") {
  World world;
  world.runs("dns", mirror).runs("samba", dom0);
  world.node(dom0).xen->free_memory = {100};
  world.node(mirror).xen->free_memory = {300};
  const Plan plan = world.plan(Goal::home_and_start_all, {"dns", "samba"});
  CHECK(names(of(plan, "dns").follows) == Words{"samba"});
  CHECK(of(plan, "samba").follows.empty());
}

TEST_CASE("opposite moves that fit in no order are refused with the figures") {
  World world;
  world.runs("dns", mirror).runs("samba", dom0);
  world.node(dom0).xen->free_memory = world.node(mirror).xen->free_memory = {100};
  const Plan plan = world.plan(Goal::home_and_start_all, {"dns", "samba"});
  CHECK(of(plan, "dns").error.value().because == "dns needs 256 MiB, and dom0 has 100 MiB free");
  CHECK(of(plan, "samba").error.value().because == "samba needs 256 MiB, and mirror has 100 MiB free");
}

TEST_CASE("a start behind a move that frees its memory follows it") {
  World world;
  world.runs("samba", dom0);
  world.node(dom0).xen->free_memory = {0};
  const Plan plan = world.plan(Goal::home_and_start_all, {"dns", "samba"});
  CHECK(of(plan, "dns").verdict == Verdict::start);
  CHECK(names(of(plan, "dns").follows) == Words{"samba"});
}

TEST_CASE("memory that one step was promised is not promised to another") {
  World world;
  world.runs("samba", dom0);
  world.node(dom0).xen->free_memory = {0};
  const Plan plan = world.plan(Goal::home_and_start_all);
  CHECK(of(plan, "dns").verdict == Verdict::start);
  CHECK(of(plan, "web").error.value().because == "web needs 256 MiB, and dom0 has 0 MiB free");
}
