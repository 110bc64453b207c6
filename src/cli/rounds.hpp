#pragma once

#include "xen_drbd/engine/execute.hpp"

namespace xen_drbd::cli {

// How the reports of several rounds of one run become one. What counts is what was done: a later round's result takes
// the place of an earlier one's unless it did nothing, or would hide what the earlier one had changed. The seconds add
// up, and no note is lost that may still be so.

/// What a further round of `recover` came to. A new start that failed stays failed, whatever is tidied up after it.
void add_further_recovery(engine::Report& report, engine::Report&& next);

/// What a later round of `evacuate` came to: it shuts down what the first could not move.
/// Accident: shown possible: a guest that had been moved, with its half-name left behind, was reported as refused, with
/// nothing changed.
/// A migration that was not seen to end well has ended well where the later look finds the guest on the other node than
/// `here`, and not here.
void add_shutdowns(engine::Report& report, engine::Report&& shutdowns, model::NodeId here);

} // namespace xen_drbd::cli
