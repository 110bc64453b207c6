#include "xen_drbd/base/quote.hpp"
#include "xen_drbd/script/script.hpp"

#include "bridge_functions.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <set>

namespace xen_drbd::script {
namespace {

using model::Bridge;

constexpr std::size_t longest_device = 15; // IFNAMSIZ less its NUL

/// The device that goes into the bridge, or nothing. A VLAN's is INTERFACE.VLAN; of an interface with a long name, the
/// end is used.
std::string port_of(const Bridge& bridge) {
  if (!bridge.interface) return "";
  const std::string& interface = bridge.interface->str();
  if (!bridge.vlan) return interface;
  const std::string suffix = fmt::format(".{}", *bridge.vlan);
  const std::size_t kept = std::min(interface.size(), longest_device - suffix.size());
  std::string_view end = std::string_view(interface).substr(interface.size() - kept);
  end.remove_prefix(std::min(end.find_first_not_of("-."), end.size()));
  return std::string(end) + suffix;
}

std::vector<std::string> addresses_of(const Bridge& bridge, model::NodeId node) {
  const auto found = bridge.addresses.find(node);
  return found == bridge.addresses.end() ? std::vector<std::string>{} : found->second;
}

std::string making(const Bridge& bridge, model::NodeId node) {
  const std::string name = shell_quote(bridge.name.str());
  const std::string port = shell_quote(port_of(bridge));
  std::string text = fmt::format("\n  make_bridge {}\n", name);
  if (bridge.vlan)
    text += fmt::format("  use_vlan {} {} {}\n", shell_quote(bridge.interface->str()), *bridge.vlan, port);
  if (bridge.interface) text += fmt::format("  take_over {} {}\n", name, port);
  if (bridge.mtu && bridge.interface) text += fmt::format("  ip link set dev {} mtu {}\n", port, *bridge.mtu);
  if (bridge.mtu) text += fmt::format("  ip link set dev {} mtu {}\n", name, *bridge.mtu);
  text += fmt::format("  ip link set dev {} up\n", name);
  for (const std::string& address : addresses_of(bridge, node))
    text += fmt::format("  add_address {} {}\n", name, shell_quote(address));
  return text;
}

std::string removing(const Bridge& bridge, model::NodeId node) {
  const std::string port = shell_quote(port_of(bridge));
  std::string text = fmt::format("\n  remove_bridge {} {}", shell_quote(bridge.name.str()), port);
  for (const std::string& address : addresses_of(bridge, node)) text += " " + shell_quote(address);
  text += "\n";
  if (bridge.vlan) text += fmt::format("  remove_vlan {}\n", port);
  return text;
}

std::string script(std::string_view purpose, std::string_view function, std::string_view functions,
                   std::string_view body) {
  return fmt::format(R"sh(#!/bin/sh
# {}
# May be run again at any time. Needs iproute2 and awk.
{{ # nothing is done before the last line was read
{}
{}() {{
  set -eu
{}}}

{}; }}
)sh",
                     purpose, functions, function, body, function);
}

} // namespace

std::string make_bridges(const model::Topology& topology, model::NodeId this_node) {
  const auto has_port = [](const Bridge& bridge) { return bridge.interface.has_value(); };
  const auto has_vlan = [](const Bridge& bridge) { return bridge.vlan.has_value(); };
  std::string functions(common_functions);
  functions += make_functions;
  if (std::ranges::any_of(topology.bridges, has_vlan)) functions += vlan_functions;
  if (std::ranges::any_of(topology.bridges, has_port)) {
    functions += move_functions;
    functions += take_over_functions;
  }
  std::set<std::string> interfaces;
  for (const Bridge& bridge : topology.bridges)
    if (bridge.interface) interfaces.insert(bridge.interface->str());
  std::string body;
  for (const std::string& interface : interfaces) body += fmt::format("  must_be_there {}\n", shell_quote(interface));
  for (const Bridge& bridge : topology.bridges) body += making(bridge, this_node);
  return script(
      fmt::format("Makes the bridges of {}, as the topology declares them.", topology.node(this_node).name.str()),
      "make_bridges", functions, body);
}

std::string remove_bridges(const model::Topology& topology, model::NodeId this_node) {
  std::string functions(common_functions);
  functions += move_functions;
  functions += remove_functions;
  std::string body;
  for (const Bridge& bridge : topology.bridges)
    body += fmt::format("  must_be_idle {} {}\n", shell_quote(bridge.name.str()), shell_quote(port_of(bridge)));
  // not std::views::reverse: clang 14, and so clang-tidy, cannot compile it
  std::for_each(topology.bridges.rbegin(), topology.bridges.rend(),
                [&](const Bridge& bridge) { body += removing(bridge, this_node); });
  return script(fmt::format("Removes the bridges of {}; what they took over goes back to the interfaces.",
                            topology.node(this_node).name.str()),
                "remove_bridges", functions, body);
}

} // namespace xen_drbd::script
