#pragma once
// What the parsers of this room share: how an answer that cannot be used is reported, and numbers read whole.

#include "xen_drbd/base/result.hpp"
#include "xen_drbd/host/host.hpp"

#include <charconv>
#include <optional>
#include <string>
#include <string_view>

namespace xen_drbd::drbd {

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

/// A minor number within the kernel's range.
[[nodiscard]] std::optional<Minor> read_minor(std::string_view text);

/// `text` for a message: printable and cut where it would fill a screen.
[[nodiscard]] std::string excerpt(std::string_view text);

/// Why a question of this room got no usable answer: the last line of stderr, or how the command ended.
[[nodiscard]] std::string failure(const host::Outcome& outcome);

} // namespace xen_drbd::drbd
