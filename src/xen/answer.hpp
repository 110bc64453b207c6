#pragma once
// What the parsers of this room share: how an answer that cannot be used is reported, and numbers read whole.

#include "xen_drbd/base/result.hpp"

#include <charconv>
#include <optional>
#include <string>
#include <string_view>

namespace xen_drbd::xen {

[[nodiscard]] inline Error unreadable(std::string what, std::string because) {
  return Error{.kind = ErrorKind::failed,
               .what = std::move(what),
               .because = std::move(because),
               .while_doing = {},
               .changed = Changed::no,
               .hint = {}};
}

/// The number that is the whole of `text`, or nothing: no sign for unsigned types, no rest, no overflow.
template <class Number> [[nodiscard]] std::optional<Number> number(std::string_view text) {
  Number value{};
  const char* end = text.data() + text.size();
  auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stopped != end || text.empty()) return std::nullopt;
  return value;
}

/// `text` for a message: printable and cut where it would fill a screen.
[[nodiscard]] std::string excerpt(std::string_view text);

} // namespace xen_drbd::xen
