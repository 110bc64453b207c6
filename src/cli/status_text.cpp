#include "status_text.hpp"

#include "xen_drbd/base/text.hpp"
#include "xen_drbd/planner/status.hpp"

#include "advice.hpp"
#include "disk_view.hpp"

#include <algorithm>
#include <array>
#include <fmt/color.h>
#include <fmt/format.h>

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
  std::string text = fmt::format("drbd{} {} {}/{} {}/{} {}", disk.minor, disk.link, disk.role, disk.peer_role,
                                 disk.disk, disk.peer_disk, disk.connection);
  if (disk.two_primaries == "open") text += ", two Primaries allowed";
  if (disk.two_primaries == "configured") text += ", two Primaries configured";
  return text;
}

fmt::text_style style_of_state(std::string_view state) {
  if (state == "running") return fmt::fg(fmt::terminal_color::green);
  if (state == "absent") return {};
  if (state == "migrating" || state == "paused" || state == "dying") return fmt::fg(fmt::terminal_color::yellow);
  return fmt::fg(fmt::terminal_color::red);
}

std::string domain_table(const Session& session, const model::ClusterState& state,
                         const std::vector<DomainName>& domains, bool color) {
  std::vector<Row> rows{{"DOMAIN", "HOME", "RUNS ON", "STATE", "DISKS (here/peer)"}};
  for (const DomainName& name : domains) {
    const model::Domain& domain = *session.topology.find(name);
    Row row{name.str(), session.name(domain.home), where(session, name, state),
            std::string(planner::state_word(name, state)), "-"};
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
    const bool styled = color && &row != &rows.front() && !row[3].empty();
    text += fmt::format("{:<{}}  {:<{}}  {:<{}}  {}  {}\n", row[0], width[0], row[1], width[1], row[2], width[2],
                        styled ? fmt::format(style_of_state(row[3]), "{}", padded) : padded, row[4]);
  }
  return text;
}

void remark_on_node(const Session& session, const model::NodeState& node, const std::string& name,
                    const std::vector<DomainName>& domains, const model::ClusterState& state,
                    std::vector<std::string>& said) {
  if (node.leaving)
    said.push_back(name + " is leaving: nothing is started or moved onto it. To end that, on " + name +
                   ": xen-drbd evacuate --cancel");
  if (!node.rows)
    said.push_back(name + ": which domains run there is not known: " + node.rows_problem + ". Look with xl list on " +
                   name);
  if (node.rows && std::any_of(node.rows->begin(), node.rows->end(),
                               [](const model::DomainRow& row) { return row.name == "(null)"; }))
    said.push_back(name + " has a domain without a name, (null), on its way out: what is not listed there may be it. " +
                   "Wait until xl list on " + name + " does not show it any more");
  const bool disks = std::any_of(session.topology.domains.begin(), session.topology.domains.end(),
                                 [](const model::Domain& domain) { return !domain.disks.empty(); });
  if (!node.resources && disks)
    said.push_back(name + ": DRBD could not be read: " + node.resources_problem + ". Look with drbdsetup status on " +
                   name);
  for (const model::MigrationRecord& record : node.records)
    if (std::find(domains.begin(), domains.end(), record.domain) != domains.end() &&
        !planner::is_migrating(record.domain, state))
      said.push_back("a migration of " + record.domain.str() + " from " + name +
                     " is not over: a run is still at work on it, or did not come to its end, and then: xen-drbd " +
                     "recover " + record.domain.str());
}

/// " (dom0 has samba; mirror has samba--incoming)".
std::string rows_text(const Session& session, const DomainName& name, const model::ClusterState& state) {
  std::string text;
  for (NodeId id : model::both_nodes)
    for (const model::DomainRow& row : presence_of(name, state.nodes[index(id)]).rows)
      text += (text.empty() ? " (" : "; ") + session.name(id) + " has " + row.name;
  return text.empty() ? text : text + ")";
}

/// Paused by somebody, or by the xl that is still building it.
void remark_on_paused(const Session& session, const DomainName& name, const model::ClusterState& state,
                      std::vector<std::string>& said) {
  for (NodeId id : model::both_nodes) {
    const model::DomainPresence found = presence_of(name, state.nodes[index(id)]);
    const std::string& node = session.name(id);
    if (found.created_by != 0)
      said.push_back(planner::being_created(name.str(), node, found.created_by) + ". Wait until it has ended");
    else if (found.presence == model::Presence::paused)
      said.push_back(name.str() + " is paused" + rows_text(session, name, state) + ": " +
                     planner::out_of_paused(session.topology, name, state, id));
  }
}

const model::Resource* resource_of(const model::NodeState* node, Minor minor) {
  if (node != nullptr && node->resources)
    for (const model::Resource& resource : *node->resources)
      for (const model::Volume& volume : resource.volumes)
        if (volume.minor == minor) return &resource;
  return nullptr;
}

/// The resources of the domain that are up on the node, each once.
std::vector<const model::Resource*> resources_on(const model::NodeState* node, const model::Domain& domain) {
  std::vector<const model::Resource*> found;
  for (const model::Disk& disk : domain.disks)
    if (const model::Resource* resource = resource_of(node, disk.minor);
        resource != nullptr && std::find(found.begin(), found.end(), resource) == found.end())
      found.push_back(resource);
  return found;
}

void remark_on_disks(const Session& session, const DomainName& name, const model::ClusterState& state,
                     std::vector<std::string>& said) {
  const model::Domain& domain = *session.topology.find(name);
  const std::string recover = ": xen-drbd recover " + name.str();
  const auto disks = disk_views(session, state, domain);
  if (std::any_of(disks.begin(), disks.end(), [](const DiskView& disk) { return disk.two_primaries == "open"; }))
    said.push_back("two Primaries are still allowed on the disks of " + name.str() + "; recover closes that" + recover);
  std::vector<std::string> alone;
  for (NodeId id : model::both_nodes) {
    const auto resources = resources_on(state.node(id), domain);
    const auto stands_alone = [](const model::Resource* each) {
      return each->connection == model::Connection::stand_alone;
    };
    if (std::any_of(resources.begin(), resources.end(), stands_alone)) alone.push_back(session.name(id));
  }
  if (!alone.empty())
    said.push_back("DRBD does not connect the disks of " + name.str() + " by itself any more (StandAlone on " +
                   enumerate(alone) + "); recover mends or explains it" + recover);
  for (NodeId id : model::both_nodes) {
    const std::string& node = session.name(id);
    const model::Presence presence = presence_of(name, state.nodes[index(id)]).presence;
    bool left_primary = false;
    for (const model::Resource* resource : resources_on(state.node(id), domain)) {
      if (presence == model::Presence::running && resource->role == model::Role::secondary)
        said.push_back(
            fmt::format("{0} runs on {1}, where its DRBD resource {2} is Secondary: it cannot write its disk; "
                        "on {1}: xen-drbd stop {0}, then xen-drbd start {0}",
                        name.str(), node, resource->name.str()));
      left_primary = left_primary || resource->role == model::Role::primary;
    }
    if (presence == model::Presence::absent && left_primary)
      said.push_back(fmt::format("the disks of {} are Primary on {}, where it does not run; recover demotes them{}",
                                 name.str(), node, recover));
  }
}

void remark_on_domain(const Session& session, const DomainName& name, const model::ClusterState& state,
                      std::vector<std::string>& said) {
  if (planner::is_double_run(name, state)) {
    said.push_back("ALARM: " + name.str() + " is on BOTH nodes, and xen-drbd touches neither copy. At once: look at " +
                   "both with xl list, " + planner::out_of_double_run(session.topology, name, state));
    return;
  }
  for (NodeId id : model::both_nodes) {
    const model::DomainPresence found = presence_of(name, state.nodes[index(id)]);
    if (found.presence == model::Presence::running && found.watchers_known && !found.has_watcher)
      said.push_back(name.str() + " has lost its xl watcher on " + session.name(id) +
                     ": nobody handles its next reboot or poweroff. A live migration gives it a new one; on " +
                     session.name(id) + ": xen-drbd migrate-out " + name.str());
  }
  const std::string_view word = planner::state_word(name, state);
  if (word == "paused") remark_on_paused(session, name, state, said);
  const std::string recover = ": xen-drbd recover " + name.str();
  const std::string seen = rows_text(session, name, state);
  if (word == "half-migrated" || word == "suspended" || word == "dying")
    said.push_back(name.str() + " is " + std::string(word) + seen + recover);
  if (word == "crashed")
    said.push_back(name.str() + " has crashed and was kept" + seen + "; recover destroys it" + recover + " --yes");
  // of the others recover itself says what it does about their disks, or why it does nothing
  if (word == "running" || word == "absent" || word == "paused" || word == "unknown")
    remark_on_disks(session, name, state, said);
}

} // namespace

std::vector<std::string> remarks_on(const Session& session, const DomainName& domain,
                                    const model::ClusterState& state) {
  std::vector<std::string> said;
  remark_on_domain(session, domain, state, said);
  return said;
}

std::string status_text(const Session& session, const model::ClusterState& state,
                        const std::vector<DomainName>& domains, bool color) {
  std::vector<std::string> said;
  for (NodeId id : model::both_nodes)
    if (const model::NodeState* node = state.node(id))
      remark_on_node(session, *node, session.name(id), domains, state, said);
  for (const DomainName& name : domains) remark_on_domain(session, name, state, said);
  std::string text = fmt::format("{}: {} (this node) and {}\n\n{}", session.topology.name, session.here(),
                                 session.peer(), domain_table(session, state, domains, color));
  for (const std::string& remark : said) text += fmt::format("\n{}\n", advice(remark));
  return text;
}

int status_code(const model::ClusterState& state, const std::vector<DomainName>& domains) {
  const auto doubled = [&](const DomainName& name) { return planner::is_double_run(name, state); };
  if (std::any_of(domains.begin(), domains.end(), doubled)) return 6;
  bool unread = false;
  for (NodeId id : model::both_nodes) {
    const model::NodeState* node = state.node(id);
    if (node == nullptr) return 5;
    unread = unread || !node->rows;
  }
  return unread ? 6 : 0;
}

} // namespace xen_drbd::cli
