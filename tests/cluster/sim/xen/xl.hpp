#pragma once
// The simulated xl: one function per subcommand. Each returns the exit code; what it prints goes into `output`.
// Source: captured outputs and exit codes of xl 4.17; xen's tools/xl for what was not captured.

#include "world/faults.hpp"
#include "world/world.hpp"

#include <string>
#include <vector>

namespace sim {

using Arguments = std::vector<std::string>;

/// One run of a simulated tool.
struct Run {
  World& world;
  Output& output;
  Faults& faults;
};

/// The whole command: `arguments` without the program's name.
[[nodiscard]] int xl_main(Run& run, const Arguments& arguments);

[[nodiscard]] int xl_list(Run& run, const Arguments& arguments);
[[nodiscard]] int xl_info(Run& run, const Arguments& arguments);
[[nodiscard]] int xl_uptime(Run& run, const Arguments& arguments);
[[nodiscard]] int xl_block_list(Run& run, const Arguments& arguments);
[[nodiscard]] int xl_create(Run& run, const Arguments& arguments, bool dry_run);
[[nodiscard]] int xl_migrate(Run& run, const Arguments& arguments, bool tty_progress);
[[nodiscard]] int xl_migrate_receive(Run& run, const Arguments& arguments);

/// A domain named on the command line: all digits are an id, not checked; else the name must exist.
/// Fails: false, and xl's message in `run.output`.
[[nodiscard]] bool name_to_domid(Run& run, const std::string& name, unsigned& domid);

/// What xl says about an option it does not know: the name it prints is a NUL.
[[nodiscard]] std::string unknown_option();

/// The three lines libxl ends every failed creation with.
[[nodiscard]] std::string destruction_failed(unsigned domid);

/// Replaces "%u" in the lines of a failure by the id of the domain.
[[nodiscard]] std::string with_domid(std::string text, unsigned domid);

} // namespace sim
