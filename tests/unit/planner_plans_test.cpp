#include "support/catch.hpp"
#include "support/planner_any.hpp"

#include <algorithm>

// What no plan may hold, whatever stands: looked at in the plan itself, step by step.

using namespace xen_drbd;
using namespace xen_drbd::planner_world;

namespace {

template <class Kind> const Kind* as(const Step& step) { return std::get_if<Kind>(&step.action); }

/// Whether the step gives a domain life or writable disks, or takes a row away.
bool decides_over_life(const Step& step) {
  return as<Create>(step) || as<Promote>(step) || as<Resume>(step) || as<Unpause>(step) || as<CopyMemory>(step) ||
         as<MigratePlain>(step) || as<HandOver>(step) || as<Destroy>(step) || as<Reconnect>(step) ||
         as<OpenWindow>(step);
}

const DomainRow* find_row(const World& world, NodeId id, const std::string& name) {
  for (const DomainRow& row : *world.state.node(id)->rows)
    if (row.name == name) return &row;
  return nullptr;
}

bool executes(const DomainRow& row) { return !row.shut_down && !row.paused && !row.dying; }

/// A pair about which nothing is hidden, and recover.
Pair to_recover(Dice& dice) {
  Pair pair = any_pair(dice);
  pair.peer_answers = pair.peer_lists = true;
  World& world = pair.truth();
  for (const char* name : {"dns", "samba", "mail"})
    if (dice.one_in(2)) record(world, name, dice);
  world.wish.peer_is_dead = false;
  world.wish.goal = Goal::recover;
  world.wish.named = dice.one_in(2);
  world.wish.domains.clear();
  for (const Domain& domain : world.topology.domains) world.wish.domains.push_back(domain.name);
  return pair;
}

} // namespace

TEST_CASE(
    "no plan decides over life while anything of the peer cannot be seen, but what its own node is asked to stop") {
  REQUIRE(rc::check("unseen", [] {
    Dice dice = any_dice();
    Pair pair = any_pair(dice);
    wish_anything(pair, dice);
    pair.truth().wish.peer_is_dead = false;
    if (dice.one_in(2))
      pair.peer_answers = false;
    else
      pair.peer_lists = false;
    const Plan plan = pair.plan();
    for (const DomainPlan& each : plan.domains)
      for (const Step& step : each.steps)
        if (decides_over_life(step)) RC_FAIL(each.domain.str() + " is to be decided over: " + in_words({step})[0]);
  }));
}

TEST_CASE("no plan promotes on a disk whose role on the peer cannot be seen") {
  REQUIRE(rc::check("role", [] {
    Dice dice = any_dice();
    Pair pair = any_pair(dice);
    wish_anything(pair, dice);
    pair.peer_answers = true;
    World& world = pair.truth();
    world.wish.peer_is_dead = false;
    const std::string blind = dice.pick<std::string>({"dns", "samba", "mail"});
    world.drbd(mirror, blind).role = Role::unknown;
    world.drbd(dom0, blind).peer_role = Role::unknown;
    const Plan plan = pair.plan();
    for (const DomainPlan& each : plan.domains)
      for (const Step& step : each.steps) {
        const auto* promote = as<Promote>(step);
        if (promote != nullptr && promote->node == dom0) RC_ASSERT(promote->resource.str() != blind);
      }
  }));
}

TEST_CASE("every window that a plan opens is opened after the copy and closed at the end, unless it is configured") {
  REQUIRE(rc::check("window", [] {
    Dice dice = any_dice();
    Pair pair = any_pair(dice);
    wish_anything(pair, dice);
    const Plan plan = pair.plan();
    for (const DomainPlan& each : plan.domains)
      for (auto step = each.steps.begin(); step != each.steps.end(); ++step) {
        const auto* open = as<OpenWindow>(*step);
        if (open == nullptr) continue;
        const bool configured = pair.truth().drbd_config(dom0, open->resource.str()).two_primaries == TwoPrimaries::yes;
        const bool closed = std::any_of(step, each.steps.end(), [&](const Step& later) {
          const auto* close = as<CloseWindow>(later);
          return close != nullptr && close->resource == open->resource && later.when == When::always;
        });
        RC_ASSERT(closed != configured);
        const bool copied = std::any_of(each.steps.begin(), step,
                                        [](const Step& earlier) { return as<CopyMemory>(earlier) != nullptr; });
        RC_ASSERT(copied != pair.truth().wish.plain_ssh);
        RC_ASSERT(std::none_of(each.steps.begin(), step, [](const Step& earlier) { return as<HandOver>(earlier); }));
      }
  }));
}

TEST_CASE("recover gives up nobody's data unless a record of these very boots proves that there are none") {
  REQUIRE(rc::check("data", [] {
    Dice dice = any_dice();
    Pair pair = to_recover(dice);
    World& world = pair.truth();
    const Plan plan = pair.plan();
    for (const DomainPlan& each : plan.domains)
      for (const Step& step : each.steps) {
        const auto* connect = as<Connect>(step);
        const bool known = world.inputs.records.contains(each.domain);
        if (connect != nullptr)
          RC_ASSERT(known || world.drbd(dom0, connect->resource.str()).two_primaries !=
                                 world.drbd(mirror, connect->resource.str()).two_primaries);
        const auto* reconnect = as<Reconnect>(step);
        if (reconnect == nullptr) continue;
        RC_ASSERT(known);
        const planner::RecordedMigration& then = world.inputs.records.at(each.domain);
        RC_ASSERT(then.before_go && reconnect->discard_on == other(then.source));
        RC_ASSERT(then.source_identity == world.node(then.source).identity);
        RC_ASSERT(then.target_identity == world.node(other(then.source)).identity);
        const DomainRow* runs = find_row(world, then.source, each.domain.str());
        RC_ASSERT(runs != nullptr);
        RC_ASSERT(executes(*runs));
        for (const Volume& volume : world.drbd(reconnect->discard_on, reconnect->resource.str()).volumes) {
          RC_ASSERT(then.target_writes.at(volume.minor) == volume.written_kib - volume.received_kib);
          RC_ASSERT(then.target_received.at(volume.minor) > 0);
          RC_ASSERT(then.target_received.at(volume.minor) <= volume.received_kib);
        }
      }
  }));
}

TEST_CASE(
    "recover destroys nothing that runs, and the last of a domain only to start it again because --yes was said") {
  REQUIRE(rc::check("last copy", [] {
    Dice dice = any_dice();
    Pair pair = to_recover(dice);
    const World& world = pair.truth();
    const Plan plan = pair.plan();
    for (const DomainPlan& each : plan.domains)
      for (auto step = each.steps.begin(); step != each.steps.end(); ++step) {
        const auto* destroy = as<Destroy>(*step);
        if (destroy == nullptr) continue;
        const DomainRow* row = find_row(world, destroy->node, destroy->row);
        RC_ASSERT(row != nullptr);
        RC_ASSERT(!executes(*row));
        const bool copy = row->name == each.domain.str() + "--incoming";
        RC_ASSERT(!copy || (row->paused && row->cpu_seconds == 0));
        const bool over = row->shut_down && row->reason != 's'; // powered off or crashed
        const bool elsewhere = find_row(world, other(destroy->node), each.domain.str()) != nullptr ||
                               find_row(world, destroy->node, each.domain.str()) != row;
        if (copy || over || (elsewhere && row->name != each.domain.str())) continue;
        RC_ASSERT(world.wish.yes);
        RC_ASSERT(std::any_of(step, each.steps.end(), [&](const Step& later) {
          const auto* create = as<Create>(later);
          return create != nullptr && create->node == destroy->node;
        }));
      }
  }));
}
