#pragma once
// What the parsers of answers share: how an answer that cannot be used is reported, and numbers read whole. All pure.

#include "xen_drbd/base/result.hpp"

#include <charconv>
#include <optional>
#include <string>
#include <string_view>

namespace xen_drbd::host {

/// What could not be read, and why; nothing was changed by asking.
[[nodiscard]] Error unreadable(std::string what, std::string because);

/// The number that is the whole of `text`, or nothing: no sign for unsigned types, no rest, no overflow.
template <class Number> [[nodiscard]] std::optional<Number> number(std::string_view text) {
  Number value{};
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stopped != end || text.empty()) return std::nullopt;
  return value;
}

/// `text` for a message: printable and cut where it would fill a screen.
[[nodiscard]] std::string excerpt(std::string_view text);

} // namespace xen_drbd::host
