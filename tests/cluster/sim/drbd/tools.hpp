#pragma once
// The simulated drbdadm and drbdsetup, in the dialect of DRBD 8.4 or 9. Each function returns an exit code; what is
// printed goes into `run.output`.
// Source: captured outputs of drbd-utils 9.22 with module 8.4.11; drbd-utils' user/v9/drbdsetup.c for the other
// dialect.

#include "drbd/config.hpp"
#include "world/state.hpp"
#include "xen/xl.hpp"

#include <algorithm>
#include <functional>
#include <string>

namespace sim {

[[nodiscard]] int drbdadm_main(Run& run, const Arguments& arguments);
[[nodiscard]] int drbdsetup_main(Run& run, const Arguments& arguments);

/// Whether an option was given, written so.
[[nodiscard]] inline bool has(const Arguments& arguments, const std::string& wanted) {
  return std::ranges::find(arguments, wanted) != arguments.end();
}

/// How much `status` tells.
struct Detail {
  bool verbose = false;
  bool statistics = false;
  bool timestamps = false;
};

/// `status` as text or JSON of the resources for which `wanted` is true.
[[nodiscard]] std::string status_text(State& state, int node, const Detail& detail,
                                      const std::function<bool(const Resource&)>& wanted);
[[nodiscard]] std::string status_json(State& state, int node, const std::function<bool(const Resource&)>& wanted);
[[nodiscard]] std::string events2_text(State& state, int node, const Detail& detail,
                                       const std::function<bool(const Resource&)>& wanted);

/// `drbdsetup show` as text or JSON: the options that are not DRBD's defaults.
[[nodiscard]] std::string show_text(const State& state, const Resource& resource);
[[nodiscard]] std::string show_json(const State& state, int node, const std::function<bool(const Resource&)>& wanted);

/// `drbdadm dump` and `drbdadm dump-xml`.
[[nodiscard]] std::string dump_text(const DrbdConfig& config, const std::string& node,
                                    const std::vector<const ConfigResource*>& resources, bool everything);
[[nodiscard]] std::string dump_xml(const DrbdConfig& config, const std::vector<const ConfigResource*>& resources);

/// The name of a connection state: what DRBD 9 calls Connecting is WFConnection in `drbdadm cstate` and /proc of 8.4.
[[nodiscard]] std::string old_cstate(const Resource& resource);

/// Whether the peer's name is used for the connection (9), or "peer" (8.4).
[[nodiscard]] bool is_nine(const State& state);

} // namespace sim
