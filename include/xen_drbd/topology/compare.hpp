#pragma once

#include "xen_drbd/topology/load.hpp"

namespace xen_drbd::topology {

/// How two topologies differ in anything but `i_am`, the name and the path: one line a difference, in the file's order,
/// "domains: samba: disks: samba-root: minor 1 here, 2 on mirror". Empty when they mean the same. Pure.
[[nodiscard]] std::vector<std::string> differences(const model::Topology& here, const model::Topology& there,
                                                   std::string_view there_name);

/// Whether the text of this node's topology file, read again, still means what this run has loaded and works with: a
/// run may wait half an hour for the lock, and what is compared with the peer (rule 5.1) must be what is acted on.
/// Pure.
[[nodiscard]] bool still_means(const model::Topology& loaded, std::string_view text_here);

/// Whether the topology file of the node `there_name` says the same as ours in everything but `i_am`, which, where it
/// is a name, must be `there_name` (rule 5.1): what is compared is what the two texts mean, not their bytes. The
/// accident it prevents: a file that was edited on one node only, or copied with its `i_am`, so that each node believes
/// a domain to be at home on itself. Fails: ErrorKind::refused with the first differences in `because`, or when the
/// other text is missing or wrong.
[[nodiscard]] Result<> same_meaning(std::string_view text_here, std::string_view text_there,
                                    std::string_view there_name);

} // namespace xen_drbd::topology
