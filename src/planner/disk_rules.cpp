#include "xen_drbd/base/text.hpp"
#include "xen_drbd/planner/rules.hpp"

#include "refusal.hpp"
#include "split_brain.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace xen_drbd::planner {

using namespace model;

namespace {

/// The resource is up on the node with the volumes that are configured, healthy in what no rule can do without.
Objection is_up(const Scene& scene, const ResourceName& resource, NodeId id) {
  if (Objection no = drbd_answers(scene, id)) return no;
  const NodeState* node = scene.node(id);
  const Resource* up = find_resource(node, resource);
  if (up == nullptr)
    return refusal(fmt::format("the DRBD resource {} is down on {}", resource.str(), scene.name(id)),
                   fmt::format("on {}: drbdadm up {}", scene.name(id), resource.str()));
  const ResourceConfig* config = find_config(node, resource);
  const auto is_configured = [&](const Volume& volume) {
    return config != nullptr &&
           std::any_of(config->volumes.begin(), config->volumes.end(),
                       [&](const ResourceConfig::Volume& wanted) { return wanted.minor == volume.minor; });
  };
  if (config == nullptr || up->volumes.size() != config->volumes.size() ||
      !std::all_of(up->volumes.begin(), up->volumes.end(), is_configured))
    return refusal(fmt::format("the DRBD resource {} runs on {} with other volumes than are configured", resource.str(),
                               scene.name(id)),
                   fmt::format("on {}: drbdadm adjust {}", scene.name(id), resource.str()));
  if (up->connections > 1)
    return refusal(fmt::format("the DRBD resource {} has {} connections on {}: xen-drbd runs pairs", resource.str(),
                               up->connections, scene.name(id)),
                   "take the other connections out of its configuration");
  if (up->suspended)
    return refusal(fmt::format("the DRBD resource {} is suspended on {}", resource.str(), scene.name(id)),
                   fmt::format("see `drbdadm status {0}` on {1} for what it waits for; once that is settled, on {1}: "
                               "drbdadm resume-io {0}",
                               resource.str(), scene.name(id)));
  if (!up->quorum)
    return refusal(fmt::format("the DRBD resource {} has no quorum on {}", resource.str(), scene.name(id)),
                   fmt::format("see `drbdadm status {0}` on {1}, and bring its peer back; on {1}: drbdadm connect {0}",
                               resource.str(), scene.name(id)));
  return std::nullopt;
}

/// `danger` says what the lost link means for what is wished.
Objection is_connected(const Scene& scene, const ResourceName& resource, NodeId id, std::string_view danger) {
  const Resource& up = *find_resource(scene.node(id), resource);
  if (up.connection == Connection::connected && up.connections == 1) return std::nullopt;
  if (windows_differ(scene, resource))
    return refusal(fmt::format("the DRBD resource {} is not Connected on {} but {}: two Primaries are allowed on one "
                               "node only, which keeps DRBD from connecting",
                               resource.str(), scene.name(id), to_string(up.connection)),
                   "xen-drbd recover");
  return refusal(
      fmt::format("the DRBD resource {} is not Connected on {} but {}: {}", resource.str(), scene.name(id),
                  to_string(up.connection), danger),
      stands_alone(scene, resource)
          ? out_of_standing_alone(scene, resource)
          : fmt::format("mend the link of DRBD between the nodes; on either: drbdadm status {}", resource.str()));
}

/// What makes a disk in that state UpToDate again.
std::string way_out(const Scene& scene, const ResourceName& resource, NodeId id, DiskState state) {
  const std::string& node = scene.name(id);
  switch (state) {
  case DiskState::diskless:
  case DiskState::detaching:
  case DiskState::failed:
    return fmt::format("see what the kernel log of {0} says of its backing device; once that is well, on {0}: drbdadm "
                       "attach {1}; then wait for its resync",
                       node, resource.str());
  case DiskState::outdated:
    return fmt::format("its peer has newer data; on {0}: drbdadm connect {1}; then wait for its resync", node,
                       resource.str());
  case DiskState::attaching:
  case DiskState::negotiating:
  case DiskState::inconsistent:
  case DiskState::consistent:
  case DiskState::unknown:
  case DiskState::up_to_date: break;
  }
  return fmt::format("wait for its resync, or see what holds it up; on {}: drbdadm status {}", node, resource.str());
}

Objection is_up_to_date(const Scene& scene, const ResourceName& resource, NodeId id) {
  for (const Volume& volume : find_resource(scene.node(id), resource)->volumes)
    if (volume.disk != DiskState::up_to_date)
      return refusal(fmt::format("/dev/drbd{} of the DRBD resource {} is {} on {}, not UpToDate", volume.minor.number,
                                 resource.str(), to_string(volume.disk), scene.name(id)),
                     way_out(scene, resource, id, volume.disk));
  return std::nullopt;
}

/// Whether the volume's data come from this node or are the same on both: a node that receives may not write.
bool gives_data(Replication replication) {
  return !receives(replication) && replication != Replication::unknown && replication != Replication::off &&
         replication != Replication::behind;
}

/// A node's own role, and what the other node says of it, are known and the same.
Objection roles_are_known(const Scene& scene, const ResourceName& resource) {
  for (NodeId id : both_nodes) {
    const Resource& up = *find_resource(scene.node(id), resource);
    if (up.role == Role::unknown || up.peer_role == Role::unknown)
      return refusal(fmt::format("DRBD on {} does not know the role of the resource {} on {}", scene.name(id),
                                 resource.str(), scene.name(up.role == Role::unknown ? id : other(id))),
                     fmt::format("see `drbdadm role {}` on both nodes", resource.str()));
    const Role there = find_resource(scene.node(other(id)), resource)->role;
    if (up.peer_role != there)
      return refusal(fmt::format("the DRBD resource {} is {} on {}, and {} says that it is {} there", resource.str(),
                                 to_string(there), scene.name(other(id)), scene.name(id), to_string(up.peer_role)),
                     fmt::format("look again; if it stays so, see `drbdadm role {}` on both nodes", resource.str()));
  }
  return std::nullopt;
}

/// Started without the peer (rule 5.6): DRBD must not say that the peer is there after all.
Objection may_start_alone(const Scene& scene, const ResourceName& resource, NodeId id) {
  const Resource& up = *find_resource(scene.node(id), resource);
  if (up.connection == Connection::connected)
    return refusal(fmt::format("the DRBD resource {} is Connected: {} lives", resource.str(), scene.name(other(id))),
                   fmt::format("see why {} cannot be reached over SSH", scene.name(other(id))));
  if (up.connection == Connection::unknown)
    return refusal(fmt::format("the connection of the DRBD resource {} could not be read on {}, so {} may live",
                               resource.str(), scene.name(id), scene.name(other(id))),
                   fmt::format("see what `drbdadm cstate {}` says on {}", resource.str(), scene.name(id)));
  return is_up_to_date(scene, resource, id);
}

} // namespace

Objection drbd_answers(const Scene& scene, NodeId id) {
  const NodeState* node = scene.node(id);
  if (node == nullptr || node->resources) return std::nullopt;
  return refusal(
      fmt::format("the state of DRBD on {} could not be read: {}", scene.name(id), printable(node->resources_problem)),
      fmt::format("see what `drbdsetup status` says on {}", scene.name(id)));
}

bool connected_on_both(const Scene& scene, const ResourceName& resource) {
  return std::all_of(both_nodes.begin(), both_nodes.end(), [&](NodeId id) {
    const Resource* up = find_resource(scene.node(id), resource);
    return up != nullptr && up->connection == Connection::connected;
  });
}

Objection disk_may_start(const Scene& scene, const ResourceName& resource, NodeId node) {
  if (Objection no = is_up(scene, resource, node)) return no;
  if (scene.peer_counts_as_dead()) return may_start_alone(scene, resource, node);
  if (Objection no = is_up(scene, resource, other(node))) return no;
  if (Objection no = window_configured_alike(scene, resource)) return no;
  for (NodeId id : {node, other(node)})
    if (Objection no = is_connected(scene, resource, id, "its data may be the older")) return no;
  if (Objection no = window_is_read(scene, resource)) return no;
  if (Objection no = is_up_to_date(scene, resource, node)) return no;
  for (const Volume& volume : find_resource(scene.node(node), resource)->volumes)
    if (!gives_data(volume.replication))
      return refusal(fmt::format("/dev/drbd{} of the DRBD resource {} is {} on {}: its data come from {}",
                                 volume.minor.number, resource.str(), to_string(volume.replication), scene.name(node),
                                 scene.name(other(node))),
                     fmt::format("wait until drbdadm status {} says Established", resource.str()));
  return roles_are_known(scene, resource);
}

Objection disk_may_migrate(const Scene& scene, const ResourceName& resource, NodeId from) {
  for (NodeId id : {from, other(from)}) {
    if (Objection no = is_up(scene, resource, id)) return no;
    if (Objection no = is_connected(scene, resource, id, "the target may not have what the domain has written"))
      return no;
    if (Objection no = is_up_to_date(scene, resource, id)) return no;
    for (const Volume& volume : find_resource(scene.node(id), resource)->volumes)
      if (volume.replication != Replication::established)
        return refusal(fmt::format("/dev/drbd{} of the DRBD resource {} is {} on {}, not Established",
                                   volume.minor.number, resource.str(), to_string(volume.replication), scene.name(id)),
                       fmt::format("wait until drbdadm status {} says Established", resource.str()));
    if (const std::string& protocol = find_config(scene.node(id), resource)->protocol; protocol != "C")
      return refusal(
          fmt::format("the DRBD resource {} is configured with protocol {} on {}: two Primaries need protocol C",
                      resource.str(), printable(protocol), scene.name(id)),
          "configure protocol C on both nodes, then: drbdadm adjust");
  }
  if (Objection no = window_configured_alike(scene, resource)) return no;
  if (Objection no = window_is_read(scene, resource)) return no;
  if (Objection no = roles_are_known(scene, resource)) return no;
  if (find_resource(scene.node(from), resource)->role != Role::primary)
    return refusal(
        fmt::format("the DRBD resource {} is Secondary on {} although the domain runs there: it cannot write "
                    "its disk",
                    resource.str(), scene.name(from)),
        fmt::format("on {}: stop the domain and start it again", scene.name(from)));
  return std::nullopt;
}

} // namespace xen_drbd::planner
