#pragma once

#include "xen_drbd/planner/planner.hpp"

#include <optional>
#include <string>
#include <vector>

namespace xen_drbd::planner {

/// What every rule reads: the pair as it should be, as it was seen, and what is wanted of it.
struct Scene {
  const model::Topology& topology;
  const model::ClusterState& state;
  const model::Wish& wish;
  const Inputs& inputs;

  [[nodiscard]] model::NodeId here() const { return state.this_node; }
  [[nodiscard]] model::NodeId peer() const { return model::other(state.this_node); }
  [[nodiscard]] const model::NodeState* node(model::NodeId id) const { return state.node(id); }
  [[nodiscard]] const std::string& name(model::NodeId id) const { return topology.node(id).name.str(); }
  [[nodiscard]] model::Presence presence(const DomainName& domain, model::NodeId id) const {
    return model::presence_of(domain, state.nodes[model::index(id)]).presence;
  }
  /// Whether the peer cannot be asked and an accepted claim says that it is dead (rule 5.6).
  [[nodiscard]] bool peer_counts_as_dead() const { return wish.peer_is_dead && node(peer()) == nullptr; }
};

// The safety rules (docs/faults.md). Each is a pure function that says nothing when it has no objection, else a
// refusal whose `because` names what was found and whose `hint` leads out; `what` is left to the plan that asked.
using Objection = std::optional<Error>;

/// The machine that answers as the peer is the peer: it has its host name, and is not this very node (rule 5.1).
[[nodiscard]] Objection is_the_peer(const Scene& scene);

/// The peer is the peer, and both mean the same pair (rule 5.1).
/// Accident: a clone, a stale /etc/hosts or 127.0.1.1 made the node ask itself, find every domain absent "on the peer"
/// and start a second copy; a topology edited on one node only moved a disk under another domain.
[[nodiscard]] Objection same_pair(const Scene& scene);

/// What this run works with is what the file of this node still says, and so what was compared with the peer
/// (rule 5.1). Accident: shown possible: a boot waits for the lock while the disks of a domain are given other minors
/// on both nodes; both files agree, and the run promotes what the domain does not use any more.
[[nodiscard]] Objection topology_is_current(const Scene& scene);

/// The peer can be asked, or is accepted as dead by a wish that allows it (rule 5.6).
/// Accident: after a power loss a guest was started on the node that came back first, while it still ran on the other.
/// Fails: ErrorKind::unreachable.
[[nodiscard]] Objection peer_answers(const Scene& scene, const DomainName& domain, bool dead_will_do);

/// The domain does not stand under its own name on both nodes.
/// Accident: any action on a domain that runs twice may end the copy whose data are the good ones.
/// Fails: ErrorKind::failed, whatever is wished.
[[nodiscard]] Objection runs_once(const Scene& scene, const DomainName& domain);

/// No `xl migrate` of the domain is at work on either node, and no other xl that suspends it for a while (`save`,
/// `suspend`, `dump-core`, `remus`), whether it was told the domain's name or its domid.
/// Accident: a second xl acting on a domain that is changing sides resumed the source after the target had been
/// unpaused. Shown possible: `recover` would have resumed a guest that an `xl save` was writing to its file, or
/// destroyed it.
[[nodiscard]] Objection no_migration_at_work(const Scene& scene, const DomainName& domain);

/// The domain is absent from that node as far as one look can tell: no row of it, no half-name, no watcher (rule 5.2).
/// The last proof is the executor's, immediately before the create or the demotion.
/// Accident: a guest between reboot and restart is off the list for seconds and was started elsewhere; a half-name was
/// taken for nothing and the copy was unpaused later.
[[nodiscard]] Objection absence(const Scene& scene, const DomainName& domain, model::NodeId node);

/// Nothing nameless stands on the node, so that the domain's absence there can be proved once it has left: a dying
/// domain loses its name first (rule 5.2). Accident: a migration from a node with a zombie could not demote its source,
/// and left two Primaries.
[[nodiscard]] Objection nothing_nameless(const Scene& scene, const DomainName& domain, model::NodeId node);

/// No half-named row stands beside the domain's own on the node it is to leave.
/// Accident: none; the step refuses it as well, and the plan promised a move that the run then refused.
[[nodiscard]] Objection nothing_beside(const Scene& scene, const DomainName& domain, model::NodeId node);

/// The node may receive domains: it is this node, or it is not leaving (rule 5.10).
/// Accident: two nodes that shut down at once threw their guests at each other until both were off.
[[nodiscard]] Objection peer_not_leaving(const Scene& scene, model::NodeId target);

/// The configuration file is there, the same on both nodes, and names the domain and its declared DRBD disks
/// (rule 5.3). Accident: a copied file kept the disks of the guest it was copied from, and two guests wrote to one
/// disk; a file that was edited on one node only brought up another guest after a move.
[[nodiscard]] Objection config_is_the_domains(const Scene& scene, const model::Domain& domain, model::NodeId node);

/// Whether a disk of a configuration is meant to be DRBD's, even where no minor can be found for it.
[[nodiscard]] bool names_drbd(const model::ConfigReport::ConfigDisk& disk);

/// No configuration that xl read gives the domain other DRBD disks than the topology declares. A file that is missing,
/// was not read or names a disk that cannot be told proves nothing and is no objection.
/// Accident: the topology had the minor of another guest's disk; `recover` took that disk, Primary where its own domain
/// did not run, for a leftover and demoted it. A stop meant to demote it too, and failed where the other guest ran.
[[nodiscard]] Objection disks_are_its_own(const Scene& scene, const model::Domain& domain);

/// The resources of the domain, each once, in the order of its disks: drbdadm configures each disk's minor as the same
/// volume of the same resource on both nodes, no other domain uses it, it has no volume that the domain does not
/// declare (rule 5.4).
/// Accident: a role belongs to the whole resource: promoting one domain's disk made another domain's disk writable too.
/// Shown possible: two volumes had their minors the other way round in the section of one node; the first migration
/// would have had the guest write its two disks over each other.
/// With a peer that counts as dead only this node is read.
[[nodiscard]] Result<std::vector<ResourceName>> resources_of(const Scene& scene, const model::Domain& domain);

/// The two-primaries option is configured alike on both nodes and could be read (rule 5.4).
/// Accident: unequal settings keep DRBD from ever reconnecting after the next cut of the link.
[[nodiscard]] Objection window_configured_alike(const Scene& scene, const ResourceName& resource);

/// DRBD on a node that answers said how its resources stand. Accident: roles that could not be read were taken for
/// nothing left behind.
[[nodiscard]] Objection drbd_answers(const Scene& scene, model::NodeId node);

/// Whether two Primaries are allowed at run time was read on every node that answers (rule 5.4).
/// Accident: a start took a window it could not read for a leftover, set out to close it, and ended half done.
[[nodiscard]] Objection window_is_read(const Scene& scene, const ResourceName& resource);

/// The resource's data on that node are good and nobody else writes them (rule 5.4, Start).
/// Accident: a node that was cut off is UpToDate in its own eyes and DRBD promotes it happily: its data were the older.
/// `xl create` exits 0 onto a disk that cannot be written, and the guest comes up without it.
[[nodiscard]] Objection disk_may_start(const Scene& scene, const ResourceName& resource, model::NodeId node);

/// Both copies of the resource are good, linked and written synchronously (rule 5.4, Migrate).
/// Accident: `xl migrate` exits 0 onto a node whose copy is stale or cannot become Primary, and every write fails.
[[nodiscard]] Objection disk_may_migrate(const Scene& scene, const ResourceName& resource, model::NodeId from);

/// A migration from the peer runs the peer's xen-drbd as its transport, which must be of our version; --plain-ssh does
/// without. Accident: two versions that read each other's words differently let a record go too early.
[[nodiscard]] Objection source_has_the_tool(const Scene& scene, model::NodeId from);

/// The target's Xen is the source's, or newer by one minor version.
/// Accident: a stream that the target's Xen cannot read ends in a guest that stands half on either node.
/// Source: ganeti lib/hypervisor/hv_xen.py VersionsSafeForMigration.
[[nodiscard]] Objection versions_fit(const Scene& scene, model::NodeId from);

/// `need` fits into what is left of the node's `free_memory` (rule 5.3). No overhead is added: what Xen takes beyond
/// the guest's memory is not told by xl, and too little is a create or migration that fails cleanly. Accident: a
/// migration that ran for minutes ended with "Failed to allocate memory" on the target. Source:
/// tests/data/xl-4.17/parse-stderr-migrate-no-memory.txt.
[[nodiscard]] Objection memory_fits(const Scene& scene, const DomainName& domain, model::NodeId node, MiB need,
                                    MiB available);

/// The configuration report that speaks for a domain on a node: xl's answer there, or its answer on the other node for
/// a file of the same bytes; null when neither was parsed.
[[nodiscard]] const model::ConfigReport* parsed_config(const Scene& scene, const DomainName& domain,
                                                       model::NodeId node);

/// How the two-primaries window of a resource stands over the nodes that can be read.
enum class Window {
  closed,     ///< no at run time
  unread,     ///< not configured, and the run time of a node could not be read
  open,       ///< yes at run time on a node and not configured: a leftover
  configured, ///< yes in the configuration of both: left so
};
[[nodiscard]] Window window_of(const Scene& scene, const ResourceName& resource);

/// Whether two Primaries are configured and allowed at run time on both nodes, so that nothing need be opened.
[[nodiscard]] bool window_stands_open(const Scene& scene, const ResourceName& resource);

/// Whether two Primaries are allowed on one node only while the resource is Connected on neither: DRBD never connects
/// with settings that differ, so this must be made equal before the link can come back. It comes about when a node
/// loses its power while the window is open: it boots with the setting of its configuration.
[[nodiscard]] bool windows_differ(const Scene& scene, const ResourceName& resource);

/// The resource as a node's kernel has it, and as its configuration has it; null when absent or unread.
[[nodiscard]] const model::Resource* find_resource(const model::NodeState* node, const ResourceName& resource);
[[nodiscard]] const model::ResourceConfig* find_config(const model::NodeState* node, const ResourceName& resource);

/// Whether the resource is connected as both nodes see it.
[[nodiscard]] bool connected_on_both(const Scene& scene, const ResourceName& resource);

} // namespace xen_drbd::planner
