#include "xen_drbd/script/script.hpp"

#include "commands.hpp"
#include "output.hpp"

namespace xen_drbd::cli {

int run_make_links(Session& session) {
  write_answer(script::make_links(session.topology));
  return 0;
}

int run_make_bridges(Session& session) {
  write_answer(session.options.remove ? script::remove_bridges(session.topology, session.this_node)
                                      : script::make_bridges(session.topology, session.this_node));
  return 0;
}

} // namespace xen_drbd::cli
