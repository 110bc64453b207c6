#include "sections.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace xen_drbd::topology {
namespace {

constexpr std::string_view node_expected = "the name of a node, or a map with its `name`";

/// Whether a fence agent would take the argument for its action. xen-drbd adds `--action=status`; an `off` beside it
/// would switch the peer off when it is only asked about. Long options may be shortened (`--act=off`).
bool sets_action(std::string_view argument) {
  if (argument.starts_with("-o")) return true;
  if (!argument.starts_with("--") || argument.size() < 3) return false;
  argument.remove_prefix(2);
  return std::string_view("action").starts_with(argument.substr(0, argument.find('=')));
}

std::optional<std::vector<std::string>> read_fence(const Value& value, Reader& reader) {
  constexpr std::string_view expected = "a list: the absolute path of a program, then its arguments";
  auto words = reader.texts(value, "fence", expected);
  if (!words) return std::nullopt;
  if (words->empty()) {
    reader.wrong(value, "fence", expected);
    return std::nullopt;
  }
  if (!reader.path(value.items.front(), "fence")) return std::nullopt;
  for (std::size_t i = 1; i < words->size(); ++i) {
    if (!sets_action((*words)[i])) continue;
    reader.wrong(value.items[i], "fence", "no action among the arguments: xen-drbd itself adds `--action=status`");
    return std::nullopt;
  }
  return words;
}

/// The long form. The name is put into `nodes` even where the rest is wrong.
std::optional<model::Node> read_node(const Value& value, std::string_view key, std::size_t index, Nodes& nodes,
                                     Reader& reader) {
  const Fields fields(value, fmt::format("`{}`", key), {"name", "address", "migration_address", "fence"},
                      reader.problems());
  const Value* name_value = fields.required("name", "the name of a node");
  if (name_value == nullptr) return std::nullopt;
  const auto name = reader.name<NodeName>(*name_value, "name", "the name of a node");
  if (!name) return std::nullopt;
  nodes.names[index] = name->str();
  nodes.where[index] = name_value;
  constexpr std::string_view expected = "a host name or an IP address";
  const Value* address_value = fields.find("address");
  const auto address = reader.name<Address>(address_value != nullptr ? *address_value : *name_value,
                                            address_value != nullptr ? "address" : "name", expected);
  const Value* migration_value = fields.find("migration_address");
  const auto migration =
      migration_value != nullptr ? reader.name<Address>(*migration_value, "migration_address", expected) : address;
  const Value* fence_value = fields.find("fence");
  const auto fence = fence_value != nullptr ? read_fence(*fence_value, reader) : std::vector<std::string>{};
  if (!address || !migration || !fence) return std::nullopt;
  return model::Node{*name, *address, *migration, *fence};
}

bool equal_without_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

/// Two nodes that are one machine would be a pair whose peer always agrees.
void check_pair(const Nodes& nodes, Reader& reader) {
  if (nodes.where[0] == nullptr || nodes.where[1] == nullptr) return;
  if (equal_without_case(nodes.names[0], nodes.names[1]))
    return reader.wrong(*nodes.where[1], "node2",
                        fmt::format("another node than `node1`, which is `{}`", nodes.names[0]));
  if (nodes.nodes[0] && nodes.nodes[1] &&
      equal_without_case(nodes.nodes[0]->address.str(), nodes.nodes[1]->address.str()))
    reader.problems().add(*nodes.where[1], fmt::format("`node2`: found the address `{}`, expected another than that "
                                                       "of `node1`",
                                                       nodes.nodes[1]->address.str()));
}

} // namespace

std::optional<model::NodeId> Nodes::find(std::string_view name) const {
  for (model::NodeId id : model::both_nodes)
    if (!name.empty() && names[model::index(id)] == name) return id;
  return std::nullopt;
}

std::string Nodes::expected() const { return fmt::format("`{}` or `{}`", names[0], names[1]); }

std::optional<model::NodeId> Nodes::read(const Value& value, std::string_view key, Reader& reader) const {
  const auto word = reader.text(value, key, "the name of a node");
  if (!word) return std::nullopt;
  const auto id = find(*word);
  if (!id && !names[0].empty() && !names[1].empty()) reader.wrong(value, key, expected() + suggestion(*word, names));
  return id;
}

Nodes read_nodes(const Fields& file, Reader& reader) {
  Nodes nodes;
  for (model::NodeId id : model::both_nodes) {
    const std::size_t i = model::index(id);
    const std::string key = id == model::NodeId::node1 ? "node1" : "node2";
    const Value* value = file.required(key, std::string(node_expected));
    if (value == nullptr) continue;
    if (value->kind == Value::Kind::map) {
      nodes.nodes[i] = read_node(*value, key, i, nodes, reader);
    } else if (const auto name = reader.name<NodeName>(*value, key, node_expected)) {
      nodes.names[i] = name->str();
      nodes.where[i] = value;
      if (const auto address = reader.name<Address>(*value, key, "a host name or an IP address"))
        nodes.nodes[i] = model::Node{*name, *address, *address, {}};
    }
  }
  check_pair(nodes, reader);
  return nodes;
}

std::string read_i_am(const Value& value, const Nodes& nodes, Reader& reader) {
  if (value.kind == Value::Kind::scalar && value.text == "gethostname()") return "";
  const auto word = reader.text(value, "i_am", "`gethostname()` or the name of a node");
  if (!word || nodes.find(*word)) return word.value_or("");
  if (!nodes.names[0].empty() && !nodes.names[1].empty()) {
    const std::vector<std::string> candidates{nodes.names[0], nodes.names[1], "gethostname()"};
    reader.wrong(value, "i_am", fmt::format("`gethostname()`, {}{}", nodes.expected(), suggestion(*word, candidates)));
  }
  return "";
}

} // namespace xen_drbd::topology
