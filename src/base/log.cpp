#include "xen_drbd/base/log.hpp"

#include <atomic>
#include <exception>
#include <mutex>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/sinks/syslog_sink.h>
#include <spdlog/spdlog.h>
#include <string>
#include <syslog.h>
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
  try {
    static spdlog::logger logger(
        "audit", std::make_shared<spdlog::sinks::syslog_sink_mt>("xen-drbd", LOG_PID, LOG_DAEMON, false));
    logger.info("{}", message);
  } catch (const std::exception& problem) {
    warn(std::string("the audit line could not be written: ") + problem.what());
  }
}

} // namespace xen_drbd::log
