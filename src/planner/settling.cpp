#include "xen_drbd/planner/settling.hpp"

#include "xen_drbd/base/text.hpp"
#include "xen_drbd/planner/rules.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace xen_drbd::planner {

using namespace model;

namespace {

bool connects(Connection connection) {
  switch (connection) {
  case Connection::disconnecting:
  case Connection::unconnected:
  case Connection::timeout:
  case Connection::broken_pipe:
  case Connection::network_failure:
  case Connection::protocol_error:
  case Connection::connecting:
  case Connection::handshake:
  case Connection::tear_down: return true;
  case Connection::unknown:
  case Connection::stand_alone:
  case Connection::connected: return false;
  }
  return false;
}

bool is_declared(const Topology& topology, Minor minor) {
  return std::any_of(topology.domains.begin(), topology.domains.end(), [&](const Domain& domain) {
    return std::any_of(domain.disks.begin(), domain.disks.end(), [&](const Disk& disk) { return disk.minor == minor; });
  });
}

std::optional<std::string> what_settles(const Topology& topology, const Resource& resource) {
  for (const Volume& volume : resource.volumes) {
    if (!is_declared(topology, volume.minor)) continue;
    if (connects(resource.connection))
      return fmt::format("the DRBD resource {} is {}", resource.name.str(), to_string(resource.connection));
    if (receives(volume.replication))
      return fmt::format("/dev/drbd{} of the DRBD resource {} is {}", volume.minor.number, resource.name.str(),
                         to_string(volume.replication));
  }
  return std::nullopt;
}

} // namespace

std::optional<std::string> what_still_settles(const Topology& topology, const ClusterState& state) {
  for (NodeId id : {other(state.this_node), state.this_node}) {
    const std::string& name = topology.node(id).name.str();
    if (const auto* gone = std::get_if<Unreachable>(&state.nodes[index(id)]))
      return fmt::format("{} cannot be reached: {}", name, printable(gone->error.because));
    if (!state.node(id)->rows)
      return fmt::format("xl on {} does not answer: {}", name, printable(state.node(id)->rows_problem));
  }
  const NodeState& here = *state.node(state.this_node);
  if (!here.resources) return fmt::format("DRBD does not answer: {}", printable(here.resources_problem));
  for (const Resource& resource : *here.resources)
    if (auto what = what_settles(topology, resource)) return what;
  return std::nullopt;
}

} // namespace xen_drbd::planner
