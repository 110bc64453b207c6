#pragma once

#include <span>
#include <string>
#include <string_view>

namespace xen_drbd {

/// The one quoting function (spec 5.13), for SSH and for generated scripts alike: the shortest POSIX sh word that
/// expands to exactly `text`. Words of `[A-Za-z0-9_./:@%+,-]` stay as they are, all else (`=` too: a first word with it
/// is an assignment) is put in single quotes. Precondition: no NUL byte (an argument vector cannot hold one either);
/// bytes from a NUL on are dropped.
[[nodiscard]] std::string shell_quote(std::string_view text);

/// The words quoted and joined by spaces.
[[nodiscard]] std::string shell_join(std::span<const std::string> argv);

} // namespace xen_drbd
