#pragma once

#include "xen_drbd/planner/rules.hpp"

#include <vector>

namespace xen_drbd::planner {

/// Whether DRBD refuses to connect the resource by itself on either node.
[[nodiscard]] bool stands_alone(const Scene& scene, const ResourceName& resource);

/// Whether the record of the domain's failed migration from `source` proves that the target wrote nothing of its own to
/// the resource since (spec 5.12): the same boots, before the source was given away, the same count of own
/// writes.
[[nodiscard]] bool target_wrote_nothing(const Scene& scene, const DomainName& domain, model::NodeId source,
                                        const ResourceName& resource);

/// Whether DRBD can have given up without a split brain, because two Primaries were allowed on one node only: the
/// record tells of a migration that did not end well, and since then a node lost its power, booted with the setting of
/// its configuration and wrote nothing of its own; or the source is demoted, after which the window is closed, and the
/// link can be cut between the one node and the other; or the same happened while the window was opened, and the domain
/// was shut down at its source since. Found by the crash-point sweep: 8.4 forgets its settings when it stands alone, so
/// nothing else tells.
[[nodiscard]] bool settings_may_differ(const Scene& scene, const DomainName& domain, const ResourceName& resource);

/// The first of the resources that stands alone, explained; the choice of the data to keep is the administrator's.
/// Accident: a tool that healed a split brain by itself threw away the writes of the node that had served for a day.
[[nodiscard]] Objection split_brain(const Scene& scene, const std::vector<ResourceName>& resources);

} // namespace xen_drbd::planner
