#pragma once

#include "xen_drbd/model/state.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace xen_drbd::drbd {

/// The DRBD minor that a disk of a domain's configuration stands for, or nothing: "/dev/drbdN"; "/dev/drbd/LINK"
/// through the links of the node (relative or absolute, chains followed, loops refused); "/dev/drbd/by-res/RES[/VOL]",
/// with or without its link, through DRBD's configuration; the resource of a "drbd:RES" or of script block-drbd, whose
/// one volume it is. A link and the configuration that say different things give nothing.
/// Safety: nothing is guessed. The accident it prevents: a guest is started on a disk whose role nobody checked.
/// Source: xl-disk-configuration(5); udev rule 65-drbd.rules of drbd-utils; block-drbd of drbd-utils 9.22.
[[nodiscard]] std::optional<Minor> resolve_disk_path(const model::ConfigReport::ConfigDisk& disk,
                                                     const std::map<std::string, std::string>& links,
                                                     const std::vector<model::ResourceConfig>& configs);

} // namespace xen_drbd::drbd
