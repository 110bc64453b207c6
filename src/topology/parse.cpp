#include "sections.hpp"

#include <fmt/format.h>

namespace xen_drbd::topology {
namespace {

std::optional<model::Topology> read_file(const Value& root, const TopologyFile& file, Reader& reader) {
  const Fields fields(root, "the file",
                      {"node1", "node2", "i_am", "ssh", "domains", "domain_home", "bridges", "jobs", "lock_wait",
                       "migrate_timeout", "migrate_ssh_options"},
                      reader.problems());
  const Nodes nodes = read_nodes(fields, reader);
  std::string i_am;
  model::SshSettings ssh;
  std::vector<DeclaredDomain> declared;
  std::vector<model::Bridge> bridges;
  if (const Value* value = fields.find("i_am")) i_am = read_i_am(*value, nodes, reader);
  if (const Value* value = fields.find("ssh")) ssh = read_ssh(*value, reader);
  if (const Value* value = fields.required("domains", "a list of domains (`[]` for none)")) {
    declared = read_domains(*value, reader);
    if (value->kind == Value::Kind::list) {
      check_unique(*value, declared, reader);
      check_after(declared, reader);
      read_homes(fields.find("domain_home"), nodes, declared, reader);
    }
  }
  if (const Value* value = fields.find("bridges")) bridges = read_bridges(*value, nodes, reader);

  std::optional<unsigned> jobs;
  std::optional<Milliseconds> lock_wait;
  std::optional<Milliseconds> migrate_timeout;
  std::optional<std::vector<std::string>> migrate_ssh_options;
  if (const Value* value = fields.find("jobs")) jobs = reader.number(*value, "jobs", 1, 100);
  if (const Value* value = fields.find("lock_wait")) lock_wait = reader.duration(*value, "lock_wait", Milliseconds(0));
  if (const Value* value = fields.find("migrate_timeout"))
    migrate_timeout = reader.duration(*value, "migrate_timeout", Milliseconds(1000));
  if (const Value* value = fields.find("migrate_ssh_options"))
    migrate_ssh_options = read_migrate_ssh_options(*value, reader);

  if (!reader.problems().empty() || !nodes.nodes[0] || !nodes.nodes[1]) return std::nullopt;
  model::Topology topology{.name = file.name,
                           .path = file.path,
                           .nodes = {*nodes.nodes[0], *nodes.nodes[1]},
                           .ssh = std::move(ssh),
                           .domains = {},
                           .bridges = std::move(bridges),
                           .i_am = std::move(i_am)};
  for (DeclaredDomain& one : declared) {
    for (const Value* wanted : one.after) one.domain->after.push_back(DomainName::parse(wanted->text).value());
    topology.domains.push_back(std::move(*one.domain));
  }
  topology.jobs = jobs.value_or(topology.jobs);
  topology.lock_wait = lock_wait.value_or(topology.lock_wait);
  topology.migrate_timeout = migrate_timeout.value_or(topology.migrate_timeout);
  if (migrate_ssh_options) topology.migrate_ssh_options = std::move(*migrate_ssh_options);
  return topology;
}

} // namespace

Parsed parse_topology(std::string_view text, const TopologyFile& file) {
  Problems problems;
  std::optional<model::Topology> topology;
  if (const auto root = read_tree(text, problems); root && root->kind == Value::Kind::map) {
    Reader reader(problems);
    topology = read_file(*root, file, reader);
  } else if (problems.empty()) {
    problems.add(root ? root->line : 1, root ? root->column : 1,
                 fmt::format("found {}, expected the keys of a topology: `node1`, `node2`, `domains`, ...",
                             root ? found(*root) : "an empty file"));
  }
  if (!topology) return tl::unexpected(std::move(problems).sorted());
  return std::move(*topology);
}

} // namespace xen_drbd::topology
