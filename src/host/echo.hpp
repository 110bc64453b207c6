#pragma once

#include "fd.hpp"
#include "moment.hpp"

#include <string>
#include <vector>

namespace xen_drbd::host {

/// A ping to every address of a host, and an ear for what comes back. Any ICMP message from one of the addresses is a
/// live kernel: the answer to the ping, and what a firewall sends that rejects us ("host prohibited" reads like "No
/// route to host" in errno). A gateway that knows no way speaks from its own address, and is not heard.
/// Raw sockets need root; for anybody else there is silence. Source: raw(7), icmp(7).
class Echo {
public:
  /// Sends. A name without addresses is asked nothing.
  explicit Echo(const std::string& host);
  /// Waits for it until `deadline`.
  [[nodiscard]] bool heard(const Deadline& deadline) const;

private:
  std::vector<Fd> sockets_;
};

} // namespace xen_drbd::host
