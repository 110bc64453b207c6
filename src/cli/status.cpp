#include "commands.hpp"
#include "disk_view.hpp"
#include "interrupt.hpp"
#include "json.hpp"
#include "render.hpp"
#include "xen_drbd/base/log.hpp"
#include "xen_drbd/engine/observe.hpp"
#include "xen_drbd/planner/status.hpp"

#include <fmt/color.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace xen_drbd::cli {
namespace {

using model::NodeId;
using Row = std::array<std::string, 5>;

std::string where(const Session& session, const DomainName& name, const model::ClusterState& state) {
  std::string nodes;
  for (NodeId id : planner::running_on(name, state)) nodes += (nodes.empty() ? "" : " and ") + session.name(id);
  return nodes.empty() ? "-" : nodes;
}

std::string disk_words(const DiskView& disk) {
  std::string text = fmt::format("drbd{} {} {}/{} {}/{} {}", disk.minor, disk.link, disk.role, disk.peer_role, disk.disk, disk.peer_disk, disk.connection);
  if (disk.two_primaries == "open") text += ", two-primaries window open";
  if (disk.two_primaries == "configured") text += ", two primaries configured";
  return text;
}

fmt::text_style style_of(std::string_view state) {
  if (state == "running") return fmt::fg(fmt::terminal_color::green);
  if (state == "absent") return {};
  if (state == "migrating" || state == "paused" || state == "dying") return fmt::fg(fmt::terminal_color::yellow);
  return fmt::fg(fmt::terminal_color::red);
}

/// What an administrator must know beyond the table.
std::vector<std::string> remarks(const Session& session, const model::ClusterState& state, const std::vector<DomainName>& domains) {
  std::vector<std::string> said;
  for (NodeId id : model::both_nodes)
    if (const model::NodeState* node = state.node(id)) {
      if (node->leaving) said.push_back(session.name(id) + " is leaving: nothing is started or moved onto it (xen-drbd evacuate --cancel there ends that)");
      if (!node->rows) said.push_back(session.name(id) + ": which domains run there is not known: " + node->rows_problem);
      if (!node->resources) said.push_back(session.name(id) + ": DRBD could not be read: " + node->resources_problem);
    }
  for (const DomainName& name : domains) {
    if (planner::is_double_run(name, state)) said.push_back("ALARM: " + name.str() + " is on BOTH nodes; look at both with xl list and end the wrong one yourself, at once");
    for (NodeId id : model::both_nodes) {
      const model::DomainPresence found = presence_of(name, state.nodes[index(id)]);
      if (found.presence == model::Presence::running && found.watchers_known && !found.has_watcher)
        said.push_back(name.str() + " has lost its xl watcher on " + session.name(id) + ": nobody handles its next reboot or poweroff");
    }
    const std::string_view word = planner::state_word(name, state);
    if (word == "half-migrated") said.push_back(name.str() + " is half-migrated: xen-drbd recover " + name.str());
  }
  return said;
}

std::string table(const Session& session, const model::ClusterState& state, const std::vector<DomainName>& domains, bool color) {
  std::vector<Row> rows{{"DOMAIN", "HOME", "RUNS ON", "STATE", "DISKS"}};
  for (const DomainName& name : domains) {
    const model::Domain& domain = *session.topology.find(name);
    Row row{name.str(), session.name(domain.home), where(session, name, state), std::string(planner::state_word(name, state)), "-"};
    const auto disks = disk_views(session, state, domain);
    for (std::size_t i = 0; i < std::max<std::size_t>(disks.size(), 1); ++i) {
      if (i > 0) row = {};
      if (i < disks.size()) row[4] = disk_words(disks[i]);
      rows.push_back(row);
    }
  }
  std::array<std::size_t, 5> width{};
  for (const Row& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) width[i] = std::max(width[i], row[i].size());
  std::string text;
  for (const Row& row : rows) {
    const std::string padded = fmt::format("{:<{}}", row[3], width[3]);
    text += fmt::format("{:<{}}  {:<{}}  {:<{}}  {}  {}\n", row[0], width[0], row[1], width[1], row[2], width[2],
                        color && &row != &rows.front() && !row[3].empty() ? fmt::format(style_of(row[3]), "{}", padded) : padded, row[4]);
  }
  return text;
}

int code_of(const model::ClusterState& state, const std::vector<DomainName>& domains) {
  const bool alarm = std::any_of(domains.begin(), domains.end(), [&](const DomainName& name) { return planner::is_double_run(name, state); });
  const bool all_seen = state.node(NodeId::node1) != nullptr && state.node(NodeId::node2) != nullptr;
  return alarm ? 6 : all_seen ? 0 : 5;
}

int show(const Session& session, const model::ClusterState& state, bool again) {
  const auto domains = session.options.domains.empty() ? all_domains(session) : typed_domains(session);
  const int code = code_of(state, domains);
  if (session.options.json) {
    fmt::print("{}\n", status_json(session, state, domains).dump());
    std::fflush(stdout);
    return code;
  }
  if (again && isatty(STDOUT_FILENO) == 1) fmt::print("\x1b[H\x1b[J");
  fmt::print("{} on {} (this node) and {}\n\n{}", session.topology.name, session.here(), session.peer(), table(session, state, domains, wants_color(session.options, STDOUT_FILENO)));
  for (const std::string& remark : remarks(session, state, domains)) fmt::print("\n{}\n", remark);
  std::fflush(stdout);
  for (NodeId id : model::both_nodes)
    if (const auto* gone = std::get_if<model::Unreachable>(&state.nodes[index(id)])) fmt::print(stderr, "\n{}", render(gone->error));
  return code;
}

} // namespace

int run_status(Session& session) {
  end_on_interrupt();
  if (auto connected = connect(session); !connected) return print_error(session.options, connected.error());
  int code = show(session, engine::observe(session.cluster, {}), session.options.watch.has_value());
  while (session.options.watch) {
    engine::system_clock().sleep(*session.options.watch);
    if (session.cluster.peer_error || session.cluster.host(session.cluster.peer())->lost()) {
      session.cluster = {};
      if (auto connected = connect(session); !connected) return print_error(session.options, connected.error());
    }
    code = show(session, engine::observe(session.cluster, {}), true);
  }
  return code;
}

} // namespace xen_drbd::cli
