#include "xen_drbd/planner/check.hpp"

#include "xen_drbd/base/text.hpp"
#include "xen_drbd/planner/status.hpp"

#include "findings.hpp"

#include <algorithm>
#include <cstdlib>
#include <fmt/format.h>

namespace xen_drbd::planner {

using namespace model;

namespace {

constexpr Milliseconds clocks_may_differ{2000};

/// The peer answers, is the peer, and both mean the same pair.
void check_peer(const CheckScene& scene, Findings& findings) {
  const std::string& peer = scene.name(scene.peer());
  if (const auto* gone = std::get_if<Unreachable>(&scene.state.nodes[index(scene.peer())]))
    return findings.fail({"peer", peer}, gone->error.because.empty() ? gone->error.what : gone->error.because,
                         gone->error.hint.empty() ? fmt::format("bring {} back, and its sshd", peer)
                                                  : gone->error.hint);
  findings.ok({"peer", peer}, fmt::format("{} answers, and is {}", peer, peer));
  if (scene.inputs.topology_difference)
    findings.fail({"topology"}, "the topology differs between the nodes: " + *scene.inputs.topology_difference,
                  fmt::format("make {} the same on both nodes, but for i_am", scene.topology.path));
  else
    findings.ok({"topology"}, "the topology is the same on both nodes");
}

/// A run on that node refuses a topology that others may change.
void check_topology_rights(const CheckScene& scene, NodeId id, Findings& findings) {
  const NodeFacts* facts = scene.facts_of(id);
  if (facts == nullptr || !facts->topology_file) return;
  const auto [owner, mode] = *facts->topology_file;
  const std::string& node = scene.name(id);
  const std::string& path = scene.topology.path;
  const std::string rights = fmt::format("{} belongs to {} and has mode {:04o}", path,
                                         owner == 0 ? "root" : fmt::format("user {}", owner), mode);
  if (owner != 0)
    findings.fail({"topology", node}, rights + ": xen-drbd takes it from root only",
                  fmt::format("read it; then on {}: chown root {}", node, path));
  else if ((mode & 022U) != 0)
    findings.fail({"topology", node}, rights + ": others than root may write it, and xen-drbd does not take it",
                  fmt::format("read it; then on {}: chmod go-w {}", node, path));
  else
    findings.ok({"topology", node}, rights);
}

/// A guest moves in either direction.
void check_versions(const CheckScene& scene, Findings& findings) {
  const NodeState* here = scene.node(scene.here());
  const NodeState* there = scene.node(scene.peer());
  if (here == nullptr || there == nullptr) return;
  if (here->xen && there->xen) {
    const Objection out = versions_fit(scene, scene.here());
    const Objection in = versions_fit(scene, scene.peer());
    const std::string both = fmt::format("Xen {} and {}", here->xen->version, there->xen->version);
    if (out && in)
      findings.fail({"xen-version"}, out->because, "install versions of Xen that are the same, or one minor apart");
    else if (out || in)
      findings.warn({"xen-version"}, both + ": guests move from the older to the newer node only",
                    "upgrade the older one soon");
    else
      findings.ok({"xen-version"}, both + " fit");
  }
  const std::string& peer = scene.name(scene.peer());
  if (there->tool_version == here->tool_version)
    findings.ok({"tool-version"}, "xen-drbd is the same on both nodes: " + printable(here->tool_version));
  else
    findings.warn({"tool-version", peer},
                  there->tool_version.empty()
                      ? fmt::format("{} has no xen-drbd, so nothing migrates from it but with --plain-ssh", peer)
                      : fmt::format("{} has xen-drbd {}, and {} has {}", peer, printable(there->tool_version),
                                    scene.name(scene.here()), printable(here->tool_version)),
                  "install the same version on both nodes");
}

void check_clocks(const CheckScene& scene, Findings& findings) {
  const NodeFacts* there = scene.facts_of(scene.peer());
  if (there == nullptr || !there->clock) return;
  const auto [least, most] = *there->clock;
  const std::string& peer = scene.name(scene.peer());
  if (least <= clocks_may_differ && most >= -clocks_may_differ) return findings.ok({"clock"}, "the clocks agree");
  const bool ahead = least > clocks_may_differ;
  findings.warn({"clock", peer},
                fmt::format("the clock of {} is {:.1f} s {} that of {}", peer,
                            static_cast<double>(std::abs((ahead ? least : most).count())) / 1000,
                            ahead ? "ahead of" : "behind", scene.name(scene.here())),
                "set both by NTP (chrony, systemd-timesyncd): logs and records of the two nodes are compared");
}

/// All domains of the topology find room on the node. Units of what is printed: MiB.
void check_memory(const CheckScene& scene, NodeId id, Findings& findings) {
  const NodeState& node = *scene.node(id);
  if (!node.xen || !node.rows) return;
  MiB needed{0};
  MiB room = node.xen->free_memory;
  for (const Domain& domain : scene.topology.domains) {
    if (const ConfigReport* config = parsed_config(scene, domain.name, id)) needed = needed + config->memory;
    for (const DomainRow& row : *node.rows)
      if (row.name == domain.name.str()) room = room + row.memory;
  }
  const std::string figures =
      fmt::format("all domains need {} MiB, {} has {} MiB for them", needed.count, scene.name(id), room.count);
  if (needed <= room)
    findings.ok({"memory", scene.name(id)}, figures);
  else
    findings.warn({"memory", scene.name(id)}, figures + ": not all of them can run there when the other node is down",
                  "give the domains less, dom0 less (dom0_mem= on Xen's command line), or the node more");
}

} // namespace

std::string_view to_string(Level level) {
  switch (level) {
  case Level::ok: return "ok";
  case Level::warning: return "warning";
  case Level::error: return "error";
  }
  return {};
}

std::vector<Finding> check(const Topology& topology, const ClusterState& seen, const FactsOfBoth& facts,
                           const Inputs& inputs) {
  const Wish none{};
  const ClusterState state = without_stranger(topology, seen);
  const CheckScene scene{{.topology = topology, .state = state, .wish = none, .inputs = inputs}, facts};
  Findings findings;
  check_peer(scene, findings);
  for (NodeId id : {scene.here(), scene.peer()})
    if (scene.node(id) != nullptr) {
      check_topology_rights(scene, id, findings);
      check_node(scene, id, findings);
      check_memory(scene, id, findings);
    }
  check_versions(scene, findings);
  check_clocks(scene, findings);
  for (const Domain& domain : topology.domains) check_domain(scene, domain, findings);
  return std::move(findings).take();
}

} // namespace xen_drbd::planner
