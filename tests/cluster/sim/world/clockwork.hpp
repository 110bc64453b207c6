#pragma once
// Time in the simulated world: what was due since the last look happens now, in the order in which it was due.
//
// Nothing runs in the background. A guest's writes of each second, a shutdown it was asked for, a dead link that is
// noticed, a handshake, the end of a resync: all are dated, and brought about by whoever looks next.

#include "world/world.hpp"

namespace sim {

/// Lets everything happen that was due up to `now`.
void advance(World& world, State& state, double now);

} // namespace sim
