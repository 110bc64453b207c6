#pragma once
// The base room: what every other room speaks in. Errors, results, validated names, units, the log seam.

#include <string>
#include <string_view>
#include <vector>

namespace xen_drbd {

/// Why something did not happen; decides the exit code, see xen-drbd(8), EXIT STATUS.
enum class ErrorKind {
  usage,       ///< 2: the command line is wrong, an unknown domain included
  topology,    ///< 3: the topology file is wrong or missing
  refused,     ///< 4: a safety rule says no; nothing was changed
  unreachable, ///< 5: the peer cannot be asked; nothing was changed
  failed,      ///< 6: a step failed
  unknown,     ///< 6: the outcome of a step is not known
  bug,         ///< 70: xen-drbd contradicts itself
  busy,        ///< 75: another run holds the cluster lock
  interrupted, ///< 130 or 143: a signal ended the run
};

/// Whether the world was changed before the error came.
enum class Changed { no, yes, unknown };

/// One refusal or failure, as an administrator reads it at 3 a.m.: what, because, while, changed, hint.
/// Each layer on the way up may add one `while` line; nothing else is rewritten.
struct Error {
  ErrorKind kind = ErrorKind::failed;
  std::string what;                     ///< "samba was not started on dom0"
  std::string because;                  ///< "the second node, mirror, cannot be reached, so ..."
  std::vector<std::string> while_doing; ///< innermost first: "connecting to root@10.77.0.2:22: No route to host"
  Changed changed = Changed::no;
  std::string hint; ///< what to do next; may be empty
  /// Of `unreachable`: something there sent a packet back all the same, be it a refusal: no dead node (rule 5.6).
  bool peer_answered = false;

  /// The same error with one more line of context.
  [[nodiscard]] Error during(std::string doing) &&;

  bool operator==(const Error&) const = default;
};

/// The exit code of an error of this kind (130 for `interrupted`).
[[nodiscard]] int exit_code(ErrorKind kind);

/// The text form (xen-drbd(8), OUTPUT: "error: ... / because: ... / while: ... / hint: ..."), with a newline at its
/// end.
[[nodiscard]] std::string render(const Error& error);

} // namespace xen_drbd
