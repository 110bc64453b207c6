#include "xen_drbd/planner/status.hpp"

#include "xen_drbd/planner/rules.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <set>

namespace xen_drbd::planner {

using namespace model;

namespace {

bool has_row(const DomainPresence& found, const std::string& name) {
  return std::any_of(found.rows.begin(), found.rows.end(), [&](const DomainRow& row) { return row.name == name; });
}

const Resource* up_on(const NodeState* node, const ResourceName& resource) {
  if (node == nullptr || !node->resources) return nullptr;
  for (const Resource& up : *node->resources)
    if (up.name == resource) return &up;
  return nullptr;
}

Role role_of(const NodeState* node, Minor minor) {
  if (node != nullptr && node->resources)
    for (const Resource& up : *node->resources)
      for (const Volume& volume : up.volumes)
        if (volume.minor == minor) return up.role;
  return Role::unknown;
}

TwoPrimaries configured_on(const NodeState* node, const ResourceName& resource) {
  if (node == nullptr || !node->resource_configs) return TwoPrimaries::unknown;
  for (const ResourceConfig& config : *node->resource_configs)
    if (config.name == resource) return config.two_primaries;
  return TwoPrimaries::unknown;
}

} // namespace

ClusterState without_stranger(const Topology& topology, ClusterState state) {
  const Wish none{};
  const Inputs nothing{};
  const Scene scene{.topology = topology, .state = state, .wish = none, .inputs = nothing};
  if (Objection stranger = is_the_peer(scene)) {
    stranger->what = scene.name(scene.peer()) + " was not looked at";
    state.nodes[index(scene.peer())] = Unreachable{*std::move(stranger)};
  }
  return state;
}

std::vector<NodeId> running_on(const DomainName& domain, const ClusterState& state) {
  std::vector<NodeId> nodes;
  for (NodeId id : both_nodes)
    if (presence_of(domain, state.nodes[index(id)]).presence == Presence::running) nodes.push_back(id);
  return nodes;
}

bool is_double_run(const DomainName& domain, const ClusterState& state) {
  bool lives = false;
  for (const Observation& node : state.nodes) {
    const DomainPresence found = presence_of(domain, node);
    if (!has_row(found, domain.str())) return false;
    lives = lives || found.presence == Presence::running || found.presence == Presence::paused;
  }
  return lives;
}

std::string out_of_paused(const Topology& topology, const DomainName& domain, const ClusterState& state, NodeId node) {
  const Presence there = presence_of(domain, state.nodes[index(other(node))]).presence;
  if (there == Presence::absent)
    return fmt::format("on {0}: xl unpause {1}, or xl destroy {1} if it is not wanted there",
                       topology.node(node).name.str(), domain.str());
  std::string recover = fmt::format("xen-drbd recover {}", domain.str());
  if (there != Presence::unknown) return recover;
  return fmt::format("see what is on {}; where it is left of a migration, {}", topology.node(other(node)).name.str(),
                     recover);
}

std::string out_of_double_run(const Topology& topology, const DomainName& domain, const ClusterState& state) {
  std::string text = "decide which copy has the good data, and destroy the other one only:";
  const Domain* declared = topology.find(domain);
  for (NodeId id : both_nodes) {
    std::set<std::string_view> roles;
    if (declared != nullptr)
      for (const Disk& disk : declared->disks) roles.insert(to_string(role_of(state.node(id), disk.minor)));
    text += fmt::format("{} on {}{}: xl destroy {}", id == NodeId::node1 ? "" : "; or", topology.node(id).name.str(),
                        roles.empty() ? "" : fmt::format(" (DRBD {})", fmt::join(roles, " and ")), domain.str());
  }
  return text;
}

std::string being_created(const std::string& domain, const std::string& node, int pid) {
  return fmt::format("{} is being created on {}: an xl create or restore of it is at work there (pid {})", domain, node,
                     pid);
}

bool is_at_work_on(const MigrationProcess& process, const DomainName& domain, const NodeState& node) {
  if (process.receiving) return false;
  if (process.domain == domain.str()) return true;
  const auto rows = presence_of(domain, node).rows;
  return std::any_of(rows.begin(), rows.end(), [&](const DomainRow& row) {
    return process.domain == row.name || process.domain == std::to_string(row.domid);
  });
}

bool is_migrating(const DomainName& domain, const ClusterState& state) {
  return std::any_of(both_nodes.begin(), both_nodes.end(), [&](NodeId id) {
    const NodeState* node = state.node(id);
    return node != nullptr &&
           std::any_of(node->migrations.begin(), node->migrations.end(), [&](const MigrationProcess& process) {
             return process.command == "migrate" && is_at_work_on(process, domain, *node);
           });
  });
}

std::string_view state_word(const DomainName& domain, const ClusterState& state) {
  if (is_double_run(domain, state)) return "double-run";
  if (is_migrating(domain, state)) return "migrating";
  const std::array found{presence_of(domain, state.nodes[0]), presence_of(domain, state.nodes[1])};
  for (const DomainPresence& node : found)
    if (has_row(node, domain.str() + "--incoming") || has_row(node, domain.str() + "--migratedaway"))
      return "half-migrated";
  const auto anywhere = [&](Presence presence) {
    return std::any_of(found.begin(), found.end(),
                       [&](const DomainPresence& node) { return node.presence == presence; });
  };
  if (anywhere(Presence::running)) return "running";
  if (anywhere(Presence::paused)) return "paused";
  if (anywhere(Presence::suspended)) return "suspended";
  if (anywhere(Presence::crashed)) return "crashed";
  if (anywhere(Presence::dying) || anywhere(Presence::shut_down)) return "dying";
  if (anywhere(Presence::unknown) || anywhere(Presence::watcher_only)) return "unknown";
  return "absent";
}

std::string_view two_primaries_word(const ResourceName& resource, const NodeState* here, const NodeState* peer) {
  bool open = false;
  bool read = false;
  for (const NodeState* node : {here, peer}) {
    const Resource* up = up_on(node, resource);
    if (up == nullptr || up->two_primaries == TwoPrimaries::unknown) continue;
    read = true;
    open = open || up->two_primaries == TwoPrimaries::yes;
  }
  if (configured_on(here, resource) == TwoPrimaries::yes || configured_on(peer, resource) == TwoPrimaries::yes)
    return "configured";
  if (!read) return "unknown";
  return open ? "open" : "off";
}

} // namespace xen_drbd::planner
