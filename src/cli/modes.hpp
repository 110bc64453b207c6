#pragma once

#include <optional>
#include <string>
#include <vector>

namespace xen_drbd::cli {

/// The two programs that xen-drbd starts itself and that nobody types: `relay RUN RUN_DIRECTORY` and
/// `transport --run-directory DIR RUN DOMAIN HOST WORDS...` (given to `xl migrate -s`, which adds HOST and WORDS).
/// Nothing when the arguments are of neither.
[[nodiscard]] std::optional<int> run_mode(const std::vector<std::string>& arguments);

} // namespace xen_drbd::cli
