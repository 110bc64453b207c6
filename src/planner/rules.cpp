#include "xen_drbd/planner/rules.hpp"

#include "xen_drbd/base/text.hpp"
#include "xen_drbd/planner/status.hpp"

#include "refusal.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <set>

namespace xen_drbd::planner {

using namespace model;

namespace {

std::string first_label(const std::string& hostname) { return hostname.substr(0, hostname.find('.')); }

/// The rows of the domain on a node, as "samba--incoming (id 5)".
std::string rows_text(const DomainPresence& found) {
  std::vector<std::string> rows;
  for (const DomainRow& row : found.rows) rows.push_back(fmt::format("{} (id {})", row.name, row.domid));
  return enumerate(rows);
}

std::string minors_text(const std::set<Minor>& minors) {
  std::vector<std::string> names;
  for (Minor minor : minors) names.push_back(fmt::format("/dev/drbd{}", minor.number));
  return names.empty() ? "no DRBD disk" : enumerate(names);
}

/// The disks of a parsed configuration against the declared ones.
Objection disks_are_declared(const Scene& scene, const Domain& domain, const ConfigReport& config, NodeId node) {
  const NodeState* seen = scene.node(node);
  std::set<Minor> declared;
  for (const Disk& disk : domain.disks) declared.insert(disk.minor);
  std::set<Minor> found;
  for (const ConfigReport::ConfigDisk& disk : config.disks) {
    const std::optional<Minor> minor = scene.inputs.minor_of(disk, *seen);
    if (minor) {
      found.insert(*minor);
    } else if (names_drbd(disk)) {
      return refusal(fmt::format("{} on {} names the DRBD disk '{}', which is not configured there", config.path,
                                 scene.name(node), printable(disk.path)),
                     "correct the disk in the file, or configure the resource");
    }
  }
  if (found == declared) return std::nullopt;
  return refusal(fmt::format("{} on {} uses {}, and the topology declares {}", config.path, scene.name(node),
                             minors_text(found), minors_text(declared)),
                 "make the disks of the file and of the topology the same");
}

/// The file as found on one node, whatever xl makes of it there.
Objection config_is_there(const Scene& scene, const Domain& domain, NodeId node) {
  const NodeState* seen = scene.node(node);
  if (seen == nullptr) return std::nullopt;
  const auto report = seen->configs.find(domain.name);
  const std::string candidates = fmt::format("{}", fmt::join(domain.config_candidates, " or "));
  if (report != seen->configs.end() && report->second.path.empty() && !report->second.problem.empty())
    return refusal(fmt::format("the configuration of {} could not be read on {}: {}", domain.name.str(),
                               scene.name(node), printable(report->second.problem)),
                   "look again; if it stays so, see why with -vv");
  if (report == seen->configs.end() || report->second.path.empty())
    return refusal(fmt::format("{} has no configuration file {}", scene.name(node), candidates),
                   fmt::format("put the file on {}, the same on both nodes", scene.name(node)));
  if (report->second.sha256.empty())
    return refusal(
        fmt::format("{} on {}: {}", report->second.path, scene.name(node), printable(report->second.problem)),
        "see its owner and mode");
  return std::nullopt;
}

/// xl on the node where the domain is to come up has read the file, if it was asked to.
Objection xl_takes_config(const Scene& scene, const Domain& domain, NodeId node) {
  const ConfigReport& report = scene.node(node)->configs.at(domain.name);
  if (report.problem.empty()) return std::nullopt;
  return refusal(fmt::format("xl on {} cannot read {}: {}", scene.name(node), report.path, printable(report.problem)),
                 fmt::format("correct the file; `xl create -n {}` checks it", report.path));
}

} // namespace

bool names_drbd(const ConfigReport::ConfigDisk& disk) {
  return disk.script.ends_with("block-drbd") || disk.path.starts_with("/dev/drbd") || disk.path.starts_with("drbd:");
}

Objection is_the_peer(const Scene& scene) {
  const NodeState* peer = scene.node(scene.peer());
  if (peer == nullptr) return std::nullopt;
  const std::string& name = scene.name(scene.peer());
  const std::string& address = scene.topology.node(scene.peer()).address.str();
  const NodeState* here = scene.node(scene.here());
  const auto calls_itself = [](const NodeState& node, const std::string& wanted) {
    return node.hostname == wanted || first_label(node.hostname) == wanted;
  };
  std::string hint = fmt::format("correct /etc/hosts, the name server or the address of {} in the topology", name);
  if (here != nullptr && calls_itself(*here, name) && !calls_itself(*here, scene.name(scene.here())))
    hint = fmt::format("this node calls itself {} and was taken for {}: correct i_am in the topology, or --i-am", name,
                       scene.name(scene.here()));
  if (!calls_itself(*peer, name))
    return refusal(fmt::format("the machine that answers at {} calls itself '{}', not {}", address,
                               printable(peer->hostname), name),
                   std::move(hint));
  if (here != nullptr && !peer->identity.empty() && peer->identity == here->identity)
    return refusal(fmt::format("the machine that answers at {} is this node itself: both show the same boot", address),
                   std::move(hint));
  return std::nullopt;
}

Objection same_pair(const Scene& scene) {
  const NodeState* peer = scene.node(scene.peer());
  if (peer == nullptr) return std::nullopt;
  if (Objection no = is_the_peer(scene)) return no;
  const std::string& name = scene.name(scene.peer());
  if (scene.inputs.identities_made && peer->identity.empty())
    return refusal(fmt::format("{} did not say which of its boots this is, so it cannot be told from this node", name),
                   fmt::format("see whether /run/xen-drbd on {} belongs to root and can be written", name));
  if (scene.inputs.topology_difference)
    return refusal(
        fmt::format("the topology file of {} does not mean the same pair: {}", name, *scene.inputs.topology_difference),
        fmt::format("make {} the same on both nodes, but for i_am", scene.topology.path));
  return std::nullopt;
}

Objection topology_is_current(const Scene& scene) {
  if (!scene.inputs.topology_changed) return std::nullopt;
  return refusal(fmt::format("{} was changed since this run has read it", scene.topology.path), "repeat the command");
}

Objection peer_answers(const Scene& scene, const DomainName& domain, bool dead_will_do) {
  const NodeId peer = scene.peer();
  if (scene.node(peer) != nullptr) return std::nullopt;
  if (dead_will_do && scene.peer_counts_as_dead()) return std::nullopt;
  if (const auto& refused = scene.inputs.not_dead)
    return refusal(fmt::format("{}: {}", refused->what, refused->because), refused->hint);
  const Error& why = std::get<Unreachable>(scene.state.nodes[index(peer)]).error;
  std::string hint = fmt::format("bring {} back", scene.name(peer));
  if (dead_will_do) hint += "; if it is powered off for certain, repeat with --peer-is-dead";
  if (!why.hint.empty()) hint = why.hint;
  Error error = objection(
      ErrorKind::unreachable,
      scene.presence(domain, scene.here()) == Presence::running
          ? fmt::format(
                "the second node, {}, cannot be reached, so what it has of {}, which runs on {}, cannot be seen",
                scene.name(peer), domain.str(), scene.name(scene.here()))
          : fmt::format("the second node, {}, cannot be reached, so {} may be running there", scene.name(peer),
                        domain.str()),
      std::move(hint));
  error.while_doing = why.while_doing;
  const auto tells_why = [&](const std::string& line) { return line.find(why.because) != std::string::npos; };
  if (std::none_of(error.while_doing.begin(), error.while_doing.end(), tells_why))
    error.while_doing.push_back(why.because);
  return error;
}

Objection runs_once(const Scene& scene, const DomainName& domain) {
  if (!is_double_run(domain, scene.state)) return std::nullopt;
  const DomainPresence first = presence_of(domain, scene.state.nodes[0]);
  const DomainPresence second = presence_of(domain, scene.state.nodes[1]);
  return objection(
      ErrorKind::failed,
      fmt::format("{} is on BOTH nodes, and its disks may be written by both: {} has {}, {}; {} has {}, {}",
                  domain.str(), scene.name(NodeId::node1), rows_text(first), to_string(first.presence),
                  scene.name(NodeId::node2), rows_text(second), to_string(second.presence)),
      out_of_double_run(scene.topology, domain, scene.state));
}

Objection no_migration_at_work(const Scene& scene, const DomainName& domain) {
  for (NodeId id : both_nodes) {
    const NodeState* node = scene.node(id);
    if (node == nullptr) continue;
    for (const MigrationProcess& process : node->migrations)
      if (is_at_work_on(process, domain, *node))
        return refusal(fmt::format("an xl {} of {} is at work on {} (pid {}){}", process.command, domain.str(),
                                   scene.name(id), process.pid,
                                   process.command == "migrate" ? ": a migration is going on" : ""),
                       "wait until it has ended, then look again: xen-drbd status");
  }
  return std::nullopt;
}

Objection absence(const Scene& scene, const DomainName& domain, NodeId id) {
  const DomainPresence found = presence_of(domain, scene.state.nodes[index(id)]);
  const std::string& node = scene.name(id);
  const std::string& name = domain.str();
  const std::string recover = fmt::format("xen-drbd recover {}", name);
  switch (found.presence) {
  case Presence::absent: return std::nullopt;
  case Presence::running: return refusal(fmt::format("{} is running on {}", name, node), {});
  case Presence::paused:
    if (found.created_by != 0) return refusal(being_created(name, node, found.created_by), "wait until it has ended");
    return refusal(fmt::format("{} is paused on {}", name, node),
                   out_of_paused(scene.topology, domain, scene.state, id));
  case Presence::shut_down:
    return refusal(fmt::format("{} has shut down on {} but was not cleared away, and holds its disks", name, node),
                   recover);
  case Presence::suspended:
    return refusal(fmt::format("{} is suspended on {}, as a migration leaves it that was cut short", name, node),
                   recover);
  case Presence::crashed:
    return refusal(fmt::format("{} has crashed on {} and is kept there", name, node),
                   fmt::format("when you have seen why it crashed: {} --yes", recover));
  case Presence::dying:
    return refusal(fmt::format("{} is dying on {} and may hold its disks", name, node),
                   fmt::format("wait until `xl list` on {} does not show it any more", node));
  case Presence::incoming:
  case Presence::migrated_away:
    return refusal(fmt::format("{} has {}, left by a migration that did not end", node, rows_text(found)), recover);
  case Presence::watcher_only:
    return refusal(fmt::format("an xl on {} still watches over {}: it is being created, or between reboot and restart",
                               node, name),
                   "wait some seconds and try again");
  case Presence::unknown: break;
  }
  return refusal(fmt::format("it is not known whether {} is on {}: {}", name, node, found.why),
                 fmt::format("see what `xl list` says on {}", node));
}

Objection nothing_nameless(const Scene& scene, const DomainName& domain, NodeId id) {
  const NodeState* node = scene.node(id);
  if (node == nullptr || !node->rows) return absence(scene, domain, id);
  if (std::none_of(node->rows->begin(), node->rows->end(), [](const DomainRow& row) { return row.name == "(null)"; }))
    return std::nullopt;
  return refusal(
      fmt::format(
          "{} has a domain without a name, (null), on its way out: that nothing of {} is left there cannot be proved",
          scene.name(id), domain.str()),
      fmt::format("wait until `xl list` on {} does not show it any more: minutes, where DRBD 8.4 without "
                  "disable_sendpage=1 lost its link while the guest wrote; one that stays goes with a reboot",
                  scene.name(id)));
}

Objection nothing_beside(const Scene& scene, const DomainName& domain, NodeId id) {
  const DomainPresence found = presence_of(domain, scene.state.nodes[index(id)]);
  if (found.rows.size() < 2) return std::nullopt;
  return refusal(fmt::format("{} has {}: an earlier migration did not end", scene.name(id), rows_text(found)),
                 fmt::format("xen-drbd recover {}", domain.str()));
}

Objection peer_not_leaving(const Scene& scene, NodeId target) {
  const NodeState* node = scene.node(target);
  if (target == scene.here() || node == nullptr || !node->leaving) return std::nullopt;
  return refusal(fmt::format("{} is leaving: it is being evacuated", scene.name(target)),
                 fmt::format("on {}, when it is to stay: xen-drbd evacuate --cancel", scene.name(target)));
}

const ConfigReport* parsed_config(const Scene& scene, const DomainName& domain, NodeId node) {
  const auto report_on = [&](NodeId id) -> const ConfigReport* {
    const NodeState* seen = scene.node(id);
    if (seen == nullptr) return nullptr;
    const auto found = seen->configs.find(domain);
    return found == seen->configs.end() ? nullptr : &found->second;
  };
  const ConfigReport* near = report_on(node);
  const ConfigReport* far = report_on(other(node));
  if (near == nullptr || near->parsed) return near;
  return far != nullptr && far->parsed && far->sha256 == near->sha256 ? far : nullptr;
}

Objection config_is_the_domains(const Scene& scene, const Domain& domain, NodeId node) {
  for (NodeId id : {node, other(node)})
    if (Objection no = config_is_there(scene, domain, id)) return no;
  if (Objection no = xl_takes_config(scene, domain, node)) return no;
  const NodeState* near = scene.node(node);
  const NodeState* far = scene.node(other(node));
  const ConfigReport& file = near->configs.at(domain.name);
  if (far != nullptr && far->configs.at(domain.name).sha256 != file.sha256)
    return refusal(fmt::format("the configuration differs between the nodes: {} on {}, {} on {}", file.path,
                               scene.name(node), far->configs.at(domain.name).path, scene.name(other(node))),
                   "make the files the same on both nodes");
  const ConfigReport* config = parsed_config(scene, domain.name, node);
  if (config == nullptr)
    return refusal(fmt::format("xl on {} did not say what is in {}", scene.name(node), file.path),
                   fmt::format("see what `xl create -n {}` says there", file.path));
  if (config->name != domain.name.str())
    return refusal(fmt::format("{} on {} is the configuration of '{}', not of {}", file.path, scene.name(node),
                               printable(config->name), domain.name.str()),
                   fmt::format("correct `name` in the file, or `config` of {} in the topology", domain.name.str()));
  return disks_are_declared(scene, domain, *config, config == &file ? node : other(node));
}

Objection disks_are_its_own(const Scene& scene, const Domain& domain) {
  for (NodeId id : both_nodes) {
    const NodeState* node = scene.node(id);
    if (node == nullptr || !node->configs.contains(domain.name)) continue;
    const ConfigReport& config = node->configs.at(domain.name);
    const auto cannot_be_told = [&](const ConfigReport::ConfigDisk& disk) {
      return names_drbd(disk) && !scene.inputs.minor_of(disk, *node);
    };
    if (!config.parsed || config.name != domain.name.str() ||
        std::any_of(config.disks.begin(), config.disks.end(), cannot_be_told))
      continue;
    if (Objection no = disks_are_declared(scene, domain, config, id)) return no;
  }
  return std::nullopt;
}

Objection source_has_the_tool(const Scene& scene, NodeId from) {
  const NodeState* source = scene.node(from);
  const NodeState* here = scene.node(scene.here());
  if (scene.wish.plain_ssh || from == scene.here() || source == nullptr || here == nullptr) return std::nullopt;
  if (source->tool_version == here->tool_version) return std::nullopt;
  const std::string& name = scene.name(from);
  return refusal(source->tool_version.empty()
                     ? fmt::format("xen-drbd is not installed on {}, the source", name)
                     : fmt::format("{} has xen-drbd {}, and {} has {}", name, printable(source->tool_version),
                                   scene.name(scene.here()), here->tool_version),
                 fmt::format("install the same version on {}, or repeat with --plain-ssh", name));
}

Objection versions_fit(const Scene& scene, NodeId from) {
  const NodeState* source = scene.node(from);
  const NodeState* target = scene.node(other(from));
  for (NodeId id : {from, other(from)})
    if (const NodeState* node = scene.node(id); node == nullptr || !node->xen)
      return refusal(fmt::format("the version of Xen on {} could not be read", scene.name(id)),
                     fmt::format("see what `xl info` says on {}", scene.name(id)));
  const XenInfo& old_xen = *source->xen;
  const XenInfo& new_xen = *target->xen;
  if (old_xen.major == new_xen.major && (new_xen.minor == old_xen.minor || new_xen.minor == old_xen.minor + 1))
    return std::nullopt;
  return refusal(fmt::format("{} runs Xen {} and {} runs Xen {}: a guest moves to the same Xen or to one newer by one",
                             scene.name(from), old_xen.version, scene.name(other(from)), new_xen.version),
                 "stop it and start it on the other node");
}

Objection memory_fits(const Scene& scene, const DomainName& domain, NodeId node, MiB need, MiB available) {
  const NodeState* seen = scene.node(node);
  if (seen == nullptr || !seen->xen)
    return refusal(fmt::format("the free memory of {} could not be read", scene.name(node)),
                   fmt::format("see what `xl info` says on {}", scene.name(node)));
  if (need <= available) return std::nullopt;
  const MiB free = seen->xen->free_memory;
  std::string because =
      fmt::format("{} needs {} MiB, and {} has {} MiB free", domain.str(), need.count, scene.name(node), free.count);
  if (available != free) because += fmt::format(", {} MiB when the other steps of this plan are done", available.count);
  return refusal(std::move(because), fmt::format("free memory on {}, or give {} less", scene.name(node), domain.str()));
}

} // namespace xen_drbd::planner
