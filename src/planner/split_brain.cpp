#include "split_brain.hpp"

#include "refusal.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace xen_drbd::planner {

using namespace model;

bool stands_alone(const Scene& scene, const ResourceName& resource) {
  return std::any_of(both_nodes.begin(), both_nodes.end(), [&](NodeId id) {
    const Resource* up = find_resource(scene.node(id), resource);
    return up != nullptr && up->connection == Connection::stand_alone;
  });
}

namespace {

/// The record of the domain's migration from `source`, if the source is still in the boot in which it was written.
const RecordedMigration* record_of(const Scene& scene, const DomainName& domain, NodeId source) {
  const auto record = scene.inputs.records.find(domain);
  const NodeState* node = scene.node(source);
  if (record == scene.inputs.records.end() || node == nullptr) return nullptr;
  return record->second.source == source && record->second.source_identity == node->identity ? &record->second
                                                                                             : nullptr;
}

/// Whether all that was written to the disks of a node since it brought them up came from the other one.
bool wrote_nothing(const Resource& up) {
  return std::all_of(up.volumes.begin(), up.volumes.end(),
                     [](const Volume& volume) { return volume.own_writes() == 0; });
}

/// What target_wrote_nothing says but for the life of the counters.
bool same_own_writes(const Scene& scene, const DomainName& domain, NodeId source, const ResourceName& resource) {
  const RecordedMigration* then = record_of(scene, domain, source);
  const NodeState* target = scene.node(other(source));
  const Resource* up = find_resource(target, resource);
  if (then == nullptr || up == nullptr || !then->before_go || then->target_identity != target->identity) return false;
  return up->wrote_just(then->target_writes);
}

/// Or may keep one: what could not be read is not nothing.
bool keeps_a_record(const Scene& scene, const DomainName& domain, NodeId node) {
  const NodeState& seen = *scene.node(node);
  const auto& records = seen.records;
  return !seen.records_problem.empty() ||
         std::any_of(records.begin(), records.end(),
                     [&](const MigrationRecord& record) { return record.domain == domain; });
}

} // namespace

bool settings_may_differ(const Scene& scene, const DomainName& domain, const ResourceName& resource) {
  const auto record = scene.inputs.records.find(domain);
  if (record == scene.inputs.records.end()) return false;
  const RecordedMigration& then = record->second;
  bool same_boots = true;
  bool primary = false;
  for (NodeId id : both_nodes) {
    const NodeState* node = scene.node(id);
    const Resource* up = find_resource(node, resource);
    if (up == nullptr) return false;
    primary = primary || up->role == Role::primary;
    if (node->identity == (id == then.source ? then.source_identity : then.target_identity)) continue;
    same_boots = false;
    if (up->role == Role::secondary && wrote_nothing(*up)) return true;
  }
  if (!same_boots) return false;
  if (then.before_go) return !primary && same_own_writes(scene, domain, then.source, resource);
  return find_resource(scene.node(then.source), resource)->role == Role::secondary;
}

bool target_wrote_nothing(const Scene& scene, const DomainName& domain, NodeId source, const ResourceName& resource) {
  return same_own_writes(scene, domain, source, resource) &&
         find_resource(scene.node(other(source)), resource)
             ->counts_on_since(scene.inputs.records.at(domain).target_received);
}

bool memory_is_current(const Scene& scene, const DomainName& domain, NodeId node,
                       const std::vector<ResourceName>& resources) {
  const RecordedMigration* then = record_of(scene, domain, node);
  if (then == nullptr && keeps_a_record(scene, domain, node)) return resources.empty(); // of what is not known
  return std::all_of(resources.begin(), resources.end(), [&](const ResourceName& resource) {
    const Resource* up = find_resource(scene.node(node), resource);
    const Resource* far = find_resource(scene.node(other(node)), resource);
    if (then != nullptr) return up != nullptr && up->unwritten_since(then->source_written);
    return window_of(scene, resource) == Window::closed && (far == nullptr || far->role == Role::secondary);
  });
}

bool copy_is_current(const Scene& scene, const DomainName& domain, NodeId source,
                     const std::vector<ResourceName>& resources) {
  const RecordedMigration* then = record_of(scene, domain, source);
  if (then == nullptr) return resources.empty() || !keeps_a_record(scene, domain, source);
  return std::all_of(resources.begin(), resources.end(), [&](const ResourceName& resource) {
    const Resource* up = find_resource(scene.node(source), resource);
    return up != nullptr && up->unwritten_since(then->source_written);
  });
}

Objection split_brain(const Scene& scene, const std::vector<ResourceName>& resources) {
  for (const ResourceName& resource : resources)
    if (stands_alone(scene, resource))
      return refusal(
          fmt::format("the DRBD resource {} stands alone: both nodes may have written, and only you can tell "
                      "whose data are to be kept",
                      resource.str()),
          fmt::format("on the node whose data are given up: drbdadm connect --discard-my-data {}; on the "
                      "other: drbdadm connect {}",
                      resource.str(), resource.str()));
  return std::nullopt;
}

} // namespace xen_drbd::planner
