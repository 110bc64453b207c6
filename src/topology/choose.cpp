#include "xen_drbd/topology/choose.hpp"

#include "xen_drbd/base/text.hpp"

#include "bytes.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace xen_drbd::topology {
namespace {

constexpr std::string_view default_name = "topology";
constexpr std::string_view defaults_file = "/etc/default/xen-drbd";
constexpr std::string_view suffix = ".yaml";

Error bad(ErrorKind kind, std::string what, std::string because, std::string hint = {}) {
  return Error{.kind = kind,
               .what = std::move(what),
               .because = std::move(because),
               .while_doing = {},
               .changed = Changed::no,
               .hint = std::move(hint)};
}

bool is_word_character(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

/// What is wrong with a NAME or FILE, or nothing.
std::string objection_to_name(std::string_view value) {
  if (value.empty()) return "it is empty";
  if (std::ranges::any_of(value, is_control)) return "it holds a control character";
  if (value.find('/') != value.npos) return value.back() == '/' ? "it is a directory" : "";
  if (value.front() == '-' || value.front() == '.') return fmt::format("it begins with '{}'", value.front());
  const bool fits =
      std::ranges::all_of(value, [](char c) { return is_word_character(c) || c == '.' || c == '+' || c == '-'; });
  return fits ? "" : "a name has only letters, digits and any of ._+-; a file is written with a /";
}

std::string name_of(std::string_view path) {
  std::string_view base = path.substr(path.rfind('/') + 1);
  if (base.size() > suffix.size() && base.ends_with(suffix)) base.remove_suffix(suffix.size());
  return std::string(base);
}

Result<TopologyFile> file_of(const std::string& value, ErrorKind kind, const std::string& source,
                             const std::string& working_directory) {
  if (const std::string wrong = objection_to_name(value); !wrong.empty())
    return bad(kind, fmt::format("'{}', from {}, names no topology", printable(value), source), wrong,
               "give a NAME for /etc/xen/NAME.yaml, or the path of a FILE");
  if (value.find('/') == std::string::npos && !value.ends_with(suffix))
    return TopologyFile{value, fmt::format("/etc/xen/{}{}", value, suffix)};
  if (value.front() == '/') return TopologyFile{name_of(value), value};
  const std::string_view between = working_directory.ends_with('/') ? "" : "/";
  return TopologyFile{name_of(value), fmt::format("{}{}{}", working_directory, between, value)};
}

/// The word that begins at `text`, with sh's quotes removed; absent when only a shell can tell.
std::optional<std::string> shell_word(std::string_view text) {
  constexpr std::string_view active = "$`\\";
  constexpr std::string_view ends = " \t\r;&|<>()";
  std::string word;
  while (!text.empty() && ends.find(text.front()) == ends.npos) {
    const char first = text.front();
    if (active.find(first) != active.npos) return std::nullopt;
    text.remove_prefix(1);
    if (first != '\'' && first != '"') {
      word += first;
      continue;
    }
    const std::size_t closing = text.find(first);
    if (closing == text.npos) return std::nullopt;
    const std::string_view inside = text.substr(0, closing);
    if (first == '"' && inside.find_first_of(active) != inside.npos) return std::nullopt;
    word += inside;
    text.remove_prefix(closing + 1);
  }
  return word;
}

} // namespace

Result<std::optional<std::string>> topology_name_in_defaults(std::string_view text) {
  constexpr std::string_view assignment = "TOPOLOGY_NAME=";
  constexpr std::string_view exported = "export ";
  std::string name; // the last one counts, as in sh
  int number = 0;
  for (std::string_view line : lines(text)) {
    ++number;
    line = trimmed(line);
    if (line.starts_with(exported)) line = trimmed(line.substr(exported.size()));
    if (!line.starts_with(assignment)) continue;
    auto word = shell_word(line.substr(assignment.size()));
    if (!word)
      return bad(ErrorKind::topology, fmt::format("{}:{}: TOPOLOGY_NAME cannot be read", defaults_file, number),
                 fmt::format("found '{}', expected a plain word, in quotes or not", printable(line)));
    name = *std::move(word);
  }
  return name.empty() ? std::optional<std::string>() : std::optional(std::move(name));
}

Result<TopologyFile> find_topology_file(const NameSources& sources) {
  if (sources.option) return file_of(*sources.option, ErrorKind::usage, "--topology", sources.working_directory);
  if (sources.environment && !sources.environment->empty())
    return file_of(*sources.environment, ErrorKind::topology, "the environment variable XEN_DRBD_TOPOLOGY",
                   sources.working_directory);
  XEN_DRBD_TRY(const std::optional<std::string> name, topology_name_in_defaults(sources.defaults));
  return file_of(name.value_or(std::string(default_name)), ErrorKind::topology,
                 fmt::format("TOPOLOGY_NAME in {}", defaults_file), sources.working_directory);
}

std::optional<model::NodeId> node_with_hostname(const model::Topology& topology, std::string_view hostname) {
  if (const auto whole = topology.node_named(hostname)) return whole;
  return topology.node_named(hostname.substr(0, hostname.find('.')));
}

Result<model::NodeId> who_am_i(const model::Topology& topology, const std::optional<std::string>& override_name,
                               std::string_view hostname) {
  const std::vector<std::string> names{topology.nodes[0].name.str(), topology.nodes[1].name.str()};
  if (override_name) {
    if (const auto id = topology.node_named(*override_name)) return *id;
    const std::string near = nearest(*override_name, names);
    return bad(ErrorKind::usage, fmt::format("--i-am {}: there is no such node", printable(*override_name)),
               fmt::format("the nodes are {}", enumerate(names)),
               near.empty() ? "" : fmt::format("did you mean {}?", near));
  }
  if (!topology.i_am.empty()) {
    if (const auto id = topology.node_named(topology.i_am)) return *id;
  } else if (const auto id = node_with_hostname(topology, hostname)) {
    return *id;
  }
  return bad(ErrorKind::topology, "this machine is neither of the two nodes",
             fmt::format("its host name is '{}', the nodes of {} are {}",
                         printable(topology.i_am.empty() ? hostname : std::string_view(topology.i_am)), topology.path,
                         enumerate(names)),
             "put the name of this node into `i_am`, or give --i-am NODE");
}

} // namespace xen_drbd::topology
