#include "xen_drbd/cli/run.hpp"

#include "xen_drbd/base/log.hpp"

#include "commands.hpp"
#include "interrupt.hpp"
#include "json.hpp"
#include "modes.hpp"
#include "output.hpp"
#include "render.hpp"

#include <algorithm>
#include <filesystem>

namespace xen_drbd::cli {
namespace {

log::Level level_of(const Options& options) {
  if (options.quiet) return log::Level::quiet;
  return options.verbose == 0 ? log::Level::normal : options.verbose == 1 ? log::Level::verbose : log::Level::commands;
}

/// What --json and the command's name were, for an error that comes before the options are known.
Options asked_for(const Answered& answered) {
  Options options;
  options.json = answered.json;
  options.command = answered.command;
  return options;
}

int run_nothing(const Options& options) {
  if (options.json) write_answer(line_of(json_of(options)));
  return 0;
}

int run_command(const Options& options) {
  log::set_level(level_of(options));
  const Subcommand& command = *find_subcommand(options.command);
  if (options.deadline && !command.shuts_down)
    log::warn("--deadline does not bound " + options.command + ", only evacuate and stop");
  if (command.run == nullptr) return run_nothing(options);
  if (options.dry_run) end_on_interrupt();
  auto session = open_session(options);
  return session ? command.run(*session) : print_error(options, session.error());
}

int run_arguments(const std::vector<std::string>& arguments) {
  const auto options = parse_command_line(arguments);
  if (options) return guarded(*options, [&] { return run_command(*options); });
  const Answered& answered = options.error();
  write_answer(answered.out);
  return answered.error ? print_error(asked_for(answered), *answered.error) : answered.exit_code;
}

int run_install(const std::vector<std::string>& arguments) {
  const auto today = from_install_syntax(arguments);
  if (today) return run_arguments(*today);
  Options options;
  options.json = std::find(arguments.begin(), arguments.end(), "--json") != arguments.end();
  return print_error(options, today.error());
}

} // namespace

int run(const std::vector<std::string>& argv) {
  open_missing_streams();
  const std::vector<std::string> arguments(argv.begin() + (argv.empty() ? 0 : 1), argv.end());
  if (const auto ended = run_mode(arguments)) return *ended;
  watch_for_interrupts();
  const bool of_2008 = !argv.empty() && std::filesystem::path(argv.front()).filename() == "xen-drbd-install";
  return finish_answer(of_2008 ? run_install(arguments) : run_arguments(arguments));
}

} // namespace xen_drbd::cli
