#include "dial.hpp"

#include <cerrno>
#include <cstring>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <vector>

namespace xen_drbd::host {
namespace {

using Addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

void set_number(int socket, int level, int option, int value) {
  ::setsockopt(socket, level, option, &value, sizeof value);
}

/// 0, or the error number with which connecting ended; ETIMEDOUT when the time was over.
int connect_one(const Fd& socket, const addrinfo& address, Milliseconds time) {
  if (::connect(socket.number(), address.ai_addr, address.ai_addrlen) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  const Deadline deadline(time);
  pollfd polled{.fd = socket.number(), .events = POLLOUT, .revents = 0};
  int ready = 0;
  do ready = ::poll(&polled, 1, static_cast<int>(deadline.left().count()));
  while (ready < 0 && errno == EINTR);
  if (ready == 0) return ETIMEDOUT;
  int problem = 0;
  socklen_t size = sizeof problem;
  ::getsockopt(socket.number(), SOL_SOCKET, SO_ERROR, &problem, &size);
  return problem;
}

} // namespace

void set_tcp_options(int socket) {
  set_number(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_number(socket, IPPROTO_TCP, TCP_KEEPIDLE, 2);
  set_number(socket, IPPROTO_TCP, TCP_KEEPINTVL, 1);
  set_number(socket, IPPROTO_TCP, TCP_KEEPCNT, 4);
  set_number(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, 6'000);
  set_number(socket, IPPROTO_TCP, TCP_NODELAY, 1);
}

void acknowledge_at_once(int socket) { set_number(socket, IPPROTO_TCP, TCP_QUICKACK, 1); }

Dialled dial(const std::string& host, unsigned port, const Deadline& deadline) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  Dialled dialled;
  if (const int problem = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found); problem != 0) {
    dialled.resolved = false;
    dialled.because = "the name " + host +
                      " does not resolve: " + (problem == EAI_SYSTEM ? std::strerror(errno) : ::gai_strerror(problem));
    return dialled;
  }
  const Addresses addresses(found, &::freeaddrinfo);
  int remaining = 0;
  for (const addrinfo* address = found; address != nullptr; address = address->ai_next) ++remaining;
  const Milliseconds whole = deadline.left();
  for (const addrinfo* address = found; address != nullptr; address = address->ai_next, --remaining) {
    Fd socket(::socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    int problem = errno;
    if (socket) {
      set_tcp_options(socket.number());
      problem = connect_one(socket, *address, deadline.left() / remaining);
    }
    if (problem == 0) {
      dialled.socket = std::move(socket);
      dialled.answered = true;
      return dialled;
    }
    if (problem == ECONNREFUSED || problem == ECONNRESET) dialled.answered = true;
    dialled.because = problem == ETIMEDOUT ? "no answer within " + to_string(whole) : std::strerror(problem);
  }
  return dialled;
}

} // namespace xen_drbd::host
