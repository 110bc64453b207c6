#include "support/catch.hpp"
#include "support/planner_any.hpp"

using namespace xen_drbd;
using namespace xen_drbd::planner_world;

namespace {

std::size_t steps_in(const Plan& plan) {
  std::size_t count = 0;
  for (const DomainPlan& each : plan.domains) count += each.steps.size();
  return count;
}

std::string told(const Plan& plan) {
  std::string text;
  for (const DomainPlan& each : plan.domains) {
    text += "\n  " + each.domain.str() + ": " + each.reason;
    for (const std::string& words : in_words(each.steps)) text += "; " + words;
  }
  return text;
}

std::string told(const Pair& pair) {
  std::string text;
  for (const std::string& accident : pair.accidents) text += "\n  accident: " + accident;
  for (const std::string& failure : pair.failures) text += "\n  failed: " + failure;
  return text;
}

/// Carries the wish out again and again without faults: every step succeeds, and soon there is nothing left to do.
void require_convergence(Pair& pair, Dice& dice) {
  for (int round = 0; round < 3; ++round) {
    const Plan plan = pair.plan();
    if (steps_in(plan) == 0) return;
    pair.failures.clear();
    pair.carry_out(plan, dice, 0);
    if (!pair.failures.empty() || !pair.accidents.empty()) RC_FAIL(told(plan) + told(pair));
  }
  RC_FAIL("it never comes to rest:" + told(pair.plan()));
}

} // namespace

TEST_CASE("whatever stands and whatever fails, no domain runs twice and no disk is written by both") {
  REQUIRE(rc::check("safety", [] {
    Dice dice = any_dice();
    Pair pair = any_pair(dice);
    wish_anything(pair, dice);
    Dice trouble = any_dice();
    const Plan plan = pair.plan();
    pair.carry_out(plan, trouble, 4);
    if (!pair.accidents.empty()) RC_FAIL(told(plan) + told(pair));
    RC_CLASSIFY(steps_in(plan) > 0, "something was done");
    RC_CLASSIFY(!pair.failures.empty(), "something failed");
  }));
}

TEST_CASE("without faults every planned step succeeds, and the same wish has nothing left to do") {
  REQUIRE(rc::check("truth", [] {
    Dice dice = any_dice();
    Pair pair = any_pair(dice);
    wish_anything(pair, dice);
    require_convergence(pair, dice);
  }));
}

TEST_CASE("after any failure the same wish, planned again, comes to rest") {
  REQUIRE(rc::check("again", [] {
    Dice dice = any_dice();
    Pair pair = any_pair(dice);
    wish_anything(pair, dice);
    Dice trouble = any_dice();
    pair.carry_out(pair.plan(), trouble, 3);
    pair.settle(trouble);
    require_convergence(pair, dice);
  }));
}

TEST_CASE("after any failure recover comes to rest, and leaves no half-name that it may touch") {
  REQUIRE(rc::check("recovery", [] {
    Dice dice = any_dice();
    World healthy;
    healthy.runs("samba", dice.pick<NodeId>({dom0, mirror})).runs("dns", dice.pick<NodeId>({dom0, mirror}));
    healthy.node(dom0).has_resume = healthy.node(mirror).has_resume = dice.one_in(2);
    Pair pair(std::move(healthy));
    wish_anything(pair, dice);
    Dice trouble = any_dice();
    pair.carry_out(pair.plan(), trouble, 3);
    pair.settle(trouble);
    pair.peer_answers = true;
    Wish& wish = pair.truth().wish;
    wish.goal = Goal::recover;
    wish.yes = true;
    require_convergence(pair, dice);
    const Plan plan = pair.plan();
    for (const DomainPlan& each : plan.domains)
      if (each.verdict == Verdict::refused) RC_CLASSIFY(true, each.reason.substr(0, 40));
  }));
}

TEST_CASE("whichever step of a migration fails, the domain runs once, and one recover leaves nothing behind") {
  for (bool plain : {false, true})
    for (std::size_t step = 0; step < 7; ++step) {
      World world;
      world.runs("samba", dom0);
      world.wish.plain_ssh = plain;
      const Plan plan = world.plan(Goal::migrate_out, {"samba"});
      Pair pair(std::move(world));
      pair.fail_at = step;
      Dice no_chance({});
      pair.carry_out(plan, no_chance, 0);
      CHECK(pair.accidents.empty());
      World& after = pair.truth();
      const std::vector<NodeId> runs = planner::running_on(domain_name("samba"), after.state);
      REQUIRE(runs.size() == 1);
      const bool closing_failed = !pair.failures.empty() && pair.failures.back().find("always") != std::string::npos;
      CHECK((after.drbd(dom0, "samba").two_primaries == TwoPrimaries::yes) == closing_failed);
      INFO("step " << step << told(plan) << told(pair));
      CHECK(after.drbd(runs[0], "samba").role == Role::primary);
      pair.fail_at.reset();
      after.plan(Goal::recover, {"samba"});
      pair.carry_out(pair.plan(), no_chance, 0);
      CHECK(after.drbd(other(runs[0]), "samba").role == Role::secondary);
      CHECK(after.drbd(dom0, "samba").two_primaries == TwoPrimaries::no);
    }
}

TEST_CASE("whichever step of a start fails, nothing stays Primary without its domain") {
  for (std::size_t step = 0; step < 4; ++step) {
    World world;
    world.role(mirror, "samba", Role::primary).window("samba", TwoPrimaries::yes);
    const Plan plan = world.plan(Goal::start_here, {"samba"});
    Pair pair(std::move(world));
    pair.fail_at = step;
    Dice no_chance({});
    pair.carry_out(plan, no_chance, 0);
    CHECK(pair.failures.size() == 1);
    CHECK(planner::running_on(domain_name("samba"), pair.truth().state).empty());
    CHECK(pair.truth().drbd(dom0, "samba").role == Role::secondary);
  }
}

TEST_CASE("a plan speaks of each wished domain once, in the order of the topology, and the same every time") {
  REQUIRE(rc::check("form", [] {
    Dice dice = any_dice();
    Pair pair = any_pair(dice);
    wish_anything(pair, dice);
    const Plan plan = pair.plan();
    RC_ASSERT(plan == pair.plan());
    std::vector<DomainName> spoken_of;
    for (const DomainPlan& each : plan.domains) {
      spoken_of.push_back(each.domain);
      RC_ASSERT((each.verdict == Verdict::refused) <= each.error.has_value());
      RC_ASSERT(!each.error || (each.steps.empty() && !each.error->because.empty() && !each.error->what.empty()));
      RC_ASSERT(each.verdict != Verdict::skipped || !each.reason.empty());
      if (planner::is_double_run(each.domain, pair.observe())) {
        RC_ASSERT(each.verdict == Verdict::refused);
        RC_ASSERT(each.error->kind == ErrorKind::failed);
      }
      for (const DomainName& first : each.waits_for) RC_ASSERT(of(plan, first.str()).verdict == Verdict::start);
      for (const DomainName& first : each.follows) RC_ASSERT(!of(plan, first.str()).steps.empty());
    }
    RC_ASSERT(spoken_of == pair.truth().wish.domains);
  }));
}
