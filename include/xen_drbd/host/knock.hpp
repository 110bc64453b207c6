#pragma once

#include "xen_drbd/base/names.hpp"
#include "xen_drbd/base/units.hpp"

#include <string>

namespace xen_drbd::host {

/// What came of a knock at a TCP port.
struct Knock {
  bool answered = false; ///< something there sent a packet back: an accepted or a refused connection, a live kernel
  std::string detail;    ///< "it accepts connections", "Connection refused", "no answer within 2s", ...
  bool operator==(const Knock&) const = default;
};

/// Tries to connect to a port of an address, and sends nothing. A node that is said to be dead must not answer: it was
/// seen alive by a refused connection, which no SSH error tells apart from a machine that is off (spec 5.6).
/// "No route to host" and silence are no answer. Takes at most `timeout`, but for a name server that hangs.
[[nodiscard]] Knock knock(const Address& address, unsigned port, Milliseconds timeout);

} // namespace xen_drbd::host
