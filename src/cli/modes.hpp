#pragma once

#include <optional>
#include <string>
#include <vector>

namespace xen_drbd::cli {

/// What is no command on the pair. Three programs that nobody types: `relay RUN RUN_DIRECTORY` and `transport
/// --run-directory DIR RUN DOMAIN HOST WORDS...` (given to `xl migrate -s`, which adds HOST and WORDS), which a run
/// starts, and `wait-for-peer DURATION`, which the boot scripts start. And what shells need: `completion bash|zsh|fish`
/// prints a script, which asks `__complete KIND WORDS...` at every TAB.
/// Nothing when the arguments are of none of them.
[[nodiscard]] std::optional<int> run_mode(const std::vector<std::string>& arguments);

} // namespace xen_drbd::cli
