#include "xen_drbd/base/log.hpp"

#include <atomic>
#include <exception>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/sinks/syslog_sink.h>
#include <spdlog/spdlog.h>
#include <syslog.h>

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

} // namespace

void set_level(Level wanted) { level = wanted; }
bool shows(Level wanted) { return level.load() >= wanted; }

void warn(std::string_view message) {
  if (shows(Level::normal)) diagnostics().warn("warning: {}", message);
}
void info(std::string_view message) {
  if (shows(Level::verbose)) diagnostics().info("{}", message);
}
void command(std::string_view message) {
  if (shows(Level::commands)) diagnostics().debug("{}", message);
}

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
