#pragma once
// The script room: what an administrator could type to prepare a node, printed as POSIX sh. Pure: text from a topology.
//
// Every script is a function that is called on its last line, all within one pair of braces: a shell runs nothing of a
// script that was cut short, wherever. (Without the braces, the name `make_bridges` cut to `make` would be a command.)
// Scripts are idempotent, stop at their first error and quote every value.

#include "xen_drbd/model/topology.hpp"

#include <string>

namespace xen_drbd::script {

/// The script that creates the links /dev/drbd/LINK -> /dev/drbdN of all disks of the topology.
/// It fails, and changes nothing, where one of the paths is taken by something that is no link.
[[nodiscard]] std::string make_links(const model::Topology& topology);

/// The script that creates the bridges of the topology on one node. A bridge on an interface takes over its IPv4 and
/// IPv6 addresses and routes in one go; where one of the gateways behind it answered before and does not afterwards,
/// all is put back, and that bridge and its VLAN go again. Needs iproute2 and awk; a ping, where there is one, asks the
/// gateways too. Source: ip-link(8), ip-route(8), bridge(8).
[[nodiscard]] std::string make_bridges(const model::Topology& topology, model::NodeId this_node);

/// The inverse of make_bridges: addresses and routes go back to the interfaces, bridges and VLAN devices go away.
[[nodiscard]] std::string remove_bridges(const model::Topology& topology, model::NodeId this_node);

/// The script that makes root's SSH key on a node where it is missing, learns the host key of the other node (its
/// fingerprint is compared by whoever sits at the terminal, or with $PEER_FINGERPRINT), and puts the key on the other
/// node. `restricted`: the other node's authorized_keys says from where the key may come and that it reaches nothing
/// but `xen-drbd ssh-gate` there. Precondition: then the topology's path needs no quoting. Source: sshd(8).
[[nodiscard]] std::string make_keys(const model::Topology& topology, model::NodeId this_node, bool restricted);

} // namespace xen_drbd::script
