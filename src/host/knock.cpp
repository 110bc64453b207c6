#include "xen_drbd/host/knock.hpp"

#include "dial.hpp"

namespace xen_drbd::host {

Knock knock(const Address& address, unsigned port, Milliseconds timeout) {
  const Dialled dialled = dial(address.str(), port, Deadline(timeout));
  return {.answered = dialled.answered, .detail = dialled.socket ? "it accepts connections" : dialled.because};
}

} // namespace xen_drbd::host
