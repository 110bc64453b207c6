#include "xen_drbd/base/quote.hpp"
#include "xen_drbd/script/script.hpp"

#include <fmt/format.h>

namespace xen_drbd::script {

std::string make_links(const model::Topology& topology) {
  std::string names;
  std::string links;
  for (const model::Domain& domain : topology.domains) {
    if (!domain.disks.empty()) links += fmt::format("\n  # {}\n", domain.name.str());
    for (const model::Disk& disk : domain.disks) {
      const std::string name = shell_quote(disk.link.str());
      names += " " + name;
      links += fmt::format("  link {} {}\n", name, disk.minor.number);
    }
  }
  std::string body = "  mkdir -p /dev/drbd\n";
  if (!names.empty()) body += fmt::format("  for name in{}; do must_be_free \"$name\"; done\n{}", names, links);
  return fmt::format(R"sh(#!/bin/sh
# Names for DRBD's devices: /dev/drbd/LINK -> /dev/drbdN, as the topology declares them.
# May be run again at any time.
{{ # nothing is done before the last line was read

must_be_free() {{
  if [ -e "/dev/drbd/$1" ] && [ ! -L "/dev/drbd/$1" ]; then
    echo "make-links: /dev/drbd/$1 is there and is no link; nothing was changed" >&2
    exit 1
  fi
}}

link() {{ # NAME MINOR
  if [ "$(readlink "/dev/drbd/$1")" != "/dev/drbd$2" ]; then
    ln -sfn "/dev/drbd$2" "/dev/drbd/$1"
  fi
}}

make_links() {{
  set -eu
{}}}

make_links; }}
)sh",
                     body);
}

} // namespace xen_drbd::script
