#pragma once
// The model room: plain values that every other room agrees on. Nothing here acts or reads.

#include "xen_drbd/base/names.hpp"
#include "xen_drbd/base/units.hpp"

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace xen_drbd::model {

/// One of the two nodes of the pair, by its place in the topology.
enum class NodeId : unsigned char { node1 = 0, node2 = 1 };
[[nodiscard]] constexpr NodeId other(NodeId node) { return node == NodeId::node1 ? NodeId::node2 : NodeId::node1; }
[[nodiscard]] constexpr std::size_t index(NodeId node) { return static_cast<std::size_t>(node); }
inline constexpr std::array<NodeId, 2> both_nodes{NodeId::node1, NodeId::node2};

struct Node {
  NodeName name;
  Address address;                ///< where SSH connects
  Address migration_address;      ///< where `xl migrate` connects
  std::vector<std::string> fence; ///< absolute program and its arguments, or empty
  bool operator==(const Node&) const = default;
};

/// A DRBD volume of a domain.
struct Disk {
  LinkName link;                        ///< /dev/drbd/LINK
  Minor minor;                          ///< /dev/drbdN
  std::optional<ResourceName> resource; ///< as declared; without it, what drbdadm configures for the minor
  bool operator==(const Disk&) const = default;
};

struct Domain {
  DomainName name;
  std::vector<std::string> config_candidates; ///< absolute paths; the first that exists on a node is its config there
  std::vector<Disk> disks;
  std::vector<DomainName> after; ///< not started before these run
  Milliseconds delay{0};         ///< pause after its start, before what waits for it
  Milliseconds shutdown_timeout{120'000};
  NodeId home = NodeId::node1;
  bool operator==(const Domain&) const = default;
};

struct Bridge {
  InterfaceName name;
  std::optional<InterfaceName> interface;               ///< none: internal
  std::optional<unsigned> vlan;                         ///< 1 to 4094; only with an interface
  std::map<NodeId, std::vector<std::string>> addresses; ///< per node, each "ADDRESS/PREFIX", checked
  std::optional<unsigned> mtu;
  bool operator==(const Bridge&) const = default;
};

struct SshSettings {
  std::string user = "root";
  unsigned port = 22;
  std::optional<std::string> identity_file;
  std::string known_hosts_file = "/root/.ssh/known_hosts";
  std::optional<std::string> config_file; ///< read by libssh and by ssh only when the topology names it
  Milliseconds connect_timeout{5000};
  bool operator==(const SshSettings&) const = default;
};

/// What the topology file says, checked, with every default filled in.
struct Topology {
  std::string name; ///< "topology" for /etc/xen/topology.yaml
  std::string path; ///< the file it was read from
  std::array<Node, 2> nodes;
  SshSettings ssh;
  std::vector<Domain> domains; ///< in start order
  std::vector<Bridge> bridges;
  unsigned jobs = 2;
  Milliseconds lock_wait{30'000};
  Milliseconds migrate_timeout{900'000};
  std::vector<std::string> migrate_ssh_options{"-c", "aes128-gcm@openssh.com", "-o", "Compression=no"};
  /// `i_am` as the file has it: empty for gethostname(), else a node's name.
  std::string i_am;

  [[nodiscard]] const Node& node(NodeId id) const { return nodes[index(id)]; }
  [[nodiscard]] const Domain* find(const DomainName& name) const;
  /// The node of that name, if it is one of the two.
  [[nodiscard]] std::optional<NodeId> node_named(std::string_view name) const;
  bool operator==(const Topology&) const = default;
};

} // namespace xen_drbd::model
