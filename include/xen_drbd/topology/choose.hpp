#pragma once

#include "xen_drbd/topology/load.hpp"

#include <optional>

namespace xen_drbd::topology {

/// Where the topology's name may come from, strongest first.
struct NameSources {
  std::optional<std::string> option;      ///< --topology
  std::optional<std::string> environment; ///< XEN_DRBD_TOPOLOGY; empty counts as absent
  std::string defaults;                   ///< the text of /etc/default/xen-drbd; empty where there is none
  std::string working_directory;          ///< absolute; what a relative FILE is relative to
};

/// The file that is meant: a value with a `/` in it or ending in `.yaml` is a FILE, any other a NAME and means
/// /etc/xen/NAME.yaml; without any value it is /etc/xen/topology.yaml. Pure: whether the file exists is not asked.
/// Fails: ErrorKind::usage for a bad option, ErrorKind::topology for a bad value of the others, naming its source.
/// Source: xen-drbd(8), ENVIRONMENT.
[[nodiscard]] Result<TopologyFile> find_topology_file(const NameSources& sources);

/// The value of TOPOLOGY_NAME in /etc/default/xen-drbd, a file that sh sources: the last assignment counts, quotes are
/// removed; absent when it is never assigned or empty. Pure.
/// Fails: ErrorKind::topology for a value that only a shell could work out.
[[nodiscard]] Result<std::optional<std::string>> topology_name_in_defaults(std::string_view text);

/// The node of that host name: the whole name is compared first, then its first label.
[[nodiscard]] std::optional<model::NodeId> node_with_hostname(const model::Topology& topology,
                                                              std::string_view hostname);

/// Which node this is: --i-am where it is given, else the literal `i_am`, else the host name.
/// Fails: ErrorKind::usage for an --i-am that is neither node; ErrorKind::topology, printing the host name and both
/// nodes, when the host name is neither's. The accident it prevents: a renamed machine that takes itself for its peer.
[[nodiscard]] Result<model::NodeId>
who_am_i(const model::Topology& topology, const std::optional<std::string>& override_name, std::string_view hostname);

} // namespace xen_drbd::topology
