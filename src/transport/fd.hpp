#pragma once
// File descriptors that close themselves, and what this room needs to do with them without ever blocking.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <utility>

namespace xen_drbd::transport {

class Fd {
public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { close(); }

  [[nodiscard]] int number() const { return fd_; }
  [[nodiscard]] explicit operator bool() const { return fd_ >= 0; }
  /// Closes it. 0, 1 and 2 become /dev/null instead, so that no later descriptor takes their place.
  void close();

private:
  int fd_ = -1;
};

struct Pipe {
  Fd read_end;
  Fd write_end;
};
/// A pipe with close-on-exec, as large as the system lets it be up to 1 MiB; nothing when there is none to be had.
[[nodiscard]] std::optional<Pipe> open_pipe();
/// Makes a pipe 1 MiB large if the system lets it; other files are left alone.
void widen(int fd);
void set_nonblocking(int fd, bool on);
/// A descriptor of the same file that never blocks and whose mode nobody else shares, for one that others write to.
[[nodiscard]] Fd independent_writer(int fd);

/// How a read or write went.
enum class Flow { moved, blocked, closed };
/// Reads up to `most` bytes and appends them to `to`. `closed`: end of file or an error.
[[nodiscard]] Flow read_some(int fd, std::string& to, std::size_t most);
/// Writes the beginning of `from` and removes it there. `closed`: nobody reads.
[[nodiscard]] Flow write_some(int fd, std::string& from);
/// Bytes that wait in a pipe or socket to be read; 0 when that cannot be told.
[[nodiscard]] int waiting_bytes(int fd);

} // namespace xen_drbd::transport
