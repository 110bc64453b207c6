#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace xen_drbd::cli {

/// What a shell must know to complete a command line, walked out of CLI11's tree.
struct CompletionTree {
  struct Option {
    std::vector<std::string> names; ///< "-t", "--topology"
    std::string value;              ///< its placeholder, "NAME|FILE"; empty for a flag
    std::string text;               ///< what --help says
    std::string command;            ///< the only command that knows it; empty: all
    [[nodiscard]] bool needs_value() const { return !value.empty() && !value.starts_with('['); }
  };
  struct Command {
    std::string name;
    std::string text;
    bool takes_domains = false;
  };
  std::vector<Option> options;
  std::vector<Command> commands;
};
[[nodiscard]] CompletionTree completion_tree();

enum class Shell { bash, zsh, fish };

/// The script that a shell reads to complete the words of xen-drbd. Pure.
[[nodiscard]] std::string completion_script(const CompletionTree& tree, Shell shell);

/// What may stand next on a line, one a line: `kind` is domains, nodes or topologies, `typed` the words before it. The
/// scripts ask for it at every TAB: it reads the topology, asks no node, and is silent about everything that is wrong.
[[nodiscard]] std::string completion_names(std::string_view kind, const std::vector<std::string>& typed);

} // namespace xen_drbd::cli
