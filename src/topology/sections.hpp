#pragma once

#include "reader.hpp"

#include <array>

namespace xen_drbd::topology {

// One function a section of the file. Each reports its problems and returns what could be read; what it returns is used
// only when the whole file has no problem.

/// The two nodes, as far as they could be read.
struct Nodes {
  std::array<std::optional<model::Node>, 2> nodes;
  /// Their names as written, known even where the rest of the node is wrong; empty: unknown.
  std::array<std::string, 2> names;
  std::array<const Value*, 2> where{}; ///< the names in the file

  [[nodiscard]] std::optional<model::NodeId> find(std::string_view name) const;
  /// Reads the name of one of the two. With a node name unknown, a name that fits no node is not reported again.
  [[nodiscard]] std::optional<model::NodeId> read(const Value& value, std::string_view key, Reader& reader) const;
  /// "`dom0` or `mirror`", for messages.
  [[nodiscard]] std::string expected() const;
};

[[nodiscard]] Nodes read_nodes(const Fields& file, Reader& reader);
[[nodiscard]] std::string read_i_am(const Value& value, const Nodes& nodes, Reader& reader);
[[nodiscard]] model::SshSettings read_ssh(const Value& value, Reader& reader);
[[nodiscard]] std::vector<std::string> read_migrate_ssh_options(const Value& value, Reader& reader);

/// A domain as declared: `where` is its name in the file, `domain` is there when it could be read.
struct DeclaredDomain {
  std::string name;
  const Value* where = nullptr;
  std::vector<const Value*> after; ///< the items of `after` that are words
  std::optional<model::Domain> domain;
};

[[nodiscard]] std::vector<DeclaredDomain> read_domains(const Value& value, Reader& reader);
/// What holds between domains: names, configurations, links, minors and resources once each. `domains` is the list that
/// read_domains read.
void check_unique(const Value& domains, const std::vector<DeclaredDomain>& declared, Reader& reader);
/// `after` names declared domains and has no cycle.
void check_after(const std::vector<DeclaredDomain>& declared, Reader& reader);
/// Gives every domain its home. `homes` is null where the file has no `domain_home`.
void read_homes(const Value* homes, const Nodes& nodes, std::vector<DeclaredDomain>& declared, Reader& reader);

[[nodiscard]] std::vector<model::Bridge> read_bridges(const Value& value, const Nodes& nodes, Reader& reader);

} // namespace xen_drbd::topology
