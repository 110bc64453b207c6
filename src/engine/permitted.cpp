#include "xen_drbd/engine/permitted.hpp"

#include "xen_drbd/base/quote.hpp"
#include "xen_drbd/drbd/act.hpp"
#include "xen_drbd/drbd/look.hpp"
#include "xen_drbd/engine/facts.hpp"
#include "xen_drbd/transport/ssh.hpp"
#include "xen_drbd/xen/act.hpp"
#include "xen_drbd/xen/look.hpp"

#include "commands.hpp"
#include "ssh_words.hpp"

#include <algorithm>
#include <set>

namespace xen_drbd::engine {
namespace {

using Words = std::vector<std::string>;

constexpr const char* tool = "xen-drbd"; // how a run calls it on the node that it is not typed on

bool is(const host::Command& command, const Words& argv) { return command.argv == argv; }
bool is(const Result<host::Command>& command, const Words& argv) { return command && command->argv == argv; }

bool begins_like(const host::Command& command, std::size_t words, const Words& argv) {
  return argv.size() >= words &&
         std::equal(argv.begin(), argv.begin() + static_cast<std::ptrdiff_t>(words), command.argv.begin());
}

/// The command for the DRBD resource that the last word names, if that is a name.
bool is_drbd_change(const Words& argv) {
  const auto resource = argv.empty() ? ResourceName::parse("") : ResourceName::parse(argv.back());
  if (!resource) return false;
  return is(drbd::primary_command(*resource), argv) || is(drbd::secondary_command(*resource), argv) ||
         is(drbd::two_primaries_command(*resource, true), argv) ||
         is(drbd::two_primaries_command(*resource, false), argv) || is(drbd::connect_command(*resource), argv) ||
         is(drbd::connect_discarding_command(*resource), argv);
}

/// The script that reads configuration files: domains and their candidates as the topology has them.
bool is_config_question(const model::Topology& topology, const Words& argv) {
  std::set<std::string> candidates{"."};
  for (const model::Domain& domain : topology.domains)
    candidates.insert(domain.config_candidates.begin(), domain.config_candidates.end());
  constexpr std::size_t fixed = 5; // sh -c SCRIPT sh HOW
  return (begins_like(xen::config_command({}, xen::Reading::with_xl), fixed, argv) ||
          begins_like(xen::config_command({}, xen::Reading::hash_only), fixed, argv)) &&
         std::all_of(argv.begin() + fixed, argv.end(), [&](const auto& word) { return candidates.contains(word); });
}

bool is_facts_question(const model::Topology& topology, const Words& argv) {
  const host::Command without_devices = facts_command(topology, {});
  const std::size_t fixed = without_devices.argv.size();
  return begins_like(without_devices, fixed, argv) &&
         std::all_of(argv.begin() + static_cast<std::ptrdiff_t>(fixed), argv.end(),
                     [](const auto& word) { return InterfaceName::parse(word).has_value(); });
}

} // namespace

bool is_run_name(std::string_view text) {
  return !text.empty() && text.size() <= 64 && text.find_first_not_of("0123456789abcdef") == text.npos;
}

Permitted::Permitted(const model::Topology& topology, model::NodeId this_node, std::string run_directory) {
  cluster_.topology = &topology;
  cluster_.this_node = this_node;
  cluster_.run_directory = std::move(run_directory);
}

bool Permitted::command(const Words& argv) const {
  if (question(argv) || is_drbd_change(argv) || ssh(argv)) return true;
  return std::any_of(topology().domains.begin(), topology().domains.end(),
                     [&](const model::Domain& domain) { return about_domain(domain, argv); });
}

bool Permitted::question(const Words& argv) const {
  const auto drbd_questions = drbd::questions();
  const auto same = [&](const host::Command& each) { return is(each, argv); };
  if (std::any_of(drbd_questions.begin(), drbd_questions.end(), same)) return true;
  for (const bool make : {false, true})
    if (is(identity_command(cluster_.run_directory, make, tool), argv)) return true;
  const Words audit{"logger", "-t", "xen-drbd", "--"};
  return is(topology_command(topology().path), argv) || is(records_command(), argv) || is(clock_command(), argv) ||
         is(xen::list_command(), argv) || is(xen::info_command(), argv) || is(xen::processes_command(), argv) ||
         argv == Words{"true"} || is_config_question(topology(), argv) || is_facts_question(topology(), argv) ||
         (argv.size() == 5 && begins_like({.argv = audit}, audit.size(), argv));
}

bool Permitted::about_domain(const model::Domain& domain, const Words& argv) const {
  const std::string& name = domain.name.str();
  const auto of_row = [&](const std::string& row) {
    return is(xen::destroy_command(row), argv) || is(xen::resume_command(row), argv) ||
           is(rename_command(row, domain.name), argv);
  };
  if (of_row(name) || of_row(name + "--incoming") || of_row(name + "--migratedaway")) return true;
  for (const std::string& config : domain.config_candidates)
    if (is(xen::create_command(config), argv)) return true;
  return is(xen::shutdown_command(domain.name), argv) || is(xen::unpause_command(domain.name), argv) ||
         is(xen::block_list_command(domain.name), argv) || is(remove_record_command(domain.name), argv) ||
         is(end_receiver_command(cluster_.run_directory, domain.name), argv) ||
         (argv.size() == 6 && begins_like(write_record_command(domain.name, {}), 5, argv)) || migration(domain, argv);
}

/// Only through the transport of this node: xl hands the words of -s to a shell, so that anything could stand there.
bool Permitted::migration(const model::Domain& domain, const Words& argv) const {
  if (argv.size() != 6) return false;
  const auto words = shell_split(argv[3]);
  if (!words || words->size() != 6 || !is_run_name((*words)[4])) return false;
  const Words transport{tool, "transport", "--run-directory", cluster_.run_directory, (*words)[4], domain.name.str()};
  return is(xen::migrate_command(transport, domain.name, topology().node(cluster_.peer()).migration_address, {}), argv);
}

bool Permitted::relay(const Words& argv) const {
  return argv.size() == 4 && is_run_name(argv[2]) && argv == Words{tool, "relay", argv[2], cluster_.run_directory};
}

bool Permitted::ssh(const Words& argv) const {
  if (argv.empty()) return false;
  const model::Node& peer = topology().node(cluster_.peer());
  const auto words = [&](const Address& address, const std::string& command) {
    const auto made = ssh_words(cluster_, cluster_.this_node, address, command);
    return made && *made == argv;
  };
  if (words(peer.address, "true") || words(peer.migration_address, "true")) return true;
  const auto far = transport::parse_far_command(argv.back());
  return far && topology().find(far->domain) != nullptr && transport::is_receiver(far->words) &&
         words(peer.migration_address, argv.back());
}

} // namespace xen_drbd::engine
