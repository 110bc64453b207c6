#include "migration.hpp"

#include "xen_drbd/base/log.hpp"
#include "xen_drbd/base/quote.hpp"
#include "xen_drbd/base/text.hpp"
#include "xen_drbd/engine/observe.hpp"
#include "xen_drbd/transport/ssh.hpp"
#include "xen_drbd/xen/act.hpp"

namespace xen_drbd::engine {
namespace {

constexpr Milliseconds listen_slice{200};
constexpr Milliseconds xl_grace{600'000};  // what xl may take beyond the copy: suspend, restore, clearing away
constexpr Milliseconds ending_patience{90'000}; // from the end of the stream to the end of xl; the target clears away first
constexpr Milliseconds ending_slice{50};
constexpr Milliseconds settling{20'000};

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

} // namespace

void Migration::tell(std::string phase, std::uint64_t bytes) {
  copied_bytes_ = bytes;
  progress_.migration(domain_, {std::move(phase), bytes, expected_bytes_});
}

Result<std::vector<std::string>> Migration::ssh_words(const std::string& far_command) const {
  const model::Topology& topology = *cluster_.topology;
  const model::Node& target = topology.node(other(from_));
  // the source's known_hosts names the target's key as ssh does for the address: for our own connection that is what
  // was verified, for the peer's it is the target's address in the topology
  const std::string alias = from_ == cluster_.this_node ? cluster_.host_key_alias
                            : topology.ssh.port == 22   ? target.address.str()
                                                        : "[" + target.address.str() + "]:" + std::to_string(topology.ssh.port);
  return transport::ssh_argv({.address = target.migration_address,
                              .user = topology.ssh.user,
                              .port = topology.ssh.port,
                              .identity = topology.ssh.identity_file.value_or(""),
                              .known_hosts = topology.ssh.known_hosts_file,
                              .config_file = topology.ssh.config_file.value_or(""),
                              .host_key_alias = alias,
                              .connect_timeout = topology.ssh.connect_timeout,
                              .options = topology.migrate_ssh_options},
                             far_command);
}

void Migration::start(const std::vector<std::string>& transport) {
  const model::Topology& topology = *cluster_.topology;
  deadline_ = clock_.now() + topology.migrate_timeout;
  const auto presence = presence_of(domain_, observe_domains(cluster_, from_));
  if (!presence.rows.empty()) expected_bytes_ = static_cast<std::uint64_t>(presence.rows.front().memory.count) << 20U;
  const host::Command command = xen::migrate_command(transport, domain_, topology.node(other(from_)).migration_address, topology.migrate_timeout + xl_grace);
  begun_ = true;
  std::packaged_task<host::Outcome()> act([host = cluster_.hosts[index(from_)], command] { return host->act(command); });
  xl_ = act.get_future();
  std::thread(std::move(act)).detach(); // an xl that does not end must not keep this run from reporting it
}

bool Migration::xl_ended() const { return xl_.wait_for(std::chrono::seconds(0)) == std::future_status::ready; }

Result<> Migration::settle(const transport::Hello& hello) {
  if (hello.version != transport::protocol_version())
    return Error{.kind = ErrorKind::refused,
                 .what = domain_.str() + " was not migrated",
                 .because = "xen-drbd on " + cluster_.name(from_) + " has version " + hello.version + ", here it is " + std::string(transport::protocol_version()),
                 .while_doing = {},
                 .changed = Changed::no,
                 .hint = "install the same version on both nodes, or repeat with --plain-ssh"};
  const std::string far = transport::far_command({.identity = execution_.identities[index(other(from_))], .domain = domain_, .words = hello.words, .run_directory = cluster_.run_directory});
  XEN_DRBD_TRY(std::vector<std::string> argv, ssh_words(far));
  transport::Settings settings;
  settings.argv = std::move(argv);
  return relay_->say(domain_, settings);
}

Result<> Migration::copy(std::shared_ptr<Relay> relay) {
  relay_ = std::move(relay);
  relay_->expect(domain_);
  start({cluster_.tools[index(from_)], "transport", "--run-directory", cluster_.run_directory, execution_.run_id, domain_.str()});
  while (!ended_) {
    const Relay::Heard heard = relay_->listen(domain_, listen_slice);
    if (interrupted() && !cancel("the run was interrupted")) break;
    if (out_of_time() && !cancel("migrate_timeout (" + xen_drbd::to_string(cluster_.topology->migrate_timeout) + ") has passed")) break;
    if (!heard.message) {
      if (heard.gone || xl_ended()) break;
      continue;
    }
    if (const auto* hello = std::get_if<transport::Hello>(&*heard.message)) {
      if (auto settled = settle(*hello); !settled) {
        abandon(settled.error().because);
        return std::move(settled).error();
      }
    } else if (const auto* progress = std::get_if<transport::Progress>(&*heard.message)) {
      tell(phase_words(progress->phase), progress->page_bytes);
    } else if (std::holds_alternative<transport::Held>(*heard.message) && cancelled_.empty()) {
      tell(phase_words(transport::Phase::held), copied_bytes_);
      return {};
    } else {
      note(*heard.message);
    }
  }
  Error error = verdict();
  if (interrupted() && error.kind == ErrorKind::failed) error.kind = ErrorKind::interrupted;
  return error;
}

Result<> Migration::hand_over(const std::function<Result<>()>& last_look) {
  if (auto released = relay_->say(domain_, transport::Release{}); !released) cancelled_ = released.error().because;
  while (!ended_ && relay_) {
    const Relay::Heard heard = relay_->listen(domain_, listen_slice);
    if (!passed_ && interrupted() && !cancel("the run was interrupted")) break;
    if (!heard.message) {
      if (heard.gone || xl_ended()) break;
      continue;
    }
    if (const auto* progress = std::get_if<transport::Progress>(&*heard.message)) {
      tell(phase_words(progress->phase), progress->page_bytes);
    } else if (std::holds_alternative<transport::Ready>(*heard.message) && cancelled_.empty()) {
      const Result<> right = last_look();
      if (!right && !cancel(right.error().because)) break;
      if (!right) continue;
      passed_ = true;
      if (!relay_->say(domain_, transport::Pass{})) break;
    } else {
      note(*heard.message);
    }
  }
  Error error = verdict();
  if (whereabouts_->moved == Moved::yes) return {};
  return error;
}

Result<> Migration::copy_plainly() {
  const std::string far = transport::far_command({.identity = execution_.identities[index(other(from_))], .domain = domain_, .words = {"xl", "migrate-receive"}, .run_directory = cluster_.run_directory});
  // xl puts the address and its own remote command behind the words given to -s; as arguments of this sh they are not used
  XEN_DRBD_TRY(std::vector<std::string> words, ssh_words(far));
  start({"sh", "-c", "exec " + shell_join(words), "xl"});
  tell("copying", 0);
  while (!xl_ended()) clock_.sleep(listen_slice);
  Error error = verdict();
  if (whereabouts_->moved == Moved::yes) return {};
  return error;
}

void Migration::abandon(const std::string& why) {
  if (!xl_.valid()) return;
  if (relay_ && !passed_ && !xl_ended())
    if (auto said = relay_->say(domain_, transport::End{why}); !said) log::info(said.error().because);
  await_end();
}

void Migration::await_end() {
  const auto patience = clock_.now() + ending_patience;
  while (xl_.valid() && !xl_ended() && clock_.now() < patience) {
    if (!relay_) clock_.sleep(ending_slice);
    else if (const Relay::Heard heard = relay_->listen(domain_, ending_slice); heard.message) note(*heard.message);
    else if (heard.gone) clock_.sleep(ending_slice);
  }
  if (xl_.valid() && xl_ended()) xl_outcome_ = xl_.get();
  if (!relay_) return;
  for (Relay::Heard heard = relay_->listen(domain_, ending_slice); heard.message; heard = relay_->listen(domain_, ending_slice)) note(*heard.message);
}

void Migration::note(const transport::TransportMessage& message) {
  if (const auto* ended = std::get_if<transport::Ended>(&message)) ended_ = *ended;
}

bool Migration::cancel(const std::string& why) {
  if (!cancelled_.empty()) return true;
  cancelled_ = why;
  return relay_->say(domain_, transport::End{why}).has_value();
}

Error Migration::verdict() {
  std::string because = cancelled_;
  await_end();
  const bool still_going = xl_.valid();
  whereabouts_ = look_for(cluster_, domain_, from_, settling, clock_);

  const std::string& source = cluster_.name(from_);
  if (because.empty() && ended_ && ended_->cause != transport::EndCause::finished) {
    because = ended_->reason;
    if (!ended_->ssh_said.empty()) because += ": " + printable(ended_->ssh_said.back());
  }
  if (because.empty() && xl_outcome_) because = xen::explain(*xl_outcome_);
  Error error{.kind = ErrorKind::failed,
              .what = domain_.str() + " was not migrated from " + source,
              .because = because.empty() ? "xl migrate did not move it" : because,
              .while_doing = {"migrating " + domain_.str() + ": " + whereabouts_->seen},
              .changed = Changed::yes,
              .hint = {}};
  if (still_going) {
    error.kind = ErrorKind::unknown;
    error.because = "xl migrate has not ended: " + error.because;
    error.hint = "it keeps the lock until it has ended; then run xen-drbd recover " + domain_.str();
  } else if (whereabouts_->moved == Moved::no) {
    error.hint = domain_.str() + " runs on at " + source;
    if (!whereabouts_->source_has_watcher) error.hint += ", but its xl watcher is gone: nobody handles its next reboot or poweroff";
  } else if (whereabouts_->moved == Moved::unclear) {
    error.kind = ErrorKind::unknown;
    error.what = "what became of " + domain_.str() + " is not clear: " + whereabouts_->seen;
    error.hint = "look at both nodes with xen-drbd status, then run xen-drbd recover " + domain_.str();
  }
  return error;
}

} // namespace xen_drbd::engine
