#include "xen_drbd/engine/clock.hpp"

#include <thread>

namespace xen_drbd::engine {
namespace {

class SystemClock final : public Clock {
public:
  std::chrono::steady_clock::time_point now() override { return std::chrono::steady_clock::now(); }
  void sleep(Milliseconds duration) override { std::this_thread::sleep_for(duration); }
};

} // namespace

void Clock::wait(std::unique_lock<std::mutex>& guard, std::condition_variable& news, Milliseconds longest) {
  news.wait_for(guard, longest);
}

Clock& system_clock() {
  static SystemClock clock;
  return clock;
}

} // namespace xen_drbd::engine
