#pragma once

#include <string>

namespace xen_drbd::cli {

/// Takes SIGINT, SIGTERM and SIGHUP for the whole process (call it before any thread is started) and ignores SIGPIPE.
/// The first one only marks the run as interrupted; the second ends it at once, saying what still runs by itself
/// (rule 5.9).
void watch_for_interrupts();

/// What of a domain's work a second signal is to name, a line each; an empty text: nothing of it is under way any more.
/// From any thread.
void set_under_way(const std::string& domain, const std::string& what);
/// All that is under way, a line each, in the order of the domains' names.
[[nodiscard]] std::string under_way();

/// The line that a second signal leaves in this node's syslog: `before`, the exit code, `after`. Both empty, as in the
/// beginning: none. From any thread.
void set_last_words(const std::string& before, const std::string& after);

/// The signal that came first, or 0.
[[nodiscard]] int interrupted_by();

/// From now on a first signal ends the process at once with 130 or 143: for commands that change nothing.
void end_on_interrupt();

/// 130 for SIGINT, 143 for SIGTERM and SIGHUP: the two that xen-drbd(8) has.
[[nodiscard]] int exit_code_of_signal(int signal);

} // namespace xen_drbd::cli
