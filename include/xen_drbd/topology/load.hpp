#pragma once
// The topology room: from the YAML file that describes the pair to a checked model::Topology, and the questions that
// are asked about the file itself: which one, which node this is, whether the other node's says the same.
//
// All that yaml-cpp knows or throws stays in here.

#include "xen_drbd/base/result.hpp"
#include "xen_drbd/model/topology.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace xen_drbd::topology {

/// Which topology is meant.
struct TopologyFile {
  std::string name; ///< "topology" for /etc/xen/topology.yaml
  std::string path; ///< absolute
  bool operator==(const TopologyFile&) const = default;
};

/// One thing that is wrong with a topology file, and where.
struct Problem {
  int line = 1;     ///< counted from 1
  int column = 1;   ///< counted from 1, in bytes
  std::string text; ///< what was found and what is expected, on one line, fit for a terminal
  bool operator==(const Problem&) const = default;
};

/// The checked topology, or everything that is wrong with the file, in the order of the file.
using Parsed = tl::expected<model::Topology, std::vector<Problem>>;

/// Reads the text of a topology file; pure. Never throws, never crashes, whatever the bytes are.
/// Fails: with all problems at once; a text that is no YAML ends at its first syntax error.
/// Source: xen-drbd.yaml(5); topologies/example.yaml shows every key.
[[nodiscard]] Parsed parse_topology(std::string_view text, const TopologyFile& file);

/// All problems of a file as one error of kind topology: a `FILE:LINE:COLUMN: TEXT` line for each in `because`.
[[nodiscard]] Error as_error(const std::string& path, const std::vector<Problem>& problems);

/// Larger files are refused unread: the largest sensible topology has some hundred kilobytes. Units: bytes
inline constexpr std::size_t largest_file = std::size_t{1} << 20U;

/// The bytes of a topology file that nobody but root or the user can have written (rule 5.13: whoever writes the
/// topology chooses the programs that root runs, `fence` for one).
/// Fails: ErrorKind::topology when it is missing, not a regular file, too large, writable by group or others, or owned
/// by another than root and the user.
[[nodiscard]] Result<std::string> read_topology(const std::string& path);

/// read_topology, then parse_topology.
/// Fails: ErrorKind::topology; all problems of the file are in `because`.
[[nodiscard]] Result<model::Topology> load_topology(const TopologyFile& file);

} // namespace xen_drbd::topology
