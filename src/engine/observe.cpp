#include "xen_drbd/engine/observe.hpp"

#include "xen_drbd/base/text.hpp"
#include "xen_drbd/drbd/look.hpp"
#include "xen_drbd/xen/look.hpp"

#include "commands.hpp"

#include <algorithm>
#include <cstdlib>
#include <future>
#include <span>

namespace xen_drbd::engine {
namespace {

using model::NodeId;
using model::NodeState;
using model::Observation;
using model::Unreachable;

/// Says who a node is. $1: the run directory, $2: 1 to make the identity of this boot where it is missing, $3: this
/// program's path. Two runs that make it at once agree: link(2) lets only the first one through. A run that may not
/// make it is shown the kernel's boot id and the host name: enough to tell a node from itself.
constexpr const char* identity_script = R"sh(
id=$1/id
if [ "$2" = 1 ] && [ ! -s "$id" ]; then
  umask 077
  mkdir -p "$1" && od -An -N16 -tx1 /dev/urandom | tr -d ' \n' > "$id.$$" && { ln "$id.$$" "$id" || :; } 2>/dev/null
  rm -f "$id.$$"
fi
echo "hostname $(uname -n)"
if [ -s "$id" ]; then
  echo "identity $(cat "$id")"
else
  echo "identity $(cat /proc/sys/kernel/random/boot_id)@$(uname -n)"
fi
if command -v "$3" > /dev/null; then echo "version $("$3" --version 2> /dev/null)"; else echo 'version '; fi
if [ -e "$1/leaving" ]; then echo 'leaving 1'; else echo 'leaving 0'; fi
echo end
)sh";

/// Prints each record under a line "record NAME LENGTH". One that a power loss kept from being written is empty.
constexpr const char* records_script = R"sh(
for f in /var/lib/xen-drbd/*.migration; do
  [ -f "$f" ] || continue
  n=${f##*/}
  echo "record ${n%.migration} $(wc -c < "$f")"
  cat "$f"
done
for f in /var/lib/xen-drbd/*.migration.new; do
  [ -f "$f" ] && [ ! -f "${f%.new}" ] || continue
  n=${f##*/}
  echo "record ${n%.migration.new} 0"
done
echo end
)sh";

host::Command identity_question(const Cluster& cluster, NodeId node, bool make) {
  return identity_command(cluster.run_directory, make, cluster.tools[index(node)]);
}

Result<> read_identity(NodeState& state, const host::Outcome& outcome) {
  const auto unusable = [&](std::string because) {
    return Error{.kind = ErrorKind::unreachable,
                 .what = "the node does not say who it is",
                 .because = std::move(because),
                 .while_doing = {},
                 .changed = Changed::no,
                 .hint = {}};
  };
  if (!outcome.ok()) return unusable(host::describe(outcome));
  bool ended = false;
  for (std::string_view line : lines(outcome.out)) {
    const std::size_t space = line.find(' ');
    const std::string_view key = line.substr(0, space);
    const std::string_view value = space == line.npos ? std::string_view() : trimmed(line.substr(space + 1));
    if (key == "hostname")
      state.hostname = value;
    else if (key == "identity")
      state.identity = value;
    else if (key == "version")
      state.tool_version = value.substr(std::min(value.rfind(' ') + 1, value.size()));
    else if (key == "leaving")
      state.leaving = value == "1";
    else if (key == "end")
      ended = true;
  }
  if (!ended || state.hostname.empty()) return unusable("its answer is not whole");
  return {};
}

void read_records(NodeState& state, const host::Outcome& outcome) {
  state.records_problem = outcome.ok() ? "its answer is not whole" : host::describe(outcome);
  if (!outcome.ok()) return;
  std::string_view rest = outcome.out;
  while (rest.starts_with("record ")) {
    const std::size_t end_of_line = rest.find('\n');
    if (end_of_line == rest.npos) return;
    const auto heading = words(rest.substr(0, end_of_line));
    rest.remove_prefix(end_of_line + 1);
    if (heading.size() != 3) return;
    const std::size_t length = static_cast<std::size_t>(std::strtoull(std::string(heading[2]).c_str(), nullptr, 10));
    if (length > rest.size()) return;
    if (auto name = DomainName::parse(heading[1]))
      state.records.push_back({*name, std::string(rest.substr(0, length))});
    rest.remove_prefix(length);
  }
  if (rest == "end\n") state.records_problem.clear();
}

Error node_lost(const Cluster& cluster, NodeId node) {
  host::Host* host = cluster.host(node);
  if (host == nullptr && cluster.peer_error) return *cluster.peer_error;
  if (host != nullptr)
    if (auto lost = host->lost()) return *lost;
  return {.kind = ErrorKind::unreachable,
          .what = cluster.name(node) + " cannot be asked",
          .because = cluster.name(node) + " does not answer",
          .while_doing = {},
          .changed = Changed::no,
          .hint = {}};
}

Observation observe_node(const Cluster& cluster, const Look& look, NodeId node) {
  host::Host* host = cluster.host(node);
  if (host == nullptr || host->lost()) return Unreachable{node_lost(cluster, node)};

  std::vector<model::Domain> wanted;
  for (const DomainName& name : look.configs)
    if (const model::Domain* domain = cluster.topology->find(name)) wanted.push_back(*domain);
  const auto configs = xen::config_questions(wanted);
  const bool parse = std::find(look.parse_on.begin(), look.parse_on.end(), node) != look.parse_on.end();

  std::vector<host::Command> questions{identity_question(cluster, node, look.make_identity),
                                       topology_command(cluster.topology->path), records_command()};
  const std::size_t own = questions.size();
  const auto of_xen = xen::questions(configs, parse ? xen::Reading::with_xl : xen::Reading::hash_only);
  const auto of_drbd = drbd::questions();
  questions.insert(questions.end(), of_xen.begin(), of_xen.end());
  questions.insert(questions.end(), of_drbd.begin(), of_drbd.end());
  if (!look.records) questions[2] = {{"true"}, Milliseconds(10'000)};

  const std::vector<host::Outcome> answers = host->ask(questions);
  const std::span<const host::Outcome> all(answers);
  if (host->lost()) return Unreachable{node_lost(cluster, node)};

  NodeState state;
  if (auto known = read_identity(state, all[0]); !known)
    return Unreachable{std::move(known).error().during("asking " + host->name())};
  if (all[1].ok()) state.topology_text = all[1].out;
  if (look.records) read_records(state, all[2]);
  xen::read_into(state, all.subspan(own, of_xen.size()), configs, cluster.topology->domains);
  drbd::read_into(state, all.subspan(own + of_xen.size()), state.hostname);
  return state;
}

} // namespace

host::Command identity_command(const std::string& run_directory, bool make, const std::string& tool) {
  return {{"sh", "-c", identity_script, "sh", run_directory, make ? "1" : "0", tool}, Milliseconds(10'000)};
}

host::Command topology_command(const std::string& path) { return {{"cat", "--", path}, Milliseconds(10'000)}; }

host::Command records_command() { return {{"sh", "-c", records_script}, Milliseconds(10'000)}; }

model::ClusterState observe(const Cluster& cluster, const Look& look) {
  model::ClusterState state;
  state.this_node = cluster.this_node;
  auto peer = std::async(std::launch::async, [&] { return observe_node(cluster, look, cluster.peer()); });
  state.nodes[index(cluster.this_node)] = observe_node(cluster, look, cluster.this_node);
  state.nodes[index(cluster.peer())] = peer.get();
  return state;
}

namespace {

model::Observation observe_identity(const Cluster& cluster, NodeId node) {
  host::Host* host = cluster.host(node);
  if (host == nullptr || host->lost()) return Unreachable{node_lost(cluster, node)};
  const auto answers = host->ask({identity_question(cluster, node, true), topology_command(cluster.topology->path)});
  if (host->lost()) return Unreachable{node_lost(cluster, node)};
  NodeState state;
  if (auto known = read_identity(state, answers[0]); !known)
    return Unreachable{std::move(known).error().during("asking " + host->name())};
  if (answers[1].ok()) state.topology_text = answers[1].out;
  return state;
}

} // namespace

model::ClusterState observe_identities(const Cluster& cluster) {
  model::ClusterState state;
  state.this_node = cluster.this_node;
  auto peer = std::async(std::launch::async, [&] { return observe_identity(cluster, cluster.peer()); });
  state.nodes[index(cluster.this_node)] = observe_identity(cluster, cluster.this_node);
  state.nodes[index(cluster.peer())] = peer.get();
  return state;
}

model::Observation observe_domains(const Cluster& cluster, NodeId node) {
  host::Host* host = cluster.host(node);
  if (host == nullptr || host->lost()) return Unreachable{node_lost(cluster, node)};
  const auto answers = host->ask({xen::list_command(), xen::processes_command()});
  if (host->lost()) return Unreachable{node_lost(cluster, node)};
  NodeState state;
  if (auto rows = xen::parse_list(answers[0]))
    state.rows = std::move(*rows);
  else
    state.rows_problem = std::move(rows).error().because;
  if (auto processes = xen::parse_processes(answers[1], cluster.topology->domains)) {
    state.watchers = std::move(processes->watchers);
    state.migrations = std::move(processes->migrations);
  }
  return state;
}

Result<bool> observe_leaving(const Cluster& cluster, NodeId node) {
  host::Host* host = cluster.host(node);
  if (host == nullptr || host->lost()) return node_lost(cluster, node);
  const auto answers = host->ask({identity_question(cluster, node, false)});
  if (host->lost()) return node_lost(cluster, node);
  NodeState state;
  if (const auto read = read_identity(state, answers.front()); !read)
    return Error{.kind = ErrorKind::refused,
                 .what = "whether " + cluster.name(node) + " is being evacuated could not be read",
                 .because = read.error().because,
                 .while_doing = {},
                 .changed = Changed::no,
                 .hint = "xen-drbd status shows what can be read of both nodes"};
  return state.leaving;
}

Result<std::vector<model::Resource>> observe_drbd(const Cluster& cluster, NodeId node) {
  host::Host* host = cluster.host(node);
  if (host == nullptr || host->lost()) return node_lost(cluster, node);
  const auto answers = host->ask({drbd::status_command(), drbd::show_command()});
  if (host->lost()) return node_lost(cluster, node);
  XEN_DRBD_TRY(drbd::Status status, drbd::assemble(answers[0], answers[1]));
  return std::move(status.resources);
}

} // namespace xen_drbd::engine
