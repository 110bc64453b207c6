#include "dead_peer.hpp"

#include "xen_drbd/base/log.hpp"
#include "xen_drbd/base/text.hpp"
#include "xen_drbd/engine/observe.hpp"
#include "xen_drbd/host/knock.hpp"

#include "interrupt.hpp"
#include "output.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <future>
#include <iostream>
#include <poll.h>
#include <set>
#include <unistd.h>

namespace xen_drbd::cli {
namespace {

constexpr Milliseconds watch{15'000};
constexpr Milliseconds watch_interval{500};
constexpr Milliseconds fence_timeout{20'000};
constexpr Milliseconds knock_timeout{3000};
constexpr Milliseconds longest_question{120'000}; // this node's lock is held meanwhile

Error alive(const Session& session, std::string because) {
  return {.kind = ErrorKind::refused,
          .what = session.peer() + " is not dead",
          .because = std::move(because),
          .while_doing = {},
          .changed = Changed::no,
          .hint = "repair the connection to " + session.peer() +
                  ", or switch it off for certain, wait until DRBD has noticed (half a minute by default), and repeat"};
}

/// Whether anything at all answers at one of the peer's addresses, or did when this run tried to connect: what has
/// fallen silent since may have lost its links only.
std::optional<Error> answers_knock(const Session& session) {
  const model::Node& peer = session.topology.node(other(session.this_node));
  const model::SshSettings& ssh = session.topology.ssh;
  const Milliseconds timeout = std::min(knock_timeout, ssh.connect_timeout);
  auto second = std::async(std::launch::async, [&] { return host::knock(peer.migration_address, ssh, timeout); });
  const host::Knock first = host::knock(peer.address, ssh, timeout);
  for (const auto& [address, knock] : {std::pair(peer.address, first), std::pair(peer.migration_address, second.get())})
    if (knock.answered)
      return alive(session, "at " + address.str() + " port " + std::to_string(ssh.port) + ": " + knock.detail);
  const Error& not_reached = *session.cluster.peer_error;
  if (!not_reached.peer_answered) return std::nullopt;
  return alive(session, "it is silent now, but answered when this run began: " +
                            (not_reached.while_doing.empty() ? not_reached.because : not_reached.while_doing.front()));
}

/// Whether a DRBD resource of the topology is Connected: a live kernel at the other end.
std::optional<Error> drbd_sign_of_life(const Session& session) {
  std::set<std::uint32_t> minors;
  for (const model::Domain& domain : session.topology.domains)
    for (const model::Disk& disk : domain.disks) minors.insert(disk.minor.number);
  const auto resources = engine::observe_drbd(session.cluster, session.this_node);
  if (!resources) return alive(session, "DRBD cannot be asked whether it is connected: " + resources.error().because);
  for (const model::Resource& resource : *resources) {
    const bool ours = std::any_of(resource.volumes.begin(), resource.volumes.end(),
                                  [&](const model::Volume& v) { return minors.contains(v.minor.number); });
    const bool silent = resource.connection == model::Connection::connecting ||
                        resource.connection == model::Connection::stand_alone ||
                        resource.connection == model::Connection::unconnected;
    if (ours && !silent)
      return alive(session,
                   "DRBD resource " + resource.name.str() + " is " + std::string(to_string(resource.connection)) +
                       (resource.connection == model::Connection::connected ? ": a live kernel is at its other end"
                                                                            : ", and may still find its other end"));
  }
  return std::nullopt;
}

/// A live kernel, seen over the network or by DRBD.
std::optional<Error> sign_of_life(const Session& session) {
  if (auto sign = answers_knock(session)) return sign;
  return drbd_sign_of_life(session);
}

host::Outcome ask_fence(const Session& session, const std::vector<std::string>& fence) {
  std::vector<std::string> argv = fence;
  argv.emplace_back("--action=status");
  return session.cluster.host(session.this_node)->ask({{argv, fence_timeout}}).front();
}

Error interrupted_before(const std::string& what) {
  return {.kind = ErrorKind::interrupted,
          .what = "interrupted before " + what,
          .because = {},
          .while_doing = {},
          .changed = Changed::no,
          .hint = {}};
}

/// Whether a line, or the end of the input, is there to be read; waits a moment for it.
bool something_typed() {
  constexpr Milliseconds moment{200};
  pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  return ::poll(&input, 1, static_cast<int>(moment.count())) > 0;
}

Result<> confirm(const Session& session) {
  const auto unconfirmed = [&](std::string because) {
    return Error{.kind = ErrorKind::usage,
                 .what = "the claim that " + session.peer() + " is dead was not confirmed",
                 .because = std::move(because),
                 .while_doing = {},
                 .changed = Changed::no,
                 .hint = "see with your own eyes that " + session.peer() +
                         " is off, then repeat with --peer-is-dead --yes"};
  };
  if (session.options.yes) return {};
  if (isatty(STDIN_FILENO) != 1) return unconfirmed("there is no terminal to ask at");
  write_message(fmt::format("If {0} still runs, its disks are destroyed by what you are about to do.\nType its name, "
                            "{0}, if it is powered off for certain: ",
                            session.peer()));
  const auto until = engine::system_clock().now() + longest_question;
  while (!something_typed() && interrupted_by() == 0)
    if (engine::system_clock().now() >= until) return unconfirmed("nothing was typed for 2 min");
  if (interrupted_by() != 0) return interrupted_before("the question about " + session.peer() + " was answered");
  std::string typed;
  std::getline(std::cin, typed);
  if (trimmed(typed) != session.peer()) return unconfirmed("'" + printable(typed) + "' is not its name");
  return {};
}

Result<> watch_for_life(const Session& session) {
  if (auto sign = answers_knock(session)) return std::move(*sign);
  if (!session.options.quiet)
    write_message(fmt::format("watching for {} whether DRBD hears of {}\n", to_string(watch), session.peer()));
  for (Milliseconds watched{0}; watched <= watch && interrupted_by() == 0; watched += watch_interval) {
    if (auto sign = drbd_sign_of_life(session)) return std::move(*sign);
    engine::system_clock().sleep(watch_interval);
  }
  if (interrupted_by() == 0) return {};
  return interrupted_before("the watch for " + session.peer() + " ended");
}

} // namespace

bool proves_off(const host::Outcome& outcome) {
  if (outcome.end != host::End::exited || outcome.status != 2) return false;
  const auto said = lines(outcome.out);
  return std::any_of(said.begin(), said.end(), [](std::string_view line) { return trimmed(line) == "Status: OFF"; });
}

Result<DeadPeer> consider_dead_peer(const Session& session) {
  DeadPeer dead;
  if (!session.cluster.peer_error) {
    if (session.options.peer_is_dead) log::warn("--peer-is-dead is ignored: " + session.peer() + " answers");
    return dead;
  }
  const std::vector<std::string>& fence = session.topology.node(other(session.this_node)).fence;
  if (!fence.empty()) {
    const host::Outcome outcome = ask_fence(session, fence);
    dead.by_fence = proves_off(outcome);
    if (!dead.by_fence)
      log::warn("the fence device does not say that " + session.peer() +
                " is off: " + printable(host::describe(outcome)));
  }
  if (!dead.by_fence) {
    if (!session.options.peer_is_dead) return dead;
    XEN_DRBD_CHECK(confirm(session));
    XEN_DRBD_CHECK(watch_for_life(session));
  } else if (auto sign = sign_of_life(session)) { // the fence device may switch another machine
    return std::move(*sign);
  }
  dead.accepted = true;
  dead.still_dead = [&session, by_fence = dead.by_fence, fence]() -> std::optional<Error> {
    if (by_fence && !proves_off(ask_fence(session, fence)))
      return alive(session, "its fence device no longer says that it is off");
    return sign_of_life(session);
  };
  return dead;
}

} // namespace xen_drbd::cli
