#pragma once

#include "xen_drbd/engine/execute.hpp"
#include "xen_drbd/engine/record.hpp"

#include "migration.hpp"

#include <algorithm>
#include <mutex>
#include <set>

namespace xen_drbd::engine {

/// What the domains of one run have in common.
class Run {
public:
  Run(const Cluster& its_cluster, const Execution& its_execution, Clock& its_clock, Progress& its_progress)
      : cluster(its_cluster), execution(its_execution), clock(its_clock), progress(its_progress) {}
  /// The relay on a node that is the source of a migration; opened when first needed, and again when it has ended.
  Result<std::shared_ptr<Relay>> relay_on(model::NodeId node);

  const Cluster& cluster;
  const Execution& execution;
  Clock& clock;
  Progress& progress;
  std::atomic<bool> changed{false}; ///< a changing command was given for any domain

private:
  std::mutex mutex_;
  std::array<std::shared_ptr<Relay>, 2> relays_;
};

/// How each action of a plan is done, for one domain. What must be proved at the last moment is proved here.
class Actions {
public:
  Actions(const model::DomainPlan& plan, Run& run)
      : plan_(plan),
        domain_(plan.domain),
        run_(run),
        cluster_(run.cluster),
        execution_(run.execution),
        clock_(run.clock) {}

  Result<> perform(const model::Step& step);

  /// After a step failed: ends a copy that is under way, before anything is undone. What was seen then, as an error;
  /// nothing when no copy was under way.
  std::optional<Error> abandon(const Error& failure);

  /// At the end of a domain's steps: the record of its migration goes away when nothing is left to be mended
  /// (rule 5.11).
  void conclude(bool nothing_left_behind);

  /// Whether any command that changes something was given.
  [[nodiscard]] bool changed() const { return changed_; }
  /// Whether the domain was ever given into the hands of `xl migrate`.
  [[nodiscard]] bool gave_away() const { return migration_ != nullptr; }
  /// Whether this run has told DRBD to promote the resource there, whatever came of it.
  [[nodiscard]] bool told_to_promote(model::NodeId node, const ResourceName& resource) const {
    return promoted_.contains({node, resource});
  }
  /// Whether this run has tried to let both nodes be Primary of the resource at the same time.
  [[nodiscard]] bool opened_window(const ResourceName& resource) const {
    return std::find(windows_touched_.begin(), windows_touched_.end(), resource) != windows_touched_.end();
  }
  /// Where a migration left the domain, if that was seen.
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
  Result<> perform(const model::Connect& step);
  Result<> perform(const model::RemoveRecord& step);

  host::Outcome act(model::NodeId node, const host::Command& command);
  /// Whether this run may change something on the node now. A stop needs that node's half of the lock only.
  Result<> in_command(model::NodeId node);
  Result<> peer_still_dead();
  Error failed(std::string what, std::string because, std::string hint = {}) const;
  Error not_known(std::string what, std::string because, std::string hint) const;

  Result<std::optional<model::Resource>> find_resource(model::NodeId node, const ResourceName& name);
  Result<model::Resource> resource(model::NodeId node, const ResourceName& name);
  /// Looks at both nodes side by side: while a window is open, or a guest is held, each look counts.
  Result<std::array<model::Resource, 2>> resource_on_both(const ResourceName& name);
  Result<> try_to_demote(const model::Demote& step, Milliseconds patience, bool& again);
  Result<model::Resource> settled(const model::Promote& step);
  Result<model::Role> may_promote(const model::Promote& step); ///< the role that it has
  Result<> set_window(const ResourceName& name, bool open, const std::array<model::Resource, 2>& before);
  Result<> make_equal(const ResourceName& name);
  Result<> may_connect(const ResourceName& name);
  Result<> wrote_nothing_since(const model::Reconnect& step);
  Result<> connected(const ResourceName& name, const std::array<host::Outcome, 2>& asked);
  Result<> may_set_window(const ResourceName& name, bool open, const std::array<model::Resource, 2>& seen);
  Result<> set_window_on(model::NodeId node, const ResourceName& name, bool open);
  Result<> has_only_its_disks(model::NodeId node);
  /// prove_absent before the domain is brought to life or moved. Nothing of it was given to xl yet, so that what cannot
  /// be told is a reason not to, and no unknown outcome: ErrorKind::refused.
  Result<> absent_so_far(const std::vector<model::NodeId>& nodes, Milliseconds patience = Milliseconds(0));
  Result<> config_is_unchanged(const model::Create& step);
  Result<> may_be_created_in_place(const model::Create& step);
  bool window_was_never_touched(const ResourceName& name) const;

  Result<> started(const model::Create& step, const host::Outcome& outcome);
  Result<> disks_are_open(model::NodeId node, bool runs); ///< or is paused yet: for the message
  Result<std::optional<model::DomainRow>> find_row(model::NodeId node, const std::string& name);
  Result<> destroy(model::NodeId node, const model::DomainRow& row);
  Error not_shut_down(const model::Shutdown& step, const model::Observation& observed) const;
  Result<> end_after_shutdown(model::NodeId node);
  Result<> cannot_run_on(model::NodeId node);
  Result<> disks_are_as_they_were(model::NodeId node, const std::map<Minor, std::uint64_t>& written,
                                  const std::string& not_done);
  Result<> seen_running(model::NodeId node, const std::string& done, const host::Outcome& outcome);

  Result<MiB> ready_to_migrate(model::NodeId from);
  Result<> last_look(model::NodeId from);
  Result<> source_is_connected(model::NodeId from);
  Result<> target_disk_is_right(model::NodeId target, const ResourceName& name);
  Result<> note_writes(model::NodeId from);
  Result<> write_record(model::NodeId from, bool before_go);
  std::vector<ResourceName> promoted_resources() const;
  Migration& new_migration(model::NodeId from);
  void clear_copy_away(model::NodeId target);

  const model::DomainPlan& plan_;
  const DomainName& domain_;
  Run& run_;
  const Cluster& cluster_;
  const Execution& execution_;
  Clock& clock_;
  std::unique_ptr<Migration> migration_;
  std::optional<model::NodeId> migrating_from_;
  std::vector<ResourceName> windows_touched_;
  std::set<std::pair<model::NodeId, ResourceName>> promoted_;
  Record noted_; ///< its figures, of before the promotion
  bool recorded_ = false;
  bool changed_ = false;
};

} // namespace xen_drbd::engine
