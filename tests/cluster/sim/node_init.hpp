#pragma once
// Process 1 of a simulated node: it reaps what nobody waits for and writes what reaches /dev/log to /var/log/syslog.

namespace sim {

/// Never returns by itself; a node ends by killing it.
[[noreturn]] void node_init();

} // namespace sim
