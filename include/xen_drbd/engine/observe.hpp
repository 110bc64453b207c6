#pragma once

#include "xen_drbd/engine/cluster.hpp"

#include <vector>

namespace xen_drbd::engine {

/// What a look is to bring beyond the rows, watchers, DRBD and `xl info` of both nodes.
struct Look {
  std::vector<DomainName> configs; ///< whose config files are hashed on both nodes and parsed by xl on `parse_on`
  std::vector<model::NodeId> parse_on;
  bool make_identity = false; ///< make /run/xen-drbd/id where it is missing: only a changing run may
  bool records = true;        ///< read /var/lib/xen-drbd/*.migration
};

/// Asks both nodes at the same time, one question each. A node that cannot be asked is Unreachable; a part of its
/// answer that failed is absent in its NodeState, with why: never taken for empty.
[[nodiscard]] model::ClusterState observe(const Cluster& cluster, const Look& look);

/// Who the two nodes are and what their topology files say, and nothing else; makes the identities where they are
/// missing. To be asked before the lock is taken: a "peer" that is this very node would hold the lock against itself.
[[nodiscard]] model::ClusterState observe_identities(const Cluster& cluster);

/// For how long looks must show a domain absent where watchers cannot be listed (rule 5.2): a guest that reboots is off
/// the list for some 2 s.
constexpr Milliseconds looks_without_watchers{10'000};

/// The short look of rule 5.2 at one node: rows and watchers only.
[[nodiscard]] model::Observation observe_domains(const Cluster& cluster, model::NodeId node);

/// Whether the node is being evacuated now (rule 5.10). Fails: ErrorKind::unreachable where the node is lost;
/// ErrorKind::refused where it answers and does not tell.
[[nodiscard]] Result<bool> observe_leaving(const Cluster& cluster, model::NodeId node);

/// The DRBD resources of one node, with their run-time options.
[[nodiscard]] Result<std::vector<model::Resource>> observe_drbd(const Cluster& cluster, model::NodeId node);

} // namespace xen_drbd::engine
