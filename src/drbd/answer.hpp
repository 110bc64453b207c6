#pragma once
// What the parsers of this room share.

#include "xen_drbd/base/units.hpp"
#include "xen_drbd/host/answer.hpp"
#include "xen_drbd/host/host.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace xen_drbd::drbd {

using host::excerpt;
using host::number;
using host::unreadable;

/// A minor number within the kernel's range.
[[nodiscard]] std::optional<Minor> read_minor(std::string_view text);

/// Why a question of this room got no usable answer: the last line of stderr, or how the command ended.
[[nodiscard]] std::string failure(const host::Outcome& outcome);

} // namespace xen_drbd::drbd
