#pragma once
// The drbd room: what DRBD is asked and told, in the words of 8.4 and of 9, and what its answers mean. Looking is here,
// acting in act.hpp, the way from a disk's path to its minor in path.hpp.
//
// A question is a pair: a function that makes the command and a pure parser of its outcome. `questions` and `read_into`
// are the whole of one look at a node.

#include "xen_drbd/base/result.hpp"
#include "xen_drbd/host/host.hpp"
#include "xen_drbd/model/state.hpp"

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace xen_drbd::drbd {

/// How drbdsetup answered: DRBD 9's JSON, or text (the kernel module is 8.4, or the tools are older than JSON).
enum class Dialect { text, json };

struct Status {
  Dialect dialect = Dialect::text;
  std::vector<model::Resource> resources; ///< `two_primaries` is not filled in yet
  std::vector<std::string> notes;         ///< what was left out: a resource whose name xen-drbd would not accept
  bool operator==(const Status&) const = default;
};

/// `drbdsetup status`, as JSON where that is known, else `--verbose --statistics` and, for what that does not say of a
/// StandAlone resource, `events2`: one sh script that works on 8.4 and 9 and says which it was.
[[nodiscard]] host::Command status_command();
/// The resources that are up. No resource up, and no DRBD module loaded, are an empty list.
/// A resource without any connection is StandAlone: 8.4 prints no peer at all then. A resource with several connections
/// has no single peer: connection, peer role and peer disks stay unknown.
/// Safety: states this version does not know are `unknown`, never a good one; a resource or volume that lacks its role,
/// number, minor or disk state fails the whole answer. The accident it prevents: a disk that was overlooked is
/// promoted. Fails: ErrorKind::failed. Source: drbd-utils user/v9/drbdsetup.c, user/v84/drbdsetup.c; captured from
/// DRBD 8.4.11 with drbd-utils 9.22.
[[nodiscard]] Result<Status> parse_status(const host::Outcome& outcome);
/// The two dialects alone. The text of an 8.4 or 9 `drbdsetup status --verbose --statistics`; the JSON of 9.
[[nodiscard]] Result<Status> parse_status_text(std::string_view text);
[[nodiscard]] Result<Status> parse_status_json(std::string_view text);

/// `drbdsetup show`: the options in force, of all resources that are up.
[[nodiscard]] host::Command show_command();
/// allow-two-primaries at run time, by resource. What is not shown has DRBD's default, which is no.
/// Fails: ErrorKind::failed when the text cannot be read to its end.
/// Source: drbd-utils user/v84/drbdsetup.c show_scmd; user/v9/drbdsetup.c show_resource_list.
[[nodiscard]] Result<std::map<std::string, model::TwoPrimaries>> parse_show(const host::Outcome& outcome);
[[nodiscard]] Result<std::map<std::string, model::TwoPrimaries>> parse_show_text(std::string_view text);

/// The resources with their two_primaries; `unknown` where `show` failed or does not name the resource.
/// Fails: when the status cannot be read.
[[nodiscard]] Result<Status> assemble(const host::Outcome& status, const host::Outcome& show);

struct Configuration {
  std::vector<model::ResourceConfig> resources;
  std::vector<std::string> notes; ///< resources left out, each with the reason: stacked, floating, not on this node
  bool operator==(const Configuration&) const = default;
};
/// `drbdadm dump-xml`: the configuration as DRBD's own tool reads it.
[[nodiscard]] host::Command dump_command();
/// The resources that the configuration has for the node of this host name. A resource's own options go before those of
/// the section `common`. What has no one minor on this node (stacked, floating) is left out with a note, not guessed.
/// No resource configured is an empty list.
/// Fails: ErrorKind::failed when drbdadm refuses the configuration or its XML is not whole.
/// Source: drbd-utils user/v9/drbdadm_dump.c, user/v84/drbdadm_main.c adm_dump_xml.
[[nodiscard]] Result<Configuration> parse_dump(const host::Outcome& outcome, std::string_view host_name);
[[nodiscard]] Result<Configuration> parse_dump_text(std::string_view xml, std::string_view host_name);

/// The links below /dev/drbd: one sh script, one fork.
[[nodiscard]] host::Command links_command();
/// From the link's absolute path ("/dev/drbd/samba-root") to its target as read ("../drbd1"). No /dev/drbd is an empty
/// map. Fails: ErrorKind::failed.
[[nodiscard]] Result<std::map<std::string, std::string>> parse_links(const host::Outcome& outcome);

/// What the kernel's log, as far back as it goes, says of connections that changed.
[[nodiscard]] host::Command kernel_log_command();
/// When each resource was last left by its peer, in the node's own time: "2026-11-22T18:19:02". One that is not named
/// was left before the log begins, or not since this boot. Nothing is decided by it: it is told to the administrator.
/// Source: drbd drivers/block/drbd/drbd_state.c (8.4 print_state_change, 9 drbd_print_*_state_change); dmesg(1).
[[nodiscard]] std::map<ResourceName, std::string> parse_kernel_log(const host::Outcome& outcome);

/// The commands of one look: status, show, dump, links.
[[nodiscard]] std::vector<host::Command> questions();
/// Puts the four answers into the node's state: resources, resources_problem, resource_configs,
/// resource_configs_problem, drbd_links. What could not be read stays absent. Where notes were made, they are in the
/// `_problem` beside the list.
void read_into(model::NodeState& state, std::span<const host::Outcome> answers, std::string_view host_name);

} // namespace xen_drbd::drbd
