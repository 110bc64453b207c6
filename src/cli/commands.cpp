#include "commands.hpp"

#include <algorithm>
#include <array>

namespace xen_drbd::cli {
namespace {

constexpr std::array table = std::to_array<Subcommand>({
    {"start", "Start domains on this node", Domains::at_least_one, true, run_wish},
    {"start-all", "Start on this node every domain that runs on neither node", Domains::none, true, run_wish},
    {"start-my-domains", "The same, only for domains whose home is this node", Domains::none, true, run_wish},
    {"migrate-out", "Live-migrate domains to the peer", Domains::at_least_one, true, run_wish},
    {"migrate-in", "Live-migrate domains from the peer to this node", Domains::at_least_one, true, run_wish},
    {"migrate-all-out", "Every domain running here goes to the peer", Domains::none, true, run_wish},
    {"migrate-all-in", "Every domain running on the peer comes here", Domains::none, true, run_wish},
    {"migrate-my-domains-home", "Domains whose home is this node come here from the peer", Domains::none, true, run_wish},
    {"migrate-and-start-my-domains", "The same, then start the missing ones whose home is this node", Domains::none, true, run_wish},
    {"migrate-and-start-all", "Every domain goes to its home; the missing ones are started there", Domains::none, true, run_wish},
    {"stop", "Shut domains down on this node", Domains::at_least_one, true, run_wish},
    {"stop-all", "Shut down every domain on this node", Domains::none, true, run_wish},
    {"stop-my-domains", "Shut down the domains on this node whose home it is", Domains::none, true, run_wish},
    {"evacuate", "Empty this node: migrate what can move, shut down the rest", Domains::none, true, run_evacuate},
    {"recover", "Finish or undo half-done migrations", Domains::some, true, run_wish},
    {"status", "Both nodes, every domain: home, where it runs, state, DRBD", Domains::some, false, run_status},
    {"make-links", "Print the shell that creates /dev/drbd/*", Domains::none, false, run_make_links},
    {"make-bridges", "Print the shell that creates the bridges", Domains::none, false, run_make_bridges},
    {"nothing", "Do nothing (for START_ACTION=nothing)", Domains::none, false, nullptr},
});

} // namespace

std::span<const Subcommand> subcommands() { return table; }

const Subcommand* find_subcommand(std::string_view name) {
  const auto found = std::find_if(table.begin(), table.end(), [&](const Subcommand& command) { return command.name == name; });
  return found == table.end() ? nullptr : &*found;
}

} // namespace xen_drbd::cli
