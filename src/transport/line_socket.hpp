#pragma once
// A Unix socket that speaks in lines and never blocks.

#include "fd.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace xen_drbd::transport {

class LineSocket {
public:
  LineSocket() = default;
  explicit LineSocket(Fd fd) : fd_(std::move(fd)) {}
  /// Connects; nothing when nobody listens at `path` (errno says why).
  static std::optional<LineSocket> connect(const std::string& path);

  [[nodiscard]] int number() const { return fd_.number(); }
  /// No more lines will come. Those that came before are still there.
  [[nodiscard]] bool closed() const { return closed_; }
  [[nodiscard]] bool has_unsent() const { return !unsent_.empty() && fd_; }
  [[nodiscard]] std::size_t unsent_bytes() const { return unsent_.size(); }

  void send(std::string_view line);
  /// Sends what the other side takes now.
  void flush();
  /// Reads what has come. A line longer than 1 MiB closes the socket.
  void receive();
  [[nodiscard]] std::optional<std::string> next_line();
  void close();

private:
  Fd fd_;
  std::string received_;
  std::string unsent_;
  bool closed_ = false;
};

} // namespace xen_drbd::transport
