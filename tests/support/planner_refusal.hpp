#pragma once
// What every refusal of the planner has.

#include "support/catch.hpp"
#include "support/planner_world.hpp"

namespace xen_drbd::planner_world {

inline void require_refused(const DomainPlan& plan, const std::string& because, const std::string& hint,
                            ErrorKind kind = ErrorKind::refused) {
  REQUIRE(plan.verdict == Verdict::refused);
  REQUIRE(plan.error);
  CHECK(plan.error->kind == kind);
  CHECK(plan.error->changed == Changed::no);
  CHECK_THAT(plan.error->because, Catch::Matchers::ContainsSubstring(because));
  CHECK_THAT(plan.error->hint, Catch::Matchers::ContainsSubstring(hint));
  CHECK(plan.reason == plan.error->because);
  CHECK(plan.steps.empty());
}

} // namespace xen_drbd::planner_world
