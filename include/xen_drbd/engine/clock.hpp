#pragma once

#include "xen_drbd/base/units.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace xen_drbd::engine {

/// Monotonic time, so that waiting can be tested without waiting. No decision is ever made from the wall clock: the
/// clocks of two nodes differ, and one may be set while a run lives.
class Clock {
public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual std::chrono::steady_clock::time_point now() = 0;
  virtual void sleep(Milliseconds duration) = 0;
  /// Waits for `news`, at most `longest`; it may also return for no reason, as any condition variable does.
  virtual void wait(std::unique_lock<std::mutex>& guard, std::condition_variable& news, Milliseconds longest);
};

/// The machine's own.
[[nodiscard]] Clock& system_clock();

} // namespace xen_drbd::engine
