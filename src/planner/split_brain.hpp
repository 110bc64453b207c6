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

/// Whether DRBD can have given up without a split brain: the target of the domain's failed migration from `source` lost
/// its power while the window was open, booted with the setting of its configuration, and wrote nothing of its own
/// since.
[[nodiscard]] bool target_booted_anew(const Scene& scene, const DomainName& domain, model::NodeId source,
                                      const ResourceName& resource);

/// The first of the resources that stands alone, explained; the choice of the data to keep is the administrator's.
/// Accident: a tool that healed a split brain by itself threw away the writes of the node that had served for a day.
[[nodiscard]] Objection split_brain(const Scene& scene, const std::vector<ResourceName>& resources);

} // namespace xen_drbd::planner
