#include "echo.hpp"

#include <array>
#include <cerrno>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

namespace xen_drbd::host {
namespace {

using Request = std::array<unsigned char, 8>; // type, code, checksum, identifier, sequence number

constexpr Request request4{8, 0, 0xf7, 0xff, 0, 0, 0, 0}; // RFC 792; the checksum of just these bytes
constexpr Request request6{128, 0, 0, 0, 0, 0, 0, 0};     // RFC 4443; the kernel fills in the checksum

Fd ask(const addrinfo& address) {
  const bool is4 = address.ai_family == AF_INET;
  const int protocol = is4 ? static_cast<int>(IPPROTO_ICMP) : static_cast<int>(IPPROTO_ICMPV6);
  Fd socket(::socket(address.ai_family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
  if (!socket) return socket;
  // connected: what comes from any other address is not heard
  if (::connect(socket.number(), address.ai_addr, address.ai_addrlen) != 0) return {};
  const Request& request = is4 ? request4 : request6;
  (void)::send(socket.number(), request.data(), request.size(), MSG_NOSIGNAL); // what fails is silence
  return socket;
}

/// "No route to host" and the like, told by our own kernel; left there, they would wake every poll.
void forget_error(int socket) {
  int problem = 0;
  socklen_t size = sizeof problem;
  ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &problem, &size);
}

} // namespace

Echo::Echo(const std::string& host) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_RAW;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), nullptr, &wanted, &found) != 0) return;
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, &::freeaddrinfo);
  for (const addrinfo* address = found; address != nullptr; address = address->ai_next)
    if (Fd socket = ask(*address)) sockets_.push_back(std::move(socket));
}

bool Echo::heard(const Deadline& deadline) const {
  std::vector<pollfd> polled;
  for (const Fd& socket : sockets_) polled.push_back({.fd = socket.number(), .events = POLLIN, .revents = 0});
  while (!polled.empty()) {
    const int ready = ::poll(polled.data(), polled.size(), static_cast<int>(deadline.left().count()));
    if (ready == 0 || (ready < 0 && errno != EINTR)) return false;
    if (ready < 0) continue;
    for (const pollfd& socket : polled) {
      if ((socket.revents & POLLIN) != 0) return true;
      if (socket.revents != 0) forget_error(socket.fd);
    }
  }
  return false;
}

} // namespace xen_drbd::host
