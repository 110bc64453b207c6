#pragma once

#include <string_view>

namespace xen_drbd::script {

// The shell functions that the printed scripts begin with. They are fixed text: no value of the topology is in them.

/// say, fail, has_device, is_bridge and the like: what every bridge script needs.
extern const std::string_view common_functions;
/// make_bridge, add_address, and what is done where a bridge fails.
extern const std::string_view make_functions;
/// use_vlan: the device of a VLAN.
extern const std::string_view vlan_functions;
/// move_and_ask and its parts: moves addresses and routes from one device to another, and back when a gateway that
/// answered before does not afterwards. The accident it prevents: an administrator who makes a bridge over SSH and sits
/// in front of a node that nobody can reach any more.
extern const std::string_view move_functions;
/// must_be_there and take_over.
extern const std::string_view take_over_functions;
/// must_be_idle, remove_bridge and remove_vlan.
extern const std::string_view remove_functions;

} // namespace xen_drbd::script
