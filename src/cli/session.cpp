#include "session.hpp"

#include "xen_drbd/base/log.hpp"
#include "xen_drbd/base/text.hpp"
#include "xen_drbd/drbd/path.hpp"
#include "xen_drbd/engine/record.hpp"
#include "xen_drbd/host/connect.hpp"
#include "xen_drbd/topology/choose.hpp"
#include "xen_drbd/topology/compare.hpp"
#include "xen_drbd/topology/load.hpp"

#include "advice.hpp"
#include "interrupt.hpp"
#include "leaving.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <filesystem>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fstream>
#include <random>
#include <set>
#include <sstream>
#include <unistd.h>

namespace xen_drbd::cli {
namespace {

using model::NodeId;

std::string text_of(const char* path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

/// The path of this very program, so that `xl migrate` runs the same one; its name when it cannot be told.
std::string own_path() {
  std::error_code problem;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", problem);
  return problem || path.string().ends_with(" (deleted)") ? "xen-drbd" : path.string();
}

Result<> check_domains(const Session& session) {
  std::vector<std::string> known;
  for (const model::Domain& domain : session.topology.domains) known.push_back(domain.name.str());
  for (const std::string& typed : session.options.domains) {
    if (std::find(known.begin(), known.end(), typed) != known.end()) continue;
    const std::string near = nearest(typed, known);
    return Error{.kind = ErrorKind::usage,
                 .what = "there is no domain '" + printable(typed) + "' in " + session.topology.path,
                 .because = {},
                 .while_doing = {},
                 .changed = Changed::no,
                 .hint = known.empty()  ? "it names no domain at all"
                         : near.empty() ? "it names " + enumerate(known)
                                        : "did you mean " + near + "?"};
  }
  return {};
}

std::vector<DomainName> domains_where(const Session& session, const auto& accepts) {
  std::vector<DomainName> names;
  for (const model::Domain& domain : session.topology.domains)
    if (accepts(domain)) names.push_back(domain.name);
  return names;
}

/// The records of migrations that a node keeps as their source. Of two records of one domain neither is believed.
void read_records(const Session& session, const model::ClusterState& state, NodeId node, planner::Inputs& inputs) {
  std::set<DomainName> doubled;
  const model::NodeState* seen = state.node(node);
  if (seen == nullptr) return;
  for (const model::MigrationRecord& found : seen->records) {
    if (found.text.empty()) continue;
    const auto record = engine::parse_record(found.text);
    if (!record || record->source != session.name(node)) {
      log::warn("the record of a migration of " + found.domain.str() + " on " + session.name(node) +
                " is not usable and is passed over");
      continue;
    }
    if (inputs.records.contains(found.domain)) doubled.insert(found.domain);
    inputs.records[found.domain] = {.source = node,
                                    .source_identity = record->source_identity,
                                    .target_identity = record->target_identity,
                                    .before_go = record->before_go,
                                    .target_writes = record->target_writes,
                                    .target_received = record->target_received,
                                    .source_written = record->source_written};
  }
  for (const DomainName& domain : doubled) inputs.records.erase(domain);
}

std::string random_id() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

} // namespace

Result<model::Topology> load_chosen_topology(const std::optional<std::string>& option) {
  const char* environment = std::getenv("XEN_DRBD_TOPOLOGY");
  std::error_code no_directory;
  XEN_DRBD_TRY(const topology::TopologyFile file,
               topology::find_topology_file(
                   {.option = option,
                    .environment = environment != nullptr ? std::optional<std::string>(environment) : std::nullopt,
                    .defaults = text_of("/etc/default/xen-drbd"),
                    .working_directory = std::filesystem::current_path(no_directory).string()}));
  return topology::load_topology(file);
}

Error with_root_hint(Error error) {
  if (error.hint.empty() && geteuid() != 0) error.hint = "run xen-drbd as root";
  return error;
}

Result<Session> open_session(Options options) {
  XEN_DRBD_TRY(model::Topology loaded, load_chosen_topology(options.topology));
  XEN_DRBD_TRY(const NodeId this_node, topology::who_am_i(loaded, options.i_am, host_name()));
  Session session{.options = std::move(options), .topology = std::move(loaded), .this_node = this_node, .cluster = {}};
  session.leaving_at_begin = leaving_by(session);
  advise_with(topology_words(session.topology, text_of("/etc/default/xen-drbd")));
  XEN_DRBD_CHECK(check_domains(session));
  log::info(fmt::format("{}: this node is {}, the peer {}", session.topology.path, session.here(), session.peer()));
  return session;
}

Result<> connect(Session& session) {
  engine::Cluster& cluster = session.cluster;
  cluster.topology = &session.topology;
  cluster.this_node = session.this_node;
  cluster.tools[index(session.this_node)] = own_path();
  const host::Settings settings{.run_directory = cluster.run_directory};
  auto local = host::open_local(session.here(), settings);
  if (!local) return with_root_hint(std::move(local).error());
  cluster.hosts[index(session.this_node)] = std::move(*local);
  auto peer = host::open_ssh(session.topology.node(other(session.this_node)), session.topology.ssh, settings);
  if (!peer) {
    cluster.peer_error = std::move(peer).error();
    log::info(fmt::format("{} cannot be reached: {}", session.peer(), printable(cluster.peer_error->because)));
    return {};
  }
  log::info(fmt::format("connected to {}, known as {}", session.peer(), peer->host_key_alias));
  cluster.hosts[index(cluster.peer())] = std::move(peer->host);
  cluster.host_key_alias = std::move(peer->host_key_alias);
  return {};
}

std::vector<DomainName> typed_domains(const Session& session) {
  const auto& typed = session.options.domains;
  return domains_where(session, [&](const model::Domain& domain) {
    return std::find(typed.begin(), typed.end(), domain.name.str()) != typed.end();
  });
}

std::vector<DomainName> all_domains(const Session& session) {
  return domains_where(session, [](const model::Domain&) { return true; });
}

std::vector<DomainName> my_domains(const Session& session) {
  return domains_where(session, [&](const model::Domain& domain) { return domain.home == session.this_node; });
}

model::ClusterState look_at_both(const Session& session, const engine::Look& look) {
  model::ClusterState state = engine::observe(session.cluster, look);
  const auto& domains = session.topology.domains;
  const bool doubled = std::any_of(domains.begin(), domains.end(), [&](const model::Domain& domain) {
    return planner::is_double_run(domain.name, state);
  });
  if (!doubled) return state;
  model::ClusterState again = engine::observe(session.cluster, look);
  const bool lists_both = std::all_of(model::both_nodes.begin(), model::both_nodes.end(), [&](NodeId id) {
    const model::NodeState* node = again.node(id);
    return node != nullptr && node->rows.has_value();
  });
  return lists_both ? std::move(again) : std::move(state);
}

planner::Inputs planner_inputs(const Session& session, const model::ClusterState& state) {
  planner::Inputs inputs;
  const model::NodeState* here = state.node(session.this_node);
  inputs.minor_of = [](const model::ConfigReport::ConfigDisk& disk, const model::NodeState& node) {
    return drbd::resolve_disk_path(disk, node.drbd_links,
                                   node.resource_configs.value_or(std::vector<model::ResourceConfig>{}));
  };
  inputs.topology_changed =
      here != nullptr && !here->topology_text.empty() && !topology::still_means(session.topology, here->topology_text);
  if (const model::NodeState* there = state.node(other(session.this_node)); here != nullptr && there != nullptr)
    if (auto same = topology::same_meaning(here->topology_text, there->topology_text, session.peer()); !same)
      inputs.topology_difference = same.error().because;
  inputs.not_dead = session.not_dead;
  for (NodeId node : model::both_nodes) read_records(session, state, node, inputs);
  return inputs;
}

engine::Execution execution(const Session& session, const model::ClusterState& state) {
  engine::Execution execution;
  execution.jobs = session.options.jobs.value_or(session.topology.jobs);
  execution.run_id = random_id();
  execution.stop = [] { return interrupted_by() != 0; };
  execution.left_before = session.left_before;
  for (NodeId node : model::both_nodes)
    if (const model::NodeState* seen = state.node(node)) execution.identities[index(node)] = seen->identity;
  return execution;
}

namespace {

Milliseconds elapsed(const Session& session) {
  return std::chrono::duration_cast<Milliseconds>(std::chrono::steady_clock::now() - session.begun);
}

} // namespace

std::optional<Milliseconds> time_left(const Session& session) {
  if (!session.options.deadline) return std::nullopt;
  const Milliseconds left = std::chrono::ceil<std::chrono::seconds>(*session.options.deadline - elapsed(session));
  return std::max(left, Milliseconds(1000));
}

bool deadline_is_over(const Session& session) {
  return session.options.deadline && elapsed(session) >= *session.options.deadline;
}

std::optional<Milliseconds> time_before_shutdowns(const Session& session) {
  const std::optional<Milliseconds> deadline = session.options.deadline;
  if (!deadline) return std::nullopt;
  Milliseconds longest{0};
  for (const model::Domain& domain : session.topology.domains) longest = std::max(longest, domain.shutdown_timeout);
  return std::max(*deadline - std::min(longest, *deadline / 2) - elapsed(session), Milliseconds(0));
}

std::string holder_text(const Session& session) {
  std::string command = session.options.command;
  for (const std::string& domain : session.options.domains) command += " " + domain;
  return fmt::format("{} pid {} {} since {:%Y-%m-%dT%H:%M:%SZ}", session.here(), getpid(), command,
                     fmt::gmtime(std::time(nullptr)));
}

} // namespace xen_drbd::cli
