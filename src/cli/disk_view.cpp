#include "disk_view.hpp"

#include "xen_drbd/planner/status.hpp"

namespace xen_drbd::cli {
namespace {

struct Found {
  const model::Resource* resource = nullptr;
  const model::Volume* volume = nullptr;
};

Found find(const model::NodeState* node, Minor minor) {
  if (node == nullptr || !node->resources) return {};
  for (const model::Resource& resource : *node->resources)
    for (const model::Volume& volume : resource.volumes)
      if (volume.minor == minor) return {&resource, &volume};
  return {};
}

/// The resource that drbdadm configures for a minor, for one that is not up.
const ResourceName* configured(const model::NodeState* node, Minor minor) {
  if (node == nullptr || !node->resource_configs) return nullptr;
  for (const model::ResourceConfig& resource : *node->resource_configs)
    for (const auto& volume : resource.volumes)
      if (volume.minor == minor) return &resource.name;
  return nullptr;
}

} // namespace

std::vector<DiskView> disk_views(const Session& session, const model::ClusterState& state,
                                 const model::Domain& domain) {
  const model::NodeState* here = state.node(session.this_node);
  const model::NodeState* there = state.node(other(session.this_node));
  std::vector<DiskView> views;
  for (const model::Disk& disk : domain.disks) {
    const Found mine = find(here, disk.minor);
    const Found theirs = find(there, disk.minor);
    const ResourceName* name = disk.resource              ? &*disk.resource
                               : mine.resource != nullptr ? &mine.resource->name
                                                          : configured(here, disk.minor);
    DiskView view{.minor = disk.minor.number, .link = disk.link.str(), .resource = name != nullptr ? name->str() : ""};
    if (mine.volume != nullptr) {
      view.role = to_string(mine.resource->role);
      view.disk = to_string(mine.volume->disk);
      view.connection = to_string(mine.resource->connection);
    }
    if (theirs.volume != nullptr) {
      view.peer_role = to_string(theirs.resource->role);
      view.peer_disk = to_string(theirs.volume->disk);
    }
    view.two_primaries = name != nullptr ? std::string(planner::two_primaries_word(*name, here, there)) : "unknown";
    views.push_back(std::move(view));
  }
  return views;
}

} // namespace xen_drbd::cli
