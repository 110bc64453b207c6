#pragma once

#include "migration.hpp"
#include "xen_drbd/engine/execute.hpp"

#include <mutex>

namespace xen_drbd::engine {

/// The relays of a run, one for each node that is the source of a migration; opened when first needed.
class Relays {
public:
  explicit Relays(const Cluster& cluster, std::string run) : cluster_(cluster), run_(std::move(run)) {}
  Result<std::shared_ptr<Relay>> on(model::NodeId node);

private:
  const Cluster& cluster_;
  std::string run_;
  std::mutex mutex_;
  std::array<std::shared_ptr<Relay>, 2> relays_;
};

/// How each action of a plan is done, for one domain. What must be proved at the last moment is proved here.
class Actions {
public:
  Actions(const model::DomainPlan& plan, const Cluster& cluster, const Execution& execution, Relays& relays,
          Clock& clock, Progress& progress)
      : plan_(plan), domain_(plan.domain), cluster_(cluster), execution_(execution), relays_(relays), clock_(clock), progress_(progress) {}

  Result<> perform(const model::Step& step);

  /// After a step failed: ends a copy that is under way, before anything is undone.
  void abandon(const Error& failure);

  /// At the end of a domain's steps: the record of its migration goes away when nothing is left to be mended (spec 5.11).
  void conclude(bool nothing_left_behind);

  /// Whether any command that changes something was given.
  [[nodiscard]] bool changed() const { return changed_; }
  /// Where a migration left the domain, if it was seen.
  [[nodiscard]] std::optional<model::NodeId> runs_on() const;

private:
  Result<> perform(const model::Promote& step);
  Result<> perform(const model::Demote& step);
  Result<> perform(const model::Create& step);
  Result<> perform(const model::OpenWindow& step);
  Result<> perform(const model::CloseWindow& step);
  Result<> perform(const model::CopyMemory& step);
  Result<> perform(const model::HandOver& step);
  Result<> perform(const model::MigratePlain& step);
  Result<> perform(const model::Shutdown& step);
  Result<> perform(const model::Destroy& step);
  Result<> perform(const model::Unpause& step);
  Result<> perform(const model::Resume& step);
  Result<> perform(const model::EndReceiver& step);
  Result<> perform(const model::Reconnect& step);

  host::Outcome act(model::NodeId node, const host::Command& command);
  Result<model::Resource> resource(model::NodeId node, const ResourceName& name);
  Result<> set_window(const ResourceName& name, bool open);
  Result<> ready_to_migrate(model::NodeId from);
  Result<> last_look(model::NodeId from);
  Result<> write_record(model::NodeId from, bool before_go);
  Result<> disks_are_open(model::NodeId node);
  Result<> peer_still_dead();
  Error failed(std::string what, std::string because, std::string hint = {}) const;

  const model::DomainPlan& plan_;
  const DomainName& domain_;
  const Cluster& cluster_;
  const Execution& execution_;
  Relays& relays_;
  Clock& clock_;
  Progress& progress_;
  std::unique_ptr<Migration> migration_;
  std::optional<model::NodeId> migrating_from_;
  bool recorded_ = false;
  bool changed_ = false;
};

} // namespace xen_drbd::engine
