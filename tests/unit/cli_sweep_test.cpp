#include "xen_drbd/drbd/path.hpp"
#include "xen_drbd/engine/observe.hpp"
#include "xen_drbd/planner/planner.hpp"

#include "support/catch.hpp"
#include "support/engine_lab.hpp"

// Every command of a run fails in every way, one run for each: what planner and engine do together.

using namespace xen_drbd;
using namespace xen_drbd::engine_world;
using model::Goal;

namespace {

struct Story {
  std::string name;
  Goal goal;
  std::vector<std::string> domains;
  std::function<void(World&)> begin;
  std::map<std::string, NodeId> end; ///< where each domain is to run; the others nowhere
  unsigned jobs = 1;
};

planner::Inputs inputs_of(const model::ClusterState& state) {
  planner::Inputs inputs;
  inputs.identities_made = true;
  inputs.minor_of = [](const model::ConfigReport::ConfigDisk& disk, const model::NodeState& node) {
    return drbd::resolve_disk_path(disk, node.drbd_links,
                                   node.resource_configs.value_or(std::vector<model::ResourceConfig>{}));
  };
  for (NodeId id : model::both_nodes)
    if (const model::NodeState* node = state.node(id))
      for (const model::MigrationRecord& found : node->records)
        if (const auto record = engine::parse_record(found.text))
          inputs.records[found.domain] = {.source = id,
                                          .source_identity = record->source_identity,
                                          .target_identity = record->target_identity,
                                          .before_go = record->before_go,
                                          .target_writes = record->target_writes,
                                          .target_received = record->target_received,
                                          .source_written = record->source_written};
  return inputs;
}

/// One run: look, plan, carry out.
Report run(Lab& lab, const Story& story, Goal goal) {
  model::Wish wish;
  wish.goal = goal;
  wish.named = true;
  wish.yes = goal == Goal::recover;
  for (const std::string& name : story.domains) wish.domains.push_back(domain_name(name));
  engine::Look look;
  look.configs = wish.domains;
  look.parse_on = {dom0, mirror};
  look.make_identity = true;
  lab.execution.jobs = story.jobs;
  const Time::Outside outside(*lab.world->time);
  const model::ClusterState state = engine::observe(lab.cluster, look);
  const model::Plan plan = planner::plan(lab.world->topology, state, wish, inputs_of(state));
  return engine::execute(plan, lab.cluster, lab.execution, *lab.world->clock, lab.heard);
}

bool is_as_wanted(Lab& lab, const Story& story) {
  for (const std::string& name : story.domains) {
    const auto wanted = story.end.find(name);
    const auto places = lab.world->executing_on(name);
    if (wanted == story.end.end() ? !places.empty() : places != std::vector<NodeId>{wanted->second}) return false;
    if (!lab.world->links.contains(name)) continue;
    if (!lab.window_is(name, false)) return false;
    for (NodeId id : model::both_nodes)
      if (lab.drbd(id, name).primary != (wanted != story.end.end() && wanted->second == id)) return false;
  }
  return true;
}

/// What a report says of a domain is what the world shows.
void check_report(Lab& lab, const DomainReport& report) {
  INFO(report.domain.str() << ": " << to_string(report.result) << ": " << report.reason);
  const auto places = lab.world->executing_on(report.domain.str());
  switch (report.result) {
  case ResultKind::started:
  case ResultKind::migrated: CHECK(places == std::vector<NodeId>{report.node}); break;
  case ResultKind::stopped: CHECK(places.empty()); break;
  case ResultKind::failed:
  case ResultKind::unknown:
  case ResultKind::refused:
  case ResultKind::skipped: CHECK(report.error); break;
  case ResultKind::recovered:
  case ResultKind::already: break;
  }
  if (report.error && report.error->kind == ErrorKind::unreachable) CHECK_FALSE(lab.world->was_changed());
  if (report.result == ResultKind::refused && report.error) CHECK(report.error->changed == Changed::no);
}

/// A start that failed left nothing running; a migration that failed says where the domain runs.
void check_failure(Lab& lab, const Story& story, const DomainReport& report) {
  if (report.result != ResultKind::failed) return;
  INFO(report.domain.str() << " failed: " << report.reason);
  const auto places = lab.world->executing_on(report.domain.str());
  if (story.goal == Goal::start_here) CHECK(places.empty());
  if (story.goal == Goal::migrate_in || story.goal == Goal::migrate_out)
    CHECK(places == std::vector<NodeId>{report.node});
}

/// The healthy pair after the run: run again, and recover in between, until everything is as it should be.
void check_converges(Lab& lab, const Story& story) {
  for (int round = 0; round < 4 && !is_as_wanted(lab, story); ++round) {
    lab.world->heal();
    lab.cluster = lab.world->connect();
    run(lab, story, story.goal);
    if (is_as_wanted(lab, story)) break;
    lab.world->heal();
    run(lab, story, Goal::recover);
  }
  CHECK(is_as_wanted(lab, story));
  lab.world->heal();
  lab.cluster = lab.world->connect();
  const std::size_t before = lab.world->log.size();
  const Report again = run(lab, story, story.goal);
  for (const DomainReport& report : again.domains) CHECK(report.result == ResultKind::already);
  CHECK(lab.world->log.size() == before);
}

/// The commands that a run without a fault gives to a node.
std::size_t commands_of(const Story& story, NodeId node) {
  Lab lab;
  story.begin(*lab.world);
  for (const DomainReport& report : run(lab, story, story.goal).domains) CHECK_FALSE(report.error);
  CHECK(is_as_wanted(lab, story));
  CHECK(lab.world->accidents == std::vector<std::string>{});
  return lab.world->node(node).commands;
}

void sweep(const Story& story) {
  const std::vector<std::pair<Fault, std::string>> faults{{Fault::fails, "fails"},
                                                          {Fault::times_out, "times out without effect"},
                                                          {Fault::times_out_works, "times out with its effect"},
                                                          {Fault::times_out_late, "times out and works later"},
                                                          {Fault::lost, "the connection is lost before it"},
                                                          {Fault::lost_works, "the connection is lost after it"},
                                                          {Fault::silent, "the worker is silent from then on"}};
  for (NodeId node : model::both_nodes) {
    const std::size_t commands = commands_of(story, node);
    REQUIRE(commands > 0);
    for (const auto& [fault, words] : faults) {
      for (std::size_t n = 1; n <= commands; ++n) {
        INFO(story.name << ", command " << n << " on node " << index(node) + 1 << ": " << words);
        Lab lab;
        story.begin(*lab.world);
        lab.world->fault(node, n, fault);
        const Report report = run(lab, story, story.goal);
        INFO(fmt::format("{}", fmt::join(lab.world->log, "\n")));
        for (const DomainReport& domain : report.domains) {
          check_report(lab, domain);
          check_failure(lab, story, domain);
        }
        check_converges(lab, story);
        INFO("in the end:\n" << fmt::format("{}", fmt::join(lab.world->log, "\n")));
        CHECK(lab.world->accidents == std::vector<std::string>{});
      }
    }
  }
}

} // namespace

TEST_CASE("start: whatever fails, wherever, nothing runs twice and another run gets there") {
  sweep({.name = "start",
         .goal = Goal::start_here,
         .domains = {"samba"},
         .begin = [](World&) {},
         .end = {{"samba", dom0}}});
}

TEST_CASE("start after an earlier run: whatever fails, what it left is cleared away in the end") {
  sweep({.name = "start after a mess",
         .goal = Goal::start_here,
         .domains = {"samba"},
         .begin =
             [](World& world) {
               world.drbd(mirror, "samba").primary = true;
               for (NodeId id : model::both_nodes) world.drbd(id, "samba").two_primaries = true;
             },
         .end = {{"samba", dom0}}});
}

TEST_CASE("migrate-out: whatever fails, wherever, nothing runs twice and another run gets there") {
  sweep({.name = "migrate-out",
         .goal = Goal::migrate_out,
         .domains = {"samba"},
         .begin = [](World& world) { world.runs("samba", dom0); },
         .end = {{"samba", mirror}}});
}

TEST_CASE("migrate-in: whatever fails, wherever, nothing runs twice and another run gets there") {
  sweep({.name = "migrate-in",
         .goal = Goal::migrate_in,
         .domains = {"samba"},
         .begin = [](World& world) { world.runs("samba", mirror); },
         .end = {{"samba", dom0}}});
}

TEST_CASE("stop: whatever fails, wherever, another run gets there") {
  sweep({.name = "stop",
         .goal = Goal::stop_here,
         .domains = {"samba"},
         .begin = [](World& world) { world.runs("samba", dom0); },
         .end = {}});
}

TEST_CASE("migrate-and-start-all: whatever fails, wherever, nothing runs twice and another run gets there") {
  const unsigned jobs = GENERATE(1U, 2U);
  sweep({.name = "migrate-and-start-all",
         .goal = Goal::home_and_start_all,
         .domains = {"dns", "samba", "web", "mail"},
         .begin =
             [](World& world) {
               world.add_domain("mail", mirror, {20});
               world.topology.domains.back().after = {domain_name("dns")};
               world.runs("dns", mirror);
               world.runs("samba", dom0);
             },
         .end = {{"dns", dom0}, {"samba", mirror}, {"web", dom0}, {"mail", mirror}},
         .jobs = jobs});
}
