#pragma once

#include "xen_drbd/planner/rules.hpp"

#include <optional>
#include <string>
#include <vector>

namespace xen_drbd::planner {

/// What one domain is to do, before order and memory over all domains are looked at.
struct Draft {
  const model::Domain* domain;
  model::DomainPlan plan;
  /// The node that a start or a migration takes memory on, and how much; a migration gives it back on the other node.
  std::optional<model::NodeId> takes_on;
  MiB need;
};

/// "samba was not started on dom0", "... migrated to mirror", "... stopped on dom0", "... recovered".
[[nodiscard]] std::string not_done(const Scene& scene, const DomainName& domain, model::Verdict wanted,
                                   model::NodeId node);

/// The draft refused: no steps are left, `error` is complete.
[[nodiscard]] Draft refused(const Scene& scene, const Draft& draft, model::Verdict wanted, Error error);

/// Nothing to do for the domain: it is as wished. Leftovers of an earlier run are cleared away where the domain is
/// proved absent: on the node that is not `node` when it runs on `node`; not while an xl migrate of it is at work.
/// Accident: shown possible: a start while somebody migrated the domain by hand demoted the disk that was to receive
/// it, before its copy was to be seen there.
[[nodiscard]] Draft already_running(const Scene& scene, const model::Domain& domain, model::NodeId node);

/// Passed over by a command that does not name its domains.
[[nodiscard]] Draft skipped(const model::Domain& domain, model::NodeId node, std::string reason);

/// Start a domain on a node; whatever it finds elsewhere is for the rules to judge.
[[nodiscard]] Draft draft_start(const Scene& scene, const model::Domain& domain, model::NodeId node);

/// Migrate a domain that runs on `from` to the other node.
[[nodiscard]] Draft draft_move(const Scene& scene, const model::Domain& domain, model::NodeId from);

/// Shut a domain down that runs on this node. `reason` says why it is stopped, when that is not simply the wish.
[[nodiscard]] Draft draft_stop(const Scene& scene, const model::Domain& domain, std::string reason);

/// The draft of a domain that is not running on this node and need not be stopped there.
[[nodiscard]] Draft not_running_here(const Scene& scene, const model::Domain& domain);

/// The drafts of all candidates, in the order of the topology.
template <class Make> [[nodiscard]] std::vector<Draft> drafts_of(const Scene& scene, Make make) {
  std::vector<Draft> drafts;
  for (const model::Domain& domain : scene.topology.domains)
    for (const DomainName& wished : scene.wish.domains)
      if (wished == domain.name) {
        drafts.push_back(make(domain));
        break;
      }
  return drafts;
}

/// A start without the peer (rule 5.6) says of each resource since when it is without it (rule 5.4).
void warn_of_missing_data(const Scene& scene, const std::vector<ResourceName>& resources, model::NodeId node,
                          std::vector<std::string>& warnings);

/// Demote steps for the resources that are Primary on a node where the domain does not run.
[[nodiscard]] std::vector<model::Step> demote_leftovers(const Scene& scene, const std::vector<ResourceName>& resources,
                                                        model::NodeId node);

/// The domain's creation there from the configuration that this look has read.
[[nodiscard]] model::Create create_from(const Scene& scene, const model::Domain& domain, model::NodeId node);

/// RemoveRecord steps for the records of earlier migrations of the domain. Accident: DRBD counts from 0 again once it
/// was down, so an old record came to fit a node that had served for a day, and its data were to be discarded.
/// They come behind the steps that end what the record proves: a target that cannot be demoted keeps it. Accident:
/// shown possible: the record went, the demotion failed, the link was cut, and nothing proved any more that the split
/// brain was none.
[[nodiscard]] std::vector<model::Step> remove_records(const Scene& scene, const DomainName& domain);

/// CloseWindow steps for the windows that are open without being configured. One that could not be read stays, with a
/// warning, and so does one whose resource is not Connected, unless it is open on one node only.
[[nodiscard]] std::vector<model::Step> close_leftovers(const Scene& scene, const std::vector<ResourceName>& resources,
                                                       std::vector<std::string>& warnings);

} // namespace xen_drbd::planner
