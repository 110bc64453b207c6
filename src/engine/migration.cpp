#include "migration.hpp"

#include "xen_drbd/base/quote.hpp"
#include "xen_drbd/base/text.hpp"
#include "xen_drbd/transport/ssh.hpp"
#include "xen_drbd/xen/act.hpp"

#include "ssh_words.hpp"
#include "stop.hpp"

#include <algorithm>
#include <thread>

namespace xen_drbd::engine {
namespace {

constexpr Milliseconds inbox_slice{200};        // how long an interruption may go unnoticed
constexpr Milliseconds xl_grace{600'000};       // what xl may take beyond the copy: suspend, restore, clearing away
constexpr Milliseconds ending_patience{90'000}; // from the end of the stream to the end of xl; the target clears first
constexpr Milliseconds last_words{1000};        // what a transport's own reason may take after xl has ended
constexpr Milliseconds settling{20'000};
// what xl gets beyond `moves_end`: more than a last leg, or the end of a cancelled copy, usually takes
constexpr Milliseconds hurried{10'000};

std::string phase_words(transport::Phase phase) {
  switch (phase) {
  case transport::Phase::nothing_sent: return "connecting";
  case transport::Phase::copying:
  case transport::Phase::plain: return "copying";
  case transport::Phase::held: return "last record held";
  case transport::Phase::released:
  case transport::Phase::ready: return "restoring";
  case transport::Phase::passed:
  case transport::Phase::gone: return "changing sides";
  }
  return "copying";
}

/// Whether the outcome says that the process is no more.
bool is_over(const host::Outcome& outcome) {
  return outcome.end == host::End::exited || outcome.end == host::End::signalled;
}

} // namespace

Migration::~Migration() {
  clear_copy_ = nullptr; // its owner goes as well
  abandon("the run ended");
  if (relay_) relay_->forget(domain_);
}

Result<> Migration::copy(std::shared_ptr<Relay> relay, MiB memory) {
  relay_ = std::move(relay);
  start({cluster_.tools[index(from_)], "transport", "--run-directory", cluster_.run_directory, execution_.run_id,
         domain_.str()},
        memory);
  while (!over()) {
    cancel_when_due();
    const auto message = hear();
    if (!message || !std::holds_alternative<transport::Held>(*message) || cancelled_) continue;
    tell(transport::Phase::held, copied_bytes_);
    return {};
  }
  return verdict();
}

Result<> Migration::hand_over(const std::function<Result<>()>& last_look) {
  say(transport::Release{});
  while (!over()) {
    cancel_when_due();
    const auto message = hear();
    if (message && std::holds_alternative<transport::Ready>(*message) && !cancelled_) decide(last_look);
  }
  Error error = verdict();
  if (whereabouts_->moved == Moved::yes && whereabouts_->clean && error.kind == ErrorKind::failed) return {};
  return error;
}

Result<> Migration::copy_plainly(MiB memory) {
  const std::string far = transport::far_command({.identity = execution_.identities[index(other(from_))],
                                                  .domain = domain_,
                                                  .words = {"xl", "migrate-receive"},
                                                  .run_directory = cluster_.run_directory});
  XEN_DRBD_TRY(const std::vector<std::string> words, ssh_words(far));
  // xl puts the address and its own remote command behind the words given to -s; as arguments of this sh they go unused
  start({"sh", "-c", "exec " + shell_join(words), "xl"}, memory);
  tell(transport::Phase::plain, 0);
  passed_ = true; // nothing can hold it back
  wait_at_most(cluster_.topology->migrate_timeout + xl_grace);
  while (!over()) hear();
  Error error = verdict();
  if (whereabouts_->moved == Moved::yes && whereabouts_->clean && error.kind == ErrorKind::failed) return {};
  return error;
}

std::optional<Error> Migration::abandon(const std::string& why) {
  if (!inbox_ || whereabouts_) return std::nullopt;
  if (!passed_) cancel(why, ErrorKind::failed);
  while (!over()) hear();
  return verdict();
}

void Migration::start(const std::vector<std::string>& transport, MiB memory) {
  const model::Topology& topology = *cluster_.topology;
  memory_bytes_ = static_cast<std::uint64_t>(memory.count) << 20U;
  deadline_ = clock_.now() + topology.migrate_timeout;
  inbox_ = std::make_shared<Inbox>();
  if (relay_) relay_->expect(domain_, inbox_);
  const host::Command command = xen::migrate_command(transport, domain_, topology.node(other(from_)).migration_address,
                                                     topology.migrate_timeout + xl_grace);
  // detached: an xl that does not end must not keep this run from reporting it
  std::thread([host = cluster_.hosts[index(from_)], inbox = inbox_, command] {
    inbox->xl_returned(host->act(command));
  }).detach();
  progress_.xl_migrate(domain_, true);
}

std::optional<transport::TransportMessage> Migration::hear() {
  auto message = inbox_->next(inbox_slice, clock_);
  if (!message) return std::nullopt;
  if (const auto* hello = std::get_if<transport::Hello>(&*message))
    answer(*hello);
  else if (const auto* progress = std::get_if<transport::Progress>(&*message))
    tell(progress->phase, progress->page_bytes);
  else if (const auto* ended = std::get_if<transport::Ended>(&*message))
    ended_ = *ended;
  else
    return message;
  return std::nullopt;
}

bool Migration::over() const {
  return ended_ || inbox_->silent() || inbox_->xl() || (give_up_ && clock_.now() >= *give_up_);
}

bool Migration::xl_ended() const {
  const auto outcome = inbox_->xl();
  return outcome && is_over(*outcome);
}

void Migration::answer(const transport::Hello& hello) {
  if (cancelled_) return say(transport::End{cancelled_because_});
  auto settings = settings_for(hello);
  if (settings)
    say(std::move(*settings));
  else
    cancel(settings.error().because, ErrorKind::failed);
}

Result<transport::Settings> Migration::settings_for(const transport::Hello& hello) const {
  if (hello.version != transport::protocol_version())
    return Error{.kind = ErrorKind::failed,
                 .what = domain_.str() + " was not migrated",
                 .because = "xen-drbd on " + cluster_.name(from_) + " has version " + printable(hello.version) +
                            ", here it is " + std::string(transport::protocol_version()),
                 .while_doing = {},
                 .changed = Changed::yes,
                 .hint = "install the same version on both nodes, or repeat with --plain-ssh"};
  const std::string far = transport::far_command({.identity = execution_.identities[index(other(from_))],
                                                  .domain = domain_,
                                                  .words = hello.words,
                                                  .run_directory = cluster_.run_directory});
  transport::Settings settings;
  XEN_DRBD_TRY(settings.argv, ssh_words(far));
  return settings;
}

Result<std::vector<std::string>> Migration::ssh_words(const std::string& far_command) const {
  return engine::ssh_words(cluster_, from_, cluster_.topology->node(other(from_)).migration_address, far_command);
}

void Migration::decide(const std::function<Result<>()>& last_look) {
  const Result<> right = last_look();
  if (!right) return cancel(right.error().because, ErrorKind::failed);
  passed_ = true;
  wait_at_most(xl_grace);
  say(transport::Pass{});
}

void Migration::cancel_when_due() {
  if (passed_) return;
  if (const auto stop = stop_of(execution_, clock_))
    cancel(stop->because, stop->kind);
  else if (clock_.now() >= deadline_)
    cancel("migrate_timeout (" + xen_drbd::to_string(cluster_.topology->migrate_timeout) + ") has passed",
           ErrorKind::failed);
}

void Migration::cancel(const std::string& why, ErrorKind kind) {
  if (cancelled_) return;
  cancelled_ = kind;
  cancelled_because_ = why;
  wait_at_most(ending_patience);
  say(transport::End{why});
}

/// A transport that did not get the message gets no more beats either, and so ends by itself while it still can.
void Migration::say(const transport::ToolMessage& message) {
  const auto said = relay_->say(domain_, message);
  if (said) return;
  relay_->forget(domain_);
  if (!passed_) cancel(said.error().because, ErrorKind::failed);
}

void Migration::wait_at_most(Milliseconds duration) {
  give_up_ = clock_.now() + duration;
  if (execution_.moves_end) give_up_ = std::min(*give_up_, std::max(clock_.now(), *execution_.moves_end) + hurried);
}

void Migration::tell(transport::Phase phase, std::uint64_t bytes) {
  copied_bytes_ = bytes;
  progress_.migration(domain_, {phase_words(phase), bytes, memory_bytes_});
}

Error Migration::verdict() {
  if (!give_up_ || clock_.now() < *give_up_) wait_at_most(ending_patience);
  while (!inbox_->xl() && clock_.now() < *give_up_) hear();
  if (xl_ended()) progress_.xl_migrate(domain_, false);
  if (xl_ended() && relay_) {
    wait_at_most(last_words);
    while (!ended_ && !inbox_->silent() && clock_.now() < *give_up_) hear();
  }
  // what xl still has in hand does not settle
  whereabouts_ = look_for(cluster_, domain_, from_, xl_ended() ? settling : Milliseconds(0), clock_);
  if (clear_copy_ && xl_ended() && whereabouts_->moved == Moved::no && !whereabouts_->clean) {
    clear_copy_();
    whereabouts_ = look_for(cluster_, domain_, from_, Milliseconds(0), clock_);
  }
  return explained(cause());
}

/// Why it was not migrated, as far as anyone said.
std::string Migration::cause() const {
  if (cancelled_) return cancelled_because_;
  if (ended_ && ended_->cause != transport::EndCause::finished)
    return ended_->reason + (ended_->ssh_said.empty() ? "" : ": " + printable(ended_->ssh_said.back()));
  const auto xl = inbox_->xl();
  if (xl && !xl->ok()) return xen::explain(*xl);
  if (!xl) return "it was waited for in vain";
  switch (whereabouts_->moved) {
  case Moved::yes: return "xl migrate has left something of it behind";
  case Moved::unclear: return "xl migrate says that it moved it, and that was not seen";
  case Moved::no: break;
  }
  return "xl migrate did not move it";
}

Error Migration::explained(std::string because) const {
  const std::string& source = cluster_.name(from_);
  const std::string& target = cluster_.name(other(from_));
  const std::string recover = "xen-drbd recover " + domain_.str();
  Error error{.kind = ErrorKind::failed,
              .what = domain_.str() + " was not migrated from " + source,
              .because = std::move(because),
              .while_doing = {"migrating " + domain_.str() + ": it is " + whereabouts_->seen},
              .changed = Changed::yes,
              .hint = {}};
  if (!xl_ended()) {
    error.kind = ErrorKind::unknown;
    error.because = "whether xl migrate has ended is not known: " + error.because;
    error.hint = "while it goes on it keeps the cluster lock; once it has ended, run " + recover;
  } else if (whereabouts_->moved == Moved::unclear) {
    error.kind = ErrorKind::unknown;
    error.what = "what became of " + domain_.str() + " is not clear: it is " + whereabouts_->seen;
    error.hint = "look at both nodes with xen-drbd status, then run " + recover;
  } else if (whereabouts_->moved == Moved::yes) {
    error.what = domain_.str() + " was migrated to " + target + ", but not cleared away on " + source;
    error.hint = "run " + recover;
  } else {
    if (cancelled_) error.kind = *cancelled_;
    error.hint = domain_.str() + " runs on at " + source;
    if (!cancelled_ && whereabouts_->clean) error.hint += ": mend the cause, then repeat the command";
    if (!whereabouts_->clean) error.hint += "; " + recover + " clears away what is left of its copy on " + target;
    if (!whereabouts_->source_has_watcher)
      error.hint += "; its xl watcher is gone, so nobody handles its next reboot or poweroff";
  }
  return error;
}

} // namespace xen_drbd::engine
