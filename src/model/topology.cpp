#include "xen_drbd/model/topology.hpp"

#include <algorithm>

namespace xen_drbd::model {

const Domain* Topology::find(const DomainName& wanted) const {
  const auto found = std::find_if(domains.begin(), domains.end(), [&](const Domain& d) { return d.name == wanted; });
  return found == domains.end() ? nullptr : &*found;
}

std::optional<NodeId> Topology::node_named(std::string_view wanted) const {
  for (NodeId id : both_nodes)
    if (node(id).name.str() == wanted) return id;
  return std::nullopt;
}

} // namespace xen_drbd::model
