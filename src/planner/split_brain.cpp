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

bool target_wrote_nothing(const Scene& scene, const DomainName& domain, NodeId source, const ResourceName& resource) {
  const auto record = scene.inputs.records.find(domain);
  const NodeState* target = scene.node(other(source));
  const Resource* up = find_resource(target, resource);
  if (record == scene.inputs.records.end() || up == nullptr) return false;
  const RecordedMigration& then = record->second;
  if (then.source != source || !then.before_go || then.target_identity != target->identity) return false;
  return std::all_of(up->volumes.begin(), up->volumes.end(), [&](const Volume& volume) {
    const auto writes = then.target_writes.find(volume.minor);
    return writes != then.target_writes.end() && writes->second == volume.written_kib - volume.received_kib;
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
