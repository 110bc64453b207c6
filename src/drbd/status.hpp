#pragma once
// What both dialects of the status share: from what was read of a resource to the value the model has for it.

#include "xen_drbd/drbd/look.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace xen_drbd::drbd {

struct PeerVolume {
  model::DiskState disk = model::DiskState::unknown;
  model::Replication replication = model::Replication::unknown;
  std::optional<double> percent;
  std::uint64_t received_kib = 0;
};
struct Peer {
  model::Connection connection = model::Connection::unknown;
  model::Role role = model::Role::unknown;
  std::map<unsigned, PeerVolume> volumes;
};
/// A resource as it was read, every connection by itself.
struct Reading {
  std::string name;
  std::optional<model::Role> role;
  bool suspended = false;
  bool quorum = true;
  std::vector<model::Volume> volumes;
  std::vector<Peer> peers;
};

/// Adds the resource, or a note where its name is none that xen-drbd accepts.
/// Fails: when it has no role, or a volume or the resource itself is there twice.
[[nodiscard]] Result<> add(Status& status, Reading reading);

[[nodiscard]] Error no_status(std::string because);

} // namespace xen_drbd::drbd
