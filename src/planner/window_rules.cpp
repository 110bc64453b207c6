#include "xen_drbd/planner/rules.hpp"

#include "refusal.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace xen_drbd::planner {

using namespace model;

Objection window_configured_alike(const Scene& scene, const ResourceName& resource) {
  std::optional<TwoPrimaries> first;
  for (NodeId id : both_nodes) {
    const ResourceConfig* config = find_config(scene.node(id), resource);
    if (config == nullptr) continue;
    if (config->two_primaries == TwoPrimaries::unknown)
      return refusal(
          fmt::format("allow-two-primaries of the DRBD resource {} could not be read from the configuration of {}",
                      resource.str(), scene.name(id)),
          fmt::format("see what `drbdadm dump {}` says on {}", resource.str(), scene.name(id)));
    if (first && *first != config->two_primaries)
      return refusal(
          fmt::format("allow-two-primaries of the DRBD resource {} is configured on one node only: DRBD would "
                      "not reconnect after a cut",
                      resource.str()),
          "take it out of the DRBD configuration, the same on both nodes; xen-drbd opens it when needed");
    first = config->two_primaries;
  }
  return std::nullopt;
}

Objection window_is_read(const Scene& scene, const ResourceName& resource) {
  for (NodeId id : both_nodes) {
    const Resource* up = find_resource(scene.node(id), resource);
    if (up != nullptr && up->two_primaries == TwoPrimaries::unknown)
      return refusal(fmt::format("whether the DRBD resource {} allows two Primaries on {} could not be read",
                                 resource.str(), scene.name(id)),
                     fmt::format("see what `drbdsetup show {}` says on {}", resource.str(), scene.name(id)));
  }
  return std::nullopt;
}

Window window_of(const Scene& scene, const ResourceName& resource) {
  Window window = Window::closed;
  bool read = false;
  bool configured = true;
  for (NodeId id : both_nodes) {
    if (const ResourceConfig* config = find_config(scene.node(id), resource)) {
      read = true;
      configured = configured && config->two_primaries == TwoPrimaries::yes;
    }
    const Resource* up = find_resource(scene.node(id), resource);
    if (up == nullptr) continue;
    if (up->two_primaries == TwoPrimaries::yes) window = Window::open;
    if (up->two_primaries == TwoPrimaries::unknown && window == Window::closed) window = Window::unread;
  }
  return read && configured ? Window::configured : window;
}

bool windows_differ(const Scene& scene, const ResourceName& resource) {
  const Resource* first = find_resource(scene.node(NodeId::node1), resource);
  const Resource* second = find_resource(scene.node(NodeId::node2), resource);
  if (first == nullptr || second == nullptr || window_of(scene, resource) != Window::open) return false;
  const auto is = [&](const Resource* up, Connection connection) { return up->connection == connection; };
  if (is(first, Connection::connected) || is(second, Connection::connected)) return false;
  // 8.4 forgets its settings when it stands alone
  if (is(first, Connection::stand_alone) != is(second, Connection::stand_alone)) return false;
  return first->two_primaries != TwoPrimaries::unknown && second->two_primaries != TwoPrimaries::unknown &&
         first->two_primaries != second->two_primaries;
}

bool window_stands_open(const Scene& scene, const ResourceName& resource) {
  return window_of(scene, resource) == Window::configured &&
         std::all_of(both_nodes.begin(), both_nodes.end(), [&](NodeId id) {
           const Resource* up = find_resource(scene.node(id), resource);
           return up != nullptr && up->two_primaries == TwoPrimaries::yes;
         });
}

} // namespace xen_drbd::planner
