#include "fd.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace xen_drbd::transport {

namespace {
constexpr int pipe_bytes = 1 << 20;
Flow flow_of_error() { return errno == EAGAIN || errno == EINTR ? Flow::blocked : Flow::closed; }
} // namespace

void Fd::close() {
  if (fd_ < 0) return;
  if (fd_ <= 2) {
    const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (null) ::dup2(null.number(), fd_);
  } else {
    ::close(fd_);
  }
  fd_ = -1;
}

std::optional<Pipe> open_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return std::nullopt;
  widen(ends[1]);
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

void widen(int fd) { ::fcntl(fd, F_SETPIPE_SZ, pipe_bytes); }

void set_nonblocking(int fd, bool on) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags >= 0) ::fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

Fd independent_writer(int fd) {
  struct stat what {};
  if (::fstat(fd, &what) == 0 && (S_ISFIFO(what.st_mode) || S_ISCHR(what.st_mode))) {
    const int again = ::open(fmt::format("/proc/self/fd/{}", fd).c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (again >= 0) return Fd(again);
  }
  return Fd(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
}

Flow read_some(int fd, std::string& to, std::size_t most) {
  const std::size_t before = to.size();
  to.resize(before + most);
  const ssize_t got = ::read(fd, to.data() + before, most);
  to.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  if (got < 0) return flow_of_error();
  return got == 0 ? Flow::closed : Flow::moved;
}

Flow write_some(int fd, std::string& from) {
  ssize_t put = ::send(fd, from.data(), from.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (put < 0 && errno == ENOTSOCK) put = ::write(fd, from.data(), from.size());
  if (put < 0) return flow_of_error();
  from.erase(0, static_cast<std::size_t>(put));
  return Flow::moved;
}

int waiting_bytes(int fd) {
  int count = 0;
  return ::ioctl(fd, FIONREAD, &count) == 0 ? count : 0;
}

} // namespace xen_drbd::transport
