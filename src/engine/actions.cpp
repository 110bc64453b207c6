#include "actions.hpp"

#include "proof.hpp"
#include "xen_drbd/drbd/act.hpp"
#include "xen_drbd/base/log.hpp"
#include "xen_drbd/engine/observe.hpp"
#include "xen_drbd/engine/record.hpp"
#include "xen_drbd/xen/act.hpp"
#include "xen_drbd/xen/look.hpp"

#include <algorithm>

namespace xen_drbd::engine {
namespace {

using model::Connection;
using model::NodeId;
using model::Presence;
using model::Role;
using model::TwoPrimaries;

constexpr Milliseconds retry_interval{500};
constexpr Milliseconds look_interval{300};
constexpr Milliseconds clearing_patience{5000}; // what xl's watcher takes to clear a domain away that has shut down

std::string_view words(TwoPrimaries setting) {
  return setting == TwoPrimaries::yes ? "yes" : setting == TwoPrimaries::no ? "no" : "unknown";
}

/// Ends the one process that a far command recorded: $1 the record ("PID STARTTIME"). A later process with that pid has
/// another start time (field 22 of /proc/PID/stat) and is left alone.
constexpr const char* end_receiver_script = R"sh(
[ -s "$1" ] || exit 0
read -r pid start < "$1" || exit 0
stat=$(cat "/proc/$pid/stat" 2> /dev/null) || exit 0
set -- "$1" ${stat##*)}
[ "${21}" = "$start" ] || exit 0
kill -TERM "$pid"
for i in 1 2 3 4 5 6 7 8 9 10; do
  [ -e "/proc/$pid/stat" ] || exit 0
  sleep 0.5
done
echo "process $pid did not end" >&2
exit 1
)sh";

/// Writes $2 to the file $1 so that it is there, whole, after a power loss.
constexpr const char* write_record_script = R"sh(
umask 077
mkdir -p "${1%/*}" && printf %s "$2" > "$1.new" && sync "$1.new" && mv "$1.new" "$1" && sync "${1%/*}"
)sh";

std::string record_path(const DomainName& domain) { return "/var/lib/xen-drbd/" + domain.str() + ".migration"; }

} // namespace

Result<std::shared_ptr<Relay>> Relays::on(NodeId node) {
  const std::scoped_lock guard(mutex_);
  auto& relay = relays_[index(node)];
  if (!relay) {
    XEN_DRBD_TRY(std::shared_ptr<Relay> opened, Relay::open(cluster_, node, run_));
    relay = std::move(opened);
  }
  return relay;
}

Result<> Actions::perform(const model::Step& step) {
  if (execution_.peer_is_dead && (std::holds_alternative<model::Promote>(step.action) || std::holds_alternative<model::Create>(step.action)))
    XEN_DRBD_CHECK(peer_still_dead());
  return std::visit([this](const auto& action) { return perform(action); }, step.action);
}

void Actions::abandon(const Error& failure) {
  if (migration_) migration_->abandon(failure.because);
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

Error Actions::failed(std::string what, std::string because, std::string hint) const {
  return {.kind = ErrorKind::failed, .what = std::move(what), .because = std::move(because), .while_doing = {}, .changed = changed_ ? Changed::yes : Changed::no, .hint = std::move(hint)};
}

host::Outcome Actions::act(NodeId node, const host::Command& command) {
  host::Host* host = cluster_.host(node);
  if (host == nullptr) return {.end = host::End::lost, .status = 0, .out = {}, .err = {}, .lost_because = "there is no connection to " + cluster_.name(node)};
  changed_ = true;
  return host->act(command);
}

Result<model::Resource> Actions::resource(NodeId node, const ResourceName& name) {
  XEN_DRBD_TRY(const std::vector<model::Resource> all, observe_drbd(cluster_, node));
  const auto found = std::find_if(all.begin(), all.end(), [&](const model::Resource& r) { return r.name == name; });
  if (found == all.end()) return failed(name.str() + " is not up on " + cluster_.name(node), "DRBD does not list it", "drbdadm up " + name.str());
  return *found;
}

Result<> Actions::peer_still_dead() {
  if (!execution_.still_dead) return {};
  if (auto alive = execution_.still_dead()) return std::move(*alive);
  return {};
}

// --- DRBD ---

Result<> Actions::perform(const model::Promote& step) {
  XEN_DRBD_CHECK(still_in_command(cluster_));
  const host::Outcome outcome = act(step.node, drbd::primary_command(step.resource));
  XEN_DRBD_TRY(const model::Resource seen, resource(step.node, step.resource));
  if (seen.role == Role::primary) return {};
  const drbd::Explanation why = drbd::explain(outcome);
  return failed(step.resource.str() + " was not promoted on " + cluster_.name(step.node), why.text.empty() ? "its role is " + std::string(to_string(seen.role)) : why.text);
}

Result<> Actions::perform(const model::Demote& step) {
  const auto deadline = clock_.now() + execution_.demote_patience;
  for (;;) {
    XEN_DRBD_TRY(const model::Resource before, resource(step.node, step.resource));
    if (before.role == Role::secondary) return {};
    XEN_DRBD_CHECK(prove_absent(cluster_, domain_, step.node, std::max(Milliseconds(0), std::chrono::duration_cast<Milliseconds>(deadline - clock_.now())), clock_));
    XEN_DRBD_CHECK(still_in_command(cluster_));
    const host::Outcome outcome = act(step.node, drbd::secondary_command(step.resource));
    XEN_DRBD_TRY(const model::Resource after, resource(step.node, step.resource));
    if (after.role == Role::secondary) return {};
    const drbd::Explanation why = drbd::explain(outcome);
    if (!drbd::retry_is_sensible(why.refusal) || clock_.now() >= deadline)
      return failed(step.resource.str() + " was not demoted on " + cluster_.name(step.node), why.text,
                    why.refusal == drbd::Refusal::held_open ? "see what has its device open on " + cluster_.name(step.node) + ", then drbdadm secondary " + step.resource.str() : "");
    clock_.sleep(retry_interval);
  }
}

Result<> Actions::set_window(const ResourceName& name, bool open) {
  const std::string verb = open ? "opened" : "closed";
  const TwoPrimaries wanted = open ? TwoPrimaries::yes : TwoPrimaries::no;
  for (NodeId node : model::both_nodes) {
    XEN_DRBD_TRY(const model::Resource seen, resource(node, name));
    if (seen.connection != Connection::connected)
      return failed("the two-primaries window of " + name.str() + " was not " + verb, cluster_.name(node) + " is " + std::string(to_string(seen.connection)) + ": settings that differ would keep DRBD from reconnecting",
                    open ? "" : "once it is Connected again, any changing run of xen-drbd or xen-drbd recover closes it");
  }
  XEN_DRBD_CHECK(still_in_command(cluster_));
  std::string refused;
  for (NodeId node : model::both_nodes) {
    const host::Outcome outcome = act(node, drbd::two_primaries_command(name, open));
    if (const drbd::Explanation why = drbd::explain(outcome); why.refusal != drbd::Refusal::none) refused = cluster_.name(node) + ": " + why.text;
  }
  for (NodeId node : model::both_nodes) {
    XEN_DRBD_TRY(const model::Resource seen, resource(node, name));
    if (seen.two_primaries != wanted)
      return failed("the two-primaries window of " + name.str() + " was not " + verb, refused.empty() ? "allow-two-primaries is " + std::string(words(seen.two_primaries)) + " on " + cluster_.name(node) : refused,
                    "xen-drbd status shows it; xen-drbd recover closes it");
  }
  return {};
}

Result<> Actions::perform(const model::OpenWindow& step) { return set_window(step.resource, true); }

Result<> Actions::perform(const model::CloseWindow& step) {
  // closed already: a failure before the window was opened, or another domain's run of this resource
  bool open = false;
  for (NodeId node : model::both_nodes) {
    XEN_DRBD_TRY(const model::Resource seen, resource(node, step.resource));
    open = open || seen.two_primaries != TwoPrimaries::no;
  }
  return open ? set_window(step.resource, false) : Result<>();
}

Result<> Actions::perform(const model::Reconnect& step) {
  XEN_DRBD_CHECK(still_in_command(cluster_));
  const host::Outcome discarding = act(step.discard_on, drbd::connect_discarding_command(step.resource));
  const host::Outcome connecting = act(other(step.discard_on), drbd::connect_command(step.resource));
  const auto deadline = clock_.now() + Milliseconds(15'000);
  for (;;) {
    XEN_DRBD_TRY(const model::Resource seen, resource(step.discard_on, step.resource));
    if (seen.connection == Connection::connected) return {};
    if (clock_.now() >= deadline) {
      const drbd::Explanation there = drbd::explain(discarding);
      const drbd::Explanation here = drbd::explain(connecting);
      return failed(step.resource.str() + " did not reconnect", there.text + (there.text.empty() ? "" : "; ") + (here.text.empty() ? "it is " + std::string(to_string(seen.connection)) : here.text));
    }
    clock_.sleep(retry_interval);
  }
}

// --- xl ---

Result<> Actions::disks_are_open(NodeId node) {
  const auto answers = cluster_.host(node)->ask({xen::block_list_command(domain_)});
  XEN_DRBD_TRY(const std::vector<xen::BlockDevice> devices, xen::parse_block_list(answers.front()));
  for (const xen::BlockDevice& device : devices)
    if (xen::is_closed(device))
      return failed(domain_.str() + " runs on " + cluster_.name(node) + " without a disk", "its block device " + std::to_string(device.vdev) + " is closed (" + device.backend_path + ")",
                    "xl destroy " + domain_.str() + " on " + cluster_.name(node) + ", see that its DRBD is Primary there, start it again");
  return {};
}

Result<> Actions::perform(const model::Create& step) {
  for (NodeId node : model::both_nodes)
    if (cluster_.host(node) != nullptr || !execution_.peer_is_dead) XEN_DRBD_CHECK(prove_absent(cluster_, domain_, node, Milliseconds(0), clock_));
  XEN_DRBD_CHECK(still_in_command(cluster_));
  host::Command command = xen::create_command(step.config);
  command.timeout = execution_.create_timeout;
  const host::Outcome outcome = act(step.node, command);

  const model::DomainPresence found = presence_of(domain_, observe_domains(cluster_, step.node));
  const std::string& node = cluster_.name(step.node);
  if (outcome.end != host::End::exited || found.presence == Presence::unknown) {
    Error error = failed("whether " + domain_.str() + " was started on " + node + " is not known", outcome.end != host::End::exited ? host::describe(outcome) : found.why,
                         "look with xen-drbd status, then run xen-drbd recover " + domain_.str());
    error.kind = ErrorKind::unknown;
    return error;
  }
  if (found.presence == Presence::running || found.presence == Presence::paused) {
    if (outcome.status != 0) return failed(domain_.str() + " is on " + node + ", but xl create failed", xen::explain(outcome), "look with xl list on " + node);
    return disks_are_open(step.node);
  }
  if (outcome.status == 0) return failed(domain_.str() + " did not stay up on " + node, "xl create succeeded, and now it is " + std::string(to_string(found.presence)), "see /var/log/xen/xl-" + domain_.str() + ".log and its console log on " + node);
  return failed(domain_.str() + " was not started on " + node, xen::explain(outcome), "xl create " + step.config + " on " + node + " says more");
}

Result<> Actions::perform(const model::Shutdown& step) {
  XEN_DRBD_CHECK(still_in_command(cluster_));
  const std::string& node = cluster_.name(step.node);
  const host::Outcome asked = act(step.node, xen::shutdown_command(domain_));
  const auto begin = clock_.now();
  std::optional<std::chrono::steady_clock::time_point> shut_down_since;
  for (;;) {
    const model::DomainPresence found = presence_of(domain_, observe_domains(cluster_, step.node));
    if (found.presence == Presence::absent) return {};
    const bool left_behind = found.presence == Presence::shut_down && !found.has_watcher && found.watchers_known;
    if (left_behind && !shut_down_since) shut_down_since = clock_.now();
    // powered off, and nobody is there to clear it away: it would hold its disks for ever
    if (left_behind && clock_.now() - *shut_down_since >= clearing_patience) return perform(model::Destroy{step.node, domain_.str()});
    if (clock_.now() - begin >= step.timeout) break;
    if (!asked.ok() && found.presence == Presence::running && clock_.now() - begin >= clearing_patience && !step.destroy_after)
      return failed(domain_.str() + " was not shut down on " + node, xen::explain(asked), "repeat with --destroy to end it without asking the guest");
    clock_.sleep(look_interval);
  }
  if (step.destroy_after) return perform(model::Destroy{step.node, domain_.str()});
  return failed(domain_.str() + " did not shut down on " + node, "it was asked and still runs after " + xen_drbd::to_string(step.timeout),
                "look at its console, wait longer (shutdown_timeout), or repeat with --destroy");
}

Result<> Actions::perform(const model::Destroy& step) {
  XEN_DRBD_CHECK(still_in_command(cluster_));
  XEN_DRBD_TRY(const host::Command command, xen::destroy_command(step.row));
  const host::Outcome outcome = act(step.node, command);
  const auto deadline = clock_.now() + execution_.demote_patience;
  for (;;) {
    const model::Observation seen = observe_domains(cluster_, step.node);
    const auto* state = std::get_if<model::NodeState>(&seen);
    if (state != nullptr && state->rows &&
        std::none_of(state->rows->begin(), state->rows->end(), [&](const model::DomainRow& row) { return row.name == step.row || row.name == "(null)"; }))
      return {};
    if (clock_.now() >= deadline)
      return failed(step.row + " was not destroyed on " + cluster_.name(step.node), outcome.ok() ? "it is still listed" : xen::explain(outcome), "look with xl list on " + cluster_.name(step.node));
    clock_.sleep(look_interval);
  }
}

Result<> Actions::perform(const model::Unpause& step) {
  XEN_DRBD_CHECK(prove_absent(cluster_, domain_, other(step.node), clearing_patience, clock_));
  XEN_DRBD_CHECK(still_in_command(cluster_));
  const host::Outcome outcome = act(step.node, xen::unpause_command(domain_));
  const model::DomainPresence found = presence_of(domain_, observe_domains(cluster_, step.node));
  if (found.presence == Presence::running) return {};
  return failed(domain_.str() + " was not unpaused on " + cluster_.name(step.node), outcome.ok() ? "it is " + std::string(to_string(found.presence)) : xen::explain(outcome));
}

Result<> Actions::perform(const model::Resume& step) {
  XEN_DRBD_CHECK(prove_absent(cluster_, domain_, other(step.node), clearing_patience, clock_));
  XEN_DRBD_CHECK(still_in_command(cluster_));
  XEN_DRBD_TRY(const host::Command command, xen::resume_command(step.row));
  const host::Outcome outcome = act(step.node, command);
  const model::Observation seen = observe_domains(cluster_, step.node);
  if (const auto* state = std::get_if<model::NodeState>(&seen); state != nullptr && state->rows)
    for (const model::DomainRow& row : *state->rows)
      if (row.name == step.row && !row.shut_down && !row.paused) return {};
  return failed(step.row + " was not resumed on " + cluster_.name(step.node), outcome.ok() ? "it does not run" : xen::explain(outcome));
}

Result<> Actions::perform(const model::EndReceiver& step) {
  XEN_DRBD_CHECK(still_in_command(cluster_));
  const host::Outcome outcome = act(step.node, {{"sh", "-c", end_receiver_script, "sh", cluster_.run_directory + "/receive-" + domain_.str()}, Milliseconds(15'000)});
  if (outcome.ok()) return {};
  return failed("the receiver of " + domain_.str() + " did not end on " + cluster_.name(step.node), host::describe(outcome));
}

// --- migration ---

Result<> Actions::ready_to_migrate(NodeId from) {
  XEN_DRBD_CHECK(prove_absent(cluster_, domain_, other(from), Milliseconds(0), clock_));
  const model::DomainPresence at_source = presence_of(domain_, observe_domains(cluster_, from));
  if (at_source.presence != Presence::running)
    return Error{.kind = ErrorKind::refused, .what = domain_.str() + " was not migrated", .because = "it is " + std::string(to_string(at_source.presence)) + " on " + cluster_.name(from) + " now", .while_doing = {}, .changed = Changed::no, .hint = "look with xen-drbd status"};
  return still_in_command(cluster_);
}

Result<> Actions::perform(const model::CopyMemory& step) {
  XEN_DRBD_CHECK(ready_to_migrate(step.from));
  XEN_DRBD_TRY(std::shared_ptr<Relay> relay, relays_.on(step.from));
  changed_ = true;
  migrating_from_ = step.from;
  migration_ = std::make_unique<Migration>(cluster_, domain_, step.from, execution_, clock_, progress_);
  return migration_->copy(std::move(relay));
}

Result<> Actions::last_look(NodeId from) {
  XEN_DRBD_CHECK(still_in_command(cluster_));
  for (const model::Step& step : plan_.steps) {
    const auto* promote = std::get_if<model::Promote>(&step.action);
    if (promote == nullptr) continue;
    XEN_DRBD_TRY(const model::Resource target, resource(other(from), promote->resource));
    if (target.role != Role::primary || target.connection != Connection::connected)
      return failed(domain_.str() + " was not migrated", promote->resource.str() + " is " + std::string(to_string(target.role)) + " and " + std::string(to_string(target.connection)) + " on " + cluster_.name(other(from)) + " at the last look");
  }
  return still_in_command(cluster_);
}

Result<> Actions::write_record(NodeId from, bool before_go) {
  Record record{.run = execution_.run_id,
                .source = cluster_.name(from),
                .source_identity = execution_.identities[index(from)],
                .target_identity = execution_.identities[index(other(from))],
                .before_go = before_go,
                .target_writes = {}};
  for (const model::Step& step : plan_.steps)
    if (const auto* promote = std::get_if<model::Promote>(&step.action)) {
      XEN_DRBD_TRY(const model::Resource target, resource(other(from), promote->resource));
      for (const model::Volume& volume : target.volumes) record.target_writes[volume.minor] = volume.written_kib - volume.received_kib;
    }
  const host::Outcome outcome = act(from, {{"sh", "-c", write_record_script, "sh", record_path(domain_), to_text(record)}, Milliseconds(10'000)});
  if (!outcome.ok()) return failed(domain_.str() + " was not migrated", "the record of its migration could not be written: " + host::describe(outcome), "see whether /var/lib/xen-drbd on " + cluster_.name(from) + " can be written");
  recorded_ = true;
  return {};
}

void Actions::conclude(bool nothing_left_behind) {
  if (!recorded_ || !nothing_left_behind || !runs_on()) return;
  const host::Outcome outcome = act(*migrating_from_, {{"rm", "-f", record_path(domain_)}, Milliseconds(10'000)});
  if (!outcome.ok()) log::warn(record_path(domain_) + " could not be removed: " + host::describe(outcome));
}

Result<> Actions::perform(const model::HandOver& step) {
  if (!migration_) return Error{.kind = ErrorKind::bug, .what = "a domain changes sides that was not copied", .because = domain_.str(), .while_doing = {}, .changed = Changed::no, .hint = {}};
  XEN_DRBD_CHECK(still_in_command(cluster_));
  XEN_DRBD_CHECK(write_record(step.from, true));
  XEN_DRBD_CHECK(migration_->hand_over([&]() -> Result<> {
    XEN_DRBD_CHECK(last_look(step.from));
    return write_record(step.from, false);
  }));
  return disks_are_open(other(step.from));
}

Result<> Actions::perform(const model::MigratePlain& step) {
  XEN_DRBD_CHECK(ready_to_migrate(step.from));
  changed_ = true;
  migrating_from_ = step.from;
  migration_ = std::make_unique<Migration>(cluster_, domain_, step.from, execution_, clock_, progress_);
  XEN_DRBD_CHECK(migration_->copy_plainly());
  return disks_are_open(other(step.from));
}

} // namespace xen_drbd::engine
