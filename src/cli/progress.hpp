#pragma once

#include "session.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>

namespace xen_drbd::cli {

/// Where progress is written to.
using Write = std::function<void(std::string_view)>;

/// Off a terminal: one line for each change.
[[nodiscard]] std::unique_ptr<engine::Progress> line_progress(const Session& session, Write write);

/// The size of a terminal. Units: characters.
struct Extent {
  std::size_t columns = 0;
  std::size_t rows = 0;
};

/// On a terminal: a line for each domain at work, redrawn in place; a bar for a migration. Lines are cut to the
/// columns: one that wraps would be two to the cursor; and those for which there are no rows are counted in the last:
/// the cursor cannot go back to what has left the screen. `tick` is how often the clock in them moves; 0: only with an
/// event.
[[nodiscard]] std::unique_ptr<engine::Progress> live_progress(const Session& session, Write write, engine::Clock& clock,
                                                              std::function<Extent()> extent, Milliseconds tick);

} // namespace xen_drbd::cli
