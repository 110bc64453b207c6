#pragma once

#include "dial.hpp"
#include "moment.hpp"

#include <libssh/libssh.h>
#include <memory>
#include <poll.h>
#include <string>
#include <sys/types.h>

namespace xen_drbd::host {

/// Ends a session, and the socket that was lent to it: libssh 0.10 leaves that open after a failed handshake. A socket
/// is known by its inode, since its number may be another file's once it is closed.
struct SessionCloser {
  int socket = -1;
  ino_t inode = 0;

  void lend(int number);
  void operator()(ssh_session session) const;
};
using Session = std::unique_ptr<ssh_session_struct, SessionCloser>;

struct KeyCloser {
  void operator()(ssh_key key) const { ssh_key_free(key); }
};
using Key = std::unique_ptr<ssh_key_struct, KeyCloser>;

/// A string that libssh allocated.
[[nodiscard]] inline std::string taken(char* text) {
  std::string copy = text == nullptr ? "" : text;
  ssh_string_free_char(text);
  return copy;
}

/// An option of a session as libssh understood it, or nothing.
[[nodiscard]] inline std::string option(const Session& session, ssh_options_e which) {
  char* value = nullptr;
  if (ssh_options_get(session.get(), which, &value) != SSH_OK) return {};
  return taken(value);
}

/// Calls a non-blocking function of libssh until it no longer answers `again`, waiting for the network in between.
/// Returns `again` when the deadline passed.
template <class Call> int drive(const Session& session, const Deadline& deadline, int again, Call call) {
  // libssh may have read ahead of what it has handled, so no wait is long
  constexpr Milliseconds longest_wait{100};
  for (;;) {
    const int result = call();
    if (result != again || deadline.passed()) return result;
    const int socket = ssh_get_fd(session.get());
    acknowledge_at_once(socket);
    pollfd polled{.fd = socket, .events = POLLIN, .revents = 0};
    if ((ssh_get_poll_flags(session.get()) & SSH_WRITE_PENDING) != 0) polled.events |= POLLOUT;
    ::poll(&polled, 1, static_cast<int>(std::min(deadline.left(), longest_wait).count()));
  }
}

/// Where an SSH connection goes, in the words of messages and of known_hosts.
struct Target {
  std::string node;  ///< "mirror"
  std::string login; ///< "root@10.77.0.2:22"
  std::string host;  ///< what is connected to
  std::string user;
  unsigned port = 22;
  std::string host_key_alias; ///< "10.77.0.2", or "[10.77.0.2]:2222": as known_hosts and HostKeyAlias have it
};

/// The node cannot be reached; `doing` is the step that failed.
[[nodiscard]] Error unreachable(const Target& target, const std::string& doing, const std::string& because,
                                std::string hint = {});

} // namespace xen_drbd::host
