#include "line_socket.hpp"

#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>

namespace xen_drbd::transport {

namespace {
constexpr std::size_t line_max = 1U << 20;
constexpr std::size_t read_at_once = 65536;
} // namespace

std::optional<LineSocket> LineSocket::connect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return errno = ENAMETOOLONG, std::nullopt;
  path.copy(address.sun_path, path.size());
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return std::nullopt;
  if (::connect(fd.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return std::nullopt;
  return LineSocket(std::move(fd));
}

void LineSocket::send(std::string_view line) {
  if (!fd_) return;
  unsent_.append(line).push_back('\n');
  flush();
}

void LineSocket::flush() {
  while (has_unsent()) {
    const Flow flow = write_some(fd_.number(), unsent_);
    if (flow == Flow::closed) unsent_.clear();
    if (flow != Flow::moved) return;
  }
}

void LineSocket::receive() {
  Flow flow = Flow::moved;
  while (!closed_ && flow == Flow::moved && received_.size() <= line_max)
    flow = read_some(fd_.number(), received_, read_at_once);
  if (flow == Flow::closed || (received_.size() > line_max && received_.find('\n') == std::string::npos))
    closed_ = true;
}

std::optional<std::string> LineSocket::next_line() {
  const auto end = received_.find('\n');
  if (end == std::string::npos) return std::nullopt;
  std::string line = received_.substr(0, end);
  received_.erase(0, end + 1);
  return line;
}

void LineSocket::close() {
  closed_ = true;
  unsent_.clear();
  fd_.close();
}

} // namespace xen_drbd::transport
