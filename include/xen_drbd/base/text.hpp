#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace xen_drbd {

/// The pieces of `text` between `separator`s; empty pieces are kept. An empty text is one empty piece.
[[nodiscard]] std::vector<std::string_view> split(std::string_view text, char separator);

/// The lines of `text`, without their newline; a last line without newline counts.
[[nodiscard]] std::vector<std::string_view> lines(std::string_view text);

/// The words of `text` between runs of spaces and tabs.
[[nodiscard]] std::vector<std::string_view> words(std::string_view text);

/// `text` without spaces, tabs, carriage returns and newlines at either end.
[[nodiscard]] std::string_view trimmed(std::string_view text);

/// "a", "a and b", "a, b and c".
[[nodiscard]] std::string enumerate(std::span<const std::string> items);

/// The candidate that a mistyped `text` most likely means, in whatever case: that of the smallest edit distance, at
/// most a third of its length; else the shortest one that begins with it, or ends with it after a `-`; or empty.
[[nodiscard]] std::string nearest(std::string_view text, std::span<const std::string> candidates);

/// `text` with every byte that could move a terminal's cursor (C0 but newline and tab, C1, DEL) or is no UTF-8 shown as
/// `\xNN`.
[[nodiscard]] std::string printable(std::string_view text);

} // namespace xen_drbd
