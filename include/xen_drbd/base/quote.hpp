#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace xen_drbd {

/// The one quoting function (rule 5.13), for SSH and for generated scripts alike: the shortest POSIX sh word that
/// expands to exactly `text`. Words of `[A-Za-z0-9_./:@%+,-]` stay as they are, all else (`=` too: a first word with it
/// is an assignment) is put in single quotes. Precondition: no NUL byte (an argument vector cannot hold one either);
/// bytes from a NUL on are dropped.
[[nodiscard]] std::string shell_quote(std::string_view text);

/// The words quoted and joined by spaces.
[[nodiscard]] std::string shell_join(std::span<const std::string> argv);

/// The inverse: the words of a text made of plain characters, single quotes, backslashes before one and single spaces,
/// or nothing for any other text. `newline` is a spelling that stands for a newline, if there is one.
/// Safety: whoever lets a text through because of its words makes it anew from them, and compares.
[[nodiscard]] std::optional<std::vector<std::string>> shell_split(std::string_view text, std::string_view newline = {});

} // namespace xen_drbd
