#pragma once
// A simulated pair, a run on it, and plans as the planner makes them.

#include "xen_drbd/model/plan.hpp"

#include "support/catch.hpp"
#include "support/engine_world.hpp"

#include <atomic>

namespace xen_drbd::engine_world {

using engine::DomainReport;
using engine::Report;
using engine::ResultKind;
using model::DomainPlan;
using model::Step;
using model::Verdict;
using model::When;

/// Remembers what it hears, and whether it was ever called while a call was going on.
class Heard final : public engine::Progress {
public:
  void step_begins(const DomainName& domain, const Step& step) override {
    const Call call(*this);
    steps.push_back(domain.str() + ": " + std::string(name_of(step.action)));
  }
  void step_ended(const DomainName&, const Step&, const std::optional<Error>& error) override {
    const Call call(*this);
    if (error) errors.push_back(*error);
  }
  void migration(const DomainName&, const engine::MigrationProgress& progress) override {
    const Call call(*this);
    phases.push_back(progress.phase);
    expected = progress.expected;
  }
  void xl_migrate(const DomainName& domain, bool lives) override {
    const Call call(*this);
    xl.push_back(domain.str() + (lives ? ": xl begins" : ": xl ended"));
  }
  void domain_ended(const DomainReport& report) override {
    const Call call(*this);
    ended.push_back(report.domain.str());
  }

  std::vector<std::string> steps;
  std::vector<Error> errors;
  std::vector<std::string> phases;
  std::vector<std::string> xl;
  std::vector<std::string> ended;
  std::uint64_t expected = 0;
  std::atomic<bool> overlapped{false};

private:
  struct Call {
    explicit Call(Heard& its_heard) : heard(its_heard) {
      if (heard.inside_.exchange(true)) heard.overlapped = true;
    }
    ~Call() { heard.inside_ = false; }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;
    Heard& heard;
  };
  std::atomic<bool> inside_{false};
};

struct Lab {
  std::shared_ptr<World> world = World::make();
  engine::Cluster cluster = world->connect();
  engine::Execution execution = world->execution();
  Heard heard;

  Lab() = default;
  ~Lab() { world->close(); }
  Lab(const Lab&) = delete;
  Lab& operator=(const Lab&) = delete;

  Report run(const model::Plan& plan) {
    const Time::Outside outside(*world->time);
    return engine::execute(plan, cluster, execution, *world->clock, heard);
  }
  DomainReport run(DomainPlan plan) {
    model::Plan whole;
    whole.domains.push_back(std::move(plan));
    DomainReport report = run(whole).domains.at(0);
    if (report.error) UNSCOPED_INFO(render(*report.error));
    for (const std::string& line : world->log) UNSCOPED_INFO(line);
    return report;
  }
  Moment now() { return world->clock->now(); }
  double seconds_since(Moment begin) { return std::chrono::duration<double>(now() - begin).count(); }
  DrbdOnNode& drbd(NodeId id, const std::string& resource) { return world->drbd(id, resource); }
  [[nodiscard]] bool window_is(const std::string& resource, bool open) {
    return drbd(dom0, resource).two_primaries == open && drbd(mirror, resource).two_primaries == open;
  }
};

inline const ResourceName samba_resource = resource_name("samba"); ///< the disk of the domain of that name

inline DomainPlan plan_of(const std::string& name, Verdict verdict, NodeId node, std::vector<Step> steps) {
  DomainPlan plan{.domain = domain_name(name), .verdict = verdict, .node = node};
  plan.steps = std::move(steps);
  return plan;
}
inline Step next(model::Action action) { return {std::move(action), "", When::next}; }
inline Step on_failure(model::Action action) { return {std::move(action), "", When::on_failure}; }
inline Step always(model::Action action) { return {std::move(action), "", When::always}; }

inline DomainPlan start_plan(const std::string& name, NodeId node) {
  const ResourceName disk = resource_name(name);
  return plan_of(name, Verdict::start, node,
                 {next(model::Promote{node, disk}), next(model::Create{node, "/etc/xen/" + name + ".cfg"}),
                  on_failure(model::Demote{node, disk})});
}
/// Of a domain without disks.
inline DomainPlan plain_start(const std::string& name, NodeId node) {
  return plan_of(name, Verdict::start, node, {next(model::Create{node, "/etc/xen/" + name + ".cfg"})});
}
inline DomainPlan migrate_plan(const std::string& name, NodeId from) {
  const ResourceName disk = resource_name(name);
  return plan_of(name, Verdict::migrate, other(from),
                 {next(model::CopyMemory{from}), next(model::OpenWindow{disk}),
                  next(model::Promote{other(from), disk, true}), next(model::HandOver{from}),
                  on_failure(model::Demote{other(from), disk}), next(model::Demote{from, disk}),
                  always(model::CloseWindow{disk})});
}
inline DomainPlan plain_migrate_plan(const std::string& name, NodeId from) {
  const ResourceName disk = resource_name(name);
  return plan_of(name, Verdict::migrate, other(from),
                 {next(model::OpenWindow{disk}), next(model::Promote{other(from), disk, true}),
                  next(model::MigratePlain{from}), on_failure(model::Demote{other(from), disk}),
                  next(model::Demote{from, disk}), always(model::CloseWindow{disk})});
}
inline DomainPlan stop_plan(const std::string& name, NodeId node, Milliseconds timeout = Milliseconds(120'000),
                            bool destroy = false) {
  return plan_of(name, Verdict::stop, node,
                 {next(model::Shutdown{node, timeout, destroy}), next(model::Demote{node, resource_name(name)})});
}

inline std::ostream& operator<<(std::ostream& out, ResultKind kind) { return out << to_string(kind); }

} // namespace xen_drbd::engine_world

namespace xen_drbd {
inline std::ostream& operator<<(std::ostream& out, ErrorKind kind) {
  return out << "kind with exit code " << exit_code(kind) << (kind == ErrorKind::unknown ? " (unknown)" : "");
}
} // namespace xen_drbd
