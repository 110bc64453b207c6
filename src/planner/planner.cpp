#include "xen_drbd/planner/planner.hpp"

#include "xen_drbd/planner/rules.hpp"

#include "drafts.hpp"
#include "refusal.hpp"
#include "schedule.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace xen_drbd::planner {

using namespace model;

namespace {

Draft refused_on(const Scene& scene, const Domain& domain, NodeId node, Verdict wanted, Error error) {
  return refused(scene, skipped(domain, node, {}), wanted, std::move(error));
}

/// What forbids any change to the domain, whatever is wished.
Objection untouchable(const Scene& scene, const DomainName& domain) {
  if (Objection no = same_pair(scene)) return no;
  if (Objection no = topology_is_current(scene)) return no;
  return runs_once(scene, domain);
}

Draft start_here(const Scene& scene, const Domain& domain) {
  const NodeId here = scene.here();
  if (Objection no = untouchable(scene, domain.name))
    return refused_on(scene, domain, here, Verdict::start, *std::move(no));
  if (scene.presence(domain.name, here) == Presence::running) return already_running(scene, domain, here);
  if (scene.presence(domain.name, scene.peer()) != Presence::running) return draft_start(scene, domain, here);
  if (!scene.wish.named) return already_running(scene, domain, scene.peer());
  return refused_on(scene, domain, here, Verdict::start,
                    refusal(fmt::format("{} is running on {}", domain.name.str(), scene.name(scene.peer())),
                            fmt::format("xen-drbd migrate-in {}", domain.name.str())));
}

/// A domain that is to be moved and runs on neither node, as far as can be seen.
Draft nothing_to_move(const Scene& scene, const Domain& domain, NodeId from) {
  const NodeId target = other(from);
  const bool passed_over = !scene.wish.named;
  const Presence there = scene.presence(domain.name, target);
  if (there == Presence::unknown || (there != Presence::absent && !passed_over))
    return refused_on(scene, domain, target, Verdict::migrate, *absence(scene, domain.name, target));
  const std::string reason =
      there == Presence::absent ? "it runs on neither node" : fmt::format("it does not run on {}", scene.name(from));
  if (passed_over) return skipped(domain, target, reason);
  return refused_on(scene, domain, target, Verdict::migrate,
                    refusal(fmt::format("{} runs on neither node", domain.name.str()),
                            fmt::format("{}xen-drbd start {}",
                                        target == scene.here() ? "" : fmt::format("on {}: ", scene.name(target)),
                                        domain.name.str())));
}

/// Not among those that run there, which is what was asked for.
Draft runs_there_no_more(const Scene& scene, const Domain& domain, NodeId node) {
  const Objection why = absence(scene, domain.name, node);
  return skipped(domain, node, fmt::format("{}; {}", why->because, why->hint));
}

Draft move_from(const Scene& scene, const Domain& domain, NodeId from) {
  const NodeId target = other(from);
  const auto no_move = [&](Objection no) {
    return refused_on(scene, domain, target, Verdict::migrate, *std::move(no));
  };
  if (Objection no = untouchable(scene, domain.name)) return no_move(std::move(no));
  if (scene.presence(domain.name, target) == Presence::running) return already_running(scene, domain, target);
  if (Objection no = peer_answers(scene, domain.name, false)) return no_move(std::move(no));
  if (!scene.wish.named && runs_no_more(presence_of(domain.name, scene.state.nodes[index(from)])))
    return runs_there_no_more(scene, domain, from);
  switch (scene.presence(domain.name, from)) {
  case Presence::running: return draft_move(scene, domain, from);
  case Presence::absent: return nothing_to_move(scene, domain, from);
  case Presence::paused:
  case Presence::shut_down:
  case Presence::suspended:
  case Presence::crashed:
  case Presence::dying:
  case Presence::incoming:
  case Presence::migrated_away:
  case Presence::watcher_only:
  case Presence::unknown: break;
  }
  return no_move(absence(scene, domain.name, from));
}

Draft refuse_stop(const Scene& scene, const Domain& domain, Error no) {
  return refused_on(scene, domain, scene.here(), Verdict::stop, std::move(no));
}

Draft stop_here(const Scene& scene, const Domain& domain) {
  const NodeId here = scene.here();
  if (Objection no = untouchable(scene, domain.name)) return refuse_stop(scene, domain, *std::move(no));
  if (Objection no = no_migration_at_work(scene, domain.name)) return refuse_stop(scene, domain, *std::move(no));
  const Presence seen = scene.presence(domain.name, here);
  if (seen == Presence::running) return draft_stop(scene, domain, {});
  if (!scene.wish.named && runs_no_more(presence_of(domain.name, scene.state.nodes[index(here)])))
    return runs_there_no_more(scene, domain, here);
  if (seen != Presence::absent) return refuse_stop(scene, domain, *absence(scene, domain.name, here));
  const Presence there = scene.presence(domain.name, scene.peer());
  if (!scene.wish.named || there == Presence::absent || there == Presence::unknown)
    return not_running_here(scene, domain);
  Objection no = absence(scene, domain.name, scene.peer());
  if (there == Presence::running)
    no->hint = fmt::format("on {}: xen-drbd stop {}", scene.name(scene.peer()), domain.name.str());
  return refuse_stop(scene, domain, *std::move(no));
}

Draft go_home(const Scene& scene, const Domain& domain) {
  const NodeId home = domain.home;
  if (Objection no = untouchable(scene, domain.name))
    return refused_on(scene, domain, home, Verdict::start, *std::move(no));
  if (scene.wish.goal == Goal::home_and_start_my && home != scene.here())
    return skipped(domain, home, fmt::format("its home is {}", scene.name(home)));
  if (scene.presence(domain.name, home) == Presence::running) return already_running(scene, domain, home);
  if (scene.presence(domain.name, other(home)) == Presence::running) return move_from(scene, domain, other(home));
  return draft_start(scene, domain, home);
}

/// Stops come in the reverse order of starts: what waits for a domain is stopped before it, or with it when time is
/// short.
void order_stops(const Scene& scene, std::vector<Draft>& drafts) {
  if (scene.wish.shutdown_limit) return;
  for (Draft& first : drafts) {
    if (first.plan.verdict != Verdict::stop) continue;
    for (const Draft& dependent : drafts) {
      const auto& after = dependent.domain->after;
      if (dependent.plan.verdict == Verdict::stop &&
          std::find(after.begin(), after.end(), first.plan.domain) != after.end())
        first.plan.follows.push_back(dependent.plan.domain);
    }
  }
}

/// What may be done while another run holds the lock: a guest may shut down at any moment, so every run must bear that
/// it does, and `xl shutdown` only asks it to. Demoting, closing and destroying are the other run's as long as it
/// lives.
void only_ask(DomainPlan& plan) {
  std::erase_if(plan.steps, [](const Step& step) { return !std::holds_alternative<Shutdown>(step.action); });
  for (Step& step : plan.steps) {
    auto& shutdown = std::get<Shutdown>(step.action);
    shutdown.destroy_after = false;
    shutdown.only_ask = true;
    plan.warnings.push_back(fmt::format("the disks of {} stay as they are: xen-drbd recover demotes them once the "
                                        "other run has ended",
                                        plan.domain.str()));
  }
}

/// Why a domain that runs here cannot go to the peer, whatever its own state; nothing when its migration may be tried.
std::optional<std::string> reason_to_stay(const Scene& scene, const DomainName& domain) {
  if (scene.inputs.no_moves) return scene.inputs.no_moves;
  const auto tried = scene.inputs.failed_moves.find(domain);
  if (tried != scene.inputs.failed_moves.end()) return tried->second;
  if (Objection no = same_pair(scene)) return no->because;
  if (Objection no = topology_is_current(scene)) return no->because;
  return std::nullopt;
}

Draft leave(const Scene& scene, const Domain& domain) {
  const NodeId here = scene.here();
  if (Objection no = runs_once(scene, domain.name); no && !same_pair(scene))
    return refuse_stop(scene, domain, *std::move(no));
  const Presence seen = scene.presence(domain.name, here);
  if (seen == Presence::absent) return not_running_here(scene, domain);
  if (runs_no_more(presence_of(domain.name, scene.state.nodes[index(here)])))
    return runs_there_no_more(scene, domain, here);
  if (seen != Presence::running) return refuse_stop(scene, domain, *absence(scene, domain.name, here));
  if (Objection no = no_migration_at_work(scene, domain.name)) return refuse_stop(scene, domain, *std::move(no));
  if (const auto reason = reason_to_stay(scene, domain.name)) return draft_stop(scene, domain, *reason);
  return move_from(scene, domain, here);
}

} // namespace

Plan plan_start(const Topology& topology, const ClusterState& state, const Wish& wish, const Inputs& inputs) {
  const Scene scene{topology, state, wish, inputs};
  return plan_of(scheduled(scene, drafts_of(scene, [&](const Domain& domain) { return start_here(scene, domain); })));
}

Plan plan_migrate(const Topology& topology, const ClusterState& state, const Wish& wish, const Inputs& inputs) {
  const Scene scene{topology, state, wish, inputs};
  const NodeId from = wish.goal == Goal::migrate_out ? scene.here() : scene.peer();
  return plan_of(
      scheduled(scene, drafts_of(scene, [&](const Domain& domain) { return move_from(scene, domain, from); })));
}

Plan plan_home(const Topology& topology, const ClusterState& state, const Wish& wish, const Inputs& inputs) {
  const Scene scene{topology, state, wish, inputs};
  return plan_of(scheduled(scene, drafts_of(scene, [&](const Domain& domain) { return go_home(scene, domain); })));
}

Plan plan_stop(const Topology& topology, const ClusterState& state, const Wish& wish, const Inputs& inputs) {
  const Scene scene{topology, state, wish, inputs};
  std::vector<Draft> drafts = drafts_of(scene, [&](const Domain& domain) { return stop_here(scene, domain); });
  order_stops(scene, drafts);
  return plan_of(std::move(drafts));
}

Plan plan_evacuate(const Topology& topology, const ClusterState& state, const Wish& wish, const Inputs& inputs) {
  const Scene scene{topology, state, wish, inputs};
  std::vector<Draft> drafts =
      scheduled(scene, drafts_of(scene, [&](const Domain& domain) { return leave(scene, domain); }));
  for (Draft& draft : drafts)
    if (draft.plan.verdict == Verdict::refused && draft.plan.node == scene.peer())
      draft = draft_stop(scene, *draft.domain, draft.plan.reason);
  order_stops(scene, drafts);
  if (inputs.without_lock)
    for (Draft& draft : drafts) only_ask(draft.plan);
  return plan_of(std::move(drafts));
}

Plan plan(const Topology& topology, const ClusterState& state, const Wish& wish, const Inputs& inputs) {
  switch (wish.goal) {
  case Goal::start_here: return plan_start(topology, state, wish, inputs);
  case Goal::migrate_out:
  case Goal::migrate_in: return plan_migrate(topology, state, wish, inputs);
  case Goal::home_and_start_my:
  case Goal::home_and_start_all: return plan_home(topology, state, wish, inputs);
  case Goal::stop_here: return plan_stop(topology, state, wish, inputs);
  case Goal::evacuate: return plan_evacuate(topology, state, wish, inputs);
  case Goal::recover: return plan_recover(topology, state, wish, inputs);
  }
  return {};
}

} // namespace xen_drbd::planner
