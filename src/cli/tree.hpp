#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace CLI { // NOLINT(readability-identifier-naming): the library's name
class App;
}

namespace xen_drbd::cli {

/// The words of a command line, as CLI11 found them: not checked yet.
struct Typed {
  std::map<std::string_view, std::string> values; ///< of the options that take one, by long name
  std::vector<std::string> domains;
};

/// Makes `app` know every subcommand and every option of the two tables; what it finds is put into `typed`, which must
/// outlive it. An option of one command is in the group of that command's name. The parser and the completion scripts
/// stand on this one tree.
void grow_tree(CLI::App& app, Typed& typed);

/// Lets `app` find the words of `arguments` (argv without the program's name). Throws what CLI11 throws.
void find_words(CLI::App& app, const std::vector<std::string>& arguments);

} // namespace xen_drbd::cli
