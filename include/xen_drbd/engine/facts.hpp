#pragma once

#include "xen_drbd/engine/cluster.hpp"
#include "xen_drbd/model/facts.hpp"

namespace xen_drbd::engine {

/// Asks both nodes at the same time what `check` wants to know beyond observe(); `state` names the bridges that the
/// guests' files use. Each node also logs in at every address of the other one, with the very ssh that a migration
/// starts there. Nothing is changed.
[[nodiscard]] model::FactsOfBoth gather_facts(const Cluster& cluster, const model::ClusterState& state);

/// The question and its pure reader. `logins` and `clock` are not in it.
/// Fails: ErrorKind::failed when the answer is not whole.
[[nodiscard]] host::Command facts_command(const model::Topology& topology, const std::vector<std::string>& devices);
[[nodiscard]] Result<model::NodeFacts> parse_facts(const host::Outcome& outcome);

/// What `date +%s.%N` on another node says about its clock, asked at `before` and answered at `after`, each the time
/// since the epoch here. Nothing when it was not understood.
[[nodiscard]] std::optional<model::NodeFacts::ClockOffset> clock_offset(const host::Outcome& outcome,
                                                                        Milliseconds before, Milliseconds after);

} // namespace xen_drbd::engine
