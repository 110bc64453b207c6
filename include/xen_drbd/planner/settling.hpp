#pragma once

#include "xen_drbd/model/state.hpp"

#include <optional>
#include <string>

namespace xen_drbd::planner {

/// What a start at boot waits for because it comes by itself: a peer or an xl that does not answer yet, a resource of
/// the topology that still connects or receives data on this node. Absent: nothing more is to be waited for; what else
/// may be wrong (StandAlone, a resource that is down) does not pass by itself, and the plan says it. Source:
/// xen-drbd(8), BOOT AND SHUTDOWN, PEER_WAIT.
[[nodiscard]] std::optional<std::string> what_still_settles(const model::Topology& topology,
                                                            const model::ClusterState& state);

} // namespace xen_drbd::planner
