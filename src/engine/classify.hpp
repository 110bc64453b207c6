#pragma once

#include "xen_drbd/engine/cluster.hpp"

namespace xen_drbd::engine {

/// Where a domain is after a migration, whatever `xl migrate` said (spec 5.8): its exit status is 1 for "resumed at the
/// source" and for "undefined" alike, and 0 for a guest whose disk was lost on the way.
enum class Moved {
  yes,     ///< runs on the target, gone from the source
  no,      ///< runs on the source, nothing of it on the target
  unclear, ///< anything else
};

struct Whereabouts {
  Moved moved = Moved::unclear;
  std::string seen; ///< "running on dom0, an incoming copy on mirror"
  bool source_has_watcher = true;
};

/// Looks at both nodes until one of the two clear answers comes, at most `patience` long.
[[nodiscard]] Whereabouts look_for(const Cluster& cluster, const DomainName& domain, model::NodeId source,
                                   Milliseconds patience, Clock& clock);

} // namespace xen_drbd::engine
