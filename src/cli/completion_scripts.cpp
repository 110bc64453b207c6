#include "xen_drbd/base/quote.hpp"

#include "completion.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <functional>

namespace xen_drbd::cli {
namespace {

using Option = CompletionTree::Option;
using Command = CompletionTree::Command;

/// What is known of the value of an option, by its placeholder.
struct Value {
  std::string_view placeholder;
  std::string_view names; ///< the kind of names that the topology has for it
  std::string_view words; ///< or the words it may be
};
constexpr std::array values =
    std::to_array<Value>({{"NAME|FILE", "topologies", ""}, {"NODE", "nodes", ""}, {"WHEN", "", "auto always never"}});

Value value_of(const Option& option) {
  const auto known =
      std::find_if(values.begin(), values.end(), [&](const Value& each) { return each.placeholder == option.value; });
  return known == values.end() ? Value{option.value, "", ""} : *known;
}

template <class Item>
std::string joined(const std::vector<Item>& items, std::string_view between,
                   const std::function<std::string(const Item&)>& text) {
  std::string all;
  for (const Item& item : items)
    if (const std::string one = text(item); !one.empty()) all += (all.empty() ? "" : std::string(between)) + one;
  return all;
}

std::string names_joined(const Option& option, std::string_view between) {
  return joined<std::string>(option.names, between, [](const std::string& name) { return name; });
}

std::string commands_joined(const CompletionTree& tree, std::string_view between, bool only_with_domains) {
  return joined<Command>(tree.commands, between, [&](const Command& command) {
    return command.takes_domains || !only_with_domains ? command.name : "";
  });
}

std::vector<Option> options_of(const CompletionTree& tree, std::string_view command) {
  std::vector<Option> own;
  for (const Option& option : tree.options)
    if (option.command == command) own.push_back(option);
  return own;
}

/// Calls `use` for each command that has options of its own.
void for_commands_with_options(const CompletionTree& tree,
                               const std::function<void(const Command&, const std::vector<Option>&)>& use) {
  for (const Command& command : tree.commands)
    if (const auto own = options_of(tree, command.name); !own.empty()) use(command, own);
}

// bash: the function fills COMPREPLY.

constexpr std::string_view bash_begin = R"(# Completion of xen-drbd for bash, made by: xen-drbd completion bash

_xen_drbd() {
  local current=${COMP_WORDS[COMP_CWORD]} previous='' command='' candidates='' word typed=()
  # bash takes --topology=lan apart at the equals sign
  for word in "${COMP_WORDS[@]:1:COMP_CWORD - 1}"; do
    if ((${#typed[@]})) && [[ $word == = || ${typed[-1]} == --*= ]]; then typed[-1]+=$word; else typed+=("$word"); fi
  done
  [[ $current != = ]] || current=''
  [[ $1 != *-install ]] || typed=(-t "${typed[@]}") # the syntax of 2008: TOPOLOGY COMMAND
  for word in "${typed[@]}"; do
    case $previous in
)";
constexpr std::string_view bash_middle =
    R"(    *) [[ -n $command || $word == -* || $word == [0-9]* ]] || command=$word ;;
    esac
    previous=${word%=}
  done
  case $previous in
)";

std::string bash_option_names(const std::vector<Option>& options) {
  return joined<Option>(options, " ", [](const Option& option) { return names_joined(option, " "); });
}

std::string bash(const CompletionTree& tree) {
  std::string text(bash_begin);
  text += fmt::format("    {}) ;; # a value\n", joined<Option>(tree.options, "|", [](const Option& option) {
                        return option.needs_value() ? names_joined(option, "|") : "";
                      }));
  text += bash_middle;
  for (const Option& option : tree.options) {
    if (!option.needs_value()) continue;
    const Value value = value_of(option);
    text += fmt::format("  {})", names_joined(option, "|"));
    if (value.names == "topologies") text += " compopt -o default;";
    if (!value.names.empty())
      text += fmt::format(" candidates=$(xen-drbd __complete {} \"${{typed[@]}}\" 2> /dev/null)", value.names);
    if (!value.words.empty()) text += fmt::format(" candidates='{}'", value.words);
    text += " ;;\n";
  }
  text += fmt::format("  *) case $command/$current in\n"
                      "    */-*)\n"
                      "      candidates='{}'\n"
                      "      case $command in\n",
                      bash_option_names(options_of(tree, "")));
  for_commands_with_options(tree, [&](const Command& command, const std::vector<Option>& own) {
    text += fmt::format("      {}) candidates+=' {}' ;;\n", command.name, bash_option_names(own));
  });
  text += fmt::format("      esac ;;\n"
                      "    /*) candidates='{}' ;;\n"
                      "    *) case $command in\n"
                      "      {})\n"
                      "        candidates=$(xen-drbd __complete domains \"${{typed[@]}}\" 2> /dev/null) ;;\n"
                      "      esac ;;\n"
                      "    esac ;;\n"
                      "  esac\n"
                      "  mapfile -t COMPREPLY < <(compgen -W \"$candidates\" -- \"$current\")\n"
                      "}}\n"
                      "complete -F _xen_drbd xen-drbd xen-drbd-install\n",
                      commands_joined(tree, " ", false), commands_joined(tree, "|", true));
  return text;
}

// zsh: _arguments does the work, told of every option.

constexpr std::string_view zsh_begin = R"zsh(#compdef xen-drbd xen-drbd-install
# Completion of xen-drbd for zsh, made by: xen-drbd completion zsh

_xen_drbd_names() {
  local -a names=(${(f)"$(xen-drbd __complete $1 "${(@)words[2,CURRENT-1]}" 2> /dev/null)"})
  compadd -a names
  [[ $1 != topologies ]] || _files -g '*.yaml'
}

_xen_drbd() {
  local state line
  typeset -A opt_args
  local -a commands options
  if [[ $service == xen-drbd-install ]]; then # the syntax of 2008: TOPOLOGY COMMAND
    words=("$words[1]" -t "${(@)words[2,-1]}")
    (( CURRENT++ ))
  fi
)zsh";

/// Within the brackets of an option's description.
std::string zsh_bracketed(std::string_view text) {
  std::string safe;
  for (char c : text) {
    if (c == '\\' || c == '[' || c == ']') safe += '\\';
    safe += c;
  }
  return "[" + safe + "]";
}

/// One option for _arguments: a word for each of its names, each excluding the others.
std::string zsh_option(const Option& option) {
  const Value value = value_of(option);
  std::string action;
  if (!value.placeholder.empty())
    action = fmt::format(":{}{}: {}", option.needs_value() ? "" : ":", value.placeholder,
                         !value.names.empty()   ? fmt::format("_xen_drbd_names {}", value.names)
                         : !value.words.empty() ? fmt::format("compadd {}", value.words)
                                                : "");
  return joined<std::string>(option.names, " ", [&](const std::string& name) {
    const bool equals = option.needs_value() && name.starts_with("--");
    return shell_quote(fmt::format("({}){}{}{}{}", names_joined(option, " "), name, equals ? "=" : "",
                                   zsh_bracketed(option.text), action));
  });
}

std::string zsh(const CompletionTree& tree) {
  std::string text(zsh_begin);
  text += "  commands=(\n";
  for (const Command& command : tree.commands)
    text += fmt::format("    {}\n", shell_quote(command.name + ":" + command.text));
  text += "  )\n  options=(\n";
  for (const Option& option : options_of(tree, "")) text += fmt::format("    {}\n", zsh_option(option));
  text += "  )\n";
  for_commands_with_options(tree, [&](const Command& command, const std::vector<Option>& own) {
    text += fmt::format("  (( ! ${{words[(I){}]}} )) || options+=({})\n", command.name,
                        joined<Option>(own, " ", zsh_option));
  });
  text += fmt::format("  _arguments -s $options '1:command:->command' '*:domain:->domain'\n"
                      "  case $state in\n"
                      "  command) _describe -t commands command commands ;;\n"
                      "  domain)\n"
                      "    case $line[1] in\n"
                      "    {}) _xen_drbd_names domains ;;\n"
                      "    esac ;;\n"
                      "  esac\n"
                      "}}\n"
                      "\n"
                      "_xen_drbd \"$@\"\n",
                      commands_joined(tree, "|", true));
  return text;
}

// fish: one line for each command and each option.

constexpr std::string_view fish_begin = R"(# Completion of xen-drbd for fish, made by: xen-drbd completion fish

function __xen_drbd_names --argument-names kind
    set -l typed (commandline -opc)
    xen-drbd __complete $kind $typed[2..-1] 2>/dev/null
end

# the syntax of 2008: TOPOLOGY COMMAND
complete -c xen-drbd-install -f -w 'xen-drbd --topology'
complete -c xen-drbd-install -n 'test (count (commandline -opc)) = 1' -a '(xen-drbd __complete topologies)'
complete -c xen-drbd -f
)";

std::string fish_quoted(std::string_view text) {
  std::string safe;
  for (char c : text) {
    if (c == '\\' || c == '\'') safe += '\\';
    safe += c;
  }
  return "'" + safe + "'";
}

std::string fish_option(const Option& option) {
  const Value value = value_of(option);
  std::string text = "complete -c xen-drbd";
  if (!option.command.empty()) text += fmt::format(" -n '__fish_seen_subcommand_from {}'", option.command);
  for (const std::string& name : option.names)
    text += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  if (option.needs_value()) text += " -x";
  if (!value.names.empty()) text += fmt::format(" -a '(__xen_drbd_names {})'", value.names);
  if (!value.words.empty()) text += fmt::format(" -a '{}'", value.words);
  return text + " -d " + fish_quoted(option.text) + "\n";
}

std::string fish(const CompletionTree& tree) {
  std::string text(fish_begin);
  text += fmt::format("set -l commands {}\n", commands_joined(tree, " ", false));
  for (const Command& command : tree.commands)
    text += fmt::format("complete -c xen-drbd -n \"not __fish_seen_subcommand_from $commands\" -a {} -d {}\n",
                        command.name, fish_quoted(command.text));
  text += fmt::format("complete -c xen-drbd -n '__fish_seen_subcommand_from {}' -a '(__xen_drbd_names domains)'\n",
                      commands_joined(tree, " ", true));
  for (const Option& option : tree.options) text += fish_option(option);
  return text;
}

} // namespace

std::string completion_script(const CompletionTree& tree, Shell shell) {
  switch (shell) {
  case Shell::bash: return bash(tree);
  case Shell::zsh: return zsh(tree);
  case Shell::fish: return fish(tree);
  }
  return {};
}

} // namespace xen_drbd::cli
