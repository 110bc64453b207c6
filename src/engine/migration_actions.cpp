#include "xen_drbd/base/log.hpp"
#include "xen_drbd/engine/observe.hpp"
#include "xen_drbd/engine/record.hpp"
#include "xen_drbd/xen/look.hpp"

#include "actions.hpp"
#include "commands.hpp"
#include "proof.hpp"

#include <algorithm>
#include <future>

namespace xen_drbd::engine {
namespace {

using model::Connection;
using model::NodeId;
using model::Presence;
using model::Role;

constexpr Milliseconds writing{10'000};

/// Writes $2 to the file $1 so that it is there, whole, after a power loss.
constexpr const char* write_record_script = R"sh(
umask 077
mkdir -p "${1%/*}" && printf %s "$2" > "$1.new" && sync "$1.new" && mv "$1.new" "$1" && sync "${1%/*}"
)sh";

std::string record_path(const DomainName& domain) { return "/var/lib/xen-drbd/" + domain.str() + ".migration"; }

} // namespace

host::Command write_record_command(const DomainName& domain, const std::string& text) {
  return {{"sh", "-c", write_record_script, "sh", record_path(domain), text}, writing};
}

host::Command remove_record_command(const DomainName& domain) {
  const std::string path = record_path(domain);
  return {{"rm", "-f", path, path + ".new"}, writing};
}

/// xl sends the configuration of the guest that runs, and that may have another disk than its file: attached since, or
/// given to another domain. Accident: shown possible: only the declared disks are promoted at the target, xl succeeds,
/// and every write to the other one fails. A device that cannot be read is no objection: whether a disk is dead at the
/// target is seen after the migration in any case (disks_are_open).
Result<> Actions::has_only_its_disks(NodeId node) {
  const auto not_migrated = [&](std::string because, std::string hint) {
    return Error{.kind = ErrorKind::refused,
                 .what = domain_.str() + " was not migrated",
                 .because = std::move(because),
                 .while_doing = {},
                 .changed = Changed::no,
                 .hint = std::move(hint)};
  };
  const model::Domain* declared = cluster_.topology->find(domain_);
  const auto answers = cluster_.host(node)->ask({xen::block_list_command(domain_)});
  const auto devices = xen::parse_block_list(answers.front());
  if (!devices)
    return not_migrated("its disks on " + cluster_.name(node) + " cannot be told: " + devices.error().because,
                        "on " + cluster_.name(node) + ": xl block-list " + domain_.str());
  for (const xen::BlockDevice& device : *devices) {
    if (!device.drbd_minor) continue;
    const bool its_own =
        declared != nullptr && std::any_of(declared->disks.begin(), declared->disks.end(),
                                           [&](const model::Disk& disk) { return disk.minor == *device.drbd_minor; });
    if (its_own) continue;
    const std::string name = "/dev/drbd" + std::to_string(device.drbd_minor->number);
    return not_migrated("it uses " + name + " on " + cluster_.name(node) +
                            ", which the topology does not declare for it",
                        "xl block-detach " + domain_.str() + " " + std::to_string(device.vdev) +
                            ", or declare the disk in the topology and in its configuration");
  }
  return {};
}

Result<MiB> Actions::ready_to_migrate(NodeId from) {
  XEN_DRBD_CHECK(may_arrive_on(cluster_, other(from), execution_.left_before));
  XEN_DRBD_CHECK(absent_so_far({other(from)}));
  const model::Observation source = observe_domains(cluster_, from);
  if (const auto* gone = std::get_if<model::Unreachable>(&source)) return gone->error;
  const model::DomainPresence found = presence_of(domain_, source);
  if (found.presence != Presence::running || found.rows.size() != 1)
    return Error{.kind = ErrorKind::refused,
                 .what = domain_.str() + " was not migrated",
                 .because = "it is " + std::string(to_string(found.presence)) + " on " + cluster_.name(from) + " now",
                 .while_doing = {},
                 .changed = Changed::no,
                 .hint = "look with xen-drbd status"};
  XEN_DRBD_CHECK(has_only_its_disks(from));
  XEN_DRBD_CHECK(still_in_command(cluster_));
  return found.rows.front().memory;
}

Migration& Actions::new_migration(NodeId from) {
  changed_ = true;
  run_.changed = true;
  migrating_from_ = from;
  migration_ = std::make_unique<Migration>(cluster_, domain_, from, execution_, clock_, run_.progress);
  migration_->clear_copies_with([this, target = other(from)] { clear_copy_away(target); });
  return *migration_;
}

/// As recover would. What does not succeed is seen by the next look, and left to recover.
void Actions::clear_copy_away(NodeId target) {
  const std::string copy = domain_.str() + "--incoming";
  const auto row = find_row(target, copy);
  if (!row || !*row || !(*row)->paused || (*row)->cpu_seconds > 0) return;
  Result<> cleared = perform(model::EndReceiver{target});
  if (cleared) cleared = perform(model::Destroy{target, copy});
  if (!cleared) log::info(copy + " was not cleared away: " + cleared.error().because);
}

Result<> Actions::perform(const model::CopyMemory& step) {
  XEN_DRBD_TRY(std::shared_ptr<Relay> relay, run_.relay_on(step.from));
  XEN_DRBD_TRY(const MiB memory, ready_to_migrate(step.from));
  XEN_DRBD_CHECK(new_migration(step.from).copy(std::move(relay), memory));
  // before the window is opened: a link that is cut while the target is promoted must find the record (rule 5.12)
  XEN_DRBD_CHECK(note_writes(step.from));
  return write_record(step.from, true);
}

Result<> Actions::perform(const model::HandOver& step) {
  if (!migration_)
    return Error{.kind = ErrorKind::bug,
                 .what = "a domain changes sides that was not copied",
                 .because = domain_.str(),
                 .while_doing = {},
                 .changed = Changed::no,
                 .hint = {}};
  XEN_DRBD_CHECK(last_look(step.from));
  XEN_DRBD_CHECK(migration_->hand_over([&]() -> Result<> {
    XEN_DRBD_CHECK(write_record(step.from, false));
    auto right = last_look(step.from);
    // nothing is passed: the record must not say that it was
    if (!right)
      if (auto written = write_record(step.from, true); !written) log::warn(written.error().because);
    return right;
  }));
  return disks_are_open(other(step.from), true);
}

Result<> Actions::perform(const model::MigratePlain& step) {
  XEN_DRBD_TRY(const MiB memory, ready_to_migrate(step.from));
  XEN_DRBD_CHECK(new_migration(step.from).copy_plainly(memory));
  return disks_are_open(other(step.from), true);
}

std::vector<ResourceName> Actions::promoted_resources() const {
  std::vector<ResourceName> names;
  for (const model::Step& step : plan_.steps)
    if (const auto* promote = std::get_if<model::Promote>(&step.action)) names.push_back(promote->resource);
  return names;
}

Result<> Actions::target_disk_is_right(NodeId target, const ResourceName& name) {
  const auto wrong = [&](std::string_view state) {
    return failed(domain_.str() + " was not migrated",
                  name.str() + " is " + std::string(state) + " on " + cluster_.name(target) + " at the last look");
  };
  XEN_DRBD_TRY(const model::Resource seen, resource(target, name));
  if (seen.role != Role::primary) return wrong(to_string(seen.role));
  if (seen.connection != Connection::connected) return wrong(to_string(seen.connection));
  if (seen.suspended) return wrong("suspended");
  for (const model::Volume& volume : seen.volumes)
    if (volume.disk != model::DiskState::up_to_date) return wrong(to_string(volume.disk));
  return {};
}

/// Either end may be the first to notice that the link is gone.
Result<> Actions::source_is_connected(NodeId from) {
  for (const ResourceName& name : promoted_resources()) {
    XEN_DRBD_TRY(const model::Resource seen, resource(from, name));
    if (seen.connection != Connection::connected)
      return failed(domain_.str() + " was not migrated", name.str() + " is " + std::string(to_string(seen.connection)) +
                                                             " on " + cluster_.name(from) + " at the last look");
  }
  return {};
}

/// The guest stands still meanwhile: its mark and its disks are asked for side by side.
Result<> Actions::last_look(NodeId from) {
  const NodeId target = other(from);
  auto arriving =
      std::async(std::launch::async, [&] { return may_arrive_on(cluster_, target, execution_.left_before); });
  auto source = std::async(std::launch::async, [&] { return source_is_connected(from); });
  Result<> disks;
  for (const ResourceName& name : promoted_resources())
    if (disks) disks = target_disk_is_right(target, name);
  if (Result<> connected = source.get(); disks) disks = std::move(connected);
  XEN_DRBD_CHECK(arriving.get());
  XEN_DRBD_CHECK(disks);
  return still_in_command(cluster_);
}

/// What a target has written while it is Connected is known to its source. One that lost its link may have been
/// promoted by hand, and have written what nobody else has. Accident: found by the model: what somebody wrote so while
/// the memory was copied was in the record as known, and `recover` discarded it.
/// The guest is suspended by now: whatever is written to its source's disks from here on is not its own, and its memory
/// does not know of it.
Result<> Actions::note_writes(NodeId from) {
  const NodeId target = other(from);
  for (const ResourceName& name : promoted_resources()) {
    XEN_DRBD_TRY(const auto seen, resource_on_both(name));
    const model::Resource& there = seen[index(target)];
    if (there.connection != Connection::connected)
      return failed(domain_.str() + " was not migrated", name.str() + " is " +
                                                             std::string(to_string(there.connection)) + " on " +
                                                             cluster_.name(target) + " at the end of the copy");
    for (const model::Volume& volume : there.volumes) {
      noted_.target_writes[volume.minor] = volume.own_writes();
      noted_.target_received[volume.minor] = volume.received_kib;
    }
    for (const model::Volume& volume : seen[index(from)].volumes)
      noted_.source_written[volume.minor] = volume.written_kib;
  }
  return {};
}

Result<> Actions::write_record(NodeId from, bool before_go) {
  Record record = noted_;
  record.run = execution_.run_id;
  record.source = cluster_.name(from);
  record.source_identity = execution_.identities[index(from)];
  record.target_identity = execution_.identities[index(other(from))];
  record.before_go = before_go;
  const host::Outcome outcome = act(from, write_record_command(domain_, to_text(record)));
  if (!outcome.ok())
    return failed(domain_.str() + " was not migrated",
                  "the record of its migration could not be written: " + host::describe(outcome),
                  "see whether /var/lib/xen-drbd on " + cluster_.name(from) + " can be written");
  recorded_ = true;
  return {};
}

Result<> Actions::perform(const model::RemoveRecord& step) {
  XEN_DRBD_CHECK(in_command(step.node));
  const host::Outcome outcome = act(step.node, remove_record_command(domain_));
  if (outcome.ok()) return {};
  return failed("the record of an earlier migration of " + domain_.str() + " was not removed", host::describe(outcome),
                "remove " + record_path(domain_) + " on " + cluster_.name(step.node));
}

/// The record may prove something as long as DRBD is not Connected: it goes only then.
void Actions::conclude(bool nothing_left_behind) {
  if (!recorded_ || !nothing_left_behind || !runs_on() || !migration_->whereabouts()->clean) return;
  for (const ResourceName& name : promoted_resources()) {
    const auto seen = resource_on_both(name);
    if (!seen || (*seen)[0].connection != Connection::connected || (*seen)[1].connection != Connection::connected)
      return;
  }
  const host::Outcome outcome = act(*migrating_from_, remove_record_command(domain_));
  if (!outcome.ok()) log::warn(record_path(domain_) + " could not be removed: " + host::describe(outcome));
}

} // namespace xen_drbd::engine
