#include "options.hpp"

#include "commands.hpp"
#include "xen_drbd/base/text.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <map>

namespace xen_drbd::cli {
namespace {

constexpr const char* footer =
    "Exit codes: 0 done or so already, 2 usage, 3 topology, 4 refused by a safety rule, 5 peer unreachable,\n"
    "6 failed or unknown, 70 a bug, 75 another run holds the lock, 130 and 143 interrupted.\n";

constexpr const char* list_hint = "xen-drbd --help lists commands and options";

Error usage(std::string what, std::string because, std::string hint = list_hint) {
  return {.kind = ErrorKind::usage, .what = std::move(what), .because = std::move(because), .while_doing = {}, .changed = Changed::no, .hint = std::move(hint)};
}

bool is_number(std::string_view text) {
  return !text.empty() && text.size() < 10 && std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
}

/// `--watch` may stand alone: it gets its default, so that a domain behind it is not taken for its value.
std::vector<std::string> with_watch_value(const std::vector<std::string>& arguments) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] != "--watch") out.push_back(arguments[i]);
    else if (i + 1 < arguments.size() && is_number(arguments[i + 1])) out.push_back("--watch=" + arguments[++i]);
    else out.push_back("--watch=2");
  }
  return out;
}

/// The parser's raw values, to be checked once all words are known.
struct Raw {
  std::string topology, i_am, lock_wait, deadline, color = "auto";
  double watch = 0;
  unsigned jobs = 0;
};

void add_options(CLI::App& app, Options& options, Raw& raw) {
  app.add_option("-t,--topology", raw.topology, "The topology: a NAME means /etc/xen/NAME.yaml")->type_name("NAME|FILE");
  app.add_option("--i-am", raw.i_am, "Which node this is, whatever the host name says")->type_name("NODE");
  app.add_flag("-n,--dry-run", options.dry_run, "Print the plan and end there");
  app.add_flag("--json", options.json, "Print one JSON document instead of text");
  app.add_option("-j,--jobs", raw.jobs, "How many domains at the same time")->type_name("N");
  app.add_option("--lock-wait", raw.lock_wait, "How long to wait for another run to end")->type_name("DURATION");
  app.add_option("--deadline", raw.deadline, "Bounds the whole run; evacuate keeps time for the shutdowns")->type_name("DURATION");
  app.add_flag("--peer-is-dead", options.peer_is_dead, "You know that the peer is powered off: start without asking it");
  app.add_flag("-y,--yes", options.yes, "Do not ask");
  app.add_option("--color", raw.color, "auto, always or never")->type_name("WHEN");
  app.add_flag("--plain-ssh", options.plain_ssh, "Migrate over plain ssh: the target is promoted before the copy");
  app.add_flag("--destroy", options.destroy, "Destroy a domain that does not shut down in time");
  app.add_flag("-q,--quiet", options.quiet, "No progress, no warnings");
  app.add_flag("-v,--verbose", options.verbose, "Say more; twice: every command line run");
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

Error unexpected(const CLI::App& app, const std::string& word) {
  const auto chosen = app.get_subcommands();
  if (word.starts_with("-")) {
    std::vector<std::string> known = option_names(app);
    for (const CLI::App* sub : chosen)
      for (const std::string& name : option_names(*sub)) known.push_back(name);
    const std::string near = nearest(word.substr(0, word.find('=')), known);
    return usage("there is no option " + printable(word), "", near.empty() ? list_hint : "did you mean " + near + "?");
  }
  if (!chosen.empty()) return usage(chosen.front()->get_name() + " takes no domains", "'" + printable(word) + "' was not expected");
  std::vector<std::string> names;
  for (const Subcommand& command : subcommands()) names.emplace_back(command.name);
  const std::string near = nearest(word, names);
  return usage("there is no command '" + printable(word) + "'", "", near.empty() ? list_hint : "did you mean " + near + "?");
}

Result<> convert(const Raw& raw, const CLI::App& app, Options& options) {
  const auto given = [&](const char* name) { return app.count(name) > 0; };
  if (given("--topology")) options.topology = raw.topology;
  if (given("--i-am")) options.i_am = raw.i_am;
  if (given("--jobs")) {
    if (raw.jobs < 1) return usage("--jobs 0 would do nothing", "at least 1 is expected");
    options.jobs = raw.jobs;
  }
  for (const auto& [name, text, target] : {std::tuple("--lock-wait", &raw.lock_wait, &options.lock_wait), std::tuple("--deadline", &raw.deadline, &options.deadline)}) {
    if (!given(name)) continue;
    auto duration = parse_duration(*text);
    if (!duration) return usage(std::string(name) + ": " + duration.error().what, duration.error().because, duration.error().hint);
    *target = *duration;
  }
  static const std::map<std::string, Color> colors{{"auto", Color::automatic}, {"always", Color::always}, {"never", Color::never}};
  const auto color = colors.find(raw.color);
  if (color == colors.end()) return usage("--color " + printable(raw.color) + " is not known", "auto, always or never is expected");
  options.color = color->second;
  return {};
}

} // namespace

tl::expected<Options, Answered> parse_command_line(const std::vector<std::string>& arguments) {
  Options options;
  Raw raw;
  CLI::App app{"Runs the guests of two Xen nodes whose disks are mirrored by DRBD, never twice.", "xen-drbd"};
  app.require_subcommand(0, 1);
  app.fallthrough();
  app.set_version_flag("--version", "xen-drbd " XEN_DRBD_VERSION);
  app.footer(footer);
  add_options(app, options, raw);
  for (const Subcommand& command : subcommands()) {
    CLI::App* sub = app.add_subcommand(std::string(command.name), std::string(command.summary));
    if (command.domains != Domains::none) sub->add_option("DOMAIN", options.domains, "Domains of the topology")->type_name("");
    if (command.name == "status") sub->add_option("--watch", raw.watch, "Look again every SECONDS (default 2)")->type_name("[SECONDS]");
    if (command.name == "make-bridges") sub->add_flag("--remove", options.remove, "Print the inverse");
    if (command.name == "evacuate") sub->add_flag("--cancel", options.cancel, "This node no longer leaves");
  }

  const bool json = std::find(arguments.begin(), arguments.end(), "--json") != arguments.end();
  const auto refused = [&](Error error) {
    const auto chosen = app.get_subcommands();
    return tl::unexpected(Answered{exit_code(error.kind), {}, std::move(error), json, chosen.empty() ? "" : chosen.front()->get_name()});
  };
  try {
    std::vector<std::string> reversed = with_watch_value(arguments);
    std::reverse(reversed.begin(), reversed.end());
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    const auto chosen = app.get_subcommands();
    return tl::unexpected(Answered{0, chosen.empty() ? app.help() : chosen.front()->help(), std::nullopt, json, {}});
  } catch (const CLI::CallForVersion&) {
    return tl::unexpected(Answered{0, "xen-drbd " XEN_DRBD_VERSION "\n", std::nullopt, json, {}});
  } catch (const CLI::ExtrasError&) {
    const std::vector<std::string> extra = app.remaining(true);
    return refused(unexpected(app, extra.empty() ? "" : extra.front()));
  } catch (const CLI::ParseError& problem) {
    return refused(usage(printable(problem.what()), ""));
  }

  const auto chosen = app.get_subcommands();
  if (chosen.empty()) return refused(usage("no command was given", "xen-drbd does nothing by itself"));
  options.command = chosen.front()->get_name();
  if (auto converted = convert(raw, app, options); !converted) return refused(std::move(converted).error());
  if (options.command == "status" && chosen.front()->count("--watch") > 0) {
    if (raw.watch < 0.1 || raw.watch > 86'400) return refused(usage("--watch needs a pause of 0.1 to 86400 seconds", ""));
    options.watch = Milliseconds(static_cast<std::int64_t>(raw.watch * 1000));
  }
  if (find_subcommand(options.command)->domains == Domains::at_least_one && options.domains.empty())
    return refused(usage(options.command + " needs at least one domain", "none was given", "name domains of the topology, or use " + options.command + "'s -all form"));
  return options;
}

Result<std::vector<std::string>> from_install_syntax(const std::vector<std::string>& arguments) {
  if (!arguments.empty() && arguments.front().starts_with("-")) return arguments; // --help, --version
  if (arguments.size() < 2) return usage("xen-drbd-install needs a topology and a command", "usage: xen-drbd-install TOPOLOGY COMMAND");
  std::vector<std::string> today{"--topology", arguments.front()};
  today.insert(today.end(), arguments.begin() + 1, arguments.end());
  return today;
}

} // namespace xen_drbd::cli
