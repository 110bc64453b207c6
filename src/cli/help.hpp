#pragma once

#include "commands.hpp"

#include <string>

namespace xen_drbd::cli {

/// What `--help` prints: of the program, or of one command.
[[nodiscard]] std::string help_text();
[[nodiscard]] std::string help_text(const Subcommand& command);

} // namespace xen_drbd::cli
