#pragma once

#include "xen_drbd/engine/cluster.hpp"

namespace xen_drbd::engine {

/// Where a domain is after a migration, whatever `xl migrate` said (rule 5.8): its exit status is 1 for "resumed at the
/// source" and for "undefined" alike, and 0 for a guest whose disk was lost on the way.
///
///   source                    target                    means
///   ------------------------  ------------------------  -------------------------------------------------------
///   absent                    running                   yes, clean
///   D--migratedaway, or its   running                   yes, not clean: the source was not cleared away
///   remains, or not seen
///   running                   absent                    no, clean
///   running                   a copy, or not seen       no, not clean: xl resumes a source only where the target
///                                                       was never cleared to run, or has reported that it does not
///   anything else                                       unclear
enum class Moved { yes, no, unclear };

struct Whereabouts {
  Moved moved = Moved::unclear;
  bool clean = false; ///< on the other node nothing of it was left
  std::string seen;   ///< "running on dom0, an incoming copy on mirror"
  bool source_has_watcher = true;
  bool stays_so = false; ///< a copy is left on the target, and no receiver that would still clear it away
};

/// What one look at both nodes means. Pure. Precondition: `xl migrate` has ended, else a `no` is not final.
[[nodiscard]] Whereabouts classify(const Cluster& cluster, const DomainName& domain, model::NodeId source,
                                   const model::Observation& at_source, const model::Observation& at_target);

/// Looks at both nodes until the answer is clear and clean, or will not become so by itself; at most `patience` long.
[[nodiscard]] Whereabouts look_for(const Cluster& cluster, const DomainName& domain, model::NodeId source,
                                   Milliseconds patience, Clock& clock);

} // namespace xen_drbd::engine
