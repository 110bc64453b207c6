#pragma once

#include "xen_drbd/base/units.hpp"

#include <string>
#include <vector>

namespace xen_drbd::host {

/// The times of the heartbeat. A worker lets go after `silence`; its host has given it up before, after `lost_after`,
/// so that nobody relies on a lock that is about to go.
struct Tuning {
  Milliseconds beat_every{2'000};
  Milliseconds lost_after{10'000};
  Milliseconds silence{15'000};
  std::vector<std::string> shell{"sh"}; ///< what runs the worker
};

} // namespace xen_drbd::host
