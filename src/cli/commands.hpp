#pragma once

#include "options.hpp"
#include "session.hpp"

#include <span>
#include <string_view>

namespace xen_drbd::cli {

/// Which DOMAIN arguments a subcommand takes.
enum class Domains { none, some, at_least_one };

/// A subcommand. All of them are listed in commands.cpp, once.
struct Subcommand {
  std::string_view name;
  std::string_view summary; ///< for --help
  Domains domains = Domains::none;
  int (*run)(Session&) = nullptr; ///< none: nothing to do, and no topology needed
  std::string_view for_all = {};  ///< the subcommand that does the same for all domains
  bool prints_a_script = false;   ///< its stdout is piped to sh: when it fails, sh must be told so
  bool starts = false;            ///< may start a domain, which a peer that is declared dead lets it
  bool migrates = false;          ///< may move a domain that runs
  bool shuts_down = false;        ///< may shut a domain down on this node; --deadline bounds it
};

[[nodiscard]] std::span<const Subcommand> subcommands();
[[nodiscard]] const Subcommand* find_subcommand(std::string_view name);

/// Whether the option makes a difference to the command. Every command takes the options of all commands: what is
/// typed before the command is often a habit, or the same for all lines of a script.
[[nodiscard]] bool matters_to(const OptionRow& option, const Subcommand& command);

// One file each; each returns the exit code and has printed everything.
int run_wish(Session& session); ///< start*, migrate-*, stop*, recover
int run_evacuate(Session& session);
int run_status(Session& session);
int run_check(Session& session);
int run_make_links(Session& session);
int run_make_bridges(Session& session);
int run_make_keys(Session& session);

} // namespace xen_drbd::cli
