#pragma once
// The engine room: looks at both nodes, takes the cluster lock, carries out a plan and looks again.
//
// It knows nothing of wishes and of how a plan came about; it only meets a Plan. What must be proved at the last moment
// (absence before a create and a demotion, an answer younger than 5 s, the lock) is proved here, whatever the plan
// says.

#include "xen_drbd/engine/clock.hpp"
#include "xen_drbd/host/host.hpp"
#include "xen_drbd/model/state.hpp"

#include <array>
#include <memory>
#include <optional>
#include <string>

namespace xen_drbd::engine {

/// The two nodes of this run: a host each, or why there is none.
struct Cluster {
  const model::Topology* topology = nullptr;
  model::NodeId this_node{};
  std::array<std::shared_ptr<host::Host>, 2> hosts; ///< null: not reachable
  std::optional<Error> peer_error;                  ///< why the peer's host is null
  std::string host_key_alias; ///< the name under which the peer's verified key stands in known_hosts
  std::string run_directory = "/run/xen-drbd";
  std::array<std::string, 2> tools{"xen-drbd", "xen-drbd"}; ///< how this program is called on each node

  [[nodiscard]] model::NodeId peer() const { return other(this_node); }
  [[nodiscard]] host::Host* host(model::NodeId node) const { return hosts[index(node)].get(); }
  [[nodiscard]] const std::string& name(model::NodeId node) const { return topology->node(node).name.str(); }
};

} // namespace xen_drbd::engine
