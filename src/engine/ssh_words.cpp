#include "ssh_words.hpp"

#include "xen_drbd/transport/ssh.hpp"

namespace xen_drbd::engine {

Result<std::vector<std::string>> ssh_words(const Cluster& cluster, model::NodeId from, const Address& address,
                                           const std::string& far_command) {
  const model::Topology& topology = *cluster.topology;
  const model::Node& target = topology.node(other(from));
  // the source's known_hosts names the target's key as ssh does for the address: for our own connection that is what
  // was verified, for the peer's it is the target's address in the topology
  const bool verified = from == cluster.this_node && !cluster.host_key_alias.empty();
  const std::string alias = verified ? cluster.host_key_alias
                            : topology.ssh.port == 22
                                ? target.address.str()
                                : "[" + target.address.str() + "]:" + std::to_string(topology.ssh.port);
  return transport::ssh_argv({.address = address,
                              .user = topology.ssh.user,
                              .port = topology.ssh.port,
                              .identity = topology.ssh.identity_file.value_or(""),
                              .known_hosts = topology.ssh.known_hosts_file,
                              .config_file = topology.ssh.config_file.value_or(""),
                              .host_key_alias = alias,
                              .connect_timeout = topology.ssh.connect_timeout,
                              .options = topology.migrate_ssh_options},
                             far_command);
}

} // namespace xen_drbd::engine
