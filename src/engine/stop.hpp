#pragma once

#include "xen_drbd/engine/clock.hpp"
#include "xen_drbd/engine/execute.hpp"

#include <optional>
#include <string>

namespace xen_drbd::engine {

/// Why nothing new is begun, and copies are cancelled.
struct Stop {
  ErrorKind kind;
  std::string because;
};

/// Nothing while the run may go on. Accident: shown possible: an evacuation whose deadline ended a copy said that it
/// had been interrupted, and where the guest could not be shut down either, ended with the exit code of a signal.
[[nodiscard]] inline std::optional<Stop> stop_of(const Execution& execution, Clock& clock) {
  if (execution.stop && execution.stop()) return Stop{ErrorKind::interrupted, "the run was interrupted"};
  if (execution.moves_end && clock.now() >= *execution.moves_end)
    return Stop{ErrorKind::failed, "the time for moves is over"};
  return std::nullopt;
}

} // namespace xen_drbd::engine
