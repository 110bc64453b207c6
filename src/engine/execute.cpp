#include "xen_drbd/engine/execute.hpp"

#include "domain_run.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <thread>

namespace xen_drbd::engine {
namespace {

using model::DomainPlan;
using model::Verdict;

constexpr Milliseconds news_interval{100}; // how long an interruption or a pause that is over may go unnoticed

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

/// Whether recover starts the domain again.
bool starts_again(const DomainPlan& plan) {
  return plan.verdict == Verdict::recover && std::any_of(plan.steps.begin(), plan.steps.end(), [](const auto& step) {
           return std::holds_alternative<model::Create>(step.action);
         });
}

/// Whether what waits for a domain (`after`) may start once it ended so: it runs.
bool runs_now(ResultKind result) {
  return result == ResultKind::started || result == ResultKind::migrated || result == ResultKind::already ||
         result == ResultKind::recovered;
}

/// Lets one call through at a time.
class OneAtATime final : public Progress {
public:
  explicit OneAtATime(Progress& progress) : progress_(progress) {}
  void step_begins(const DomainName& domain, const model::Step& step) override {
    const std::scoped_lock guard(mutex_);
    progress_.step_begins(domain, step);
  }
  void step_ended(const DomainName& domain, const model::Step& step, const std::optional<Error>& error) override {
    const std::scoped_lock guard(mutex_);
    progress_.step_ended(domain, step, error);
  }
  void migration(const DomainName& domain, const MigrationProgress& progress) override {
    const std::scoped_lock guard(mutex_);
    progress_.migration(domain, progress);
  }
  void xl_migrate(const DomainName& domain, bool lives) override {
    const std::scoped_lock guard(mutex_);
    progress_.xl_migrate(domain, lives);
  }
  void domain_ended(const DomainReport& report) override {
    const std::scoped_lock guard(mutex_);
    progress_.domain_ended(report);
  }

private:
  Progress& progress_;
  std::mutex mutex_;
};

/// All domains of a plan, `jobs` at once.
class Schedule {
public:
  Schedule(const model::Plan& plan, const Cluster& cluster, const Execution& execution, Clock& clock,
           Progress& progress)
      : plan_(plan),
        progress_(progress),
        run_(cluster, execution, clock, progress_),
        jobs_(std::max(1U, execution.jobs)),
        reports_(plan.domains.size()) {}

  Report run() {
    unsigned jobs = 0;
    unsigned others = 0;
    for (const DomainPlan& domain : plan_.domains)
      if (!domain.steps.empty()) ++(takes_a_job(domain) ? jobs : others);
    std::vector<std::jthread> workers;
    for (unsigned i = 0; i < std::max(1U, std::min(jobs, jobs_) + others); ++i)
      workers.emplace_back([this] { work(); });
    workers.clear();
    Report report;
    for (auto& done : reports_) report.domains.push_back(std::move(*done));
    if (run_.changed) name_failures(report);
    return report;
  }

private:
  enum class Readiness {
    ready,
    waiting, ///< for another domain
    resting, ///< for the pause after another domain's start
    never,
  };

  [[nodiscard]] bool takes_a_job(const DomainPlan& domain) const {
    return !domain.steps.empty() && !(domain.verdict == Verdict::stop && run_.execution.shuts_down_at_once);
  }

  void work() {
    std::unique_lock guard(mutex_);
    while (begun_.size() < plan_.domains.size()) {
      const auto next = take();
      if (!next) {
        run_.clock.wait(guard, news_, news_interval);
        continue;
      }
      const unsigned taken = takes_a_job(plan_.domains[*next]) ? 1 : 0;
      ++running_;
      jobs_taken_ += taken;
      guard.unlock();
      DomainReport report = DomainRun(plan_.domains[*next], run_).carry_out();
      guard.lock();
      --running_;
      jobs_taken_ -= taken;
      rested_[report.domain] = run_.clock.now() + plan_.domains[*next].delay;
      record(*next, std::move(report));
    }
  }

  /// The place of a domain that may begin now; nothing when none may. Those that never will are held back.
  std::optional<std::size_t> take() {
    bool resting = false;
    for (std::size_t i = 0; i < plan_.domains.size(); ++i) {
      if (begun_.contains(i) || (takes_a_job(plan_.domains[i]) && jobs_taken_ == jobs_)) continue;
      Error held_back{.kind = ErrorKind::refused, .what = plan_.domains[i].domain.str() + " was not started"};
      switch (readiness(plan_.domains[i], held_back)) {
      case Readiness::waiting: break;
      case Readiness::resting: resting = true; break;
      case Readiness::never: hold_back(i, std::move(held_back)); return take();
      case Readiness::ready: begun_.insert(i); return i;
      }
    }
    if (running_ == 0 && !resting) hold_back_the_rest();
    return std::nullopt;
  }

  Readiness readiness(const DomainPlan& domain, Error& held_back) {
    bool resting = false;
    for (const DomainName& before : domain.waits_for) {
      const DomainReport* ended = report_of(before);
      if (ended == nullptr) return Readiness::waiting;
      if (!runs_now(ended->result)) {
        held_back.because = "it waits for " + before.str() + ", which was not started";
        if (ended->error && exit_code(ended->error->kind) == exit_code(ErrorKind::failed))
          held_back.kind = ErrorKind::failed;
        return Readiness::never;
      }
      resting = resting || (ended->result == ResultKind::started && run_.clock.now() < rested_.at(before));
    }
    for (const DomainName& before : domain.follows)
      if (report_of(before) == nullptr) return Readiness::waiting;
    return resting && !stop_of(run_.execution, run_.clock) ? Readiness::resting : Readiness::ready;
  }

  const DomainReport* report_of(const DomainName& name) const {
    for (std::size_t i = 0; i < plan_.domains.size(); ++i)
      if (plan_.domains[i].domain == name) return reports_[i] ? &*reports_[i] : nullptr;
    return nullptr;
  }

  /// What waits for itself, or for what is not in the plan, would be waited for without end.
  void hold_back_the_rest() {
    for (std::size_t i = 0; i < plan_.domains.size(); ++i)
      if (!begun_.contains(i))
        hold_back(i, {.kind = ErrorKind::bug,
                      .what = plan_.domains[i].domain.str() + " was not begun",
                      .because = "its plan waits for a domain that never ends"});
  }

  void hold_back(std::size_t place, Error error) {
    begun_.insert(place);
    DomainReport report{
        .domain = plan_.domains[place].domain, .result = ResultKind::skipped, .node = plan_.domains[place].node};
    report.reason = error.because;
    report.error = std::move(error);
    record(place, std::move(report));
  }

  /// A node that was lost to one domain before another one was changed: a peer that is "unreachable" promises that the
  /// run has changed nothing.
  void name_failures(Report& report) const {
    for (std::size_t i = 0; i < report.domains.size(); ++i) {
      DomainReport& domain = report.domains[i];
      if (plan_.domains[i].steps.empty() || !domain.error || domain.error->kind != ErrorKind::unreachable) continue;
      domain.error->kind = ErrorKind::failed;
      domain.result = ResultKind::failed;
    }
  }

  void record(std::size_t place, DomainReport report) {
    progress_.domain_ended(report);
    reports_[place] = std::move(report);
    news_.notify_all();
  }

  const model::Plan& plan_;
  OneAtATime progress_;
  Run run_;
  const unsigned jobs_;
  std::mutex mutex_;
  std::condition_variable news_;
  unsigned running_ = 0;
  unsigned jobs_taken_ = 0;
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
  return {.domain = plan.domain,
          .result = success_of(plan.verdict),
          .node = plan.node,
          .reason = plan.reason,
          .error = plan.error,
          .new_start = starts_again(plan) ? NewStart::done : NewStart::none};
}

const DomainReport* Report::find(const DomainName& domain) const {
  const auto found =
      std::find_if(domains.begin(), domains.end(), [&](const DomainReport& r) { return r.domain == domain; });
  return found == domains.end() ? nullptr : &*found;
}

Report execute(const model::Plan& plan, const Cluster& cluster, const Execution& execution, Clock& clock,
               Progress& progress) {
  return Schedule(plan, cluster, execution, clock, progress).run();
}

} // namespace xen_drbd::engine
