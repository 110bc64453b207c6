#include "completion.hpp"

#include "commands.hpp"
#include "tree.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <set>

namespace xen_drbd::cli {
namespace {

CompletionTree::Option walk(const CLI::Option& option) {
  CompletionTree::Option seen{.names = {}, .value = {}, .text = option.get_description(), .command = {}};
  for (const std::string& name : option.get_snames()) seen.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) seen.names.push_back("--" + name);
  if (option.get_items_expected_max() > 0) seen.value = option.get_type_name();
  if (find_subcommand(option.get_group()) != nullptr) seen.command = option.get_group();
  return seen;
}

/// The topology that is meant by a line which is not yet whole.
std::optional<std::string> chosen_topology(const std::vector<std::string>& typed) {
  CLI::App app;
  app.allow_extras();
  Typed words;
  grow_tree(app, words);
  try {
    find_words(app, typed);
  } catch (const CLI::Error&) { // what is not yet whole is most often wrong as it stands
  }
  const auto& given = app.get_option("--topology")->results();
  return given.empty() ? std::nullopt : std::optional(given.back());
}

std::set<std::string> topologies_there() {
  std::set<std::string> names;
  std::error_code unreadable;
  for (const auto& entry : std::filesystem::directory_iterator("/etc/xen", unreadable))
    if (entry.path().extension() == ".yaml") names.insert(entry.path().stem());
  return names;
}

} // namespace

CompletionTree completion_tree() {
  CLI::App app;
  Typed unused;
  grow_tree(app, unused);
  const CLI::App& grown = app;
  CompletionTree tree;
  for (const CLI::Option* option : grown.get_options()) tree.options.push_back(walk(*option));
  for (const CLI::App* command : grown.get_subcommands(nullptr)) {
    const auto arguments = command->get_options([](const CLI::Option* option) { return option->get_positional(); });
    tree.commands.push_back({command->get_name(), command->get_description(), !arguments.empty()});
  }
  return tree;
}

std::string completion_names(std::string_view kind, const std::vector<std::string>& typed) {
  std::string names;
  const auto add = [&](const std::string& name) { names += name + "\n"; };
  if (kind == "topologies") {
    std::ranges::for_each(topologies_there(), add);
  } else if (const auto topology = load_chosen_topology(chosen_topology(typed)); topology && kind == "nodes") {
    for (const model::Node& node : topology->nodes) add(node.name.str());
  } else if (topology && kind == "domains") {
    for (const model::Domain& domain : topology->domains)
      if (std::find(typed.begin(), typed.end(), domain.name.str()) == typed.end()) add(domain.name.str());
  }
  return names;
}

} // namespace xen_drbd::cli
