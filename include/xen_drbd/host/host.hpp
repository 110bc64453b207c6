#pragma once
// The host room: the one way to run commands on a node, the same for this node and for the peer.
//
// A host is one long-lived POSIX sh, the *worker*, that is spoken to line by line: on this node through pipes, on the
// peer through one channel of one SSH connection. The worker answers questions, holds the cluster lock and is the
// parent of every changing command, so that both nodes behave alike when a run is killed: the lock stays with the
// commands that still run, and with nothing else (rule 5.5).
//
// All functions may be called from several threads at once.

#include "xen_drbd/base/result.hpp"
#include "xen_drbd/base/units.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace xen_drbd::host {

struct Command {
  std::vector<std::string> argv;
  Milliseconds timeout{10'000}; ///< our own deadline for the answer
  /// A changing command leaves a process behind for the life of a guest: where systemd runs, in a scope of
  /// system.slice, because the session of a login, or the unit that started xen-drbd, ends with all its processes
  /// (xen-drbd(8), BOOT AND SHUTDOWN); at shutdown it outlives STOP_ACTION (init/xen-drbd-guests.target).
  bool leaves_a_watcher = false;
  bool operator==(const Command&) const = default;
};

/// How a command ended. Only `exited` says what happened; the others mean that the outcome is unknown.
enum class End {
  exited,
  signalled, ///< ended by a signal
  timed_out, ///< no answer within its deadline (a question was killed at the far side, a changing command goes on)
  lost,      ///< the connection or the worker is gone
};

struct Outcome {
  End end = End::lost;
  int status = 0; ///< exit status (exited) or signal number (signalled)
  std::string out;
  std::string err;
  std::string lost_because; ///< for lost: how the connection ended
  [[nodiscard]] bool ok() const { return end == End::exited && status == 0; }
  bool operator==(const Outcome&) const = default;
};

/// "exit status 11: 1: State change failed: (-12) Device is held open by someone", "no answer within 10s", ...
[[nodiscard]] std::string describe(const Outcome& outcome);

/// Who holds a lock: the text of rule 5.5, "dom0 pid 4711 start samba since 2026-11-22T18:19:02Z".
struct LockHolder {
  std::string text;
};

/// A command that is held open and spoken to line by line (the relay of a migration's control socket).
class Stream {
public:
  virtual ~Stream() = default;
  /// Sends a line (the newline is added). Fails when the other end is gone.
  virtual Result<> write_line(std::string_view line) = 0;
  /// The next line, without newline; nothing at the end of the stream or after `timeout`: `at_end` tells which.
  virtual std::optional<std::string> read_line(Milliseconds timeout) = 0;
  [[nodiscard]] virtual bool at_end() const = 0;
  /// Closes our side; the command reads end of file.
  virtual void close() = 0;
};

class Host {
public:
  virtual ~Host() = default;

  /// What the messages call it: "dom0" or "mirror (root@10.77.0.2:22)".
  [[nodiscard]] virtual const std::string& name() const = 0;

  /// Asks several read-only questions in one round trip; they run side by side. Each that outlives its timeout is
  /// killed there (`timed_out`). The answers are as many as the questions; after a loss the rest is `lost`.
  virtual std::vector<Outcome> ask(const std::vector<Command>& questions) = 0;

  /// Runs one changing command as a child of the worker, without a terminal and with /dev/null as stdin. It keeps the
  /// lock (if held) until it has ended and is never killed: after its timeout the outcome is `timed_out` and it goes
  /// on.
  virtual Outcome act(const Command& command) = 0;

  /// Holds a command open. Its stderr goes to the log. It does not keep the lock.
  virtual Result<std::unique_ptr<Stream>> hold(const std::vector<std::string>& argv) = 0;

  /// Takes this node's half of the cluster lock without waiting and writes `holder` into it; nothing when it is taken,
  /// the present holder when another run has it. Fails when the lock's directory or file cannot be used.
  virtual Result<std::optional<LockHolder>> try_lock(const std::string& holder) = 0;
  virtual void unlock() = 0;

  /// Whether the worker answered a heartbeat not longer than `age` ago (asked for every 2 s while a run lives).
  /// Before promote, create, release, ready, demote and destroy this must hold for 5 s (rule 5.5).
  [[nodiscard]] virtual bool answered_within(Milliseconds age) const = 0;

  /// Becomes true once the connection or the worker is lost, and stays so; why, in `lost_because`.
  [[nodiscard]] virtual std::optional<Error> lost() const = 0;
};

} // namespace xen_drbd::host
