#include "xen_drbd/engine/lock.hpp"

#include <vector>

namespace xen_drbd::engine {
namespace {

constexpr Milliseconds lock_interval{100};

Error busy(const std::string& node, const std::string& holder, Milliseconds waited) {
  return {.kind = ErrorKind::busy,
          .what = "another run of xen-drbd holds the cluster lock",
          .because = "on " + node + ": " + (holder.empty() ? "its holder did not leave its name" : holder),
          .while_doing = {"waiting " + xen_drbd::to_string(waited) + " for it"},
          .changed = Changed::no,
          .hint = "wait for that run to end, or wait longer with --lock-wait"};
}

} // namespace

ClusterLock& ClusterLock::operator=(ClusterLock&& from) noexcept {
  std::swap(hosts_, from.hosts_);
  return *this;
}

ClusterLock::~ClusterLock() {
  for (auto host = hosts_.rbegin(); host != hosts_.rend(); ++host)
    if (*host) (*host)->unlock();
}

Result<ClusterLock> ClusterLock::acquire(const Cluster& cluster, Scope scope, const std::string& holder,
                                         Milliseconds wait, Clock& clock,
                                         const std::function<void(const std::string&)>& waiting,
                                         const std::function<bool()>& stop) {
  const auto deadline = clock.now() + wait;
  bool told = false;
  ClusterLock lock;
  for (model::NodeId node : model::both_nodes) {
    if (scope == Scope::this_node && node != cluster.this_node) continue;
    host::Host* host = cluster.host(node);
    if (host == nullptr) {
      if (cluster.peer_error) return *cluster.peer_error;
      return Error{.kind = ErrorKind::bug,
                   .what = "there is no host for " + cluster.name(node),
                   .because = {},
                   .while_doing = {},
                   .changed = Changed::no,
                   .hint = {}};
    }
    for (;;) {
      const auto tried = host->try_lock(holder);
      // also when it is not known whether it was taken
      if (!tried || !*tried) lock.hosts_[index(node)] = cluster.hosts[index(node)];
      if (!tried) {
        if (auto lost = host->lost()) return std::move(*lost);
        return tried.error();
      }
      if (!*tried) break;
      const std::optional<host::LockHolder>& present = *tried;
      if (!std::exchange(told, true) && waiting) waiting(cluster.name(node) + ": " + present->text);
      if (stop && stop())
        return Error{.kind = ErrorKind::interrupted,
                     .what = "interrupted while waiting for the cluster lock",
                     .because = "on " + cluster.name(node) + ": " + present->text,
                     .while_doing = {},
                     .changed = Changed::no,
                     .hint = {}};
      if (clock.now() >= deadline) return busy(cluster.name(node), present->text, wait);
      clock.sleep(lock_interval);
    }
  }
  return lock;
}

} // namespace xen_drbd::engine
