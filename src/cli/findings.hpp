#pragma once

#include "xen_drbd/model/state.hpp"
#include "xen_drbd/planner/check.hpp"

#include "json.hpp"

#include <string>
#include <vector>

namespace xen_drbd::cli {

/// The document of `check` (xen-drbd(8), OUTPUT).
[[nodiscard]] Json findings_json(const std::vector<planner::Finding>& findings);

/// `check` for people: one line for each finding, what to do below it, and the sum at the end. `brief` leaves out what
/// is well.
[[nodiscard]] std::string findings_text(const std::vector<planner::Finding>& findings, bool brief, bool color);

/// 5 when a node cannot be reached, else 4 when there is an error, else 0.
[[nodiscard]] int findings_code(const std::vector<planner::Finding>& findings, const model::ClusterState& state);

} // namespace xen_drbd::cli
