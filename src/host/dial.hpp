#pragma once

#include "xen_drbd/base/result.hpp"

#include "fd.hpp"
#include "moment.hpp"

#include <string>

namespace xen_drbd::host {

/// How an attempt to reach a TCP port ended.
struct Dialled {
  Fd socket;             ///< connected and not blocking, or none
  bool resolved = true;  ///< the name has addresses: somebody was called at all
  bool answered = false; ///< something at the address sent a packet back, be it a refusal
  std::string because;   ///< why there is no socket: "No route to host", "no answer within 5s", ...
};

/// Connects to the first of the addresses of `host` that accepts, in their order, each with its share of the time.
/// The socket notices within seconds when the other end is gone.
/// Must not be called from a thread that cannot wait for a name server beyond the deadline.
[[nodiscard]] Dialled dial(const std::string& host, unsigned port, const Deadline& deadline);

/// Keepalive and time limits by which a dead link is noticed after 4 to 6 s, and no delay for small packets.
void set_tcp_options(int socket);

/// Makes the kernel acknowledge at once. Without it a peer's sshd holds its answer back for 40 ms (its Nagle waits for
/// our delayed acknowledgement); the kernel forgets it with each packet that is sent.
void acknowledge_at_once(int socket);

} // namespace xen_drbd::host
