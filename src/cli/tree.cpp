#include "tree.hpp"

#include "commands.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>

namespace xen_drbd::cli {
namespace {

/// A number, or one with the unit of a duration behind it, which is refused in words.
bool is_number(std::string_view text) {
  for (const std::string_view unit : {"ms", "s", "m", "h"})
    if (text.ends_with(unit)) {
      text.remove_suffix(unit.size());
      break;
    }
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
}

/// `--watch` may stand alone: it gets its default, so that a domain behind it is not taken for its value.
std::vector<std::string> with_watch_value(const std::vector<std::string>& arguments) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] != "--watch")
      out.push_back(arguments[i]);
    else if (i + 1 < arguments.size() && is_number(arguments[i + 1]))
      out.push_back("--watch=" + arguments[++i]);
    else
      out.emplace_back("--watch=2");
  }
  return out;
}

CLI::Option* add(CLI::App& app, const OptionRow& row, Typed& typed) {
  const std::string names(row.names);
  const std::string text(row.text);
  if (row.long_name() == "--help") return app.set_help_flag(names, text);
  if (row.long_name() == "--version") return app.set_version_flag(names, XEN_DRBD_VERSION, text);
  if (row.value.empty()) return app.add_flag(names, text)->disable_flag_override();
  return app.add_option(names, typed.values[row.long_name()], text)->type_name(std::string(row.value));
}

} // namespace

void grow_tree(CLI::App& app, Typed& typed) {
  app.require_subcommand(0, 1);
  app.fallthrough();
  for (const OptionRow& row : option_rows()) {
    CLI::Option* option = add(app, row, typed);
    if (!row.command.empty()) option->group(std::string(row.command));
  }
  for (const Subcommand& command : subcommands()) {
    CLI::App* sub = app.add_subcommand(std::string(command.name), std::string(command.summary));
    if (command.domains != Domains::none) sub->add_option("DOMAIN", typed.domains);
  }
}

void find_words(CLI::App& app, const std::vector<std::string>& arguments) {
  std::vector<std::string> reversed = with_watch_value(arguments);
  std::reverse(reversed.begin(), reversed.end());
  app.parse(reversed);
}

} // namespace xen_drbd::cli
