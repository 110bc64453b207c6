#pragma once

#include "xen_drbd/engine/cluster.hpp"

#include <functional>

namespace xen_drbd::engine {

/// The cluster-wide lock of a changing run: `flock` on both nodes, node1 first (two runs that took their own node first
/// would each wait for the other's), without blocking, with retries. Let go when the object ends; the kernel keeps a
/// half for as long as a command of this run lives there (rule 5.5).
class ClusterLock {
public:
  enum class Scope { both_nodes, this_node };

  /// `holder` is what another run is told: "dom0 pid 4711 start samba since ...". `waiting` is called once, with the
  /// present holder, when the lock is not free at once. `stop` ends the waiting (interrupted).
  /// Fails: ErrorKind::busy, naming node and holder, after `wait`; ErrorKind::unreachable when a node is lost
  /// meanwhile; ErrorKind::interrupted.
  static Result<ClusterLock> acquire(const Cluster& cluster, Scope scope, const std::string& holder, Milliseconds wait,
                                     Clock& clock, const std::function<void(const std::string&)>& waiting,
                                     const std::function<bool()>& stop);

  ClusterLock(ClusterLock&& from) noexcept : hosts_(std::exchange(from.hosts_, {})) {}
  ClusterLock& operator=(ClusterLock&& from) noexcept;
  ClusterLock(const ClusterLock&) = delete;
  ClusterLock& operator=(const ClusterLock&) = delete;
  ~ClusterLock();

private:
  ClusterLock() = default;
  std::array<std::shared_ptr<host::Host>, 2> hosts_;
};

} // namespace xen_drbd::engine
