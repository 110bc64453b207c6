#include "xen_drbd/base/text.hpp"
#include "xen_drbd/planner/status.hpp"

#include "findings.hpp"
#include "split_brain.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <set>

namespace xen_drbd::planner {

using namespace model;

namespace {

/// Paused by somebody, or by the xl that is still building it.
void check_paused(const CheckScene& scene, const Domain& domain, Findings& findings) {
  const std::string& name = domain.name.str();
  for (NodeId id : both_nodes) {
    const DomainPresence found = presence_of(domain.name, scene.state.nodes[index(id)]);
    if (found.created_by != 0)
      return findings.warn({"domain", "", name}, being_created(name, scene.name(id), found.created_by),
                           "wait until it has ended");
    if (found.presence == Presence::paused)
      return findings.warn({"domain", "", name}, fmt::format("it is paused on {}", scene.name(id)),
                           out_of_paused(scene.topology, domain.name, scene.state, id));
  }
}

/// A node that answers does not tell whether it has the domain. What a node that does not answer has is its own
/// finding.
void check_unknown(const CheckScene& scene, const Domain& domain, Findings& findings) {
  if (scene.node(scene.peer()) == nullptr) return;
  for (NodeId id : {scene.here(), scene.peer()}) {
    const Presence presence = scene.presence(domain.name, id);
    if (presence != Presence::unknown && presence != Presence::watcher_only) continue;
    const Objection no = absence(scene, domain.name, id);
    return findings.fail({"domain", "", domain.name.str()}, no->because, no->hint);
  }
}

/// The domain itself: where it stands, and whether somebody watches over it.
void check_life(const CheckScene& scene, const Domain& domain, Findings& findings) {
  const std::string& name = domain.name.str();
  if (const Objection twice = runs_once(scene, domain.name))
    return findings.fail({"domain", "", name}, twice->because, twice->hint);
  const std::string_view word = state_word(domain.name, scene.state);
  if (word == "running" || word == "absent" || word == "migrating")
    findings.ok({"domain", "", name}, fmt::format("it is {}", word));
  else if (word == "paused")
    check_paused(scene, domain, findings);
  else if (word == "unknown")
    check_unknown(scene, domain, findings);
  else
    findings.fail({"domain", "", name}, fmt::format("it is {}", word), "xen-drbd recover " + name);
  for (NodeId id : both_nodes) {
    const DomainPresence found = presence_of(domain.name, scene.state.nodes[index(id)]);
    if (found.presence == Presence::running && found.watchers_known && !found.has_watcher)
      findings.warn(
          {"watcher", scene.name(id), name}, "it has lost its xl watcher: nobody handles its next reboot or poweroff",
          fmt::format("a live migration gives it a new one; on {}: xen-drbd migrate-out {}", scene.name(id), name));
  }
}

void check_config(const CheckScene& scene, const Domain& domain, NodeId id, Findings& findings) {
  const std::string& node = scene.name(id);
  const std::string& name = domain.name.str();
  findings.judge({"config", node, name}, config_is_the_domains(scene, domain, id),
                 "its configuration is there, the same on both nodes, with the name and the disks of the topology");
  const ConfigReport* config = parsed_config(scene, domain.name, id);
  const NodeFacts* facts = scene.facts_of(id);
  if (config == nullptr || facts == nullptr) return;
  for (const std::string& bridge : config->bridges) {
    const auto declared = [&](const Bridge& one) { return one.name.str() == bridge; };
    const auto& all = scene.topology.bridges;
    const bool known = all.empty() || std::any_of(all.begin(), all.end(), declared);
    const auto found = facts->devices.find(bridge);
    if (known && std::any_of(all.begin(), all.end(), declared)) continue; // the node's own finding
    if (found == facts->devices.end() || !found->second)
      findings.fail({"bridge", node, name},
                    fmt::format("its configuration wants the bridge {}, which is not there", printable(bridge)),
                    "correct the file, or declare the bridge in the topology and run xen-drbd make-bridges | sh");
    else if (!known)
      findings.warn(
          {"bridge", node, name},
          fmt::format("its configuration wants the bridge {}, which the topology does not declare", printable(bridge)),
          "declare it under bridges, so that make-bridges makes it at boot");
  }
}

void check_links(const CheckScene& scene, const Domain& domain, NodeId id, Findings& findings) {
  const NodeState& state = *scene.node(id);
  const std::string& node = scene.name(id);
  const std::string make = fmt::format("on {}: xen-drbd make-links | sh", node);
  bool well = true;
  for (const Disk& disk : domain.disks) {
    const std::string path = "/dev/drbd/" + disk.link.str();
    if (!state.drbd_links.contains(path))
      findings.warn({"link", node, domain.name.str()}, fmt::format("there is no {}", path), make);
    else if (scene.inputs.minor_of({.path = path, .script = {}, .vdev = {}}, state) != disk.minor)
      findings.fail({"link", node, domain.name.str()},
                    fmt::format("{} points to {}, not to /dev/drbd{}", path, printable(state.drbd_links.at(path)),
                                disk.minor.number),
                    make);
    else
      continue;
    well = false;
  }
  if (well) findings.ok({"link", node, domain.name.str()}, "the links to its disks are there");
}

/// The state of a resource on both nodes, as the rule for what comes next would see it.
Objection disk_is_good(const CheckScene& scene, const Domain& domain, const ResourceName& resource) {
  const auto where = running_on(domain.name, scene.state);
  if (!where.empty()) return disk_may_migrate(scene, resource, where.front());
  for (NodeId id : both_nodes)
    if (Objection no = disk_may_start(scene, resource, id)) return no;
  return std::nullopt;
}

void check_window(const CheckScene& scene, const Domain& domain, const ResourceName& resource, Findings& findings) {
  const std::string& name = domain.name.str();
  switch (window_of(scene, resource)) {
  case Window::closed:
    return findings.ok({"two-primaries", "", name}, fmt::format("{} allows one Primary", resource.str()));
  case Window::unread: return; // the rules of the disk itself say so
  case Window::open:
    return findings.fail({"two-primaries", "", name},
                         fmt::format("{} still allows two Primaries, left open by an earlier run", resource.str()),
                         "xen-drbd recover " + name);
  case Window::configured:
    return findings.warn({"two-primaries", "", name},
                         fmt::format("{} is configured to allow two Primaries all the time", resource.str()),
                         "take allow-two-primaries out of the DRBD configuration: xen-drbd opens it when needed");
  }
}

void check_settings(const CheckScene& scene, const Domain& domain, const ResourceName& resource, NodeId id,
                    Findings& findings) {
  const ResourceConfig* config = find_config(scene.node(id), resource);
  if (config == nullptr) return;
  const std::string& node = scene.name(id);
  const std::string& name = domain.name.str();
  const std::string& called = resource.str();
  if (config->protocol != "C" && running_on(domain.name, scene.state).empty())
    findings.fail({"protocol", node, name},
                  fmt::format("{} is configured with protocol {}", called, printable(config->protocol)),
                  "configure protocol C on both nodes, then: drbdadm adjust " + called);
  if (config->wfc_timeout.value_or(0) == 0)
    findings.warn({"wfc-timeout", node, name},
                  fmt::format("{} has no wfc-timeout: at boot DRBD waits for the peer without end", called),
                  "startup { wfc-timeout 60; degr-wfc-timeout 60; } in the DRBD configuration");
  if (config->fencing != "dont-care")
    findings.warn({"fencing", node, name},
                  fmt::format("{} has the fencing policy {}: without its peer it is promoted only if its fence-peer "
                              "handler allows that, --peer-is-dead or not",
                              called, printable(config->fencing)),
                  "see that handlers { fence-peer ...; } is configured and works, or use fencing dont-care");
  if (const std::string discards = discards_by(*config); !discards.empty())
    findings.warn({"after-sb", node, name},
                  fmt::format("after a split brain DRBD discards by itself what one node has written to {}: {}", called,
                              discards),
                  "in its section net on both nodes: disconnect for each of these, then drbdadm adjust; recover "
                  "tells a split brain that is none, and for a true one shows what you decide");
  if (scene.node(id)->drbd_nine && config->auto_promote)
    findings.warn(
        {"auto-promote", node, name}, fmt::format("{} is promoted by whatever opens it for writing", called),
        fmt::format("xen-drbd promotes it itself: on {}, the line `auto-promote no;` in the section options of the "
                    "section common of /etc/drbd.d/global_common.conf, then drbdadm adjust {}",
                    node, called));
}

/// What is on one node only, as far as its path tells: no script fetches it from elsewhere.
void check_local_disks(const CheckScene& scene, const Domain& domain, Findings& findings) {
  std::set<std::string> told;
  for (NodeId id : {scene.here(), scene.peer()}) {
    const ConfigReport* config = parsed_config(scene, domain.name, id);
    if (config == nullptr) continue;
    for (const ConfigReport::ConfigDisk& disk : config->disks) {
      if (disk.path.empty() || !disk.script.empty() || names_drbd(disk) || scene.inputs.minor_of(disk, *scene.node(id)))
        continue;
      if (!told.insert(disk.path).second) continue;
      findings.warn(
          {"local-disk", "", domain.name.str()},
          fmt::format("its configuration names {}, which is not DRBD's: after a move, or a start on the other "
                      "node, it goes on with whatever is called so there",
                      printable(disk.path)),
          "mirror it with DRBD, unless it is shared by both nodes or only read and the same on both");
    }
  }
}

void check_disks(const CheckScene& scene, const Domain& domain, Findings& findings) {
  const std::string& name = domain.name.str();
  if (domain.disks.empty())
    return findings.warn({"disks", "", name}, "it declares no disks, so that DRBD is not looked at for it",
                         "declare its disks in the topology if it has any");
  for (NodeId id : both_nodes)
    if (scene.node(id) != nullptr) check_links(scene, domain, id, findings);
  const auto resources = resources_of(scene, domain);
  if (!resources) return findings.fail({"drbd", "", name}, resources.error().because, resources.error().hint);
  for (const ResourceName& resource : *resources) {
    for (NodeId id : both_nodes) check_settings(scene, domain, resource, id, findings);
    if (scene.node(scene.peer()) == nullptr || is_migrating(domain.name, scene.state)) continue;
    findings.judge({"drbd", "", name}, disk_is_good(scene, domain, resource),
                   fmt::format("{} is Connected and UpToDate on both nodes", resource.str()));
    if (const Objection unlike = window_configured_alike(scene, resource); !unlike)
      check_window(scene, domain, resource, findings);
  }
}

} // namespace

void check_domain(const CheckScene& scene, const Domain& domain, Findings& findings) {
  check_life(scene, domain, findings);
  for (NodeId id : {scene.here(), scene.peer()})
    if (scene.node(id) != nullptr) check_config(scene, domain, id, findings);
  check_local_disks(scene, domain, findings);
  check_disks(scene, domain, findings);
}

} // namespace xen_drbd::planner
