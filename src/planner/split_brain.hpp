#pragma once

#include "xen_drbd/planner/rules.hpp"

#include <vector>

namespace xen_drbd::planner {

/// Whether DRBD refuses to connect the resource by itself on either node.
[[nodiscard]] bool stands_alone(const Scene& scene, const ResourceName& resource);

/// Whether the record of the domain's failed migration from `source` proves that the target wrote nothing of its own to
/// the resource since (rule 5.12): the same boots, before the source was given away, the same count of own
/// writes, and counters that did not begin anew. Accident: shown possible: somebody wrote to the target's disk, and
/// `drbdadm down` and `up` set its counters to the 0 of the record. A disk to which nothing had been received since its
/// node brought it up proves nothing.
[[nodiscard]] bool target_wrote_nothing(const Scene& scene, const DomainName& domain, model::NodeId source,
                                        const ResourceName& resource);

/// Whether the memory of the domain that stands suspended on the node is as new as its disks there. The record of its
/// migration from there says what had been written to them when it was suspended. Without a record, as a migration by
/// hand or one over plain ssh leaves it, the window must be closed and the other node not Primary.
/// Accident: shown possible: `recover` resumed a guest whose disk somebody had written on its target meanwhile.
[[nodiscard]] bool memory_is_current(const Scene& scene, const DomainName& domain, model::NodeId node,
                                     const std::vector<ResourceName>& resources);

/// Whether the memory of a domain that was moved from `source`, and stands paused on the other node, is as new as its
/// disks: they are mirrored, so what either node wrote since shows in the counters of the source. Without a record, as
/// a migration by hand or one over plain ssh leaves it, nothing speaks against it. Accident: shown possible: somebody
/// mounted the disk of a guest whose receiver had died before the unpause, and wrote.
[[nodiscard]] bool copy_is_current(const Scene& scene, const DomainName& domain, model::NodeId source,
                                   const std::vector<ResourceName>& resources);

/// Whether DRBD can have given up without a split brain, because two Primaries were allowed on one node only: the
/// record tells of a migration that did not end well, and since then a node lost its power, booted with the setting of
/// its configuration and wrote nothing of its own; or the source is demoted, after which the window is closed, and the
/// link can be cut between the one node and the other; or the same happened while the window was opened, and the domain
/// was shut down at its source since. Found by the crash-point sweep: 8.4 forgets its settings when it stands alone, so
/// nothing else tells.
[[nodiscard]] bool settings_may_differ(const Scene& scene, const DomainName& domain, const ResourceName& resource);

/// The nodes on which it stands alone, with its role there; and the role on the other: "dom0 (Primary; on mirror:
/// Secondary)".
[[nodiscard]] std::string where_alone(const Scene& scene, const ResourceName& resource);

/// The policies for after a split brain by which DRBD may discard what was written, "after-sb-1pri discard-secondary";
/// empty for none. `consensus` does only what 0pri would. Source: drbd.conf(5), drbd 8.4 drbd_receiver.c
/// drbd_asb_recover_1p.
[[nodiscard]] std::string discards_by(const model::ResourceConfig& config);

/// The same in the configuration of either node. Accident: shown possible: a node had served alone for a day, lost its
/// power after the other one had taken over, and booted as Secondary; `recover` asked DRBD to connect, and DRBD
/// discarded that day without a word.
[[nodiscard]] std::string discards_by(const Scene& scene, const ResourceName& resource);

/// Whether DRBD may keep the data of a Secondary that is connected with --discard-my-data, and discard the other
/// side's: it goes by its policies first. With one Primary they discard the Secondary's, or do what 0pri would. Source:
/// drbd 8.4 drbd_receiver.c drbd_sync_handshake.
[[nodiscard]] bool may_keep_the_discarded(const Scene& scene, const ResourceName& resource);

/// What is to be typed for a resource that stands alone. A plain connect first: somebody may have typed `drbdadm
/// disconnect` and nothing diverged. Accident: the hint had the data of a node given up where a connect would do. But
/// not where DRBD would then choose by itself whose data those are.
[[nodiscard]] std::string out_of_standing_alone(const Scene& scene, const ResourceName& resource);

/// The first of the resources that stands alone, explained; the choice of the data to keep is the administrator's.
/// Accident: a tool that healed a split brain by itself threw away the writes of the node that had served for a day.
[[nodiscard]] Objection split_brain(const Scene& scene, const std::vector<ResourceName>& resources);

} // namespace xen_drbd::planner
