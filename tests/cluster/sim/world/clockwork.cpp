#include "world/clockwork.hpp"

#include "drbd/kernel.hpp"
#include "xen/guest.hpp"

#include <functional>

namespace sim {

namespace {

struct Due {
  double at = -1;
  std::function<void()> happen;
};

void consider(Due& first, double at, std::function<void()> happen) {
  if (at >= 0 && (first.at < 0 || at < first.at)) { first = {at, std::move(happen)}; }
}

void consider_guests(World& world, State& state, Due& first) {
  for (int n = 0; n < 2; ++n) {
    for (auto& domain : node_of(state, n).domains) {
      if (domain.wanted_at >= 0) {
        consider(first, domain.wanted_at,
                 [&world, &state, n, &domain] { guest_shuts_down(world, state, n, domain, domain.wanted_at); });
      }
    }
  }
}

void consider_links(World& world, State& state, Due& first) {
  for (int n = 0; n < 2; ++n) {
    for (auto& resource : node_of(state, n).resources) {
      if (resource.broken_at >= 0) {
        const double at = resource.broken_at + state.settings.ping_timeout;
        consider(first, at, [&world, &state, n, &resource, at] { lose_peer(world, state, n, resource, at); });
      }
      if (resource.sync_until >= 0) {
        consider(first, resource.sync_until,
                 [&world, &state, n, &resource] { finish_resync(world, state, n, resource, resource.sync_until); });
      }
    }
  }
  for (const auto& [name, at] : handshakes_due(state)) {
    consider(first, at, [&world, &state, name = name, at = at] { handshake(world, state, name, at); });
  }
}

} // namespace

void advance(World& world, State& state, double now) {
  for (;;) {
    Due first;
    consider_guests(world, state, first);
    consider_links(world, state, first);
    if (first.at < 0 || first.at > now) { break; }
    account_writes(world, state, first.at);
    first.happen();
  }
  account_writes(world, state, now);
}

} // namespace sim
