#pragma once
// The two programs of this room: `xen-drbd transport RUN DOMAIN HOST WORDS...` (started by xl) and `xen-drbd relay RUN`
// (held open by the tool). File descriptors are parameters so that tests can drive both. Neither throws, and neither
// leaves a changed signal disposition or mask behind.

#include "xen_drbd/base/result.hpp"
#include "xen_drbd/base/units.hpp"
#include "xen_drbd/transport/protocol.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace xen_drbd::transport {

/// Where the relay of a run listens. Fails: ErrorKind::usage for a run that is not 1 to 64 of `[A-Za-z0-9_-]` or a path
/// longer than a Unix socket's may be (107 bytes).
[[nodiscard]] Result<std::string> socket_path(std::string_view run_directory, std::string_view run);

struct TransportArguments {
  std::string run;
  std::string domain;
  std::string host;
  std::vector<std::string> words;
  std::string run_directory = "/run/xen-drbd";
  int in = 0;                        ///< xl's stream; taken over and closed
  int out = 1;                       ///< answers to xl; taken over and closed
  int err = 2;                       ///< ssh's stderr is copied to it; stays open
  Milliseconds first_answer{15'000}; ///< how long `Settings` may take
  std::string version{protocol_version()};
};

/// Carries one migration from beginning to end as protocol.hpp describes, and returns the exit status: ssh's own once
/// "ready" was passed on, else never 0. Without socket, answer or common version it returns before anything is started.
[[nodiscard]] int run_transport(const TransportArguments& arguments);

struct RelayArguments {
  std::string run;
  std::string run_directory = "/run/xen-drbd"; ///< must exist
  int in = 0;
  int out = 1;
};

/// Serves RUN.sock (0600, unlinked at the end) until `in` ends, `out` is closed or a SIGTERM, SIGINT or SIGHUP comes.
/// Connections of other users are closed unread. Returns 0, or 1 when it could not listen.
[[nodiscard]] int run_relay(const RelayArguments& arguments);

} // namespace xen_drbd::transport
