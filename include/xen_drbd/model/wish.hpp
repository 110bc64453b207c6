#pragma once

#include "xen_drbd/model/topology.hpp"

#include <vector>

namespace xen_drbd::model {

/// What the administrator wants of a set of domains.
enum class Goal {
  start_here,         ///< start, start-all, start-my-domains
  migrate_out,        ///< migrate-out, migrate-all-out
  migrate_in,         ///< migrate-in, migrate-all-in, migrate-my-domains-home
  home_and_start_my,  ///< migrate-and-start-my-domains
  home_and_start_all, ///< migrate-and-start-all
  stop_here,          ///< stop, stop-all, stop-my-domains
  evacuate,           ///< evacuate
  recover,            ///< recover
};

struct Wish {
  Goal goal = Goal::start_here;
  std::vector<DomainName> domains; ///< the candidates, in topology order
  bool named =
      false; ///< the domains were typed: one that cannot be is refused; else it is passed over (`skipped` or left out)
  bool peer_is_dead = false;                  ///< an accepted claim of rule 5.6
  bool plain_ssh = false;                     ///< --plain-ssh
  bool destroy = false;                       ///< --destroy: after shutdown_timeout
  bool yes = false;                           ///< --yes, for what recover does only so
  std::optional<Milliseconds> shutdown_limit; ///< what --deadline leaves for a shutdown; shortens shutdown_timeout
};

} // namespace xen_drbd::model
