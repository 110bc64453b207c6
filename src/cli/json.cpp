#include "json.hpp"

#include "xen_drbd/base/text.hpp"
#include "xen_drbd/planner/status.hpp"

#include "advice.hpp"
#include "disk_view.hpp"
#include "render.hpp"
#include "status_text.hpp"

#include <cmath>

namespace xen_drbd::cli {
namespace {

using engine::DomainReport;
using engine::ResultKind;
using model::NodeId;

Json error_json(const Error& error) {
  std::string doing;
  for (const std::string& line : error.while_doing) doing += (doing.empty() ? "" : "; ") + line;
  return {{"what", printable(error.what)},
          {"because", advice(error.because)},
          {"while", printable(doing)},
          {"changed", error.changed != Changed::no},
          {"hint", advice(error.hint)}};
}

/// The word in the document: what `recover` did has none of its own, its reason tells it; but a start is a start.
std::string_view word_of(const DomainReport& report) {
  if (report.result != ResultKind::recovered) return engine::to_string(report.result);
  return engine::to_string(report.new_start == engine::NewStart::done ? ResultKind::started : ResultKind::already);
}

std::string reason_of(const DomainReport& report, bool dry_run) {
  std::string text = report.result != ResultKind::recovered ? "" : dry_run ? "would be recovered" : "recovered";
  const auto add = [&](std::string_view more, std::string_view between) {
    if (more.empty()) return;
    if (!text.empty()) text += between;
    text += more;
  };
  add(report.reason, ": ");
  for (const std::string& note : report.notes) add(note, "; ");
  return advice(text);
}

std::string_view word_of(model::When when) {
  switch (when) {
  case model::When::next: return "next";
  case model::When::always: return "always";
  case model::When::on_failure: return "on-failure";
  }
  return {};
}

Json node_json(const Session& session, const model::ClusterState& state, NodeId id) {
  const model::NodeState* seen = state.node(id);
  Json node{{"name", session.name(id)}, {"reachable", seen != nullptr}};
  if (seen == nullptr) {
    const Error& why = std::get<model::Unreachable>(state.nodes[index(id)]).error;
    node["reason"] = printable(why.because.empty() ? why.what : why.because);
  }
  node["leaving"] = seen != nullptr && seen->leaving;
  return node;
}

} // namespace

Json json_of(const Options& options, const Error& error, int exit_code) {
  return {{"schema", 1}, {"command", options.command}, {"exit_code", exit_code}, {"error", error_json(error)}};
}

Json json_of(const Options& options) {
  return {{"schema", 1}, {"command", options.command}, {"exit_code", 0}, {"domains", Json::array()}};
}

Json json_of(const Session& session, const engine::Report& report, const model::Plan* plan, int code) {
  Json document{{"schema", 1},
                {"command", session.options.command},
                {"this_node", session.here()},
                {"peer", session.peer()},
                {"exit_code", code},
                {"domains", Json::array()}};
  for (const DomainReport& domain : report.domains)
    document["domains"].push_back({{"name", domain.domain.str()},
                                   {"result", word_of(domain)},
                                   {"node", session.name(domain.node)},
                                   {"reason", reason_of(domain, plan != nullptr)},
                                   {"seconds", std::round(domain.seconds * 100) / 100}});
  for (const DomainReport& domain : report.domains)
    if (const auto error = error_of(domain); error && exit_code(domain) == code && !document.contains("error"))
      document["error"] = error_json(*error);
  if (plan == nullptr) return document;
  document["dry_run"] = true;
  document["plan"] = Json::array();
  for (const model::DomainPlan& domain : plan->domains)
    for (const model::Step& step : domain.steps)
      document["plan"].push_back({{"domain", domain.domain.str()},
                                  {"node", session.name(node_of(step.action, session.this_node))},
                                  {"action", name_of(step.action)},
                                  {"command", printable(describe(step.action, domain.domain, session.topology))},
                                  {"when", word_of(step.when)},
                                  {"why", printable(step.why)}});
  return document;
}

Json status_json(const Session& session, const model::ClusterState& state, const std::vector<DomainName>& domains) {
  Json document{{"schema", 1},
                {"topology", session.topology.name},
                {"this_node", session.here()},
                {"peer", session.peer()},
                {"nodes", Json::array()},
                {"domains", Json::array()}};
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
    Json remarks = Json::array();
    for (const std::string& remark : remarks_on(session, name, state)) remarks.push_back(advice(remark));
    document["domains"].push_back({{"name", name.str()},
                                   {"home", session.name(domain.home)},
                                   {"running_on", running},
                                   {"state", planner::state_word(name, state)},
                                   {"disks", disks},
                                   {"remarks", remarks}});
  }
  return document;
}

std::string line_of(const Json& document) {
  return document.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

} // namespace xen_drbd::cli
