#include "xen_drbd/base/log.hpp"

#include <atomic>
#include <chrono>
#include <exception>
#include <future>
#include <memory>
#include <mutex>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <string>
#include <syslog.h>
#include <thread>
#include <utility>

namespace xen_drbd::log {
namespace {

std::atomic<Level> level{Level::normal};

spdlog::logger& diagnostics() {
  static spdlog::logger logger = [] {
    spdlog::logger made("xen-drbd", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made.set_pattern("%v");
    made.set_level(spdlog::level::trace);
    made.flush_on(spdlog::level::trace);
    return made;
  }();
  return logger;
}

std::mutex diversion_mutex;
std::function<void(std::string_view)> diversion;

void show(Level least, std::string_view label, std::string_view message) {
  if (!shows(least)) return;
  const std::scoped_lock guard(diversion_mutex);
  const std::string line = std::string(label).append(message);
  if (diversion)
    diversion(line + "\n");
  else
    diagnostics().info("{}", line);
}

} // namespace

void set_level(Level wanted) { level = wanted; }
bool shows(Level wanted) { return level.load() >= wanted; }

void divert(std::function<void(std::string_view)> to) {
  const std::scoped_lock guard(diversion_mutex);
  diversion = std::move(to);
}

void warn(std::string_view message) { show(Level::normal, "warning: ", message); }
void info(std::string_view message) { show(Level::verbose, "", message); }
void command(std::string_view message) { show(Level::commands, "", message); }

void audit(std::string_view message) {
  if (!audit_within(std::chrono::seconds(3), message)) warn("the audit line is not written: syslog does not take it");
}

// In a thread of its own, which is left behind: syslog(3) waits without end for a syslogd that stands still.
bool audit_within(std::chrono::milliseconds patience, std::string_view message) noexcept {
  try {
    const auto written = std::make_shared<std::promise<void>>();
    const auto done = written->get_future();
    std::thread([written, line = std::string(message)] {
      ::openlog("xen-drbd", LOG_PID, LOG_DAEMON);
      ::syslog(LOG_INFO, "%s", line.c_str());
      written->set_value();
    }).detach();
    return done.wait_for(patience) == std::future_status::ready;
  } catch (const std::exception&) { // no thread can be started, or there is no memory
    return false;
  }
}

} // namespace xen_drbd::log
