#include "xen_drbd/base/log.hpp"
#include "xen_drbd/base/text.hpp"
#include "xen_drbd/planner/status.hpp"

#include "audit.hpp"
#include "changing.hpp"
#include "commands.hpp"
#include "interrupt.hpp"
#include "leaving.hpp"
#include "output.hpp"
#include "render.hpp"
#include "rounds.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <set>
#include <unistd.h>

namespace xen_drbd::cli {
namespace {

using engine::ClusterLock;
using engine::ResultKind;

/// Whether the run has changed anything for any domain.
bool changed_anything(const engine::Report& report) {
  return std::any_of(report.domains.begin(), report.domains.end(), [](const engine::DomainReport& domain) {
    return domain.result == ResultKind::started || domain.result == ResultKind::migrated ||
           domain.result == ResultKind::stopped || domain.result == ResultKind::recovered ||
           (domain.error && domain.error->changed != Changed::no);
  });
}

bool moves_anything(const model::Plan& plan) {
  return std::any_of(plan.domains.begin(), plan.domains.end(),
                     [](const model::DomainPlan& domain) { return domain.verdict == model::Verdict::migrate; });
}

/// What cannot move is asked to shut down while the others move, and holds nobody up: what has not shut down when the
/// moves end is asked again, with all the time that is left.
void end_shutdowns_with_the_moves(model::Plan& plan, Milliseconds moving) {
  for (model::DomainPlan& domain : plan.domains)
    for (model::Step& step : domain.steps)
      if (auto* shutdown = std::get_if<model::Shutdown>(&step.action);
          shutdown != nullptr && shutdown->timeout > moving) {
        shutdown->timeout = moving;
        shutdown->destroy_after = false;
      }
}

/// One evacuation: move, look again, shut down what could not move.
class Evacuation {
public:
  explicit Evacuation(Session& session) : session_(session), wish_(wish_of(session)) {}

  int plan_only() {
    do_without_stranger();
    stay_without_peer();
    const model::ClusterState state = look_at_both(session_, look_for(session_, wish_));
    const model::Plan plan = make_plan(state);
    print_plan(session_, plan);
    engine::Report report = expected_report(plan);
    add_warnings(report, plan);
    return print_report(session_, report, &plan);
  }

  int carry_out() {
    const auto ended = empty_this_node();
    if (!ended) return end_with(session_, ended.error());
    audit(session_, ended->report, ended->code);
    return print_report(session_, ended->report, nullptr, ended->code);
  }

private:
  /// What was done, and the exit code by what is left here: that is looked at while the lock is held.
  struct Ended {
    engine::Report report;
    int code = 0;
  };

  Result<Ended> empty_this_node() {
    const auto progress = make_progress(session_); // outlives the lock: a terminal that stands still does not keep that
    XEN_DRBD_CHECK(set_leaving(session_, true));
    auto lock = lock_nodes();
    if (!lock && !without_lock_) return stays_after_all(std::move(lock).error());

    engine::Look look = look_for(session_, wish_);
    look.make_identity = true;
    engine::Report report = round(look_at_rest(session_, wish_, look), *progress);
    if (interrupted_by() == 0 && !failed_moves_.empty()) shut_down_the_rest(look, report, *progress);
    const int code = exit_code_of(report);
    if (interrupted_by() != 0) stays_unless_changed(report);
    return Ended{.report = std::move(report), .code = code};
  }

  /// What could not be moved is shut down. Where time is short, what an xl migrate is still at work on comes last: it
  /// may be shut down once that has ended, and nobody waits for another one's.
  void shut_down_the_rest(const engine::Look& look, engine::Report& report, engine::Progress& progress) {
    std::erase_if(wish_.domains, [&](const DomainName& name) { return asked_in_vain_.contains(name); });
    model::ClusterState state = look_at_rest(session_, wish_, look);
    tell_which_xl_ended(state, progress);
    for (;;) {
      std::vector<DomainName> late;
      if (session_.options.deadline && !deadline_is_over(session_)) late = take_out_what_migrates(state);
      kept_for_the_late_ = !late.empty();
      if (!wish_.domains.empty()) add_shutdowns(report, round(state, progress), session_.this_node);
      if (late.empty()) return;
      wish_.domains = late;
      state = look_when_an_xl_has_ended(look, progress);
      if (interrupted_by() != 0) return;
    }
  }

  /// Takes out of the wish, and returns, what an xl migrate is at work on.
  std::vector<DomainName> take_out_what_migrates(const model::ClusterState& state) {
    const auto rest = std::stable_partition(wish_.domains.begin(), wish_.domains.end(), [&](const DomainName& name) {
      return !planner::is_migrating(name, state);
    });
    std::vector<DomainName> late(rest, wish_.domains.end());
    wish_.domains.erase(rest, wish_.domains.end());
    return late;
  }

  /// Of the wished domains one at least; or the time is over. The look that sees it ended may have listed the domains
  /// before that.
  model::ClusterState look_when_an_xl_has_ended(const engine::Look& look, engine::Progress& progress) {
    constexpr Milliseconds interval{500};
    if (!session_.options.quiet) {
      std::string names;
      for (const DomainName& name : wish_.domains) names += (names.empty() ? "" : ", ") + name.str();
      write_message("waiting for xl migrate to end, then shutting down: " + names + "\n");
    }
    for (;;) {
      model::ClusterState state = look_at_rest(session_, wish_, look);
      if (tell_which_xl_ended(state, progress)) return look_at_rest(session_, wish_, look);
      if (interrupted_by() != 0 || deadline_is_over(session_)) return state;
      engine::system_clock().sleep(interval);
    }
  }

  /// Whether there is any.
  bool tell_which_xl_ended(const model::ClusterState& state, engine::Progress& progress) const {
    const model::NodeState* here = state.node(session_.this_node);
    if (here == nullptr || !here->watchers) return false; // what xl is at work on cannot be told
    bool any = false;
    for (const DomainName& name : wish_.domains) {
      if (planner::is_migrating(name, state)) continue;
      progress.xl_migrate(name, false);
      any = true;
    }
    return any;
  }

  /// Interrupted before anything was done: this node leaves no more than it did before.
  Error stays_after_all(Error why) {
    if (auto stays = take_leaving_back(session_); !stays) {
      why.changed = Changed::yes;
      why.hint = stays.error().because + ", so " + session_.here() + " is leaving: xen-drbd evacuate --cancel";
    }
    return why;
  }

  /// Interrupted in the middle of it: where nothing was changed for any domain, the mark is not left behind either.
  /// Accident: shown possible: an evacuation was interrupted while it looked at the nodes, and the node went on leaving
  /// without a word of it.
  void stays_unless_changed(const engine::Report& report) {
    if (!changed_anything(report)) {
      if (const auto stays = take_leaving_back(session_); !stays) log::warn(printable(stays.error().because));
    }
    if (leaving_by(session_))
      log::warn(session_.here() + " is leaving all the same; when it is to stay: xen-drbd evacuate --cancel");
  }

  void do_without_stranger() {
    auto stranger = stranger_at_peer(session_, wish_);
    if (!stranger) return;
    no_moves_ = session_.peer() + " is not asked: " + stranger->because;
    do_without_peer(session_, std::move(*stranger));
  }

  void stay_without_peer() {
    if (session_.cluster.peer_error && !no_moves_)
      no_moves_ = session_.peer() + " cannot be reached: " + session_.cluster.peer_error->because;
  }

  /// Waits for both halves, or for this node's, no longer than lock_wait in all.
  Result<ClusterLock> lock_nodes() {
    do_without_stranger();
    stay_without_peer();
    const auto begin = engine::system_clock().now();
    if (!no_moves_) {
      auto both = take_lock(session_, ClusterLock::Scope::both_nodes, time_before_shutdowns(session_));
      if (both || both.error().kind == ErrorKind::interrupted) return both;
      no_moves_ =
          (both.error().kind == ErrorKind::busy ? "another run holds the cluster lock " : both.error().what + ": ") +
          both.error().because;
    }
    const auto waited = std::chrono::duration_cast<Milliseconds>(engine::system_clock().now() - begin);
    const Milliseconds left = std::max(lock_wait(session_) - waited, Milliseconds(0));
    auto half = take_lock(session_, ClusterLock::Scope::this_node,
                          std::min(left, time_before_shutdowns(session_).value_or(left)));
    without_lock_ = !half && half.error().kind != ErrorKind::interrupted;
    if (without_lock_ && half.error().kind != ErrorKind::busy)
      log::warn(printable(half.error().what + ": " + half.error().because));
    return half;
  }

  /// Those that ignore their shutdown leave some time to a guest whose migration ends late.
  std::optional<Milliseconds> time_for_shutdowns() const {
    constexpr std::chrono::seconds for_the_late{15};
    const auto left = time_left(session_);
    if (!left || !kept_for_the_late_) return left;
    return *left - std::min(for_the_late, std::chrono::floor<std::chrono::seconds>(*left / 3));
  }

  model::Plan make_plan(const model::ClusterState& state) {
    planner::Inputs inputs = planner_inputs(session_, state);
    inputs.identities_made = !session_.options.dry_run;
    inputs.no_moves = no_moves_;
    inputs.without_lock = without_lock_;
    inputs.failed_moves = failed_moves_;
    wish_.shutdown_limit = time_for_shutdowns();
    model::Plan plan = planner::plan(session_.topology, state, wish_, inputs);
    if (const auto moving = time_before_shutdowns(session_); moving && moves_anything(plan))
      end_shutdowns_with_the_moves(plan, std::chrono::ceil<std::chrono::seconds>(*moving));
    return plan;
  }

  engine::Report round(const model::ClusterState& state, engine::Progress& progress) {
    const model::Plan plan = make_plan(state);
    if (!session_.options.quiet) print_plan(session_, plan);
    engine::Execution how = execution(session_, state);
    how.shuts_down_at_once = session_.options.deadline.has_value();
    if (const auto moving = time_before_shutdowns(session_); moving && moves_anything(plan))
      how.moves_end = std::chrono::steady_clock::now() + *moving;
    engine::Report report = engine::execute(plan, session_.cluster, how, engine::system_clock(), progress);
    remember_failed_moves(plan, report);
    add_warnings(report, plan);
    return report;
  }

  /// What is left to be shut down because it could not be moved, and why it could not.
  void remember_failed_moves(const model::Plan& plan, const engine::Report& report) {
    for (std::size_t i = 0; i < report.domains.size(); ++i) {
      const engine::DomainReport& domain = report.domains[i];
      if (domain.result != ResultKind::failed && domain.result != ResultKind::refused &&
          domain.result != ResultKind::skipped && domain.result != ResultKind::unknown)
        continue;
      const model::DomainPlan& planned = plan.domains[i];
      if (planned.verdict == model::Verdict::skipped) continue;
      if (planned.verdict == model::Verdict::stop && domain.result == ResultKind::failed && !session_.options.deadline)
        asked_in_vain_.insert(domain.domain);
      else
        failed_moves_[domain.domain] =
            planned.verdict != model::Verdict::migrate ? planned.reason : why_not_moved(domain);
    }
  }

  static std::string why_not_moved(const engine::DomainReport& domain) {
    if (domain.result == ResultKind::unknown) return "its migration was not seen to end well";
    return domain.reason.empty() ? "it could not be moved" : "its migration failed: " + domain.reason;
  }

  int exit_code_of(const engine::Report& report) {
    const Left left = what_is_left();
    if (left == Left::nothing) return interrupted_by() != 0 ? exit_code_of_signal(interrupted_by()) : 0;
    const int code = exit_code(report);
    if (code != 0 || (left == Left::remains && !without_lock_)) return code;
    // what somebody else brought to life meanwhile is in no plan of this run
    log::warn(fmt::format("that nothing of the topology is left on {} was not seen: look with xen-drbd status",
                          session_.here()));
    return exit_code(ErrorKind::failed);
  }

  enum class Left {
    nothing, ///< that runs, or is left of a migration
    remains, ///< of guests that run elsewhere, or are on their way out
    runs,    ///< or may run, or come back
  };

  /// What of the topology is on this node in the end: seen, not concluded. Where watchers cannot be listed, a guest
  /// that reboots is in no list for some seconds (rule 5.2).
  Left what_is_left() {
    constexpr Milliseconds interval{500};
    engine::Clock& clock = engine::system_clock();
    for (const auto begin = clock.now();; clock.sleep(interval)) {
      bool watchers_known = true;
      const Left left = what_is_left_now(watchers_known);
      if (left == Left::runs || watchers_known || clock.now() - begin >= engine::looks_without_watchers) return left;
      if (interrupted_by() != 0 || deadline_is_over(session_)) return Left::runs;
    }
  }

  Left what_is_left_now(bool& watchers_known) {
    const model::Observation here = engine::observe_domains(session_.cluster, session_.this_node);
    const auto* state = std::get_if<model::NodeState>(&here);
    if (state == nullptr || !state->rows) return Left::runs;
    Left left = Left::nothing;
    for (const DomainName& name : all_domains(session_)) {
      const model::DomainPresence found = presence_of(name, here);
      const model::Presence presence = found.presence;
      watchers_known = watchers_known && found.watchers_known;
      if (presence == model::Presence::absent || runs_no_more(found)) continue;
      left = Left::remains;
      if (presence == model::Presence::running || presence == model::Presence::paused ||
          presence == model::Presence::watcher_only)
        return Left::runs;
    }
    return left;
  }

  Session& session_;
  model::Wish wish_;
  std::optional<std::string> no_moves_;
  bool without_lock_ = false; ///< not even this node's half was had
  std::map<DomainName, std::string> failed_moves_;
  bool kept_for_the_late_ = false;
  std::set<DomainName> asked_in_vain_; ///< for all of their shutdown_timeout: a second time would only be longer
};

int cancel(Session& session) {
  const bool leaving = leaving_by(session).has_value();
  if (!session.options.dry_run) {
    if (auto cleared = set_leaving(session, false); !cleared) return end_with(session, cleared.error());
    audit(session, {}, 0);
  }
  if (session.options.json) {
    const model::Plan nothing;
    return print_report(session, {}, session.options.dry_run ? &nothing : nullptr);
  }
  write_answer(!leaving                  ? "nothing to do: " + session.here() + " was not leaving\n"
               : session.options.dry_run ? session.here() + " would not be leaving any more\n"
                                         : session.here() + " is not leaving any more\n");
  return 0;
}

} // namespace

int run_evacuate(Session& session) {
  if (session.options.cancel) return cancel(session);
  if (auto connected = connect(session); !connected) return print_error(session.options, connected.error());
  Evacuation evacuation(session);
  if (session.options.dry_run) return evacuation.plan_only();
  return audited(session, [&] { return evacuation.carry_out(); });
}

} // namespace xen_drbd::cli
