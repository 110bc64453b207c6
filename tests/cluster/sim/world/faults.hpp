#pragma once
// What a test wants to go wrong, and where. Every simulated command passes named points; a fault names one of them.
//
// A fault is a JSON file FAULTS/ID.json in the world's directory:
//   node     name of a node, or "*"                                                          (default "*")
//   command  glob on the whole command line, "xl migrate *"                                  (default "*")
//   point    "before" (nothing has happened yet), "after" (all has happened, nothing is printed), or a point by name:
//            create-parsed create-built create-disks create-running | migrate-started migrate-stream migrate-suspended
//            migrate-end migrate-ready migrate-renamed migrate-go migrate-report migrate-done | receive-banner
//            receive-stream receive-end receive-disks receive-ready receive-go receive-renamed receive-running
//            receive-reported | watcher-woken watcher-acting; "*": each of them but the streams (default "before")
//   at_byte  only for migrate-stream: not before this many bytes were written, and then exactly there
//   skip     how many times the point is passed unharmed first                               (default 0)
//   count    how many times the fault strikes; -1: always                                    (default 1)
//   action   "exit"   print `stdout` and `stderr` instead of everything else and exit with `code`
//            "signal" die by `signal`
//            "hang"   wait `seconds`, or for ever if there is no such key, then go on
//            "hold"   create HELD/ID, go on when RELEASED/ID appears
//            "run"    run `run` by sh on the node, then go on
//            "note"   nothing but the event in the log, which every fault leaves
//            "print"  add `stdout` and `stderr` to what the command prints

#include "world/world.hpp"

#include <optional>
#include <string>
#include <vector>

namespace sim {

class Faults {
public:
  Faults(World& world, std::string command_line, Output& output)
      : world_(world), command_line_(std::move(command_line)), output_(output) {}

  /// Passes a point: whatever a fault says about it happens here.
  void at(const std::string& point) { strike(point, -1); }

  /// Passes a point of a byte stream at exactly this byte; see next_byte.
  void at_byte(const std::string& point, std::int64_t byte) { strike(point, byte); }

  /// The first byte after `byte` at which some fault waits on this point.
  [[nodiscard]] std::optional<std::int64_t> next_byte(const std::string& point, std::int64_t byte) const;

private:
  struct Fault {
    std::string id;
    nlohmann::json what;
  };
  [[nodiscard]] std::vector<Fault> matching(const std::string& point) const;
  void strike(const std::string& point, std::int64_t byte);
  [[nodiscard]] bool take(const Fault& fault) const;
  void act(const Fault& fault, const std::string& point);

  World& world_;
  std::string command_line_;
  Output& output_;
};

} // namespace sim
