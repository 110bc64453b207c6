#pragma once
// The xen room: what xl is asked and told, and what its answers mean. Looking is here, acting in act.hpp.
//
// A question is a pair: a function that makes the command and a pure parser of its outcome, so that all questions to a
// node can travel in one `Host::ask`. `questions` and `read_into` are the whole of one look.

#include "xen_drbd/base/result.hpp"
#include "xen_drbd/host/host.hpp"
#include "xen_drbd/model/state.hpp"

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace xen_drbd::xen {

/// `xl list`. Never `xl list -l`: that drops domains whose saved configuration cannot be read.
[[nodiscard]] host::Command list_command();

/// The rows of `xl list`, Domain-0 among them.
/// Safety: a list that is not proved to be one (no header, no Domain-0 with id 0, one row that cannot be read) is an
/// error. The accident it prevents: a broken or half-started xl reads as "nothing runs here", and the guest is started
/// a second time.
/// Fails: ErrorKind::failed; `because` is the one line for `rows_problem`.
/// Source: xen tools/xl/xl_info.c list_domains; captured from Xen 4.17.7.
[[nodiscard]] Result<std::vector<model::DomainRow>> parse_list(const host::Outcome& outcome);
/// The same for the bare text of a successful `xl list`.
[[nodiscard]] Result<std::vector<model::DomainRow>> parse_list_text(std::string_view text);

/// `xl info`.
[[nodiscard]] host::Command info_command();
/// Fails: ErrorKind::failed when a line that is needed is missing or no number.
/// Source: xen tools/xl/xl_info.c output_xeninfo, output_physinfo.
[[nodiscard]] Result<model::XenInfo> parse_info(const host::Outcome& outcome);
/// Whether this xl has `xl resume`, which came with Xen 4.20.
[[nodiscard]] bool has_resume(const model::XenInfo& info);

/// One sh script that names every xl process of the node, in one fork for the search and a few for each xl it finds.
[[nodiscard]] host::Command processes_command();

struct Processes {
  /// Of those whose fd 1 is /var/log/xen/xl-NAME.log, and of those that are at `xl create` or `xl restore` of one of
  /// the domains and have no log yet: with autoballoon xl waits for a lock before the domain is in any list. Accident:
  /// shown possible: while such a command was waiting, the domain was seen nowhere and was started on the other node.
  std::vector<model::Watcher> watchers;
  std::vector<model::MigrationProcess> migrations;
  bool operator==(const Processes&) const = default;
};
/// Watchers and migrations, and what suspends a domain like one, among the xl processes. Processes that end while they
/// are looked at are left out; an xl that was replaced on disk by an upgrade counts like any other. The domain of a
/// migration is as it was typed: maybe a domid. Safety: the answer must show that /proc listed the asking process
/// itself and that it came to its end. The accident it prevents: a guest that reboots is off the list for seconds and
/// known only by its watcher; an unreadable /proc would read as "no watcher", and the guest is started a second time.
/// Fails: ErrorKind::failed when processes cannot be listed.
[[nodiscard]] Result<Processes> parse_processes(const host::Outcome& outcome,
                                                std::span<const model::Domain> domains = {});

/// A domain and the places where its configuration may be; the first that exists counts.
struct ConfigQuestion {
  DomainName domain;
  std::vector<std::string> candidates; ///< absolute paths
};
[[nodiscard]] std::vector<ConfigQuestion> config_questions(std::span<const model::Domain> domains);

/// Whether xl itself is to read the files, too (`xl create -n`, about half a second for each).
enum class Reading { hash_only, with_xl };

/// One sh script for all the domains: which candidate exists, its SHA-256 and, with_xl, how xl reads it.
[[nodiscard]] host::Command config_command(std::span<const ConfigQuestion> questions, Reading reading);
/// A report for each question. A file that cannot be read or that xl refuses is a report with a `problem`, not a
/// failure. Fails: ErrorKind::failed when the answer is not whole.
[[nodiscard]] Result<std::map<DomainName, model::ConfigReport>>
parse_configs(const host::Outcome& outcome, std::span<const ConfigQuestion> questions);
/// What `xl create -n` printed; `path` and `sha256` are left empty. What it says about name, memory, disks and bridges
/// is taken, everything else is passed over. A configuration without memory gets libxl's default, 32 MiB.
/// Fails: ErrorKind::failed when the text is not that JSON, output_format="sxp" in xl.conf included.
/// Source: xen tools/libs/light/libxl_types.idl libxl_domain_config; captured from Xen 4.17.7.
[[nodiscard]] Result<model::ConfigReport> parse_config_json(std::string_view text);

/// A virtual disk of a running guest. States are those of xenbus: 1 initialising, 2 waiting, 3 initialised, 4
/// connected, 5 closing, 6 closed.
struct BlockDevice {
  unsigned vdev = 0;                ///< 51712 is xvda
  int frontend_state = -1;          ///< the column `state` of `xl block-list`; -1: none
  std::optional<int> backend_state; ///< from xenstore; absent: no xenstore-read there, or the backend is gone
  std::optional<Minor> drbd_minor;  ///< which DRBD device it is; absent: another device, or not to be read
  std::string backend_path;         ///< "/local/domain/0/backend/vbd/1/51712"
  bool operator==(const BlockDevice&) const = default;
};
/// `xl block-list` and, for each line, state and device of the backend: xl shows the frontend's state only.
/// Source of the device: tools/hotplug/Linux/block-common.sh write_dev.
[[nodiscard]] host::Command block_list_command(const DomainName& domain);
/// Fails: ErrorKind::failed when xl does not know the domain or the answer is not whole.
/// Source: xen tools/xl/xl_block.c main_blocklist, tools/libs/light/libxl_disk.c libxl_device_disk_getinfo.
[[nodiscard]] Result<std::vector<BlockDevice>> parse_block_list(const host::Outcome& outcome);
/// Whether this disk is dead: its backend (or, unread, its frontend) is closing or closed. A disk that is still
/// connecting (1 to 3) is not.
/// Safety (rule 5.8): `xl create` exits 0 for a guest whose disk is Secondary. The accident it prevents: a guest that
/// runs without its disk is reported as started.
[[nodiscard]] bool is_closed(const BlockDevice& device);

/// The commands of one look: list, info, processes and, if any domain is asked for, configurations.
[[nodiscard]] std::vector<host::Command> questions(std::span<const ConfigQuestion> configs, Reading reading);
/// Puts the answers to `questions` (same arguments, as many outcomes) into the node's state: rows, rows_problem,
/// watchers, migrations, xen, has_resume, configs. What could not be read stays absent; a config answer that is not
/// whole gives every domain asked for a report with a `problem`.
/// `domains`: those whose creation under way counts as their watcher.
void read_into(model::NodeState& state, std::span<const host::Outcome> answers, std::span<const ConfigQuestion> configs,
               std::span<const model::Domain> domains = {});

} // namespace xen_drbd::xen
