#include "xen_drbd/engine/execute.hpp"

#include "actions.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <thread>

namespace xen_drbd::engine {
namespace {

using model::DomainPlan;
using model::Step;
using model::Verdict;
using model::When;

constexpr Milliseconds poll_interval{10};

ResultKind success_of(Verdict verdict) {
  switch (verdict) {
  case Verdict::start: return ResultKind::started;
  case Verdict::migrate: return ResultKind::migrated;
  case Verdict::stop: return ResultKind::stopped;
  case Verdict::recover: return ResultKind::recovered;
  case Verdict::already: return ResultKind::already;
  case Verdict::skipped: return ResultKind::skipped;
  case Verdict::refused: return ResultKind::refused;
  }
  return ResultKind::failed;
}

/// Whether what waits for a domain (`after`) may start once it ended so: it runs.
bool runs_now(ResultKind result) {
  return result == ResultKind::started || result == ResultKind::migrated || result == ResultKind::already ||
         result == ResultKind::recovered;
}

/// One domain's way through its steps.
class DomainRun {
public:
  DomainRun(const DomainPlan& plan, const Cluster& cluster, const Execution& execution, Relays& relays, Clock& clock, Progress& progress)
      : plan_(plan), execution_(execution), progress_(progress), clock_(clock), report_(expected(plan)), actions_(plan, cluster, execution, relays, clock, progress) {}

  DomainReport carry_out() {
    const auto begin = clock_.now();
    for (const Step& step : plan_.steps) take(step);
    actions_.conclude(!left_behind_);
    conclude();
    report_.seconds = std::chrono::duration<double>(clock_.now() - begin).count();
    return std::move(report_);
  }

private:
  void take(const Step& step) {
    if (step.when == When::next && failure_) return;
    if (step.when == When::on_failure && !failure_) return;
    if (step.when == When::next && execution_.stop && execution_.stop()) {
      fail({.kind = ErrorKind::interrupted, .what = {}, .because = "the run was interrupted", .while_doing = {}, .changed = Changed::no, .hint = {}});
      return;
    }
    progress_.step_begins(plan_.domain, step);
    Result<> done = actions_.perform(step);
    progress_.step_ended(plan_.domain, step, done ? std::nullopt : std::optional(done.error()));
    if (done) {
      changed_ = true;
    } else if (step.when == When::next) {
      fail(std::move(done).error());
    } else {
      report_.notes.push_back(done.error().what + ": " + done.error().because + (done.error().hint.empty() ? "" : "; " + done.error().hint));
      left_behind_ = left_behind_ ? left_behind_ : std::optional(std::move(done).error());
    }
  }

  void fail(Error error) {
    if (changed_ || actions_.changed()) {
      if (error.changed == Changed::no) error.changed = Changed::yes;
      if (error.kind == ErrorKind::unreachable || error.kind == ErrorKind::refused) error.kind = ErrorKind::failed;
    }
    failure_ = std::move(error);
    actions_.abandon(*failure_);
  }

  void conclude() {
    if (!failure_) {
      if (left_behind_) { // done, but something stays open: exit 6 and a note
        report_.error = std::move(left_behind_);
        report_.error->kind = ErrorKind::failed;
        report_.error->changed = Changed::yes;
      }
      return;
    }
    const ErrorKind kind = failure_->kind;
    report_.result = kind == ErrorKind::unknown                                    ? ResultKind::unknown
                     : kind == ErrorKind::refused || kind == ErrorKind::unreachable ? ResultKind::refused
                                                                                    : ResultKind::failed;
    if (auto node = actions_.runs_on()) report_.node = *node;
    report_.reason = failure_->because;
    report_.error = std::move(failure_);
  }

  const DomainPlan& plan_;
  const Execution& execution_;
  Progress& progress_;
  Clock& clock_;
  DomainReport report_;
  Actions actions_;
  std::optional<Error> failure_;
  std::optional<Error> left_behind_;
  bool changed_ = false;
};

/// All domains of a plan, `jobs` at once.
class Schedule {
public:
  Schedule(const model::Plan& plan, const Cluster& cluster, const Execution& execution, Clock& clock, Progress& progress)
      : plan_(plan), cluster_(cluster), execution_(execution), clock_(clock), progress_(progress), relays_(cluster, execution.run_id), reports_(plan.domains.size()) {}

  Report run() {
    const auto wanted = static_cast<unsigned>(std::count_if(plan_.domains.begin(), plan_.domains.end(), [](const DomainPlan& d) { return !d.steps.empty(); }));
    std::vector<std::jthread> workers;
    for (unsigned i = 0; i < std::clamp(wanted, 1U, execution_.jobs); ++i) workers.emplace_back([this] { work(); });
    workers.clear();
    Report report;
    for (auto& done : reports_) report.domains.push_back(std::move(*done));
    return report;
  }

private:
  enum class Readiness { ready, not_yet, never };

  void work() {
    while (auto next = take()) {
      if (*next == plan_.domains.size()) {
        clock_.sleep(poll_interval);
        continue;
      }
      const DomainPlan& domain = plan_.domains[*next];
      end(*next, DomainRun(domain, cluster_, execution_, relays_, clock_, progress_).carry_out());
    }
  }

  /// The place of a domain that may begin now; the number of domains when none may yet; nothing when all have begun.
  std::optional<std::size_t> take() {
    const std::scoped_lock guard(mutex_);
    bool left = false;
    for (std::size_t i = 0; i < plan_.domains.size(); ++i) {
      if (begun_.contains(i)) continue;
      std::string why;
      ErrorKind kind = ErrorKind::refused;
      switch (readiness(plan_.domains[i], why, kind)) {
      case Readiness::not_yet: left = true; break;
      case Readiness::never: begun_.insert(i); hold_back(i, std::move(why), kind); return plan_.domains.size();
      case Readiness::ready: begun_.insert(i); return i;
      }
    }
    return left ? std::optional(plan_.domains.size()) : std::nullopt;
  }

  Readiness readiness(const DomainPlan& domain, std::string& why, ErrorKind& kind) {
    for (const DomainName& before : domain.waits_for) {
      const DomainReport* ended = report_of(before);
      if (ended == nullptr) return Readiness::not_yet;
      if (!runs_now(ended->result)) {
        why = "it waits for " + before.str() + ", which was not started";
        const bool failed = ended->error && exit_code(ended->error->kind) == exit_code(ErrorKind::failed);
        kind = failed ? ErrorKind::failed : ErrorKind::refused;
        return Readiness::never;
      }
      if (ended->result == ResultKind::started && clock_.now() < rested_.at(before)) return Readiness::not_yet;
    }
    for (const DomainName& before : domain.follows)
      if (report_of(before) == nullptr) return Readiness::not_yet;
    return Readiness::ready;
  }

  const DomainReport* report_of(const DomainName& name) const {
    for (std::size_t i = 0; i < plan_.domains.size(); ++i)
      if (plan_.domains[i].domain == name) return reports_[i] ? &*reports_[i] : nullptr;
    return nullptr;
  }

  void hold_back(std::size_t place, std::string why, ErrorKind kind) {
    DomainReport report{.domain = plan_.domains[place].domain};
    report.node = plan_.domains[place].node;
    report.result = ResultKind::skipped;
    report.reason = why;
    report.error = Error{.kind = kind, .what = report.domain.str() + " was not started", .because = std::move(why), .while_doing = {}, .changed = Changed::no, .hint = {}};
    record(place, std::move(report));
  }

  void end(std::size_t place, DomainReport report) {
    const std::scoped_lock guard(mutex_);
    rested_[report.domain] = clock_.now() + plan_.domains[place].delay;
    record(place, std::move(report));
  }

  void record(std::size_t place, DomainReport report) {
    progress_.domain_ended(report);
    reports_[place] = std::move(report);
  }

  const model::Plan& plan_;
  const Cluster& cluster_;
  const Execution& execution_;
  Clock& clock_;
  Progress& progress_;
  Relays relays_;
  std::mutex mutex_;
  std::set<std::size_t> begun_;
  std::vector<std::optional<DomainReport>> reports_;
  std::map<DomainName, std::chrono::steady_clock::time_point> rested_;
};

} // namespace

std::string_view to_string(ResultKind kind) {
  switch (kind) {
  case ResultKind::started: return "started";
  case ResultKind::migrated: return "migrated";
  case ResultKind::stopped: return "stopped";
  case ResultKind::recovered: return "recovered";
  case ResultKind::already: return "already";
  case ResultKind::skipped: return "skipped";
  case ResultKind::refused: return "refused";
  case ResultKind::failed: return "failed";
  case ResultKind::unknown: return "unknown";
  }
  return "unknown";
}

DomainReport expected(const model::DomainPlan& plan) {
  return {.domain = plan.domain, .result = success_of(plan.verdict), .node = plan.node, .reason = plan.reason, .error = plan.error};
}

const DomainReport* Report::find(const DomainName& domain) const {
  const auto found = std::find_if(domains.begin(), domains.end(), [&](const DomainReport& r) { return r.domain == domain; });
  return found == domains.end() ? nullptr : &*found;
}

Report execute(const model::Plan& plan, const Cluster& cluster, const Execution& execution, Clock& clock,
               Progress& progress) {
  return Schedule(plan, cluster, execution, clock, progress).run();
}

} // namespace xen_drbd::engine
