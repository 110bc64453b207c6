#pragma once

#include "session.hpp"

#include <string>
#include <vector>

namespace xen_drbd::cli {

/// What must be known of a domain beyond its state, each with the command that helps: a lost watcher, disks left
/// Primary.
[[nodiscard]] std::vector<std::string> remarks_on(const Session& session, const DomainName& domain,
                                                  const model::ClusterState& state);

/// `status` for people: a table of the domains and their disks, then what must be known beyond it, each remark with the
/// command that helps.
[[nodiscard]] std::string status_text(const Session& session, const model::ClusterState& state,
                                      const std::vector<DomainName>& domains, bool color);

/// 6 when a domain is on both nodes, else 5 when a node cannot be reached, else 6 when a node that answers cannot tell
/// what runs on it, else 0.
[[nodiscard]] int status_code(const model::ClusterState& state, const std::vector<DomainName>& domains);

} // namespace xen_drbd::cli
