#pragma once

#include "drafts.hpp"

#include <vector>

namespace xen_drbd::planner {

/// The drafts in an order in which each start finds what it waits for and everything fits into memory: starts get their
/// `waits_for`, everything its `follows`, and what cannot be is held back (`after`) or refused (memory). Migrations
/// come before starts, starts on this node before starts on the peer.
[[nodiscard]] std::vector<Draft> scheduled(const Scene& scene, std::vector<Draft> drafts);

/// The plans of the drafts, in their order.
[[nodiscard]] model::Plan plan_of(std::vector<Draft> drafts);

} // namespace xen_drbd::planner
