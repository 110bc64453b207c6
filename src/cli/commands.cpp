#include "commands.hpp"

#include <algorithm>
#include <array>

namespace xen_drbd::cli {
namespace {

constexpr std::array subcommand_table = std::to_array<Subcommand>({
    {.name = "start",
     .summary = "start on this node; what runs on the peer is refused",
     .domains = Domains::at_least_one,
     .run = run_wish,
     .for_all = "start-all",
     .starts = true},
    {.name = "start-all",
     .summary = "start on this node every domain that runs on neither node",
     .run = run_wish,
     .starts = true},
    {.name = "start-my-domains",
     .summary = "start on this node the domains whose home it is and that run on neither node",
     .run = run_wish,
     .starts = true},
    {.name = "migrate-out",
     .summary = "live-migrate to the peer",
     .domains = Domains::at_least_one,
     .run = run_wish,
     .for_all = "migrate-all-out",
     .migrates = true},
    {.name = "migrate-in",
     .summary = "live-migrate from the peer to this node",
     .domains = Domains::at_least_one,
     .run = run_wish,
     .for_all = "migrate-all-in",
     .migrates = true},
    {.name = "migrate-all-out",
     .summary = "every domain running here goes to the peer",
     .run = run_wish,
     .migrates = true},
    {.name = "migrate-all-in",
     .summary = "every domain running on the peer comes here",
     .run = run_wish,
     .migrates = true},
    {.name = "migrate-my-domains-home",
     .summary = "domains whose home is this node and that run on the peer come here",
     .run = run_wish,
     .migrates = true},
    {.name = "migrate-and-start-my-domains",
     .summary = "domains whose home is this node come here; those that run nowhere are started here",
     .run = run_wish,
     .starts = true,
     .migrates = true},
    {.name = "migrate-and-start-all",
     .summary = "every domain goes to its home; the missing ones are started there",
     .run = run_wish,
     .starts = true,
     .migrates = true},
    {.name = "stop",
     .summary = "shut down gracefully on this node; --destroy for guests that do not listen",
     .domains = Domains::at_least_one,
     .run = run_wish,
     .for_all = "stop-all",
     .shuts_down = true},
    {.name = "stop-all", .summary = "shut down every domain on this node", .run = run_wish, .shuts_down = true},
    {.name = "stop-my-domains",
     .summary = "shut down the domains on this node whose home it is",
     .run = run_wish,
     .shuts_down = true},
    {.name = "evacuate",
     .summary = "empty this node: migrate what can move, shut down the rest",
     .run = run_evacuate,
     .migrates = true,
     .shuts_down = true},
    {.name = "recover",
     .summary = "finish or undo half-done migrations",
     .domains = Domains::some,
     .run = run_wish,
     .starts = true},
    {.name = "status",
     .summary = "both nodes, every domain: home, where it runs, state, DRBD",
     .domains = Domains::some,
     .run = run_status},
    {.name = "check", .summary = "preflight of both nodes, read-only: what is wrong, what to do", .run = run_check},
    {.name = "make-links",
     .summary = "print the shell that creates /dev/drbd/*",
     .run = run_make_links,
     .prints_a_script = true},
    {.name = "make-bridges",
     .summary = "print the shell that creates the bridges",
     .run = run_make_bridges,
     .prints_a_script = true},
    {.name = "make-keys",
     .summary = "print the shell that makes the SSH key of this node and puts it on the peer",
     .run = run_make_keys,
     .prints_a_script = true},
    {.name = "nothing", .summary = "do nothing, so that START_ACTION=nothing is just a command"},
});

} // namespace

std::span<const Subcommand> subcommands() { return subcommand_table; }

bool matters_to(const OptionRow& option, const Subcommand& command) {
  if (!option.command.empty()) return option.command == command.name;
  const bool changes = command.run == run_wish || command.run == run_evacuate;
  switch (option.concerns) {
  case Concerns::all: return true;
  case Concerns::changing: return changes;
  case Concerns::starting: return command.starts;
  case Concerns::migrating: return command.migrates;
  case Concerns::shutting_down: return command.shuts_down;
  case Concerns::changing_and_check: return changes || command.run == run_check;
  case Concerns::all_but_scripts: return !command.prints_a_script;
  }
  return true;
}

const Subcommand* find_subcommand(std::string_view name) {
  const auto found = std::find_if(subcommand_table.begin(), subcommand_table.end(),
                                  [&](const Subcommand& command) { return command.name == name; });
  return found == subcommand_table.end() ? nullptr : &*found;
}

} // namespace xen_drbd::cli
