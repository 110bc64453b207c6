#include "wait.hpp"

#include "xen_drbd/engine/observe.hpp"
#include "xen_drbd/planner/settling.hpp"

#include "interrupt.hpp"
#include "output.hpp"
#include "render.hpp"

namespace xen_drbd::cli {
namespace {

constexpr Milliseconds pause{1000};

/// Connects anew where there is no peer yet, or none any more, and looks.
Result<std::optional<std::string>> look(Session& session) {
  const engine::Cluster& cluster = session.cluster;
  const host::Host* peer = cluster.topology == nullptr ? nullptr : cluster.host(cluster.peer());
  if (peer == nullptr || peer->lost()) {
    session.cluster = {};
    XEN_DRBD_CHECK(connect(session));
  }
  return planner::what_still_settles(session.topology, engine::observe(session.cluster, {.records = false}));
}

Result<bool> wait(Session& session, Milliseconds longest) {
  const auto end = engine::system_clock().now() + longest;
  std::string told;
  for (;;) {
    XEN_DRBD_TRY(const std::optional<std::string> what, look(session));
    if (!what) return true;
    if (*what != told) write_message("waiting: " + *what + "\n");
    told = *what;
    if (engine::system_clock().now() + pause > end) return false;
    engine::system_clock().sleep(pause);
  }
}

} // namespace

int run_wait(const std::string& longest) {
  watch_for_interrupts();
  end_on_interrupt();
  const Options options;
  const auto duration = parse_duration(longest);
  if (!duration) return print_error(options, duration.error());
  auto session = open_session(options);
  if (!session) return print_error(options, session.error());
  const auto settled = wait(*session, *duration);
  if (!settled) return print_error(options, settled.error());
  if (!*settled) write_message("not settled within " + longest + "\n");
  return *settled ? 0 : exit_code(ErrorKind::unreachable);
}

} // namespace xen_drbd::cli
