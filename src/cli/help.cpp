#include "help.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <utility>
#include <vector>

namespace xen_drbd::cli {
namespace {

constexpr std::string_view exit_codes =
    "Exit codes: 0 done, or so already; 2 wrong usage; 3 the topology file is wrong; 4 refused by a safety rule;\n"
    "5 the peer cannot be reached and is needed; 6 a step failed or its outcome is unknown; 70 a bug in xen-drbd;\n"
    "75 another run holds the cluster lock; 130 and 143 interrupted.\n"
    "man xen-drbd says all of it at length.\n";

using TwoColumns = std::vector<std::pair<std::string, std::string_view>>;

std::string columns(const TwoColumns& lines) {
  std::size_t width = 0;
  for (const auto& [left, right] : lines) width = std::max(width, left.size());
  std::string text;
  for (const auto& [left, right] : lines) text += fmt::format("  {:<{}}  {}\n", left, width, right);
  return text;
}

std::string usage_of(const Subcommand& command) {
  switch (command.domains) {
  case Domains::none: return std::string(command.name);
  case Domains::some: return std::string(command.name) + " [DOMAIN...]";
  case Domains::at_least_one: return std::string(command.name) + " DOMAIN...";
  }
  return {};
}

/// "-t, --topology NAME|FILE"; names without a letter stand below the others.
std::string usage_of(const OptionRow& option) {
  std::string text = option.names.starts_with("--") ? "    " : fmt::format("{}, ", option.names.substr(0, 2));
  text += option.long_name();
  if (!option.value.empty()) text += fmt::format(" {}", option.value);
  return text;
}

template <typename Wanted> std::string options_that(Wanted wanted) {
  TwoColumns lines;
  for (const OptionRow& option : option_rows())
    if (wanted(option)) lines.emplace_back(usage_of(option), option.text);
  return columns(lines);
}

} // namespace

std::string help_text() {
  TwoColumns commands;
  for (const Subcommand& command : subcommands()) commands.emplace_back(usage_of(command), command.summary);
  TwoColumns special;
  for (const OptionRow& option : option_rows())
    if (!option.command.empty())
      special.emplace_back(fmt::format("{}{}", option.command, usage_of(option).substr(3)), option.text);
  return fmt::format(
      "Runs the guests of two Xen nodes whose disks are mirrored by DRBD, and never one of them twice.\n\n"
      "Usage: xen-drbd [OPTIONS] COMMAND [DOMAIN...]\n"
      "       xen-drbd completion bash|zsh|fish\n\n"
      "Commands:\n{}\n"
      "Options of one command:\n{}\n"
      "Options, before or after the command:\n{}\n"
      "{}",
      columns(commands), columns(special), options_that([](const OptionRow& option) { return option.command.empty(); }),
      exit_codes);
}

std::string help_text(const Subcommand& command) {
  const std::string own = options_that([&](const OptionRow& option) { return option.command == command.name; });
  const std::string common =
      options_that([&](const OptionRow& option) { return option.command.empty() && matters_to(option, command); });
  return fmt::format("Usage: xen-drbd [OPTIONS] {}\n\n"
                     "  {}\n\n"
                     "{}"
                     "Options:\n{}\n"
                     "{}",
                     usage_of(command), command.summary,
                     own.empty() ? "" : fmt::format("Options of {}:\n{}\n", command.name, own), common, exit_codes);
}

} // namespace xen_drbd::cli
