#pragma once
// The cli room: the command line, what is printed, and exit codes. The only room that prints, and the only one that
// knows what a dry run is.

#include <string>
#include <vector>

namespace xen_drbd::cli {

/// The whole program: parses, runs, prints; returns the exit code of xen-drbd(8), EXIT STATUS. `argv[0]` decides
/// whether it was called as `xen-drbd-install` (the syntax of 2008).
[[nodiscard]] int run(const std::vector<std::string>& argv);

} // namespace xen_drbd::cli
