#include "domain_run.hpp"

#include <algorithm>

namespace xen_drbd::engine {

using model::Step;
using model::Verdict;
using model::When;

namespace {

std::string_view participle(Verdict verdict) {
  switch (verdict) {
  case Verdict::start: return "started";
  case Verdict::migrate: return "migrated";
  case Verdict::stop: return "stopped";
  case Verdict::recover: return "recovered";
  case Verdict::already:
  case Verdict::skipped:
  case Verdict::refused: break;
  }
  return "tidied up";
}

ResultKind result_of(ErrorKind kind) {
  if (kind == ErrorKind::unknown) return ResultKind::unknown;
  return kind == ErrorKind::refused || kind == ErrorKind::unreachable ? ResultKind::refused : ResultKind::failed;
}

} // namespace

DomainRun::DomainRun(const model::DomainPlan& plan, Run& run)
    : plan_(plan), run_(run), report_(expected(plan)), actions_(plan, run) {}

DomainReport DomainRun::carry_out() {
  const auto begin = run_.clock.now();
  for (const Step& step : plan_.steps) take(step);
  actions_.conclude(!left_behind_);
  conclude();
  report_.seconds = std::chrono::duration<double>(run_.clock.now() - begin).count();
  return std::move(report_);
}

bool DomainRun::is_due(const Step& step) const {
  if (!failure_) return step.when != When::on_failure;
  if (!actions_.changed()) return false;
  const auto* demote = std::get_if<model::Demote>(&step.action);
  const auto runs_on = actions_.runs_on();
  switch (step.when) {
  case When::always: return true;
  case When::next:
    return demote != nullptr && runs_on && plan_.verdict == Verdict::migrate && *runs_on == plan_.node &&
           demote->node == other(*runs_on);
  case When::on_failure:
    return failure_->kind != ErrorKind::unknown &&
           (demote == nullptr || (demote->node != runs_on && is_to_undo(*demote)));
  }
  return false;
}

/// Accident: shown possible: the second disk of a start had been promoted by somebody, which was why the start failed,
/// and was taken from him.
bool DomainRun::is_to_undo(const model::Demote& step) const {
  const bool promoted = actions_.told_to_promote(step.node, step.resource);
  if (plan_.verdict == Verdict::start) return promoted;
  if (plan_.verdict == Verdict::migrate) return promoted || actions_.opened_window(step.resource);
  return !keeps_what_it_had(step.node);
}

bool DomainRun::keeps_what_it_had(model::NodeId node) const {
  return std::any_of(plan_.steps.begin(), plan_.steps.end(), [&](const Step& step) {
    const auto* destroy = std::get_if<model::Destroy>(&step.action);
    return destroy != nullptr && destroy->node == node && destroy->for_create && !done_.contains(&step);
  });
}

std::optional<Stop> DomainRun::stop_before(const Step& step) const {
  if (step.when != When::next || failure_) return std::nullopt;
  const bool tidies =
      std::holds_alternative<model::Demote>(step.action) || std::holds_alternative<model::CloseWindow>(step.action);
  return tidies && actions_.changed() ? std::nullopt : stop_of(run_.execution, run_.clock);
}

void DomainRun::take(const Step& step) {
  if (!is_due(step)) return;
  if (auto stop = stop_before(step))
    return fail({.kind = stop->kind,
                 .what = plan_.domain.str() + " was not " + std::string(participle(plan_.verdict)),
                 .because = std::move(stop->because),
                 .while_doing = {},
                 .changed = Changed::no,
                 .hint = {}});
  begun_.insert(&step);
  run_.progress.step_begins(plan_.domain, step);
  Result<> done = actions_.perform(step);
  run_.progress.step_ended(plan_.domain, step, done ? std::nullopt : std::optional(done.error()));
  if (done) {
    done_.insert(&step);
    return;
  }
  if (step.when == When::next && !failure_)
    fail(std::move(done).error());
  else
    leave_behind(std::move(done).error());
}

void DomainRun::fail(Error error) {
  if (actions_.changed()) {
    if (error.changed == Changed::no) error.changed = Changed::yes;
    if (error.kind == ErrorKind::refused) error.kind = ErrorKind::failed;
  }
  if (run_.changed && error.kind == ErrorKind::unreachable) error.kind = ErrorKind::failed;
  failure_ = std::move(error);
  const auto seen = actions_.abandon(*failure_);
  if (!seen) return;
  if (seen->kind == ErrorKind::unknown) failure_->kind = ErrorKind::unknown;
  failure_->while_doing.insert(failure_->while_doing.end(), seen->while_doing.begin(), seen->while_doing.end());
  if (failure_->hint.empty() || seen->kind == ErrorKind::unknown) failure_->hint = seen->hint;
}

/// Of a recovery that came to no good end. Accident: shown possible: a guest that died slowly was destroyed, the run
/// did not come to its create, and what the next round tidied up was reported as a recovery.
NewStart DomainRun::new_start() const {
  NewStart so_far = NewStart::none;
  for (const Step& step : plan_.steps) {
    const auto* destroy = std::get_if<model::Destroy>(&step.action);
    const bool creates = std::holds_alternative<model::Create>(step.action);
    if (creates && done_.contains(&step)) return NewStart::done;
    const bool may_have_destroyed = destroy != nullptr && destroy->for_create && actions_.changed();
    if ((creates || may_have_destroyed) && begun_.contains(&step)) so_far = NewStart::failed;
  }
  return so_far;
}

void DomainRun::leave_behind(Error error) {
  report_.notes.push_back(error.what + ": " + error.because + (error.hint.empty() ? "" : "; " + error.hint));
  if (!left_behind_) left_behind_ = std::move(error);
}

void DomainRun::conclude() {
  if (failure_) {
    report_.result = result_of(failure_->kind);
    if (report_.new_start == NewStart::done) report_.new_start = new_start();
    if (const auto node = actions_.runs_on())
      report_.node = *node;
    else if (plan_.verdict == Verdict::migrate && !actions_.gave_away())
      report_.node = other(plan_.node);
    report_.reason = failure_->because;
    report_.error = std::move(failure_);
  } else if (left_behind_) { // done, but something stays open: exit 6 and a note
    report_.error = std::move(left_behind_);
    report_.error->kind = ErrorKind::failed;
    report_.error->changed = Changed::yes;
  }
}

} // namespace xen_drbd::engine
