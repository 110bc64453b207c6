#pragma once
// The one ssh that a transport starts, and the one process that it may end.

#include "xen_drbd/base/result.hpp"

#include "fd.hpp"

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace xen_drbd::transport {

/// SIGPIPE ignored, SIGCHLD as usual, and SIGTERM, SIGINT and SIGHUP readable from a descriptor instead of delivered,
/// for as long as it lives.
class SignalScope {
public:
  SignalScope();
  ~SignalScope();
  SignalScope(const SignalScope&) = delete;
  SignalScope& operator=(const SignalScope&) = delete;
  [[nodiscard]] int number() const { return signals_.number(); }
  /// The name of a signal that has come, or nothing.
  [[nodiscard]] std::optional<std::string> next();

private:
  struct Saved;
  std::unique_ptr<Saved> saved_;
  Fd signals_;
};

/// How a process ended.
struct Exit {
  std::optional<int> status;
  std::optional<int> signal;
};

class Child {
public:
  /// Starts `argv` in a session of its own with pipes at 0, 1 and 2, and with no other descriptor.
  /// Fails: ErrorKind::failed when it cannot be started.
  static Result<Child> start(const std::vector<std::string>& argv);

  Fd stdin_end;  ///< never blocks
  Fd stdout_end; ///< never blocks
  Fd stderr_end; ///< never blocks
  Fd exited;     ///< readable once it has ended

  /// Its end, if it has come.
  [[nodiscard]] std::optional<Exit> reap();
  void signal(int number) const;

private:
  Child() = default;
  pid_t pid_ = -1;
  std::optional<Exit> exit_;
};

/// The last lines of a text that comes in pieces.
class Tail {
public:
  void add(std::string_view text);
  [[nodiscard]] std::vector<std::string> lines() const;

private:
  std::deque<std::string> lines_;
  std::string partial_;
};

} // namespace xen_drbd::transport
