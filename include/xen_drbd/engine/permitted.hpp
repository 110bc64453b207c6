#pragma once

#include "xen_drbd/engine/cluster.hpp"

#include <string>
#include <vector>

namespace xen_drbd::engine {

/// What a run of xen-drbd on the other node may have done on this one: the very commands that this room gives for the
/// domains of the topology, and nothing else. What it can do with them is what xen-drbd does: start, stop, destroy and
/// migrate those domains, promote and demote DRBD resources, discard the data of one.
class Permitted {
public:
  /// The topology must outlive it.
  Permitted(const model::Topology& topology, model::NodeId this_node, std::string run_directory);

  /// A command for the worker.
  [[nodiscard]] bool command(const std::vector<std::string>& argv) const;
  /// `xen-drbd relay RUN DIRECTORY`.
  [[nodiscard]] bool relay(const std::vector<std::string>& argv) const;
  /// The ssh of a migration from this node, or of the question whether it would get through.
  [[nodiscard]] bool ssh(const std::vector<std::string>& argv) const;

private:
  [[nodiscard]] bool question(const std::vector<std::string>& argv) const;
  [[nodiscard]] bool about_domain(const model::Domain& domain, const std::vector<std::string>& argv) const;
  [[nodiscard]] bool migration(const model::Domain& domain, const std::vector<std::string>& argv) const;

  [[nodiscard]] const model::Topology& topology() const { return *cluster_.topology; }

  Cluster cluster_; ///< without hosts: this node's half of what a run knows
};

/// A run's name, as it may stand in a command.
[[nodiscard]] bool is_run_name(std::string_view text);

} // namespace xen_drbd::engine
