#include "recovery.hpp"
#include "refusal.hpp"
#include "split_brain.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace xen_drbd::planner {

using namespace model;

namespace {

/// Why a disk that is Primary already is promoted all the same: the step looks whether its data are still the right
/// ones (rule 5.4).
constexpr const char* still_right = "it is Primary already, and must be right to be written at that moment";

} // namespace

Objection Recovery::clear_half_names(std::optional<NodeId> keep) {
  for (NodeId id : {scene_.here(), scene_.peer()}) {
    if (const DomainRow* copy = on(id).incoming) {
      if (!copy->paused || copy->cpu_seconds > 0)
        return refusal(
            fmt::format("{} on {} is not paused, or has run", copy->name, node_name(id)),
            fmt::format("look at `xl list` on both nodes and destroy by hand what is not wanted of {}", name()));
      steps_.push_back({EndReceiver{id}, "its copy is abandoned"});
      steps_.push_back({Destroy{id, copy->name}, "an abandoned copy that never ran"});
    }
    if (on(id).away != nullptr && keep != id)
      steps_.push_back({Destroy{id, on(id).away->name}, "the copy that a migration leaves at its source"});
  }
  return std::nullopt;
}

Objection Recovery::bring_back(NodeId id, const DomainRow& row, bool may_resume) {
  demote(other(id));
  const NodeState* node = scene_.node(id);
  const bool current = memory_is_current(scene_, domain_.name, id, resources_);
  if (may_resume && current && node->has_resume) {
    for (const ResourceName& resource : resources_)
      if (const Resource* up = find_resource(node, resource); up == nullptr || up->role != Role::primary)
        if (Objection no = disk_may_start(scene_, resource, id)) return no;
    close_windows();
    promote(id, false);
    steps_.push_back({Resume{id, row.name, written_on(id)},
                      "nothing of it can have run elsewhere, and nobody wrote to its disks, since it was suspended"});
    return std::nullopt;
  }
  if (!scene_.wish.yes) {
    std::string because =
        fmt::format("{} is suspended on {}, and xl there cannot resume it (Xen 4.20 can)", row.name, node_name(id));
    if (may_resume && node->has_resume)
      because =
          fmt::format("{} is suspended on {}, and it is not proved that nobody wrote to its disks on {} since: it "
                      "must not be resumed",
                      row.name, node_name(id), node_name(other(id)));
    if (!may_resume)
      because = fmt::format("{} stands suspended on {}, and whether it ever ran on {} is not known: it must never be "
                            "resumed",
                            row.name, node_name(id), node_name(other(id)));
    return refusal(std::move(because),
                   fmt::format("to destroy it and start {} again: xen-drbd recover {} --yes", name(), name()));
  }
  return start_again(id, row);
}

/// What was written to the disks there so far.
std::map<Minor, std::uint64_t> Recovery::written_on(NodeId id) const {
  std::map<Minor, std::uint64_t> written;
  for (const ResourceName& resource : resources_)
    if (const Resource* up = find_resource(scene_.node(id), resource))
      for (const Volume& volume : up->volumes) written[volume.minor] = volume.written_kib;
  return written;
}

Objection Recovery::start_again(NodeId id, const DomainRow& row) {
  // disks that stand alone are mended first, or explained; the start is for a later round
  if (std::any_of(resources_.begin(), resources_.end(),
                  [&](const ResourceName& resource) { return stands_alone(scene_, resource); })) {
    close_windows();
    Objection no = mend_split_brain(id);
    // DRBD gives up the data of a Secondary only: a copy that never ran must not hold the disk
    if (!no || steps_.empty()) return no;
    warnings_.push_back(no->because + "; " + no->hint);
    return std::nullopt;
  }
  if (Objection no = peer_not_leaving(scene_, id)) return no;
  if (Objection no = config_is_the_domains(scene_, domain_, id)) return no;
  const NodeState* node = scene_.node(id);
  const MiB available = node->xen ? node->xen->free_memory + row.memory : MiB{}; // it is destroyed first
  if (Objection no = memory_fits(scene_, domain_.name, id, parsed_config(scene_, domain_.name, id)->memory, available))
    return no;
  if (unread_) return unread_;
  for (const ResourceName& resource : resources_)
    if (Objection no = disk_may_start(scene_, resource, id)) return no;
  if (scene_.peer_counts_as_dead()) warn_of_missing_data(scene_, resources_, id, warnings_);
  close_windows();
  for (const ResourceName& resource : resources_) { // what cannot be started again is not given up
    const Resource* up = find_resource(scene_.node(id), resource);
    if (up != nullptr && up->role == Role::primary) steps_.push_back({Promote{id, resource}, still_right});
  }
  const Create create = create_from(scene_, domain_, id);
  steps_.push_back({Destroy{id, row.name, create}, "it cannot be resumed; --yes"});
  promote(id, true);
  steps_.push_back({create, "it is started again"});
  for (const ResourceName& resource : resources_)
    steps_.push_back(
        {Demote{id, resource}, "nothing of the domain is left there when its start fails", When::on_failure});
  return std::nullopt;
}

void Recovery::demote(NodeId id) {
  for (Step& step : demote_leftovers(scene_, resources_, id)) steps_.push_back(std::move(step));
}

void Recovery::promote(NodeId id, bool starts) {
  for (const ResourceName& resource : resources_) {
    const Resource* up = find_resource(scene_.node(id), resource);
    const bool primary = up != nullptr && up->role == Role::primary;
    if (starts || !primary)
      steps_.push_back({Promote{id, resource}, primary ? still_right : "the domain writes its disks here"});
  }
}

bool Recovery::gave_up(const ResourceName& resource) const {
  return stands_alone(scene_, resource) && discards_by(scene_, resource).empty() &&
         (windows_differ(scene_, resource) || settings_may_differ(scene_, domain_.name, resource));
}

bool Recovery::allowed_by_one(const ResourceName& resource) const {
  const auto allows = [&](NodeId id) {
    const Resource* up = find_resource(scene_.node(id), resource);
    return up != nullptr && up->two_primaries == TwoPrimaries::yes;
  };
  return window_of(scene_, resource) == Window::open && allows(NodeId::node1) != allows(NodeId::node2);
}

void Recovery::close_windows() {
  for (Step& step : close_leftovers(scene_, resources_, warnings_)) steps_.push_back(std::move(step));
  for (const ResourceName& resource : resources_) {
    if (!gave_up(resource)) continue;
    if (allowed_by_one(resource) && !windows_differ(scene_, resource))
      steps_.push_back({CloseWindow{resource}, "allowed on one node only, two Primaries keep DRBD from connecting"});
    steps_.push_back({Connect{resource}, "DRBD gave up because two Primaries were allowed on one node only"});
  }
}

std::vector<ResourceName> Recovery::still_alone() const {
  std::vector<ResourceName> alone;
  for (const ResourceName& resource : resources_)
    if (stands_alone(scene_, resource) && !gave_up(resource)) alone.push_back(resource);
  return alone;
}

void Recovery::remove_record() {
  if (unread_ && !remove_records(scene_, domain_.name).empty()) {
    warnings_.emplace_back("the record of its migration is kept until its disks can be told");
    return;
  }
  const auto waits = [&](const ResourceName& resource) {
    return !stands_alone(scene_, resource) && !connected_on_both(scene_, resource);
  };
  if (std::any_of(resources_.begin(), resources_.end(), waits) && !remove_records(scene_, domain_.name).empty()) {
    warnings_.emplace_back("the record of its migration is kept until its disks are Connected");
    return;
  }
  for (Step& step : remove_records(scene_, domain_.name)) steps_.push_back(std::move(step));
}

Objection Recovery::mend_split_brain(NodeId source) {
  const bool gave_it_away = on(other(source)).away != nullptr; // the record is of an older migration then
  for (const ResourceName& resource : still_alone()) {
    if (gave_it_away || !target_wrote_nothing(scene_, domain_.name, source, resource) ||
        may_keep_the_discarded(scene_, resource))
      return split_brain(scene_, {resource});
    const RecordedMigration& then = scene_.inputs.records.at(domain_.name);
    steps_.push_back({Reconnect{other(source), resource, then.target_writes, then.target_received},
                      "split by a migration that failed; the record proves that nothing was written there"});
    if (window_of(scene_, resource) == Window::open)
      steps_.push_back({CloseWindow{resource}, "two Primaries are still allowed, left by an earlier run"});
  }
  return std::nullopt;
}

} // namespace xen_drbd::planner
