#pragma once
// Virtual time for the tests of the engine: it stands still while any thread works, and goes on to the next event as
// soon as all of them wait. So a test never waits, and nothing depends on how fast the machine is.

#include "xen_drbd/engine/clock.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <fcntl.h>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace xen_drbd::engine_world {

using Moment = std::chrono::steady_clock::time_point;
using Lock = std::unique_lock<std::mutex>;

/// A thread counts as working from its first contact until it ends, but for the time it spends in `block`.
class Time : public std::enable_shared_from_this<Time> {
public:
  std::mutex mutex; ///< guards this and the world that lives in it

  [[nodiscard]] Moment now() const { return now_; }
  [[nodiscard]] unsigned long activity() const { return activity_; }

  /// Something happened that a waiting thread may want to know of.
  void touch() {
    ++activity_;
    changed_.notify_all();
  }
  void after(Milliseconds delay, std::function<void()> event) { events_.emplace(now_ + delay, std::move(event)); }

  void forget_events() { events_.clear(); }

  /// The calling thread works in this world from now on.
  void enter() {
    Thread& thread = this_thread();
    if (thread.outside || thread.time.get() == this) return;
    leave(thread);
    thread.time = shared_from_this();
    if (!thread.is_main()) ++present();
    ++working_;
    changed_.notify_all();
  }

  /// Waits until `happened`, at most `longest`. Whether it happened.
  bool block(Lock& guard, const std::function<bool()>& happened, Milliseconds longest) {
    const bool counts = this_thread().time.get() == this;
    if (counts) --working_;
    const auto waiter = waiters_.insert(waiters_.end(), Waiter{happened, now_ + longest});
    while (!satisfied(*waiter)) {
      if (working_ != 0 || anyone_satisfied())
        changed_.wait_for(guard, std::chrono::milliseconds(10));
      else if (everyone_is_here(guard))
        go_on();
    }
    const bool did = happened();
    waiters_.erase(waiter);
    if (counts) ++working_;
    return did;
  }

  /// While it lives the calling thread does not count: it waits for others, inside a function under test.
  class Outside {
  public:
    explicit Outside(Time& time) : time_(time) {
      const std::scoped_lock guard(time_.mutex);
      leave(this_thread());
      this_thread().outside = true;
      time_.outside_ = true;
    }
    ~Outside() {
      const std::scoped_lock guard(time_.mutex);
      this_thread().outside = false;
      time_.outside_ = false;
      time_.enter();
    }
    Outside(const Outside&) = delete;
    Outside& operator=(const Outside&) = delete;

  private:
    Time& time_;
  };

private:
  struct Waiter {
    std::function<bool()> happened;
    Moment until;
  };
  struct Thread {
    std::shared_ptr<Time> time;
    bool outside = false;
    [[nodiscard]] static bool is_main() { return getpid() == gettid(); }
    Thread() = default;
    Thread(const Thread&) = delete;
    Thread& operator=(const Thread&) = delete;
    ~Thread() {
      if (!time) return;
      const auto mine = time;
      const std::scoped_lock guard(mine->mutex);
      leave(*this);
    }
  };
  static Thread& this_thread() {
    thread_local Thread thread;
    return thread;
  }
  static void leave(Thread& thread) {
    if (!thread.time) return;
    if (!thread.is_main()) --present();
    --thread.time->working_;
    thread.time->touch();
    thread.time.reset();
  }

  bool satisfied(const Waiter& waiter) const { return now_ >= waiter.until || waiter.happened(); }
  bool anyone_satisfied() const {
    return std::any_of(waiters_.begin(), waiters_.end(), [&](const Waiter& waiter) { return satisfied(waiter); });
  }

  /// The threads, besides the first, that work in any world; and those of the process that never will.
  static std::atomic<int>& present() {
    static std::atomic<int> number{0};
    return number;
  }
  static std::atomic<int>& strangers() {
    static std::atomic<int> number{0};
    return number;
  }
  static int threads_of_process() {
    struct stat tasks {};
    return ::stat("/proc/self/task", &tasks) == 0 ? static_cast<int>(tasks.st_nlink) - 2 : 1;
  }
  /// Whether the first thread waits too, when it is outside: it may be about to start others.
  static bool main_waits() {
    static const int fd = ::open(("/proc/self/task/" + std::to_string(getpid()) + "/stat").c_str(), O_RDONLY);
    std::array<char, 128> text{};
    const auto size = ::pread(fd, text.data(), text.size(), 0);
    const std::string_view line(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    const auto name_ends = line.rfind(')');
    return name_ends == line.npos || name_ends + 2 >= line.size() || line[name_ends + 2] == 'S';
  }
  /// Whether no thread of the process is still on its way into this world, or out of it. A thread that never comes (a
  /// sanitizer's own) is a stranger from then on.
  bool everyone_is_here(Lock& guard) {
    const auto missing = [this] {
      return threads_of_process() - 1 - present() - strangers() + (outside_ && !main_waits() ? 1 : 0);
    };
    if (missing() <= 0) return true;
    const auto begin = std::chrono::steady_clock::now();
    const auto before = activity_;
    while (working_ == 0 && !anyone_satisfied() && activity_ == before && missing() > 0) {
      if (std::chrono::steady_clock::now() - begin > std::chrono::seconds(30))
        strangers() += std::max(0, threads_of_process() - 1 - present() - strangers());
      guard.unlock();
      std::this_thread::yield();
      guard.lock();
    }
    return false;
  }

  void go_on() {
    Moment next = Moment::max();
    for (const Waiter& waiter : waiters_) next = std::min(next, waiter.until);
    if (!events_.empty()) next = std::min(next, events_.begin()->first);
    now_ = std::max(now_, next);
    while (!events_.empty() && events_.begin()->first <= now_) {
      const auto event = std::move(events_.begin()->second);
      events_.erase(events_.begin());
      event();
    }
    changed_.notify_all();
  }

  Moment now_ = Moment(std::chrono::hours(1000));
  std::multimap<Moment, std::function<void()>> events_;
  std::list<Waiter> waiters_;
  std::condition_variable changed_;
  unsigned long activity_ = 0;
  int working_ = 0;
  bool outside_ = false;
};

class VirtualClock final : public engine::Clock {
public:
  explicit VirtualClock(std::shared_ptr<Time> time) : time_(std::move(time)) {}
  Moment now() override {
    const std::scoped_lock guard(time_->mutex);
    time_->enter();
    return time_->now();
  }
  void sleep(Milliseconds duration) override {
    Lock guard(time_->mutex);
    time_->enter();
    time_->block(
        guard, [] { return false; }, duration);
  }
  void wait(Lock& outer, std::condition_variable&, Milliseconds longest) override {
    Lock guard(time_->mutex);
    time_->enter();
    const auto before = time_->activity();
    outer.unlock();
    time_->block(
        guard, [&] { return time_->activity() != before; }, longest);
    guard.unlock();
    outer.lock();
  }

private:
  std::shared_ptr<Time> time_;
};

} // namespace xen_drbd::engine_world
