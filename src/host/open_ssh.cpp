#include "xen_drbd/base/text.hpp"
#include "xen_drbd/host/knock.hpp"

#include "dial.hpp"
#include "echo.hpp"
#include "host_key.hpp"
#include "login.hpp"
#include "ssh_link.hpp"
#include "worker_host.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <unistd.h>

namespace xen_drbd::host {
namespace {

constexpr Milliseconds echo_timeout{1000}; // many times what a network between two racks takes

std::string login_of(const std::string& user, const std::string& host, unsigned port) {
  const bool literal6 = host.find(':') != std::string::npos;
  return fmt::format("{}@{}{}{}:{}", user, literal6 ? "[" : "", host, literal6 ? "]" : "", port);
}

/// What libssh is told, and where that leads: a config file that the topology names may give the host another name.
Result<Target> configure(const Session& session, const std::string& node, const Address& address,
                         const model::SshSettings& ssh) {
  ssh_session raw = session.get();
  const bool no = false;
  const unsigned port = ssh.port;
  const long seconds = std::chrono::ceil<std::chrono::seconds>(ssh.connect_timeout).count();
  Target target{.node = node,
                .login = login_of(ssh.user, address.str(), ssh.port),
                .host = address.str(),
                .user = ssh.user,
                .port = ssh.port,
                .host_key_alias = {}};
  ssh_options_set(raw, SSH_OPTIONS_PROCESS_CONFIG, &no);
  ssh_options_set(raw, SSH_OPTIONS_HOST, target.host.c_str());
  if (ssh.config_file && ::access(ssh.config_file->c_str(), R_OK) != 0) // libssh passes over it, ssh does not
    return unreachable(target, "reading " + *ssh.config_file, std::string("it cannot be read: ") + std::strerror(errno),
                       "write it, the same on both nodes, or take config_file out of the topology");
  if (ssh.config_file && ssh_options_parse_config(raw, ssh.config_file->c_str()) != SSH_OK)
    return unreachable(target, "reading " + *ssh.config_file, "it cannot be read as an SSH configuration",
                       "correct it, or take config_file out of the topology");
  if (std::string host = option(session, SSH_OPTIONS_HOST); !host.empty()) target.host = std::move(host);
  ssh_options_set(raw, SSH_OPTIONS_USER, ssh.user.c_str());
  ssh_options_set(raw, SSH_OPTIONS_PORT, &port);
  ssh_options_set(raw, SSH_OPTIONS_KNOWNHOSTS, ssh.known_hosts_file.c_str());
  ssh_options_set(raw, SSH_OPTIONS_TIMEOUT, &seconds);
  target.host_key_alias = ssh.port == 22 ? target.host : fmt::format("[{}]:{}", target.host, ssh.port);
  return target;
}

/// `answered` becomes true with the first sign of a live kernel there.
Result<> shake_hands(Session& session, const Target& target, const Deadline& deadline, Milliseconds timeout,
                     std::atomic<bool>& answered) {
  const std::string doing = "connecting to " + target.login;
  // a proxy command is libssh's to start
  if (option(session, SSH_OPTIONS_PROXYCOMMAND).empty()) {
    Dialled dialled = dial(target.host, target.port, deadline);
    answered = dialled.answered;
    if (!dialled.socket)
      return unreachable(target, doing, dialled.because,
                         dialled.resolved ? "" : "add " + target.host + " to /etc/hosts, or to the name server");
    const socket_t socket = dialled.socket.release();
    session.get_deleter().lend(socket);
    ssh_options_set(session.get(), SSH_OPTIONS_FD, &socket);
  }
  ssh_set_blocking(session.get(), 0);
  const int result = drive(session, deadline, SSH_AGAIN, [&] { return ssh_connect(session.get()); });
  const bool greeted = ssh_get_serverbanner(session.get()) != nullptr;
  if (greeted) answered = true; // behind a proxy there is no earlier sign
  if (result == SSH_OK) return {};
  if (result == SSH_AGAIN)
    return unreachable(target, doing,
                       fmt::format("connected, but {} within {}",
                                   greeted ? "the key exchange did not end" : "no SSH server answered",
                                   to_string(timeout)));
  const std::string because = printable(ssh_get_error(session.get()));
  if (greeted) return unreachable(target, doing, "the key exchange failed: " + because);
  return unreachable(target, doing, "connected, but no SSH server answered: " + because,
                     fmt::format("see what sshd's log on {} says: after failed logins it hangs up for some minutes "
                                 "(PerSourcePenalties), and with many at once, too (MaxStartups)",
                                 target.host));
}

struct Called {
  bool resolved = true; ///< the name has addresses: somebody was called at all
  Knock knock;
};

/// A connection, and where none is made a ping: a firewall may drop or reject the port only.
Called call(const std::string& host, unsigned port, Milliseconds timeout) {
  const Echo echo(host);
  const Deadline answers_by(std::min(timeout, echo_timeout));
  const Dialled dialled = dial(host, port, Deadline(timeout));
  if (dialled.socket) return {true, {true, "it accepts connections"}};
  if (dialled.answered || !dialled.resolved) return {dialled.resolved, {dialled.answered, dialled.because}};
  if (echo.heard(answers_by)) return {true, {true, dialled.because + ", but its kernel answers a ping"}};
  return {true, {false, dialled.because}};
}

/// Behind a proxy nothing but an SSH server's greeting is known to come from the node itself.
Knock knock_through_proxy(Session& session, Milliseconds timeout) {
  ssh_set_blocking(session.get(), 0);
  const Deadline deadline(timeout);
  drive(session, deadline, SSH_AGAIN, [&] { return ssh_connect(session.get()); });
  const bool greeted = ssh_get_serverbanner(session.get()) != nullptr;
  return {.answered = greeted, .detail = greeted ? "an SSH server answers" : "no SSH server answers through the proxy"};
}

} // namespace

Knock knock(const Address& address, const model::SshSettings& ssh, Milliseconds timeout) {
  Session session(ssh_new());
  const auto target = configure(session, address.str(), address, ssh);
  if (!target) return {.answered = true, .detail = "where it is cannot be told: " + target.error().because};
  if (!option(session, SSH_OPTIONS_PROXYCOMMAND).empty())
    if (Knock behind = knock_through_proxy(session, timeout); behind.answered) return behind;
  bool knocked = !option(session, SSH_OPTIONS_PROXYCOMMAND).empty();
  if (target->host != address.str()) {
    const Called mapped = call(target->host, target->port, timeout);
    if (mapped.knock.answered) return {.answered = true, .detail = target->host + ": " + mapped.knock.detail};
    knocked = knocked || mapped.resolved;
  }
  Called named = call(address.str(), ssh.port, timeout);
  if (named.resolved || knocked) return std::move(named.knock);
  return {.answered = true, .detail = "where it is cannot be told: " + named.knock.detail + "; put it into /etc/hosts"};
}

Result<VerifiedPeer> open_ssh_tuned(const model::Node& node, const model::SshSettings& ssh, const Settings& settings,
                                    const Tuning& tuning) {
  const std::string login = login_of(ssh.user, node.address.str(), ssh.port);
  const std::string name = fmt::format("{} ({})", node.name.str(), login);
  const auto alias = std::make_shared<std::string>();               // written before the first answer, read after it
  const auto answered = std::make_shared<std::atomic<bool>>(false); // read also while the other thread still tries
  const auto open_link = [=](std::shared_ptr<Wake> wake) -> Result<std::unique_ptr<Link>> {
    Session session(ssh_new());
    XEN_DRBD_TRY(const Target target, configure(session, node.name.str(), node.address, ssh));
    const Deadline reached(ssh.connect_timeout);
    XEN_DRBD_CHECK(shake_hands(session, target, reached, ssh.connect_timeout, *answered));
    XEN_DRBD_CHECK(verify_host_key(session, target, ssh));
    const Deadline logged_in(ssh.connect_timeout);
    XEN_DRBD_CHECK(log_in(session, target, ssh, logged_in));
    *alias = target.host_key_alias;
    return std::unique_ptr<Link>(std::make_unique<SshLink>(std::move(session), name, tuning, std::move(wake)));
  };
  // the steps have their own deadlines; this one is for what cannot be interrupted
  auto host = WorkerHost::open(name, settings, tuning, open_link, ssh.connect_timeout * 2 + Milliseconds{500});
  if (host) return VerifiedPeer{.host = std::move(*host), .host_key_alias = *alias};
  Error error = std::move(host).error();
  if (error.while_doing.empty()) error.while_doing.push_back("starting sh as " + login + ": " + error.because);
  error.what = node.name.str() + " cannot be reached";
  error.peer_answered = *answered;
  return error;
}

Result<VerifiedPeer> open_ssh(const model::Node& node, const model::SshSettings& ssh, const Settings& settings) {
  return open_ssh_tuned(node, ssh, settings, Tuning{});
}

} // namespace xen_drbd::host
