#include "xen_drbd/cli/run.hpp"

#include "commands.hpp"
#include "interrupt.hpp"
#include "modes.hpp"
#include "render.hpp"
#include "xen_drbd/base/log.hpp"

#include <fmt/format.h>

#include <filesystem>

namespace xen_drbd::cli {
namespace {

log::Level level_of(const Options& options) {
  if (options.quiet) return log::Level::quiet;
  return options.verbose == 0 ? log::Level::normal : options.verbose == 1 ? log::Level::verbose : log::Level::commands;
}

/// A script is piped to sh: when there is none to print, sh must fail and do nothing.
bool prints_a_script(const std::string& command) { return command.starts_with("make-"); }

int answer(const Answered& answered) {
  fmt::print("{}", answered.out);
  if (!answered.error) return answered.exit_code;
  Options options;
  options.json = answered.json;
  options.command = answered.command;
  if (prints_a_script(answered.command)) fmt::print("exit {}\n", answered.exit_code);
  return print_error(options, *answered.error);
}

int run_options(Options options) {
  log::set_level(level_of(options));
  const Subcommand& command = *find_subcommand(options.command);
  if (command.run == nullptr) return 0;
  const bool script = prints_a_script(options.command);
  Options asked = options;
  auto session = open_session(std::move(options));
  if (!session) {
    if (script) fmt::print("exit {}\n", exit_code(session.error().kind));
    asked.json = asked.json && !script;
    return print_error(asked, session.error());
  }
  return command.run(*session);
}

} // namespace

int run(const std::vector<std::string>& argv) {
  std::vector<std::string> arguments(argv.begin() + (argv.empty() ? 0 : 1), argv.end());
  if (const auto ended = run_mode(arguments)) return *ended;
  watch_for_interrupts();
  if (!argv.empty() && std::filesystem::path(argv.front()).filename() == "xen-drbd-install") {
    auto today = from_install_syntax(arguments);
    if (!today) return print_error({}, today.error());
    arguments = std::move(*today);
  }
  auto options = parse_command_line(arguments);
  return options ? run_options(std::move(*options)) : answer(options.error());
}

} // namespace xen_drbd::cli
