#pragma once

#include <chrono>
#include <functional>
#include <string_view>

/// The log seam: the only door to spdlog. Messages are diagnostics on stderr (or syslog), never the answer.
namespace xen_drbd::log {

enum class Level { quiet, normal, verbose, commands };

/// Sets what is shown on stderr: quiet (errors), normal (warnings), verbose (-v), commands (-vv: every command line
/// run).
void set_level(Level level);
[[nodiscard]] bool shows(Level level);

void warn(std::string_view message);
void info(std::string_view message);    ///< shown with -v
void command(std::string_view message); ///< shown with -vv

/// Messages go there instead of to stderr, a line at a time, each with its line feed; {} sends them to stderr again.
/// For what redraws a part of the screen in place. It must not log.
void divert(std::function<void(std::string_view line)> to);

/// One line in syslog (facility daemon, tag xen-drbd): the audit trail of changing runs. Nothing is shown, but for a
/// warning when syslog does not take it.
void audit(std::string_view message);

/// The same, and nothing is shown at all: whether syslog has taken it before that time was over.
[[nodiscard]] bool audit_within(std::chrono::milliseconds patience, std::string_view message) noexcept;

} // namespace xen_drbd::log
