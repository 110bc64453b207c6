#pragma once

#include "xen_drbd/base/units.hpp"

#include <chrono>
#include <ctime>

namespace xen_drbd::host {

/// Time since boot, the time in which the machine was suspended included: what was answered before a suspend is old.
struct BootClock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<BootClock>;
  static constexpr bool is_steady = true;
  static time_point now() noexcept {
    timespec time{};
    ::clock_gettime(CLOCK_BOOTTIME, &time);
    return time_point(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
  }
};
using Moment = BootClock::time_point;

/// A moment by which something has to have happened.
class Deadline {
public:
  explicit Deadline(Milliseconds from_now) : end_(BootClock::now() + from_now) {}
  [[nodiscard]] bool passed() const { return BootClock::now() >= end_; }
  /// What is left, rounded up, at least nothing.
  [[nodiscard]] Milliseconds left() const {
    const auto left = std::chrono::ceil<Milliseconds>(end_ - BootClock::now());
    return left > Milliseconds::zero() ? left : Milliseconds::zero();
  }

private:
  Moment end_;
};

} // namespace xen_drbd::host
