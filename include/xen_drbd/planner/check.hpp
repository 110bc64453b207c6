#pragma once

#include "xen_drbd/model/facts.hpp"
#include "xen_drbd/planner/planner.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace xen_drbd::planner {

enum class Level { ok, warning, error };
[[nodiscard]] std::string_view to_string(Level level); ///< "ok", "warning", "error"

/// One line of `check` (xen-drbd(8), check).
struct Finding {
  Level level = Level::ok;
  std::string node;   ///< empty: of the pair as a whole
  std::string domain; ///< empty: of no domain
  std::string id;     ///< the same for each question, whatever the answer: "config", "drbd", "clock"
  std::string text;   ///< what was found
  std::string hint;   ///< what to do; empty for ok
  bool operator==(const Finding&) const = default;
};

/// The preflight of a pair: every question of `check` with its answer, in the order in which to mend them.
/// An error is what a command would be refused for, or what brings a domain up twice or badly; a warning, what works
/// today. A question that nobody could be asked is left out: the finding that says so is there instead. So is what a
/// machine says that is not the peer.
[[nodiscard]] std::vector<Finding> check(const model::Topology& topology, const model::ClusterState& seen,
                                         const model::FactsOfBoth& facts, const Inputs& inputs);

} // namespace xen_drbd::planner
