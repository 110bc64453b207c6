#include "changing.hpp"

#include "xen_drbd/base/log.hpp"
#include "xen_drbd/base/text.hpp"
#include "xen_drbd/drbd/look.hpp"
#include "xen_drbd/planner/rules.hpp"

#include "audit.hpp"
#include "commands.hpp"
#include "dead_peer.hpp"
#include "interrupt.hpp"
#include "leaving.hpp"
#include "output.hpp"
#include "render.hpp"
#include "rounds.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <map>

namespace xen_drbd::cli {
namespace {

using engine::ClusterLock;
using model::Goal;
using model::NodeId;

enum class Whose { typed, all, mine };

struct Meaning {
  Goal goal;
  Whose whose;
};

const std::map<std::string_view, Meaning>& meanings() {
  static const std::map<std::string_view, Meaning> table{
      {"start", {Goal::start_here, Whose::typed}},
      {"start-all", {Goal::start_here, Whose::all}},
      {"start-my-domains", {Goal::start_here, Whose::mine}},
      {"migrate-out", {Goal::migrate_out, Whose::typed}},
      {"migrate-in", {Goal::migrate_in, Whose::typed}},
      {"migrate-all-out", {Goal::migrate_out, Whose::all}},
      {"migrate-all-in", {Goal::migrate_in, Whose::all}},
      {"migrate-my-domains-home", {Goal::migrate_in, Whose::mine}},
      {"migrate-and-start-my-domains", {Goal::home_and_start_my, Whose::mine}},
      {"migrate-and-start-all", {Goal::home_and_start_all, Whose::all}},
      {"stop", {Goal::stop_here, Whose::typed}},
      {"stop-all", {Goal::stop_here, Whose::all}},
      {"stop-my-domains", {Goal::stop_here, Whose::mine}},
      {"evacuate", {Goal::evacuate, Whose::all}},
      {"recover", {Goal::recover, Whose::typed}},
  };
  return table;
}

bool brings_here(Goal goal) {
  return goal == Goal::start_here || goal == Goal::migrate_in || goal == Goal::home_and_start_my ||
         goal == Goal::home_and_start_all;
}

/// stop needs only this node's lock when the peer does not answer (rule 5.5); everything else that needs the peer is
/// refused by the plan, domain by domain.
ClusterLock::Scope lock_scope(const Session& session) {
  return session.cluster.peer_error ? ClusterLock::Scope::this_node : ClusterLock::Scope::both_nodes;
}

planner::Inputs inputs_for(const Session& session, const model::Wish& wish, const model::ClusterState& state) {
  planner::Inputs inputs = planner_inputs(session, state);
  host::Host* here = session.cluster.host(session.this_node);
  if (wish.peer_is_dead)
    inputs.disconnected_since = drbd::parse_kernel_log(here->ask({drbd::kernel_log_command()}).front());
  return inputs;
}

int plan_only(Session& session, const model::Wish& wish) {
  const model::ClusterState state = look_at_both(session, look_for(session, wish));
  const model::Plan plan = planner::plan(session.topology, state, wish, inputs_for(session, wish, state));
  print_plan(session, plan);
  engine::Report report = expected_report(plan);
  add_warnings(report, plan);
  return print_report(session, report, &plan);
}

/// Whether anything of the domains is on its way out or between reboot and restart.
bool passes_by_itself(const model::ClusterState& state, const std::vector<DomainName>& domains) {
  const auto passes = [](const model::DomainPresence& found, const model::NodeState& node) {
    return found.presence == model::Presence::watcher_only ||
           (found.presence == model::Presence::unknown && node.rows) || // a row without a name
           std::any_of(found.rows.begin(), found.rows.end(), [](const model::DomainRow& row) { return row.dying; });
  };
  return std::any_of(model::both_nodes.begin(), model::both_nodes.end(), [&](NodeId id) {
    const model::NodeState* node = state.node(id);
    return node != nullptr && std::any_of(domains.begin(), domains.end(), [&](const DomainName& domain) {
             return passes(presence_of(domain, state.nodes[index(id)]), *node);
           });
  });
}

/// Whether a guest of this node reboots or has just shut down: it is about to run again, or to be gone.
bool settles_here(const Session& session, const model::ClusterState& state, const std::vector<DomainName>& domains) {
  const model::Observation& here = state.nodes[index(session.this_node)];
  return std::any_of(domains.begin(), domains.end(), [&](const DomainName& domain) {
    const model::DomainPresence found = presence_of(domain, here);
    return found.presence == model::Presence::watcher_only || found.presence == model::Presence::dying ||
           (found.presence == model::Presence::shut_down && found.has_watcher);
  });
}

/// Whether a guest that is in no list of this node may be between its reboot and its restart (rule 5.2).
bool may_come_back_here(const Session& session, const model::ClusterState& state,
                        const std::vector<DomainName>& domains) {
  const model::Observation& here = state.nodes[index(session.this_node)];
  return std::any_of(domains.begin(), domains.end(), [&](const DomainName& domain) {
    const model::DomainPresence found = presence_of(domain, here);
    return found.presence == model::Presence::absent && !found.watchers_known;
  });
}

/// Looks at both nodes, plans, prints the plan, carries it out.
engine::Report look_and_act(Session& session, model::Wish wish, const DeadPeer& dead, engine::Progress& progress) {
  engine::Look look = look_for(session, wish);
  look.make_identity = true;
  const model::ClusterState state = look_at_rest(session, wish, look);
  planner::Inputs inputs = inputs_for(session, wish, state);
  inputs.identities_made = true;
  wish.shutdown_limit = time_left(session);
  const model::Plan plan = planner::plan(session.topology, state, wish, inputs);
  if (!session.options.quiet) print_plan(session, plan);
  engine::Execution how = execution(session, state);
  how.peer_is_dead = dead.accepted;
  how.still_dead = dead.still_dead;
  how.shuts_down_at_once = wish.shutdown_limit.has_value();
  engine::Report report = engine::execute(plan, session.cluster, how, engine::system_clock(), progress);
  add_warnings(report, plan);
  return report;
}

/// What was undone may show what else is left: looks and plans again until there is nothing more to do, a few times at
/// most.
void recover_further(Session& session, const model::Wish& wish, const DeadPeer& dead, engine::Progress& progress,
                     engine::Report& report) {
  constexpr int rounds = 4;
  for (int round = 0; round < rounds && interrupted_by() == 0; ++round) {
    const bool mended = std::any_of(report.domains.begin(), report.domains.end(), [](const engine::DomainReport& d) {
      return d.result == engine::ResultKind::recovered && !d.error;
    });
    if (!mended) return;
    engine::Report next = look_and_act(session, wish, dead, progress);
    const bool more = std::any_of(next.domains.begin(), next.domains.end(), [](const engine::DomainReport& domain) {
      return domain.result == engine::ResultKind::recovered;
    });
    add_further_recovery(report, std::move(next));
    if (!more) return;
  }
}

/// Every domain refused for the same reason, before anything was looked at.
engine::Report all_refused(const Session& session, const model::Wish& wish, const Error& why) {
  engine::Report report;
  for (const DomainName& domain : wish.domains) {
    engine::DomainReport refused{.domain = domain,
                                 .result = engine::ResultKind::refused,
                                 .node = session.this_node,
                                 .reason = why.because,
                                 .error = why};
    refused.error->what = session.options.command + ": nothing was done for " + domain.str();
    report.domains.push_back(std::move(refused));
  }
  return report;
}

/// A stop goes on with this node's half when the peer is lost while the lock is taken.
Result<ClusterLock> take_lock_for(Session& session, Goal goal) {
  const auto at_most = goal == Goal::stop_here ? time_before_shutdowns(session) : std::nullopt;
  auto lock = take_lock(session, lock_scope(session), at_most);
  if (lock || goal != Goal::stop_here || session.cluster.peer_error) return lock;
  if (lock.error().kind == ErrorKind::busy || lock.error().kind == ErrorKind::interrupted) return lock;
  do_without_peer(session, std::move(lock).error());
  return take_lock(session, ClusterLock::Scope::this_node, time_before_shutdowns(session));
}

/// The peer that does not answer: is it dead? Judged while this node's lock is held: a peer that is switched on again
/// meanwhile does not get it, and starts nothing. Accident: found by the model: it had the lock of both nodes before
/// the run that had declared it dead, the links were cut, and both started the domain.
/// A claim that is refused says so of each domain that needs it; what runs here needs none.
Result<DeadPeer> judge_peer(Session& session, model::Wish& wish) {
  if (wish.goal == Goal::stop_here) return DeadPeer{};
  auto considered = consider_dead_peer(session);
  if (!considered && considered.error().kind == ErrorKind::refused) {
    session.not_dead = std::move(considered).error();
    return DeadPeer{};
  }
  XEN_DRBD_TRY(DeadPeer dead, std::move(considered));
  wish.peer_is_dead = dead.accepted;
  session.fenced = dead.accepted && dead.by_fence;
  renew_audit(session);
  return dead;
}

/// A guest that `recover` has started here is one that was asked for on this node (rule 5.10).
void end_leaving_for_started(const Session& session, const engine::Report& report) {
  const bool started = std::any_of(report.domains.begin(), report.domains.end(), [&](const engine::DomainReport& each) {
    return each.new_start == engine::NewStart::done && each.node == session.this_node;
  });
  if (!started) return;
  if (const auto ended = end_leaving(session); !ended) log::warn(printable(ended.error().because));
}

Result<engine::Report> look_and_act_locked(Session& session, model::Wish& wish) {
  const auto progress = make_progress(session); // outlives the lock: a terminal that stands still does not keep that
  if (!brings_here(wish.goal)) session.left_before = [&session] { return leaves_as_before(session); };
  XEN_DRBD_TRY(const ClusterLock lock, take_lock_for(session, wish.goal));
  XEN_DRBD_TRY(const DeadPeer dead, judge_peer(session, wish));
  if (brings_here(wish.goal)) XEN_DRBD_CHECK(end_leaving(session));
  engine::Report report = look_and_act(session, wish, dead, *progress);
  if (wish.goal == Goal::recover) {
    recover_further(session, wish, dead, *progress, report);
    end_leaving_for_started(session, report);
  }
  return report;
}

int carry_out(Session& session, model::Wish wish) {
  if (auto stranger = stranger_at_peer(session, wish)) {
    const engine::Report refused = all_refused(session, wish, *stranger);
    do_without_peer(session, std::move(*stranger)); // not even the audit line is for a stranger
    return end_with(session, refused);
  }
  const auto report = look_and_act_locked(session, wish);
  if (!report && report.error().kind == ErrorKind::refused)
    return end_with(session, all_refused(session, wish, report.error()));
  return report ? end_with(session, *report) : end_with(session, report.error());
}

} // namespace

void add_warnings(engine::Report& report, const model::Plan& plan) {
  for (engine::DomainReport& domain : report.domains)
    for (const model::DomainPlan& planned : plan.domains)
      if (planned.domain == domain.domain)
        domain.notes.insert(domain.notes.begin(), planned.warnings.begin(), planned.warnings.end());
}

std::optional<Error> stranger_at_peer(const Session& session, const model::Wish& wish) {
  if (session.cluster.peer_error) return std::nullopt;
  const model::ClusterState state = engine::observe_identities(session.cluster);
  if (state.node(other(session.this_node)) == nullptr)
    return std::nullopt; // lost meanwhile: the look itself will say so
  planner::Inputs inputs = planner_inputs(session, state);
  inputs.identities_made = !session.options.dry_run;
  return planner::same_pair({session.topology, state, wish, inputs});
}

model::ClusterState look_at_rest(const Session& session, const model::Wish& wish, const engine::Look& look) {
  constexpr Milliseconds longest{15'000};
  constexpr Milliseconds interval{500};
  const bool stops = wish.goal == Goal::stop_here || wish.goal == Goal::evacuate;
  const Milliseconds patience = stops ? std::min(longest, time_before_shutdowns(session).value_or(longest)) : longest;
  engine::Clock& clock = engine::system_clock();
  const auto begin = clock.now();
  const auto at_rest = [&](const model::ClusterState& state, std::chrono::steady_clock::duration looked) {
    if (!stops) return wish.goal != Goal::recover || !passes_by_itself(state, wish.domains);
    return !settles_here(session, state, wish.domains) &&
           (looked >= engine::looks_without_watchers || !may_come_back_here(session, state, wish.domains));
  };
  for (;;) {
    model::ClusterState state = look_at_both(session, look);
    const auto looked = clock.now() - begin;
    if (at_rest(state, looked) || interrupted_by() != 0 || looked >= patience) return state;
    clock.sleep(interval);
  }
}

void do_without_peer(Session& session, Error why) {
  session.cluster.hosts[index(session.cluster.peer())].reset();
  if (why.what.empty()) why.what = session.peer() + " is not asked";
  session.cluster.peer_error = std::move(why);
}

model::Wish wish_of(const Session& session) {
  const Meaning meaning = meanings().at(session.options.command);
  model::Wish wish;
  wish.goal = meaning.goal;
  wish.named = !session.options.domains.empty();
  wish.domains = wish.named                     ? typed_domains(session)
                 : meaning.whose == Whose::mine ? my_domains(session)
                                                : all_domains(session);
  wish.plain_ssh = session.options.plain_ssh;
  wish.destroy = session.options.destroy;
  wish.yes = session.options.yes;
  wish.shutdown_limit = session.options.deadline;
  return wish;
}

engine::Look look_for(const Session& session, const model::Wish& wish) {
  engine::Look look;
  look.configs = wish.domains;
  switch (wish.goal) {
  case Goal::start_here:
  case Goal::migrate_in:
  case Goal::home_and_start_my:
  case Goal::stop_here: look.parse_on = {session.this_node}; break;
  case Goal::migrate_out: look.parse_on = {other(session.this_node)}; break;
  case Goal::evacuate:
  case Goal::home_and_start_all:
  case Goal::recover: look.parse_on = {NodeId::node1, NodeId::node2}; break;
  }
  return look;
}

Milliseconds lock_wait(const Session& session) {
  return session.options.lock_wait.value_or(session.topology.lock_wait);
}

Result<engine::ClusterLock> take_lock(const Session& session, ClusterLock::Scope scope,
                                      std::optional<Milliseconds> at_most) {
  const auto waiting = [&](const std::string& holder) {
    if (!session.options.quiet) write_message("waiting for the cluster lock: " + printable(holder) + "\n");
  };
  const Milliseconds wait = lock_wait(session);
  auto lock = ClusterLock::acquire(session.cluster, scope, holder_text(session), std::min(wait, at_most.value_or(wait)),
                                   engine::system_clock(), waiting, [] { return interrupted_by() != 0; });
  if (lock)
    log::info(fmt::format("the cluster lock is taken on {}", scope == ClusterLock::Scope::this_node
                                                                 ? session.here()
                                                                 : session.here() + " and " + session.peer()));
  return lock;
}

int run_wish(Session& session) {
  if (auto connected = connect(session); !connected) return print_error(session.options, connected.error());
  model::Wish wish = wish_of(session);
  if (!session.options.dry_run) return audited(session, [&] { return carry_out(session, wish); });
  if (const auto dead = judge_peer(session, wish); !dead) return print_error(session.options, dead.error());
  return plan_only(session, wish);
}

} // namespace xen_drbd::cli
