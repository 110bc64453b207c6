#pragma once

#include "actions.hpp"
#include "stop.hpp"

#include <set>

namespace xen_drbd::engine {

/// One domain's way through the steps of its plan.
///
/// Which steps are carried out once one of `When::next` has failed:
///
///   next        none; but where the domain was seen to have moved, its old node is demoted all the same
///   on_failure  all, unless the outcome is unknown: then nothing is demoted (rule 5.4), for the domain may be there
///   always      all
///
/// Nothing is undone where nothing was done.
class DomainRun {
public:
  DomainRun(const model::DomainPlan& plan, Run& run);
  DomainReport carry_out();

private:
  void take(const model::Step& step);
  [[nodiscard]] bool is_due(const model::Step& step) const;
  /// Whether a failure takes the disk back there (rule 5.4). What this run did not promote is somebody else's; but
  /// where it has opened the window the target of a migration is demoted in any case, for DRBD does not close it until
  /// then. What a recovery finds Primary is a leftover.
  [[nodiscard]] bool is_to_undo(const model::Demote& step) const;
  /// Whether what was to be destroyed there for a start stands there still, and holds its disks.
  [[nodiscard]] bool keeps_what_it_had(model::NodeId node) const;
  /// Why the step is not begun any more. What tidies up after a domain that was changed is done still.
  [[nodiscard]] std::optional<Stop> stop_before(const model::Step& step) const;
  [[nodiscard]] NewStart new_start() const;
  void fail(Error error);
  void leave_behind(Error error);
  void conclude();

  const model::DomainPlan& plan_;
  Run& run_;
  DomainReport report_;
  Actions actions_;
  std::optional<Error> failure_;
  std::optional<Error> left_behind_;
  std::set<const model::Step*> begun_;
  std::set<const model::Step*> done_;
};

} // namespace xen_drbd::engine
