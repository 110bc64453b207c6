#include "xen_drbd/planner/status.hpp"

#include "xen_drbd/engine/observe.hpp"

#include "commands.hpp"
#include "interrupt.hpp"
#include "json.hpp"
#include "output.hpp"
#include "render.hpp"
#include "status_text.hpp"

#include <unistd.h>

namespace xen_drbd::cli {
namespace {

constexpr std::string_view clear_screen = "\x1b[H\x1b[J";

int show(const Session& session) {
  const model::ClusterState state = planner::without_stranger(session.topology, look_at_both(session, {}));
  const auto domains = session.options.domains.empty() ? all_domains(session) : typed_domains(session);
  if (session.options.json) {
    write_answer(line_of(status_json(session, state, domains)));
  } else {
    std::string text;
    if (session.options.watch && has_cursor(STDOUT_FILENO)) text = clear_screen;
    write_answer(text + status_text(session, state, domains, wants_color(session.options, STDOUT_FILENO)));
  }
  for (const model::Observation& node : state.nodes)
    if (const auto* gone = std::get_if<model::Unreachable>(&node)) write_message("\n" + error_text(gone->error));
  return status_code(state, domains);
}

} // namespace

int run_status(Session& session) {
  end_on_interrupt();
  if (auto connected = connect(session); !connected) return print_error(session.options, connected.error());
  int code = show(session);
  while (session.options.watch && !answer_is_lost()) {
    engine::system_clock().sleep(*session.options.watch);
    if (session.cluster.peer_error || session.cluster.host(session.cluster.peer())->lost()) {
      session.cluster = {};
      if (auto connected = connect(session); !connected) return print_error(session.options, connected.error());
    }
    code = show(session);
  }
  return code;
}

} // namespace xen_drbd::cli
