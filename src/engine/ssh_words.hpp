#pragma once

#include "xen_drbd/base/result.hpp"
#include "xen_drbd/engine/cluster.hpp"

#include <string>
#include <vector>

namespace xen_drbd::engine {

/// The ssh that a node starts to run a command on the other one, at that address: of a migration, and of `check`, which
/// asks whether a migration would get through. Fails: like transport::ssh_argv.
[[nodiscard]] Result<std::vector<std::string>> ssh_words(const Cluster& cluster, model::NodeId from,
                                                         const Address& address, const std::string& far_command);

} // namespace xen_drbd::engine
