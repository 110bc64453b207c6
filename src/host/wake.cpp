#include "wake.hpp"

#include <cstdint>
#include <sys/eventfd.h>

namespace xen_drbd::host {

Wake::Wake() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

void Wake::ring() const {
  const std::uint64_t one = 1;
  // a full counter rings as well
  [[maybe_unused]] const auto written = ::write(fd_.number(), &one, sizeof one);
}

void Wake::clear() const {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(fd_.number(), &count, sizeof count);
}

} // namespace xen_drbd::host
