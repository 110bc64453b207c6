#include "options.hpp"

#include "xen_drbd/base/text.hpp"

#include "commands.hpp"
#include "help.hpp"
#include "tree.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <charconv>
#include <fmt/format.h>
#include <map>

namespace xen_drbd::cli {
namespace {

constexpr std::array option_table = std::to_array<OptionRow>({
    {"--watch", "[SECONDS]", "look again every SECONDS, 2 without a number", "status"},
    {"--cancel", "", "this node no longer leaves: domains may be moved onto it again", "evacuate"},
    {"--remove", "", "print the inverse: the shell that takes the bridges away", "make-bridges"},
    {"--restrict", "", "the key reaches nothing but xen-drbd on the peer; man xen-drbd says what that is worth",
     "make-keys"},
    {"-t,--topology", "NAME|FILE", "the topology; a NAME is /etc/xen/NAME.yaml"},
    {"--i-am", "NODE", "which node this is, whatever its host name"},
    {"-n,--dry-run", "", "print the plan and end there", {}, Concerns::changing},
    {"--json", "", "print one JSON document instead of text", {}, Concerns::all_but_scripts},
    {"-j,--jobs", "N", "how many domains may be started or moved at the same time", {}, Concerns::changing},
    {"--lock-wait", "DURATION", "how long to wait for another run to end: 500ms, 30s, 5m", {}, Concerns::changing},
    {"--deadline",
     "DURATION",
     "bounds evacuate and stop as a whole, the shutdowns included",
     {},
     Concerns::shutting_down},
    {"--peer-is-dead", "", "you know that the peer is powered off: do without asking it", {}, Concerns::starting},
    {"-y,--yes",
     "",
     "do not ask; recover may then destroy a guest that crashed or cannot be resumed",
     {},
     Concerns::starting},
    {"--color", "WHEN", "auto, always or never"},
    {"--plain-ssh", "", "migrate over plain ssh: the target is promoted before the copy", {}, Concerns::migrating},
    {"--destroy", "", "destroy a domain that did not shut down in time", {}, Concerns::shutting_down},
    {"-q,--quiet",
     "",
     "no plan before the report, no progress, no warnings; check: nothing that is ok",
     {},
     Concerns::changing_and_check},
    {"-v,--verbose", "", "say more; twice: every command line that is run"},
    {"--version", "", "print the version"},
    {"-h,--help", "", "print this; behind a command, about that command"},
});

constexpr unsigned most_jobs = 100; // as in the topology
constexpr const char* list_hint = "xen-drbd --help lists commands and options";

Error usage(std::string what, std::string because, std::string hint = list_hint) {
  return {.kind = ErrorKind::usage,
          .what = std::move(what),
          .because = std::move(because),
          .while_doing = {},
          .changed = Changed::no,
          .hint = std::move(hint)};
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& known) {
  const std::string near = nearest(word, known);
  return near.empty() ? list_hint : "did you mean " + near + "?";
}

/// A command that was typed as several words, else all that begin with the one that was typed, else the nearest.
std::string meant_command(const std::vector<std::string>& typed, const std::vector<std::string>& known) {
  std::string joined;
  for (const std::string& word : typed) {
    joined += (joined.empty() ? "" : "-") + word;
    if (std::find(known.begin(), known.end(), joined) != known.end()) return "did you mean " + joined + "?";
  }
  std::vector<std::string> longer;
  for (const std::string& command : known)
    if (!typed.empty() && command.starts_with(typed.front() + "-")) longer.push_back(command);
  if (longer.size() > 1) return "did you mean one of " + enumerate(longer) + "?";
  return did_you_mean(typed.empty() ? "" : typed.front(), known);
}

/// The first `--option=` with nothing behind it: CLI11 would take the next word for its value, the command itself.
std::string without_value(const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    if (argument == "--") break;
    if (argument.starts_with("--") && argument.ends_with('=') && argument.find('=') == argument.size() - 1)
      return argument;
  }
  return {};
}

/// The first flag with a value behind it, `--json=true` or `-n=1`, without that value. CLI11 takes the one for the flag
/// and the other for two arguments.
std::string flag_with_value(const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    if (argument == "--") break;
    std::string name = argument.substr(0, argument.find('='));
    if (name.size() == argument.size()) continue;
    for (const OptionRow& row : option_table)
      if (row.value.empty() && (row.long_name() == name || (row.names.starts_with(name + ",") && name.size() == 2)))
        return name;
  }
  return {};
}

/// One parse of a command line: CLI11 finds the words, the rest is checked here.
class Parser {
public:
  Parser() : app_("", "xen-drbd") { grow_tree(app_, typed_); }

  tl::expected<Options, Answered> parse(const std::vector<std::string>& arguments) {
    json_ = std::find(arguments.begin(), arguments.end(), "--json") != arguments.end();
    for (const std::string& word : arguments)
      if (meant_.empty() && find_subcommand(word) != nullptr) meant_ = word;
    if (const std::string option = without_value(arguments); !option.empty())
      return refused(usage(printable(option) + " is followed by nothing", "a value is expected, or no ="));
    if (const std::string flag = flag_with_value(arguments); !flag.empty())
      return refused(usage(flag + " takes no value", ""));
    try {
      find_words(app_, arguments);
    } catch (const CLI::CallForHelp&) {
      return told(command().empty() ? help_text() : help_text(*find_subcommand(command())));
    } catch (const CLI::CallForVersion&) {
      return told("xen-drbd " XEN_DRBD_VERSION "\n");
    } catch (const CLI::ExtrasError&) {
      return refused(unexpected(app_.remaining(true)));
    } catch (const CLI::ArgumentMismatch& problem) {
      return refused(mismatch(problem.what()));
    } catch (const CLI::ParseError& problem) { return refused(usage(printable(problem.what()), "")); }
    options_.command = command();
    options_.domains = typed_.domains;
    if (auto converted = convert(); !converted) return refused(std::move(converted).error());
    return options_;
  }

private:
  [[nodiscard]] std::string command() const {
    const auto chosen = app_.get_subcommands();
    return chosen.empty() ? "" : chosen.front()->get_name();
  }
  [[nodiscard]] bool given(std::string_view long_name) const { return app_.count(std::string(long_name)) > 0; }

  [[nodiscard]] static tl::unexpected<Answered> told(std::string text) {
    return tl::unexpected(Answered{.exit_code = 0, .out = std::move(text), .error = {}, .json = false, .command = {}});
  }
  [[nodiscard]] tl::unexpected<Answered> refused(Error error) const {
    const int code = exit_code(error.kind);
    return tl::unexpected(Answered{.exit_code = code,
                                   .out = {},
                                   .error = std::move(error),
                                   .json = json_,
                                   .command = command().empty() ? meant_ : command()});
  }

  [[nodiscard]] Error unexpected(const std::vector<std::string>& words) const {
    const std::string word = words.empty() ? "" : words.front();
    std::vector<std::string> known;
    if (word.starts_with("-")) {
      for (const OptionRow& row : option_table) known.emplace_back(row.long_name());
      const std::string name = word.substr(0, word.find('='));
      return usage("there is no option " + printable(name), "", did_you_mean(name, known));
    }
    if (!command().empty() && find_subcommand(command())->domains != Domains::none)
      return usage("there is no command '" + printable(word) + "'", "it was typed before " + command(),
                   "domains stand behind the command: xen-drbd " + command() + " DOMAIN...");
    if (!command().empty())
      return usage(command() + " takes no domains", "'" + printable(word) + "' was typed with it",
                   "leave it out; " + std::string(list_hint));
    for (const Subcommand& subcommand : subcommands()) known.emplace_back(subcommand.name);
    return usage("there is no command '" + printable(word) + "'", "", meant_command(words, known));
  }

  /// An option with too many values, or too few; CLI11's message begins with its name.
  [[nodiscard]] Error mismatch(const std::string& message) const {
    std::string name = message.substr(0, message.find_first_of(": "));
    if (!name.starts_with("--")) name = "--" + name;
    const auto row = std::find_if(option_table.begin(), option_table.end(),
                                  [&](const OptionRow& each) { return each.long_name() == name; });
    if (row == option_table.end()) return usage(printable(message), "");
    if (row->value.empty()) return usage(name + " takes no value", "");
    if (app_.count(name) > 1) return usage(name + " was given more than once", "");
    return usage(name + " needs a value: " + name + " " + std::string(row->value), "");
  }

  Result<> convert() {
    if (options_.command.empty()) return usage("no command was given", "xen-drbd does nothing by itself");
    for (const OptionRow& row : option_table)
      if (!row.command.empty() && row.command != options_.command && given(row.long_name()))
        return usage(options_.command + " has no option " + std::string(row.long_name()),
                     "it belongs to " + std::string(row.command));
    for (const auto& [name, flag] :
         {std::pair("--dry-run", &Options::dry_run), std::pair("--json", &Options::json),
          std::pair("--peer-is-dead", &Options::peer_is_dead), std::pair("--yes", &Options::yes),
          std::pair("--plain-ssh", &Options::plain_ssh), std::pair("--destroy", &Options::destroy),
          std::pair("--quiet", &Options::quiet), std::pair("--remove", &Options::remove),
          std::pair("--cancel", &Options::cancel), std::pair("--restrict", &Options::restrict)})
      options_.*flag = given(name);
    options_.verbose = static_cast<unsigned>(app_.count("--verbose"));
    if (given("--topology")) options_.topology = typed_.values["--topology"];
    if (given("--i-am")) options_.i_am = typed_.values["--i-am"];
    XEN_DRBD_CHECK(convert_jobs());
    XEN_DRBD_CHECK(convert_duration("--lock-wait", options_.lock_wait));
    XEN_DRBD_CHECK(convert_duration("--deadline", options_.deadline));
    XEN_DRBD_CHECK(convert_color());
    XEN_DRBD_CHECK(convert_watch());
    return check_domains();
  }

  Result<> convert_jobs() {
    if (!given("--jobs")) return {};
    const std::string& text = typed_.values["--jobs"];
    unsigned number = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (problem != std::errc{} || end != text.data() + text.size() || number < 1 || number > most_jobs)
      return usage("--jobs " + printable(text) + " is not understood",
                   fmt::format("a whole number is expected, 1 to {}", most_jobs));
    options_.jobs = number;
    return {};
  }

  Result<> convert_duration(std::string_view name, std::optional<Milliseconds>& target) {
    if (!given(name)) return {};
    auto duration = parse_duration(typed_.values[name]);
    if (!duration)
      return usage(std::string(name) + ": " + printable(duration.error().what), printable(duration.error().because),
                   duration.error().hint);
    target = *duration;
    return {};
  }

  Result<> convert_color() {
    if (!given("--color")) return {};
    static const std::map<std::string, Color> colors{
        {"auto", Color::automatic}, {"always", Color::always}, {"never", Color::never}};
    const auto color = colors.find(typed_.values["--color"]);
    if (color == colors.end())
      return usage("--color " + printable(typed_.values["--color"]) + " is not understood",
                   "auto, always or never is expected");
    options_.color = color->second;
    return {};
  }

  Result<> convert_watch() {
    if (!given("--watch")) return {};
    const std::string& text = typed_.values["--watch"];
    double seconds = 0;
    const auto [end, problem] =
        std::from_chars(text.data(), text.data() + text.size(), seconds, std::chars_format::fixed);
    if (problem != std::errc{} || end != text.data() + text.size() || !(seconds >= 0.1 && seconds <= 86'400))
      return usage("--watch " + printable(text) + " is not understood",
                   "a pause of 0.1 to 86400 seconds is expected, without a unit");
    options_.watch = Milliseconds(static_cast<std::int64_t>(seconds * 1000));
    return {};
  }

  [[nodiscard]] Result<> check_domains() const {
    const Subcommand& subcommand = *find_subcommand(options_.command);
    if (subcommand.domains != Domains::at_least_one || !options_.domains.empty()) return {};
    return usage(options_.command + " needs at least one domain", "none was given",
                 "xen-drbd " + options_.command + " DOMAIN..., or xen-drbd " + std::string(subcommand.for_all) +
                     " for all of them");
  }

  CLI::App app_;
  Options options_;
  Typed typed_;
  bool json_ = false;
  std::string meant_; ///< the command, where the words are not understood that far
};

} // namespace

std::span<const OptionRow> option_rows() { return option_table; }

tl::expected<Options, Answered> parse_command_line(const std::vector<std::string>& arguments) {
  return Parser().parse(arguments);
}

Result<std::vector<std::string>> from_install_syntax(const std::vector<std::string>& arguments) {
  constexpr const char* form = "xen-drbd-install TOPOLOGY COMMAND [DOMAIN...]; options stand behind the command";
  if (!arguments.empty() &&
      (arguments.front() == "--help" || arguments.front() == "-h" || arguments.front() == "--version"))
    return arguments;
  if (arguments.empty()) return usage("xen-drbd-install needs a topology and a command", "neither was given", form);
  if (arguments.front().starts_with("-"))
    return usage("xen-drbd-install needs a topology first", "'" + printable(arguments.front()) + "' is an option",
                 form);
  if (arguments.size() < 2)
    return usage("xen-drbd-install needs a topology and a command",
                 "only '" + printable(arguments.front()) + "' was given", form);
  std::vector<std::string> today{"--topology", arguments.front()};
  today.insert(today.end(), arguments.begin() + 1, arguments.end());
  return today;
}

} // namespace xen_drbd::cli
