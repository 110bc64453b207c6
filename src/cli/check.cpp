#include "xen_drbd/planner/check.hpp"

#include "xen_drbd/base/text.hpp"
#include "xen_drbd/engine/facts.hpp"

#include "commands.hpp"
#include "findings.hpp"
#include "interrupt.hpp"
#include "output.hpp"
#include "render.hpp"

#include <unistd.h>

namespace xen_drbd::cli {

int run_check(Session& session) {
  end_on_interrupt();
  if (auto connected = connect(session); !connected) return print_error(session.options, connected.error());
  engine::Look look;
  look.configs = all_domains(session);
  look.parse_on = {model::both_nodes.begin(), model::both_nodes.end()};
  const model::ClusterState state = look_at_both(session, look);
  const model::FactsOfBoth facts = engine::gather_facts(session.cluster, state);
  const auto findings = planner::check(session.topology, state, facts, planner_inputs(session, state));
  if (session.options.json)
    write_answer(line_of(findings_json(findings)));
  else
    write_answer(findings_text(findings, session.options.quiet, wants_color(session.options, STDOUT_FILENO)));
  return findings_code(findings, state);
}

} // namespace xen_drbd::cli
