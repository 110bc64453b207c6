#pragma once

#include <string>

namespace xen_drbd::cli {

/// Waits until the peer answers and DRBD has settled here, at most `longest` (a duration as it is typed). Reads only.
/// Returns 0 then, 5 when the time is over first, or the exit code of an error that no waiting mends, having printed
/// why. Source: xen-drbd(8), BOOT AND SHUTDOWN, PEER_WAIT.
int run_wait(const std::string& longest);

} // namespace xen_drbd::cli
