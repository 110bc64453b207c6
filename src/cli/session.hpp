#pragma once

#include "xen_drbd/engine/cluster.hpp"
#include "xen_drbd/engine/execute.hpp"
#include "xen_drbd/engine/observe.hpp"
#include "xen_drbd/model/topology.hpp"
#include "xen_drbd/model/wish.hpp"
#include "xen_drbd/planner/planner.hpp"
#include "xen_drbd/planner/status.hpp"

#include "options.hpp"

#include <functional>
#include <string>

namespace xen_drbd::cli {

/// One run: what was typed, the topology, this node, and (once connected) both nodes.
struct Session {
  Options options;
  model::Topology topology;
  model::NodeId this_node{};
  engine::Cluster cluster;
  std::optional<Error> not_dead = {}; ///< why the claim that the peer is dead was refused
  bool fenced = false;                ///< the peer counts as dead because its fence device says that it is off
  std::optional<std::string> leaving_at_begin = {}; ///< leaving_by() when the run began
  std::optional<std::string> left_by_this_run = {}; ///< leaving_by() once this run had set the mark
  std::function<bool()> left_before = {};           ///< leaves_as_before(), for a run that does not end the leaving
  std::chrono::steady_clock::time_point begun = std::chrono::steady_clock::now(); ///< --deadline counts from here

  [[nodiscard]] const std::string& name(model::NodeId node) const { return topology.node(node).name.str(); }
  [[nodiscard]] const std::string& here() const { return name(this_node); }
  [[nodiscard]] const std::string& peer() const { return name(other(this_node)); }
};

/// The error, with the hint to be root where the user is not.
[[nodiscard]] Error with_root_hint(Error error);

/// The topology that --topology names, else the environment, else /etc/default/xen-drbd, else the default.
[[nodiscard]] Result<model::Topology> load_chosen_topology(const std::optional<std::string>& option);

/// Finds and loads the topology, finds out which node this is, checks the names that were typed.
[[nodiscard]] Result<Session> open_session(Options options);

/// Opens this node and connects to the peer, once. A peer that is not reachable is a value: cluster.peer_error.
/// Fails: when this node itself cannot be used.
[[nodiscard]] Result<> connect(Session& session);

/// The domains a command is about: those typed, or all that `belongs` accepts, in the order of the topology.
[[nodiscard]] std::vector<DomainName> typed_domains(const Session& session);
[[nodiscard]] std::vector<DomainName> all_domains(const Session& session);
[[nodiscard]] std::vector<DomainName> my_domains(const Session& session);

/// A look at both nodes; and another one where the first shows a domain on both. Each node is read at a moment of its
/// own, and a guest that changed sides in between was seen where it is no more: its source is told to give it its other
/// name before it may go on, so a second look that begins after the first has ended does not see it twice. Accident:
/// shown possible: a target that was slow to answer, and `status` raised the alarm of a double run in the middle of a
/// sound migration, with the advice to destroy one of the copies. A second look that could not list both nodes says
/// nothing against the first. Accident: shown possible: `xl list` failed once on the peer, and of a domain that ran on
/// both nodes `status` said that it ran here.
[[nodiscard]] model::ClusterState look_at_both(const Session& session, const engine::Look& look);

/// What the planner needs from the rooms it does not see.
[[nodiscard]] planner::Inputs planner_inputs(const Session& session, const model::ClusterState& state);

/// What the engine needs to carry a plan out, after a look.
[[nodiscard]] engine::Execution execution(const Session& session, const model::ClusterState& state);

/// What is left of --deadline (rule 5.10), in whole seconds, one at least, so that every guest is asked; nothing
/// without a deadline.
[[nodiscard]] std::optional<Milliseconds> time_left(const Session& session);

/// Whether --deadline has passed; never without one.
[[nodiscard]] bool deadline_is_over(const Session& session);

/// How much of that may go into anything but shutting down, the wait for the lock included: the longest
/// shutdown_timeout stays in reserve, but half of the whole time is had for it. Zero when it is over; nothing without a
/// deadline.
[[nodiscard]] std::optional<Milliseconds> time_before_shutdowns(const Session& session);

/// "dom0 pid 4711 start samba since 2026-11-22T18:19:02Z": what another run is told about this one.
[[nodiscard]] std::string holder_text(const Session& session);

} // namespace xen_drbd::cli
