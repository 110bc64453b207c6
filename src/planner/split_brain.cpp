#include "split_brain.hpp"

#include "xen_drbd/base/text.hpp"

#include "refusal.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace xen_drbd::planner {

using namespace model;

namespace {

std::vector<NodeId> alone_on(const Scene& scene, const ResourceName& resource) {
  std::vector<NodeId> nodes;
  for (NodeId id : both_nodes) {
    const Resource* up = find_resource(scene.node(id), resource);
    if (up != nullptr && up->connection == Connection::stand_alone) nodes.push_back(id);
  }
  return nodes;
}

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

bool stands_alone(const Scene& scene, const ResourceName& resource) { return !alone_on(scene, resource).empty(); }

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

std::string where_alone(const Scene& scene, const ResourceName& resource) {
  const auto role_on = [&](NodeId id) {
    const Resource* up = find_resource(scene.node(id), resource);
    return up == nullptr ? to_string(Role::unknown) : to_string(up->role);
  };
  const std::vector<NodeId> alone = alone_on(scene, resource);
  if (alone.size() == 1)
    return fmt::format("{} ({}; on {}: {})", scene.name(alone[0]), role_on(alone[0]), scene.name(other(alone[0])),
                       role_on(other(alone[0])));
  std::vector<std::string> places;
  for (NodeId id : alone) places.push_back(fmt::format("{} ({})", scene.name(id), role_on(id)));
  return enumerate(places);
}

std::string discards_by(const ResourceConfig& config) {
  std::string policies;
  for (const auto& [name, policy] : config.after_split_brain)
    if (policy != "disconnect" && policy != "discard-zero-changes" && policy != "consensus")
      policies += fmt::format("{}{} {}", policies.empty() ? "" : ", ", name, printable(policy));
  return policies;
}

std::string discards_by(const Scene& scene, const ResourceName& resource) {
  for (NodeId id : both_nodes)
    if (const ResourceConfig* config = find_config(scene.node(id), resource))
      if (std::string policies = discards_by(*config); !policies.empty()) return policies;
  return {};
}

bool may_keep_the_discarded(const Scene& scene, const ResourceName& resource) {
  return std::any_of(both_nodes.begin(), both_nodes.end(), [&](NodeId id) {
    const ResourceConfig* config = find_config(scene.node(id), resource);
    if (config == nullptr) return false;
    const auto policy = config->after_split_brain.find("after-sb-0pri");
    return policy != config->after_split_brain.end() && policy->second != "disconnect" &&
           policy->second != "discard-zero-changes";
  });
}

std::string out_of_standing_alone(const Scene& scene, const ResourceName& resource) {
  std::vector<std::string> nodes;
  for (NodeId id : alone_on(scene, resource)) nodes.push_back(scene.name(id));
  std::string first;
  if (const std::string policies = discards_by(scene, resource); !policies.empty())
    first = fmt::format("first, since DRBD discards one side by itself when it connects ({}): on both nodes disconnect "
                        "for that in the configuration, and drbdadm adjust; then, ",
                        policies);
  return first +
         fmt::format("on {1}: drbdadm connect {0}; only if it returns to StandAlone, on the node whose data are given "
                     "up, where it must not be Primary (shut its guest down first): drbdadm disconnect {0}; drbdadm "
                     "connect --discard-my-data {0}; on the other: drbdadm connect {0}",
                     resource.str(), enumerate(nodes));
}

Objection split_brain(const Scene& scene, const std::vector<ResourceName>& resources) {
  for (const ResourceName& resource : resources)
    if (stands_alone(scene, resource))
      return refusal(fmt::format("the DRBD resource {} stands alone on {}: both nodes may have written, and only you "
                                 "can tell whose data are to be kept",
                                 resource.str(), where_alone(scene, resource)),
                     out_of_standing_alone(scene, resource));
  return std::nullopt;
}

} // namespace xen_drbd::planner
