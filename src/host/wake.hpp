#pragma once

#include "fd.hpp"

namespace xen_drbd::host {

/// Lets any thread interrupt the poll of the I/O thread (an eventfd).
class Wake {
public:
  Wake();
  void ring() const;
  void clear() const;
  [[nodiscard]] int fd() const { return fd_.number(); }

private:
  Fd fd_;
};

} // namespace xen_drbd::host
