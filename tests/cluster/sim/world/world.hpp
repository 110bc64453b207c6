#pragma once
// The door to the simulated world: one state file under one lock, one event log, the faults of the test.
//
// A command looks at the world or changes it in `change`, which holds the lock, lets the time that has passed do its
// work first (clockwork.hpp) and stores the state if anything became different. Nothing waits while it holds the lock.

#include "world/state.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace sim {

/// What one run of a simulated tool prints. It is kept until the end, so that a fault can take its place.
struct Output {
  std::string out;
  std::string err;
  void flush(); ///< writes what was kept to stdout and stderr
};

class World {
public:
  /// The world of the directory $XEN_DRBD_SIM_WORLD, else /var/lib/xen-drbd-sim, seen from node `index` (0 or 1).
  World(std::string directory, int index);

  /// The node this process runs on: what /etc/xen-drbd-sim-node says, or $XEN_DRBD_SIM_NODE.
  static World here();

  [[nodiscard]] int index() const { return index_; }
  [[nodiscard]] const std::string& directory() const { return directory_; }
  [[nodiscard]] const std::string& node_name() const { return names_[static_cast<std::size_t>(index_)]; }

  /// Runs `act` on the world of this moment, alone.
  void change(const std::function<void(State&)>& act);

  /// A copy of the world of this moment.
  [[nodiscard]] State look();

  /// Appends one line to the event log: {"t":..,"node":..,"event":..} and the details. Units: seconds, CLOCK_MONOTONIC.
  void event(std::string_view name, nlohmann::json details = nlohmann::json::object());
  void event_at(double time, int node, std::string_view name, nlohmann::json details);

  /// Wakes the watcher of a domain: its state has changed.
  void ring(int node, unsigned domid) const;
  [[nodiscard]] std::string bell(int node, unsigned domid) const;

  /// The file that keeps the JSON configuration of a domain, as libxl's userdata does.
  [[nodiscard]] std::string userdata(int node, unsigned domid) const;

  [[nodiscard]] static double now();

private:
  std::string directory_;
  int index_;
  std::array<std::string, 2> names_;
};

[[nodiscard]] std::string format(const char* pattern, ...) __attribute__((format(printf, 1, 2)));
[[nodiscard]] std::string read_file(const std::string& path);
void write_file(const std::string& path, std::string_view content); ///< atomically: a temporary file, then a rename
[[nodiscard]] bool glob_match(const std::string& pattern, const std::string& text);
[[nodiscard]] std::string new_uuid();
void pause_for(double seconds);

} // namespace sim
