#pragma once
// A pair in a few words, for the tests of the planner: everything is healthy until a test says otherwise.

#include "xen_drbd/planner/planner.hpp"

#include "support/names.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <ostream>
#include <stdexcept>
#include <string>
#include <vector>

namespace xen_drbd::planner_world {

using namespace xen_drbd::model;
using test::domain_name;
using test::name_of_kind;
using test::resource_name;

inline constexpr NodeId dom0 = NodeId::node1;   // this node
inline constexpr NodeId mirror = NodeId::node2; // the peer

/// A row as xl list shows it: `state` holds the six letters.
inline DomainRow row(const std::string& name, const std::string& state, MiB memory = {256}, double cpu_seconds = 1) {
  DomainRow row;
  row.name = name;
  row.domid = 7;
  row.memory = memory;
  row.vcpus = 1;
  row.running = state[0] == 'r';
  row.blocked = state[1] == 'b';
  row.paused = state[2] == 'p';
  row.shut_down = state[3] == 's';
  row.reason = state[4];
  row.dying = state[5] == 'd';
  row.cpu_seconds = cpu_seconds;
  return row;
}

/// The pair dom0 (this node) and mirror with three domains of 256 MiB, 1000 MiB free on each node:
/// dns (home dom0, minor 10, resource dns), samba (home mirror, minors 1 and 2, resource samba), web (home dom0, no
/// disks).
class World {
public:
  Topology topology;
  ClusterState state;
  Wish wish;
  planner::Inputs inputs;

  World()
      : topology{.name = "topology",
                 .path = "/etc/xen/topology.yaml",
                 .nodes = {a_node("dom0", "10.77.0.1"), a_node("mirror", "10.77.0.2")},
                 .ssh = {},
                 .domains = {},
                 .bridges = {}} {
    state.nodes = {healthy("dom0"), healthy("mirror")};
    add_domain("dns", dom0, {10});
    add_domain("samba", mirror, {1, 2});
    add_domain("web", dom0, {});
    inputs.minor_of = [](const ConfigReport::ConfigDisk& disk, const NodeState&) -> std::optional<Minor> {
      const std::string prefix = "/dev/drbd";
      if (disk.path.rfind(prefix, 0) != 0 || disk.path.size() == prefix.size()) return std::nullopt;
      if (disk.path.find_first_not_of("0123456789", prefix.size()) != std::string::npos) return std::nullopt;
      return Minor{static_cast<std::uint32_t>(std::stoul(disk.path.substr(prefix.size())))};
    };
  }

  /// One more domain, with a resource of its name when it has disks.
  void add_domain(const std::string& name, NodeId home, const std::vector<std::uint32_t>& minors) {
    Domain domain{.name = domain_name(name), .config_candidates = {"/etc/xen/" + name + ".cfg"}};
    domain.home = home;
    for (std::uint32_t minor : minors)
      domain.disks.push_back({name_of_kind<LinkName>(name + std::to_string(minor)), Minor{minor}, {}});
    topology.domains.push_back(domain);
    for (NodeId id : both_nodes) {
      node(id).configs[domain.name] = config_of(name, minors);
      if (!minors.empty()) add_resource(id, name, minors);
    }
  }

  NodeState& node(NodeId id) { return std::get<NodeState>(state.nodes[index(id)]); }
  Domain& domain(const std::string& name) {
    return *std::find_if(topology.domains.begin(), topology.domains.end(),
                         [&](const Domain& candidate) { return candidate.name.str() == name; });
  }
  Resource& drbd(NodeId id, const std::string& name) { return named(*node(id).resources, name); }
  ResourceConfig& drbd_config(NodeId id, const std::string& name) { return named(*node(id).resource_configs, name); }
  ConfigReport& config(NodeId id, const std::string& name) { return node(id).configs.at(domain_name(name)); }

  World& add_row(NodeId id, const std::string& name, const std::string& letters, double cpu_seconds = 1) {
    node(id).rows->push_back(row(name, letters, {256}, cpu_seconds));
    return *this;
  }
  World& watcher(NodeId id, const std::string& name) {
    node(id).watchers->push_back({100, name});
    return *this;
  }
  /// The domain runs there: its row, its watcher, its disks Primary.
  World& runs(const std::string& name, NodeId id) {
    add_row(id, name, "-b----");
    watcher(id, name);
    if (!domain(name).disks.empty()) role(id, name, Role::primary);
    return *this;
  }
  World& role(NodeId id, const std::string& resource, Role role) {
    drbd(id, resource).role = role;
    drbd(other(id), resource).peer_role = role;
    return *this;
  }
  World& window(const std::string& resource, TwoPrimaries setting) {
    for (NodeId id : both_nodes) drbd(id, resource).two_primaries = setting;
    return *this;
  }
  World& window_configured(const std::string& resource, TwoPrimaries setting) {
    for (NodeId id : both_nodes) drbd_config(id, resource).two_primaries = setting;
    return *this;
  }
  World& connection(const std::string& resource, Connection connection) {
    for (NodeId id : both_nodes)
      if (state.node(id) != nullptr) disconnect(drbd(id, resource), connection);
    return *this;
  }
  static void disconnect(Resource& resource, Connection connection) {
    resource.connection = connection;
    resource.connections = connection == Connection::stand_alone ? 0 : 1;
    resource.peer_role = Role::unknown;
    for (Volume& volume : resource.volumes) {
      volume.replication = Replication::off;
      volume.peer_disk = DiskState::unknown;
    }
  }
  /// A record of an earlier migration lies there.
  World& recorded(NodeId id, const std::string& name) {
    node(id).records.push_back({domain_name(name), "what was"});
    return *this;
  }
  /// The peer does not answer, and DRBD has noticed.
  World& unreachable() {
    state.nodes[index(mirror)] = Unreachable{Error{.kind = ErrorKind::unreachable,
                                                   .what = "mirror was not reached",
                                                   .because = "No route to host",
                                                   .while_doing = {"connecting to root@10.77.0.2:22: No route to host"},
                                                   .changed = Changed::no,
                                                   .hint = {}}};
    for (Resource& resource : *node(dom0).resources) disconnect(resource, Connection::connecting);
    return *this;
  }

  Plan plan(Goal goal, const std::vector<std::string>& domains = {}) {
    wish.goal = goal;
    wish.named = !domains.empty();
    wish.domains.clear();
    for (const Domain& each : topology.domains)
      if (domains.empty() || std::find(domains.begin(), domains.end(), each.name.str()) != domains.end())
        wish.domains.push_back(each.name);
    return planner::plan(topology, state, wish, inputs);
  }
  /// The plan of a command that names one domain.
  DomainPlan plan_for(Goal goal, const std::string& name) { return plan(goal, {name}).domains.at(0); }

private:
  static Node a_node(const std::string& name, const std::string& address) {
    return {name_of_kind<NodeName>(name), name_of_kind<Address>(address), name_of_kind<Address>(address), {}};
  }

  template <class T> static T& named(std::vector<T>& values, const std::string& name) {
    for (T& value : values)
      if (value.name.str() == name) return value;
    throw std::out_of_range(name);
  }

  static NodeState healthy(const std::string& hostname) {
    NodeState node;
    node.hostname = hostname;
    node.identity = "boot-of-" + hostname;
    node.tool_version = "0.1.0";
    node.rows = {row("Domain-0", "r-----")};
    node.watchers.emplace();
    node.xen = XenInfo{"4.17.7", 4, 17, {1000}, {2000}, ""};
    node.resources.emplace();
    node.resource_configs.emplace();
    return node;
  }

  static ConfigReport config_of(const std::string& name, const std::vector<std::uint32_t>& minors) {
    ConfigReport config;
    config.path = "/etc/xen/" + name + ".cfg";
    config.sha256 = "sum-of-" + name;
    config.parsed = true;
    config.name = name;
    config.memory = {256};
    for (std::uint32_t minor : minors) config.disks.push_back({fmt::format("/dev/drbd{}", minor), "", "xvda"});
    return config;
  }

  void add_resource(NodeId id, const std::string& name, const std::vector<std::uint32_t>& minors) {
    Resource resource{.name = resource_name(name),
                      .role = Role::secondary,
                      .peer_role = Role::secondary,
                      .connection = Connection::connected,
                      .connections = 1};
    resource.two_primaries = TwoPrimaries::no;
    ResourceConfig config{.name = resource_name(name)};
    unsigned number = 0;
    for (std::uint32_t minor : minors) {
      resource.volumes.push_back(
          {number, Minor{minor}, DiskState::up_to_date, DiskState::up_to_date, Replication::established, {}, 0, 0});
      config.volumes.push_back({number++, Minor{minor}});
    }
    node(id).resources->push_back(resource);
    node(id).resource_configs->push_back(config);
  }
};

/// A step in a few words: "promote dom0 samba", "hand-over dom0", with "on failure: " or "always: " before it.
inline std::string in_words(const Step& step) {
  const auto place = [](NodeId id) { return std::string(id == dom0 ? "dom0" : "mirror"); };
  std::string text(name_of(step.action));
  std::visit(
      [&](const auto& action) {
        if constexpr (requires { action.node; }) text += " " + place(action.node);
        if constexpr (requires { action.from; }) text += " " + place(action.from);
        if constexpr (requires { action.discard_on; }) text += " " + place(action.discard_on);
        if constexpr (requires { action.resource; }) text += " " + action.resource.str();
        if constexpr (requires { action.row; }) text += " " + action.row;
        if constexpr (requires { action.config; }) text += " " + action.config;
      },
      step.action);
  if (step.when == When::on_failure) return "on failure: " + text;
  if (step.when == When::always) return "always: " + text;
  return text;
}

inline std::vector<std::string> in_words(const std::vector<Step>& steps) {
  std::vector<std::string> words;
  for (const Step& step : steps) words.push_back(in_words(step));
  return words;
}

using Words = std::vector<std::string>;

inline Words names(const std::vector<DomainName>& domains) {
  Words words;
  for (const DomainName& domain : domains) words.push_back(domain.str());
  return words;
}

/// The plan of one domain in a plan of several.
inline const DomainPlan& of(const Plan& plan, const std::string& name) {
  return *std::find_if(plan.domains.begin(), plan.domains.end(),
                       [&](const DomainPlan& each) { return each.domain.str() == name; });
}

} // namespace xen_drbd::planner_world
