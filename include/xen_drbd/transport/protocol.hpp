#pragma once
// The transport room: xen-drbd between `xl migrate` and the peer's `xl migrate-receive`. It passes the migration stream
// on record by record, holds back what must not happen before the tool agrees, and ends so that the guest runs on.
//
// This door is the conversation between the tool (the run that opens windows and promotes) and the transports of its
// migrations: one JSON object a line, over the Unix socket RUN_DIRECTORY/RUN.sock that a *relay* serves on the source.
//
//   xl ==stream==> transport ==stream==> ssh ==> xl migrate-receive      the relay carries the lines of any number
//                      |  line by line                                   of transports over its own stdin and stdout
//                    relay <--held open by host::Stream--> tool
//
//   transport                               tool
//   hello (version, domain, words)  ------>           nothing was started or sent
//                                   <------ settings  the ssh to run; from now on a line at least every `silence`
//   progress ...                    ------>           5 a second at most, and one at each change of phase
//                                   <------ beat ...
//   held                            ------>           all but the last record is with ssh; open the window, promote
//                                   <------ release
//   ready                           ------>           the target waits; look at lock and DRBD for the last time
//                                   <------ pass      xl renames the source and says GO by itself
//   go                              ------>           the point of no return has passed through
//   result N                        ------>           0: the domain runs on the target
//   ended                           ------>           always the last line, however it ends
//
// Phases, and who may end the transport in them (end: closes both ends of xl's stream, terminates its ssh, exits
// non-zero; xl then resumes the guest by itself):
//
//   phase         what has passed                            tool says end, is silent,   xl or the target
//                                                            is gone; SIGTERM INT HUP    closes its side
//   ------------  -----------------------------------------  --------------------------  ----------------
//   nothing_sent  no byte of the stream                      ends                        ends
//   copying       records                                    ends                        ends
//   held          all but the libxl END record               ends                        ends
//   released      END                                        ends                        ends
//   ready         ... the target's "ready" is held           ends                        ends
//   passed        "ready", to xl                             passes on what comes        passes that on
//   gone          the first byte of GO, to the target        passes on what comes        passes that on
//   plain         an unknown stream, passed on unread        ends until the target has   passes that on
//                                                            said more than its banner
//
// The accident that the `passed` row prevents: xl renames the source as soon as it has read "ready" and does not resume
// by itself after that; a transport that ended there would leave the guest running nowhere.

#include "xen_drbd/base/result.hpp"
#include "xen_drbd/base/units.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace xen_drbd::transport {

/// How far a migration has come, in this order (`plain` apart: an unknown stream, of which nothing else is known).
enum class Phase { nothing_sent, copying, held, released, ready, passed, gone, plain };

/// Why a transport ended.
enum class EndCause {
  finished,       ///< both sides closed after GO, as xl and the target do at the end
  asked,          ///< the tool said `end`
  tool_silent,    ///< no line from the tool for longer than `silence`
  tool_gone,      ///< the socket was closed
  signalled,      ///< SIGTERM, SIGINT or SIGHUP
  ssh_ended,      ///< ssh could not be started, or ended, or closed the target's answers early
  xl_closed,      ///< xl closed its stream early
  unknown_stream, ///< not the format we know, or garbled
  contradicted,   ///< the tool said what does not fit the phase or the protocol, or has another version
};

[[nodiscard]] std::string_view to_string(Phase phase);
[[nodiscard]] std::string_view to_string(EndCause cause);

/// What both ends must have in common: the version of xen-drbd.
[[nodiscard]] std::string_view protocol_version();

// --- transport to tool ---

/// A transport was started for `domain`; it has sent nothing and waits for `Settings`.
struct Hello {
  std::string version;
  std::string domain;
  std::int64_t pid = 0;
  std::string host;               ///< as xl was given it
  std::vector<std::string> words; ///< the remote command as xl wants it: xl migrate-receive and options
  bool operator==(const Hello&) const = default;
};
/// Units: bytes that were passed on to ssh: of the whole stream, and of the bodies of PAGE_DATA records in it.
struct Progress {
  Phase phase = Phase::nothing_sent;
  std::uint64_t stream_bytes = 0;
  std::uint64_t page_bytes = 0;
  bool operator==(const Progress&) const = default;
};
/// The last record is held, and ssh has read everything before it.
struct Held {
  bool operator==(const Held&) const = default;
};
/// The target's "ready to unpause" is held.
struct Ready {
  bool operator==(const Ready&) const = default;
};
/// The first byte of GO was passed on.
struct Go {
  bool operator==(const Go&) const = default;
};
/// The target's final report: 0 when the domain runs there.
struct TargetResult {
  int status = 0;
  bool operator==(const TargetResult&) const = default;
};
/// The stream or the banner is of no known form, and nothing was sent to either side yet. Where `allow_passthrough` is
/// set the transport now waits for `Release` and then passes everything on unread (the tool has to promote first, as
/// for a plain ssh), else it ends by itself.
struct UnknownStream {
  std::string why;
  bool operator==(const UnknownStream&) const = default;
};
/// The last words of a transport.
struct Ended {
  EndCause cause = EndCause::finished;
  Phase phase = Phase::nothing_sent;
  std::string reason;
  std::optional<int> ssh_status;     ///< exit status of ssh; absent when it was not started or ended by a signal
  std::optional<int> ssh_signal;     ///< the signal that ended ssh (SIGTERM when the transport ended it)
  std::optional<int> target_result;  ///< as in TargetResult
  std::vector<std::string> ssh_said; ///< the last lines of ssh's stderr, the target's included
  std::uint64_t stream_bytes = 0;
  std::uint64_t page_bytes = 0;
  bool operator==(const Ended&) const = default;
};
using TransportMessage = std::variant<Hello, Progress, Held, Ready, Go, TargetResult, UnknownStream, Ended>;

// --- tool to transport ---

/// The answer to `Hello`. A transport that gets another `version` ends before anything is started.
struct Settings {
  std::string version = std::string(protocol_version());
  std::vector<std::string> argv;  ///< the whole command to the far end (ssh_argv), remote command included
  Milliseconds silence{15'000};   ///< before "ready" was passed on, a longer silence of the tool ends the transport
  bool allow_passthrough = false; ///< see UnknownStream
  bool operator==(const Settings&) const = default;
};
/// The tool lives.
struct Beat {
  bool operator==(const Beat&) const = default;
};
/// The target's disks are Primary: send the last record on. In any other phase but `held` it is a contradiction, and
/// the transport ends. (For an unknown stream: see UnknownStream.)
struct Release {
  bool operator==(const Release&) const = default;
};
/// Lock, tool and DRBD were seen to be right: give "ready" to xl. In any other phase but `ready`: as for Release.
struct Pass {
  bool operator==(const Pass&) const = default;
};
/// End, if "ready" was not passed on yet.
struct End {
  std::string reason;
  bool operator==(const End&) const = default;
};
using ToolMessage = std::variant<Settings, Beat, Release, Pass, End>;

/// One line without newline; bytes that are no UTF-8 (ssh's stderr) are replaced.
[[nodiscard]] std::string to_line(const TransportMessage& message);
[[nodiscard]] std::string to_line(const ToolMessage& message);

/// Fails: ErrorKind::failed for a line that is no message of this version (unknown, a field missing or of another
/// type).
[[nodiscard]] Result<TransportMessage> parse_transport_message(std::string_view line);
[[nodiscard]] Result<ToolMessage> parse_tool_message(std::string_view line);

// --- what a relay says on its stdout and reads on its stdin ---
//
//   out: listening        once, first: transports can connect now     in:  N LINE   to connection N; nothing happens
//        N LINE           a line that connection N sent                             when N is closed already
//        closed N         connection N is gone                             end of file: the relay unlinks its socket,
//        failed WHY       once, instead of all others                      closes all connections and exits

struct RelayListening {
  bool operator==(const RelayListening&) const = default;
};
struct RelayLine {
  std::uint64_t connection = 0;
  std::string line;
  bool operator==(const RelayLine&) const = default;
};
struct RelayClosed {
  std::uint64_t connection = 0;
  bool operator==(const RelayClosed&) const = default;
};
struct RelayFailed {
  std::string why;
  bool operator==(const RelayFailed&) const = default;
};
using RelayEvent = std::variant<RelayListening, RelayLine, RelayClosed, RelayFailed>;

/// What a line of a relay's stdout says. Fails: ErrorKind::failed for a line of no such form.
[[nodiscard]] Result<RelayEvent> parse_relay_event(std::string_view line);

/// The line for a relay's stdin that gives `message` to a connection.
[[nodiscard]] std::string to_relay_line(std::uint64_t connection, const ToolMessage& message);

} // namespace xen_drbd::transport
