#include "json.hpp"

#include "disk_view.hpp"
#include "xen_drbd/base/text.hpp"
#include "xen_drbd/planner/status.hpp"

#include <cmath>

namespace xen_drbd::cli {
namespace {

using engine::DomainReport;
using model::NodeId;

Json error_json(const Error& error) {
  std::string doing;
  for (const std::string& line : error.while_doing) doing += (doing.empty() ? "" : "; ") + line;
  return {{"what", printable(error.what)}, {"because", printable(error.because)}, {"while", printable(doing)}, {"changed", error.changed != Changed::no}, {"hint", printable(error.hint)}};
}

std::string words(const DomainReport& report) {
  std::string text = report.reason;
  for (const std::string& note : report.notes) text += (text.empty() ? "" : "; ") + note;
  return printable(text);
}

Json node_json(const Session& session, const model::ClusterState& state, NodeId id) {
  const model::NodeState* seen = state.node(id);
  Json node{{"name", session.name(id)}, {"reachable", seen != nullptr}};
  if (seen == nullptr) {
    const Error& why = std::get<model::Unreachable>(state.nodes[index(id)]).error;
    node["reason"] = printable(why.because + (why.while_doing.empty() ? "" : ": " + why.while_doing.front()));
  }
  node["leaving"] = seen != nullptr && seen->leaving;
  return node;
}

} // namespace

Json json_of(const Options& options, const Error& error) {
  return {{"schema", 1}, {"command", options.command}, {"exit_code", exit_code(error.kind)}, {"error", error_json(error)}};
}

Json json_of(const Session& session, const engine::Report& report, const model::Plan* plan, int code) {
  Json document{{"schema", 1}, {"command", session.options.command}, {"this_node", session.here()}, {"peer", session.peer()}, {"exit_code", code}, {"domains", Json::array()}};
  for (const DomainReport& domain : report.domains)
    document["domains"].push_back({{"name", domain.domain.str()},
                                   {"result", to_string(domain.result == engine::ResultKind::recovered ? engine::ResultKind::already : domain.result)},
                                   {"node", session.name(domain.node)},
                                   {"reason", words(domain)},
                                   {"seconds", std::round(domain.seconds * 100) / 100}});
  for (const DomainReport& domain : report.domains)
    if (domain.error && exit_code(domain.error->kind) == code && !document.contains("error")) document["error"] = error_json(*domain.error);
  if (plan == nullptr) return document;
  document["dry_run"] = true;
  document["plan"] = Json::array();
  for (const model::DomainPlan& domain : plan->domains)
    for (const model::Step& step : domain.steps)
      document["plan"].push_back({{"domain", domain.domain.str()},
                                  {"node", session.name(node_of(step.action, session.this_node))},
                                  {"action", name_of(step.action)},
                                  {"command", describe(step.action, domain.domain, session.topology)},
                                  {"when", step.when == model::When::next ? "next" : step.when == model::When::always ? "always" : "on-failure"},
                                  {"why", step.why}});
  return document;
}

Json status_json(const Session& session, const model::ClusterState& state, const std::vector<DomainName>& domains) {
  Json document{{"schema", 1}, {"topology", session.topology.name}, {"this_node", session.here()}, {"peer", session.peer()}, {"nodes", Json::array()}, {"domains", Json::array()}};
  for (NodeId id : model::both_nodes) document["nodes"].push_back(node_json(session, state, id));
  for (const DomainName& name : domains) {
    const model::Domain& domain = *session.topology.find(name);
    Json running = Json::array();
    for (NodeId id : planner::running_on(name, state)) running.push_back(session.name(id));
    Json disks = Json::array();
    for (const DiskView& disk : disk_views(session, state, domain))
      disks.push_back({{"minor", disk.minor},
                       {"link", disk.link},
                       {"resource", disk.resource},
                       {"role", disk.role},
                       {"peer_role", disk.peer_role},
                       {"disk", disk.disk},
                       {"peer_disk", disk.peer_disk},
                       {"connection", disk.connection},
                       {"two_primaries", disk.two_primaries}});
    document["domains"].push_back({{"name", name.str()}, {"home", session.name(domain.home)}, {"running_on", running}, {"state", planner::state_word(name, state)}, {"disks", disks}});
  }
  return document;
}

} // namespace xen_drbd::cli
