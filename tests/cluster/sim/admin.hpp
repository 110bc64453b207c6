#pragma once
// What the cluster, not the simulated tools, does to the world: `xen-drbd-sim world VERB ...`, called from outside the
// nodes with XEN_DRBD_SIM_WORLD and XEN_DRBD_SIM_NODE (1 or 2) set.

#include <string>
#include <vector>

namespace sim {

/// Verbs:
///   init NAME1 NAME2        a new world, nothing running, link up
///   show                    the state of this moment, as JSON
///   set NAME JSON           changes a setting
///   memory MIB              memory of the machine of this node
///   link cut|mend           the DRBD link between the nodes
///   crash                   this node lost power: its guests and its DRBD are gone
///   boot                    this node is back, nothing is up
///   disk RESOURCE STATE     disk state of all volumes of a resource on this node
///   split-brain RESOURCE    gives this node's data a generation of its own
///   domain NAME KEY JSON    changes one field of a domain on this node (ignores_shutdown, shutdown_delay, name, ...)
///   event NAME JSON         appends a line to the event log
[[nodiscard]] int admin_main(const std::vector<std::string>& arguments);

} // namespace sim
