#pragma once

#include "session.hpp"

namespace xen_drbd::cli {

/// One disk of a domain as `status` shows it: this node's side, the peer's as read there.
struct DiskView {
  unsigned minor = 0;
  std::string link;
  std::string resource; ///< empty when it is not known
  std::string role = "Unknown";
  std::string peer_role = "Unknown";
  std::string disk = "Unknown";
  std::string peer_disk = "Unknown";
  std::string connection = "Unknown";
  std::string two_primaries; ///< off, open, configured, unknown
};

[[nodiscard]] std::vector<DiskView> disk_views(const Session& session, const model::ClusterState& state,
                                               const model::Domain& domain);

} // namespace xen_drbd::cli
