#include "xen_drbd/script/script.hpp"

#include "commands.hpp"
#include "json.hpp"
#include "output.hpp"

namespace xen_drbd::cli {
namespace {

int print_script(const Session& session, const std::string& script) {
  write_answer(session.options.json ? line_of(json_of(session.options, script)) : script);
  return 0;
}

} // namespace

int run_make_links(Session& session) { return print_script(session, script::make_links(session.topology)); }

int run_make_bridges(Session& session) {
  return print_script(session, session.options.remove ? script::remove_bridges(session.topology, session.this_node)
                                                      : script::make_bridges(session.topology, session.this_node));
}

} // namespace xen_drbd::cli
