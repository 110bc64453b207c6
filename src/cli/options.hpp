#pragma once

#include "xen_drbd/base/result.hpp"
#include "xen_drbd/base/units.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace xen_drbd::cli {

enum class Color { automatic, always, never };

/// What was typed, before the topology is known.
struct Options {
  std::string command;
  std::vector<std::string> domains;
  std::optional<std::string> topology;
  std::optional<std::string> i_am;
  std::optional<unsigned> jobs;
  std::optional<Milliseconds> lock_wait;
  std::optional<Milliseconds> deadline;
  std::optional<Milliseconds> watch; ///< status --watch: the pause between two looks
  Color color = Color::automatic;
  bool dry_run = false;
  bool json = false;
  bool peer_is_dead = false;
  bool yes = false;
  bool plain_ssh = false;
  bool destroy = false;
  bool quiet = false;
  bool remove = false;   ///< make-bridges --remove
  bool cancel = false;   ///< evacuate --cancel
  bool restrict = false; ///< make-keys --restrict
  unsigned verbose = 0;
};

/// The commands that an option makes a difference to.
enum class Concerns { all, changing, starting, migrating, shutting_down, changing_and_check, all_but_scripts };

/// An option as it is typed. All of them are listed in options.cpp, once; they stand before or after the command.
struct OptionRow {
  std::string_view names;        ///< "-t,--topology"
  std::string_view value;        ///< what stands behind it: "NAME|FILE"; empty for a flag
  std::string_view text;         ///< for --help
  std::string_view command = {}; ///< the only command that knows it; empty: all
  Concerns concerns = Concerns::all;
  [[nodiscard]] std::string_view long_name() const { return names.substr(names.find("--")); }
};
[[nodiscard]] std::span<const OptionRow> option_rows();

/// A command line that is answered without a run: --help, --version, or a usage error.
struct Answered {
  int exit_code = 0;
  std::string out;            ///< for stdout
  std::optional<Error> error; ///< usage
  bool json = false;          ///< the error is wanted as JSON
  std::string command;        ///< as far as it was understood
};

/// Parses a command line (argv without the program's name). Commands and options are matched exactly.
[[nodiscard]] tl::expected<Options, Answered> parse_command_line(const std::vector<std::string>& arguments);

/// The 2008 syntax, `xen-drbd-install TOPOLOGY COMMAND...`, as today's arguments.
/// Fails: ErrorKind::usage where one of the two is missing.
[[nodiscard]] Result<std::vector<std::string>> from_install_syntax(const std::vector<std::string>& arguments);

} // namespace xen_drbd::cli
