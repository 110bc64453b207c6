#pragma once

#include "xen_drbd/base/error.hpp"

#include <string>

namespace xen_drbd::planner {

/// An objection without its `what`: nothing was changed.
[[nodiscard]] inline Error objection(ErrorKind kind, std::string because, std::string hint) {
  return Error{.kind = kind,
               .what = {},
               .because = std::move(because),
               .while_doing = {},
               .changed = Changed::no,
               .hint = std::move(hint)};
}

/// The usual kind: a safety rule says no.
[[nodiscard]] inline Error refusal(std::string because, std::string hint) {
  return objection(ErrorKind::refused, std::move(because), std::move(hint));
}

} // namespace xen_drbd::planner
