#pragma once
// The planner room: turns what the pair is (topology), what was seen (state) and what is wanted (wish) into a plan.
// Everything here is a pure function: no input or output, no clock, and the same arguments give the same plan.

#include "xen_drbd/model/plan.hpp"
#include "xen_drbd/model/state.hpp"
#include "xen_drbd/model/topology.hpp"
#include "xen_drbd/model/wish.hpp"

#include <functional>
#include <map>
#include <optional>
#include <string>

namespace xen_drbd::planner {

/// What the record of a migration says (rule 5.11), for the split brain that is not one (rule 5.12) and for a guest
/// that it left suspended. The figures are those at the end of the copy, the guest suspended, its target not promoted
/// yet.
struct RecordedMigration {
  model::NodeId source{};
  std::string source_identity; ///< of the boots the two nodes were in
  std::string target_identity;
  bool before_go = false;                         ///< the source was not yet cleared to give the domain away
  std::map<Minor, std::uint64_t> target_writes;   ///< the target's own writes, `written` less `received`. Units: KiB
  std::map<Minor, std::uint64_t> target_received; ///< what it had from its source. Units: KiB
  std::map<Minor, std::uint64_t> source_written;  ///< what was written to the source's disks in all. Units: KiB
  bool operator==(const RecordedMigration&) const = default;
};

/// What a plan needs from rooms that the planner does not see.
struct Inputs {
  /// The minor that a disk of a configuration file stands for on that node, links and by-res paths resolved, `drbd:`
  /// and `script=block-drbd` included; nothing for a disk that is no DRBD volume.
  std::function<std::optional<Minor>(const model::ConfigReport::ConfigDisk&, const model::NodeState&)> minor_of;
  /// What the peer's topology file says otherwise than this node's; nothing when both mean the same pair.
  std::optional<std::string> topology_difference;
  /// Whether this node's topology file says otherwise by now than what this run has loaded.
  bool topology_changed = false;
  /// Whether the look made the identities that were missing (a run that writes does, a dry run does not): then a peer
  /// that shows none is refused.
  bool identities_made = false;
  /// The peer was claimed to be dead, by the administrator or its fence device, and is not: why the claim is refused.
  std::optional<Error> not_dead;
  /// evacuate, planned again: domains that this run could not move, and why, in one clause.
  std::map<DomainName, std::string> failed_moves;
  /// evacuate: why nothing can be moved whatever the state (the peer's lock was not had, the deadline is near).
  std::optional<std::string> no_moves;
  /// evacuate: this node's lock was not had (another run holds it), so guests are asked to shut down, nothing else.
  bool without_lock = false;
  /// Records of migrations on either node, parsed; none for a domain of which both nodes keep one.
  std::map<DomainName, RecordedMigration> records;
  /// A start without the peer: since when each resource is without it, as far as this node's kernel log tells.
  std::map<ResourceName, std::string> disconnected_since;
};

/// The plan for `wish`: one DomainPlan for each of `wish.domains`, in the order of the topology.
///
/// What a DomainPlan says, beyond its own header:
/// - `already` may carry steps: they clear away what an earlier run left (a Primary where the domain does not run, an
/// open
///   window) and leave the domain as it is. Without steps there is nothing to do.
/// - `skipped` with `error`: held back because what it waits for (`after`) does not run and will not be started; the
///   error's kind decides the exit code (4, or 6 where the cause is 6). `skipped` without `error`: passed over, exit 0.
/// - steps are carried out in order. An `on_failure` step undoes the steps listed before it and is of no concern once
/// they
///   all succeeded; so a failure after it does not bring it back. Before the first step after a failed one is carried
///   out, a transport that still holds a copy has been ended.
/// - `waits_for` and `follows` never form a circle, together neither.
/// Precondition: every name in `wish.domains` is in the topology; others are left out.
[[nodiscard]] model::Plan plan(const model::Topology& topology, const model::ClusterState& state,
                               const model::Wish& wish, const Inputs& inputs);

/// start, start-all, start-my-domains: on this node, what runs on neither node.
[[nodiscard]] model::Plan plan_start(const model::Topology& topology, const model::ClusterState& state,
                                     const model::Wish& wish, const Inputs& inputs);

/// migrate-out and migrate-in with their kin (`wish.goal` tells which): what runs on the one node goes to the other.
[[nodiscard]] model::Plan plan_migrate(const model::Topology& topology, const model::ClusterState& state,
                                       const model::Wish& wish, const Inputs& inputs);

/// migrate-and-start-my-domains, migrate-and-start-all (`wish.goal` tells which): everything to its home, the missing
/// ones started there; starts on this node before starts on the peer, as far as `after` allows.
[[nodiscard]] model::Plan plan_home(const model::Topology& topology, const model::ClusterState& state,
                                    const model::Wish& wish, const Inputs& inputs);

/// stop, stop-all, stop-my-domains: shut down on this node; what waits for a domain (`after`) is stopped before it,
/// unless a deadline presses (`wish.shutdown_limit`).
[[nodiscard]] model::Plan plan_stop(const model::Topology& topology, const model::ClusterState& state,
                                    const model::Wish& wish, const Inputs& inputs);

/// evacuate: what runs here goes to the peer; what cannot go there is shut down, and `reason` says why.
[[nodiscard]] model::Plan plan_evacuate(const model::Topology& topology, const model::ClusterState& state,
                                        const model::Wish& wish, const Inputs& inputs);

/// recover: finish or undo half-done migrations (xen-drbd(8), RECOVERY).
[[nodiscard]] model::Plan plan_recover(const model::Topology& topology, const model::ClusterState& state,
                                       const model::Wish& wish, const Inputs& inputs);

} // namespace xen_drbd::planner
