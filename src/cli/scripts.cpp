#include "xen_drbd/base/quote.hpp"
#include "xen_drbd/base/text.hpp"
#include "xen_drbd/script/script.hpp"

#include "commands.hpp"
#include "output.hpp"
#include "render.hpp"

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

int run_make_keys(Session& session) {
  const std::string& path = session.topology.path;
  if (session.options.restrict && shell_quote(path) != path)
    return print_error(session.options, {.kind = ErrorKind::usage,
                                         .what = "the key cannot be restricted",
                                         .because = "the path " + printable(path) + " cannot stand in authorized_keys",
                                         .while_doing = {},
                                         .changed = Changed::no,
                                         .hint = "give the topology a plain name, such as /etc/xen/topology.yaml"});
  write_answer(script::make_keys(session.topology, session.this_node, session.options.restrict));
  return 0;
}

} // namespace xen_drbd::cli
