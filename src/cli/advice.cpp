#include "advice.hpp"

#include "xen_drbd/base/quote.hpp"
#include "xen_drbd/base/text.hpp"
#include "xen_drbd/topology/choose.hpp"

#include "commands.hpp"

namespace xen_drbd::cli {
namespace {

std::string& words_of_this_run() {
  static std::string words;
  return words;
}

} // namespace

std::string topology_words(const model::Topology& topology, const std::string& defaults) {
  const auto file = [&](std::optional<std::string> option) {
    return topology::find_topology_file(
        {.option = std::move(option), .environment = std::nullopt, .defaults = defaults, .working_directory = "/"});
  };
  if (const auto usual = file(std::nullopt); usual && usual->path == topology.path) return {};
  const auto by_name = file(topology.name);
  return "-t " + shell_join(std::vector{by_name && by_name->path == topology.path ? topology.name : topology.path});
}

void advise_with(std::string words) { words_of_this_run() = std::move(words); }

std::string advice(std::string_view text) {
  constexpr std::string_view program = "xen-drbd ";
  const std::string& words = words_of_this_run();
  if (words.empty()) return printable(text);
  std::string out;
  for (std::size_t at = text.find(program); at != text.npos; at = text.find(program)) {
    const std::size_t behind = at + program.size();
    out += text.substr(0, behind);
    text.remove_prefix(behind);
    const std::size_t end = text.find_first_not_of("abcdefghijklmnopqrstuvwxyz-");
    if (find_subcommand(text.substr(0, end)) != nullptr) out += words + " ";
  }
  return printable(out + std::string(text));
}

} // namespace xen_drbd::cli
