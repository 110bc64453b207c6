#include "xen_drbd/base/text.hpp"
#include "xen_drbd/planner/rules.hpp"

#include "refusal.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace xen_drbd::planner {

using namespace model;

namespace {

const Disk* disk_of(const Domain& domain, Minor minor) {
  const auto found =
      std::find_if(domain.disks.begin(), domain.disks.end(), [&](const Disk& disk) { return disk.minor == minor; });
  return found == domain.disks.end() ? nullptr : &*found;
}

/// Where a node's configuration has a minor.
struct Place {
  const ResourceConfig* config;
  unsigned volume;
};

std::optional<Place> place_of_minor(const NodeState& node, Minor minor) {
  for (const ResourceConfig& config : *node.resource_configs)
    for (const ResourceConfig::Volume& volume : config.volumes)
      if (volume.minor == minor) return Place{&config, volume.number};
  return std::nullopt;
}

/// Whether every volume of the configured resource is a disk of this domain, and of this domain alone.
Objection belongs_to(const Scene& scene, const Domain& domain, const ResourceConfig& config) {
  const auto shared_with = [&](const Domain& second) {
    return refusal(
        fmt::format("the DRBD resource {} is used by two domains, {} and {}: a role belongs to the whole resource",
                    config.name.str(), domain.name.str(), second.name.str()),
        "give each domain resources of its own");
  };
  for (const Domain& second : scene.topology.domains) {
    if (second.name == domain.name) continue;
    for (const Disk& disk : second.disks)
      if (disk.resource == config.name) return shared_with(second);
    for (const ResourceConfig::Volume& volume : config.volumes)
      if (disk_of(second, volume.minor) != nullptr) return shared_with(second);
  }
  for (const ResourceConfig::Volume& volume : config.volumes)
    if (disk_of(domain, volume.minor) == nullptr)
      return refusal(fmt::format("the DRBD resource {} has a volume that {} does not declare: {}, /dev/drbd{}",
                                 config.name.str(), domain.name.str(), volume.number, volume.minor.number),
                     fmt::format("add minor {} to the disks of {} in the topology, or give it a resource of its own",
                                 volume.minor.number, domain.name.str()));
  return std::nullopt;
}

/// The resource of one disk, the same volume of it on both nodes.
Result<ResourceName> resource_of(const Scene& scene, const Domain& domain, const Disk& disk) {
  std::optional<Place> configured;
  for (NodeId id : {scene.here(), scene.peer()}) {
    const NodeState* node = scene.node(id);
    if (node == nullptr) continue;
    if (!node->resource_configs)
      return refusal(fmt::format("the DRBD configuration of {} could not be read: {}", scene.name(id),
                                 printable(node->resource_configs_problem)),
                     fmt::format("see what `drbdadm dump` says on {}", scene.name(id)));
    const std::optional<Place> place = place_of_minor(*node, disk.minor);
    if (!place)
      return refusal(
          fmt::format("drbdadm on {} configures no resource for /dev/drbd{}", scene.name(id), disk.minor.number),
          fmt::format("add it to the DRBD configuration of {}, or correct the minor of {} in the topology",
                      scene.name(id), disk.link.str()));
    const ResourceConfig* config = place->config;
    if (configured && configured->config->name != config->name)
      return refusal(fmt::format("/dev/drbd{} belongs to the resource {} on {}, and to {} on {}", disk.minor.number,
                                 configured->config->name.str(), scene.name(scene.here()), config->name.str(),
                                 scene.name(scene.peer())),
                     "make the DRBD configuration the same on both nodes");
    if (configured && configured->volume != place->volume)
      return refusal(fmt::format("/dev/drbd{} is volume {} of the resource {} on {}, and volume {} on {}",
                                 disk.minor.number, configured->volume, config->name.str(), scene.name(scene.here()),
                                 place->volume, scene.name(scene.peer())),
                     "give each volume of it the same minor on both nodes");
    configured = place;
    if (disk.resource && *disk.resource != config->name)
      return refusal(fmt::format("the topology puts {} (/dev/drbd{}) into the resource {}, and drbdadm on {} into {}",
                                 disk.link.str(), disk.minor.number, disk.resource->str(), scene.name(id),
                                 config->name.str()),
                     "correct the topology or the DRBD configuration");
    if (Objection no = belongs_to(scene, domain, *config)) return *std::move(no);
  }
  if (!configured) return refusal("neither node can be asked what drbdadm configures", "see what `drbdadm dump` says");
  return configured->config->name;
}

} // namespace

const Resource* find_resource(const NodeState* node, const ResourceName& resource) {
  if (node == nullptr || !node->resources) return nullptr;
  for (const Resource& up : *node->resources)
    if (up.name == resource) return &up;
  return nullptr;
}

const ResourceConfig* find_config(const NodeState* node, const ResourceName& resource) {
  if (node == nullptr || !node->resource_configs) return nullptr;
  for (const ResourceConfig& config : *node->resource_configs)
    if (config.name == resource) return &config;
  return nullptr;
}

Result<std::vector<ResourceName>> resources_of(const Scene& scene, const Domain& domain) {
  std::vector<ResourceName> resources;
  for (const Disk& disk : domain.disks) {
    XEN_DRBD_TRY(ResourceName resource, resource_of(scene, domain, disk));
    if (std::find(resources.begin(), resources.end(), resource) == resources.end())
      resources.push_back(std::move(resource));
  }
  return resources;
}

} // namespace xen_drbd::planner
