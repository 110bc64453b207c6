#pragma once

#include "xen_drbd/model/drbd.hpp"
#include "xen_drbd/model/state.hpp"
#include "xen_drbd/model/topology.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace xen_drbd::planner {

/// The same look without what a machine said that is not the peer (rule 5.1): the peer then counts as a node that could
/// not be asked. Accident: 127.0.1.1 in /etc/hosts led the question back to this node, every guest was shown on both
/// nodes, and the advice of that alarm is to destroy one of the copies.
[[nodiscard]] model::ClusterState without_stranger(const model::Topology& topology, model::ClusterState state);

/// The nodes on which the domain's own name is listed as running: none, one, or (an alarm) both.
[[nodiscard]] std::vector<model::NodeId> running_on(const DomainName& domain, const model::ClusterState& state);

/// Whether the domain's own name is on both nodes and may run on one of them: the accident all rules exist for.
[[nodiscard]] bool is_double_run(const DomainName& domain, const model::ClusterState& state);

/// The way out of a double run: both nodes, the role of the domain's disks on each, and what destroys its copy there.
[[nodiscard]] std::string out_of_double_run(const model::Topology& topology, const DomainName& domain,
                                            const model::ClusterState& state);

/// What to do about a domain that stands paused on a node, with no xl at work on it. A guest that a migration has
/// brought and not let go stands so under its own name: its memory is the only good one, and its disks may have been
/// written since. Accident: shown possible: the advice to unpause or destroy it, where the other node could not be
/// seen.
[[nodiscard]] std::string out_of_paused(const model::Topology& topology, const DomainName& domain,
                                        const model::ClusterState& state, model::NodeId node);

/// What is said of a domain that is paused because xl is still building it (DomainPresence::created_by).
/// Accident: status advised to destroy a guest that another run was creating at that moment.
[[nodiscard]] std::string being_created(const std::string& domain, const std::string& node, int pid);

/// Whether a process on that node is at work on the domain: it was told its name or that of one of its rows there, or
/// the domid of one. A receiver is told neither.
/// Accident: shown possible: `xl migrate 5 mirror` was not seen as a migration of the domain with that domid, and
/// `recover` would have destroyed its copy.
[[nodiscard]] bool is_at_work_on(const model::MigrationProcess& process, const DomainName& domain,
                                 const model::NodeState& node);

/// Whether an `xl migrate` of the domain is at work on either node.
[[nodiscard]] bool is_migrating(const DomainName& domain, const model::ClusterState& state);

/// The word for `state` of `status --json`: running, absent, paused, suspended, crashed, dying, migrating,
/// half-migrated, double-run or unknown.
///
/// | seen (over both nodes, the first that fits)                     | word          |
/// |-----------------------------------------------------------------|---------------|
/// | its own name on both, running or paused on one                  | double-run    |
/// | an `xl migrate` of it at work                                   | migrating     |
/// | a half-name on either node                                      | half-migrated |
/// | running on one                                                  | running       |
/// | paused, suspended, crashed on one                               | that word     |
/// | dying, or powered off and not cleared away                      | dying         |
/// | a node that could not be asked, or only a watcher of it         | unknown       |
/// | nothing on both                                                 | absent        |
[[nodiscard]] std::string_view state_word(const DomainName& domain, const model::ClusterState& state);

/// The word for `two_primaries` of `status --json`: off, open, configured or unknown. Either node may be unread (null).
[[nodiscard]] std::string_view two_primaries_word(const ResourceName& resource, const model::NodeState* here,
                                                  const model::NodeState* peer);

} // namespace xen_drbd::planner
