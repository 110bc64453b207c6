#pragma once

#include "xen_drbd/base/names.hpp"
#include "xen_drbd/base/units.hpp"
#include "xen_drbd/model/topology.hpp"

#include <string>

namespace xen_drbd::host {

/// What came of a knock where a connection over SSH would go.
struct Knock {
  /// Something there sent a packet back: an accepted or a refused connection, an ICMP message, a live kernel. Also
  /// where the place to knock at could not be told, a name that does not resolve above all: nothing may be concluded
  /// from that silence.
  bool answered = false;
  std::string detail; ///< "it accepts connections", "Connection refused", "no answer within 2s", ...
  bool operator==(const Knock&) const = default;
};

/// Tries to connect to where `open_ssh` would go for this address, the port and the config file of `ssh` included, and
/// to the address itself; sends nothing over it, but (as root) a ping beside it. A node that is said to be dead must
/// not answer: it was seen alive by a refused connection, which no SSH error tells apart from a machine that is off
/// (rule 5.6). "No route to host" and silence are no answer, unless an ICMP message came from the address itself: a
/// firewall may reject the port, or drop it. Where the config file has a ProxyCommand, the greeting of an SSH server
/// behind it is one. Accident: shown possible: a config file gave the peer's name another address, the name itself did
/// not resolve, and a peer that answered with another host key was taken for dead. Takes at most twice `timeout`, but
/// for a name server that hangs.
[[nodiscard]] Knock knock(const Address& address, const model::SshSettings& ssh, Milliseconds timeout);

} // namespace xen_drbd::host
