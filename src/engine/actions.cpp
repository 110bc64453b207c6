#include "actions.hpp"

#include "xen_drbd/engine/observe.hpp"

#include "proof.hpp"

namespace xen_drbd::engine {

using model::NodeId;
using model::Verdict;

Result<std::shared_ptr<Relay>> Run::relay_on(NodeId node) {
  const std::scoped_lock guard(mutex_);
  auto& relay = relays_[index(node)];
  if (!relay || relay->ended()) {
    XEN_DRBD_TRY(std::shared_ptr<Relay> opened, Relay::open(cluster, node, execution.run_id, clock));
    relay = std::move(opened);
  }
  return relay;
}

Result<> Actions::perform(const model::Step& step) {
  const bool brings_to_life = std::holds_alternative<model::Promote>(step.action) ||
                              std::holds_alternative<model::Create>(step.action) ||
                              std::holds_alternative<model::Resume>(step.action);
  if (execution_.peer_is_dead && brings_to_life) XEN_DRBD_CHECK(peer_still_dead());
  return std::visit([this](const auto& action) { return perform(action); }, step.action);
}

std::optional<Error> Actions::abandon(const Error& failure) {
  return migration_ ? migration_->abandon(failure.because) : std::nullopt;
}

std::optional<NodeId> Actions::runs_on() const {
  if (!migration_ || !migration_->whereabouts()) return std::nullopt;
  switch (migration_->whereabouts()->moved) {
  case Moved::yes: return other(*migrating_from_);
  case Moved::no: return migrating_from_;
  case Moved::unclear: return std::nullopt;
  }
  return std::nullopt;
}

host::Outcome Actions::act(NodeId node, const host::Command& command) {
  host::Host* host = cluster_.host(node);
  if (host == nullptr)
    return {.end = host::End::lost,
            .status = 0,
            .out = {},
            .err = {},
            .lost_because = "there is none to " + cluster_.name(node)};
  changed_ = true;
  run_.changed = true;
  return host->act(command);
}

Result<> Actions::in_command(NodeId node) {
  return plan_.verdict == Verdict::stop ? still_in_command(cluster_, node) : still_in_command(cluster_);
}

Result<> Actions::peer_still_dead() {
  if (!execution_.still_dead) return {};
  if (auto alive = execution_.still_dead()) return std::move(*alive);
  return {};
}

Result<> Actions::not_leaving(NodeId target) {
  if (target == cluster_.this_node || cluster_.host(target) == nullptr) return {};
  XEN_DRBD_TRY(const bool leaving, observe_leaving(cluster_, target));
  if (!leaving) return {};
  const std::string& node = cluster_.name(target);
  return Error{.kind = ErrorKind::refused,
               .what = domain_.str() + " was not brought to " + node,
               .because = node + " is leaving: it is being evacuated",
               .while_doing = {},
               .changed = changed_ ? Changed::yes : Changed::no,
               .hint = "on " + node + ": xen-drbd evacuate --cancel, or start it there"};
}

Error Actions::failed(std::string what, std::string because, std::string hint) const {
  return {.kind = ErrorKind::failed,
          .what = std::move(what),
          .because = std::move(because),
          .while_doing = {},
          .changed = changed_ ? Changed::yes : Changed::no,
          .hint = std::move(hint)};
}

Error Actions::not_known(std::string what, std::string because, std::string hint) const {
  Error error = failed(std::move(what), std::move(because), std::move(hint));
  error.kind = ErrorKind::unknown;
  return error;
}

} // namespace xen_drbd::engine
