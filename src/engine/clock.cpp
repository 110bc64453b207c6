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

Clock& system_clock() {
  static SystemClock clock;
  return clock;
}

} // namespace xen_drbd::engine
