#pragma once

#include "xen_drbd/model/drbd.hpp"
#include "xen_drbd/model/topology.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

namespace xen_drbd::model {

/// One row of `xl list`. Source: xen tools/xl/xl_info.c list_domains; tests/data/xl-4.17/parse-list-*.txt.
struct DomainRow {
  std::string name; ///< as listed: may be a half-name, "(null)", or a guest that the topology does not know
  unsigned domid = 0;
  MiB memory;
  unsigned vcpus = 0;
  // The six state letters. A guest that waits or is runnable between two looks has none of them.
  bool running = false;   ///< r
  bool blocked = false;   ///< b
  bool paused = false;    ///< p
  bool shut_down = false; ///< s in the fourth place
  char reason = '-';      ///< fifth place, meaningful when shut_down: '-' poweroff, r reboot, s suspend, c crash, w
                          ///< watchdog, S soft reset
  bool dying = false;     ///< d
  double cpu_seconds = 0;
  bool operator==(const DomainRow&) const = default;
};

/// An xl process that lives for a guest: executable xl, stdout /var/log/xen/xl-NAME.log; or one that is about to create
/// or restore it. Source: rule 5.2.
struct Watcher {
  int pid = 0;
  std::string name;      ///< NAME of the log file, `--incoming` cut off
  bool creating = false; ///< `xl create` or `xl restore`, at work: xl gets its log once the guest is there
  /// Where the log's name may be that of another guest as well, xl-vm1-20261126.log: that guest's. While it is in the
  /// list, the log is its own.
  std::string or_of = {};
  bool operator==(const Watcher&) const = default;
};

/// An `xl migrate` or `xl migrate-receive` that is at work (no watcher yet), as /proc shows it; or another xl that
/// suspends a domain for a while or brings one up from a stream.
struct MigrationProcess {
  int pid = 0;
  bool receiving = false;          ///< `migrate-receive`, `restore`
  std::string domain;              ///< as typed, maybe a domid; empty for a receiver, which does not name it
  std::string command = "migrate"; ///< "migrate", "save", "suspend", "dump-core", "remus"; "migrate-receive", "restore"
  bool operator==(const MigrationProcess&) const = default;
};

/// A config file of a domain on a node, as xl itself parsed it (`xl create -n`).
struct ConfigReport {
  struct ConfigDisk {
    std::string
        path; ///< pdev_path as xl prints it: "/dev/drbd1", "/dev/drbd/samba-root", or the resource for block-drbd
    std::string script; ///< "" or "block-drbd" or another
    std::string vdev;
    bool operator==(const ConfigDisk&) const = default;
  };
  std::string path;    ///< empty: none of the candidates exists
  std::string sha256;  ///< of the file's bytes
  std::string problem; ///< why xl could not parse it; empty when it could or was not asked
  bool parsed = false; ///< whether xl was asked and answered; only then the fields below hold
  std::string name;
  MiB memory; ///< max_memkb rounded up
  std::vector<ConfigDisk> disks;
  std::vector<std::string> bridges;
  bool operator==(const ConfigReport&) const = default;
};

/// What `xl info` says that matters here.
struct XenInfo {
  std::string version; ///< "4.17.7"
  unsigned major = 0;
  unsigned minor = 0;
  MiB free_memory;
  MiB total_memory;
  std::string command_line;
  bool operator==(const XenInfo&) const = default;
};

/// The record of a migration under way, in /var/lib/xen-drbd/NAME.migration on the source (rule 5.11).
struct MigrationRecord {
  DomainName domain;
  std::string text; ///< as read
  bool operator==(const MigrationRecord&) const = default;
};

/// Everything one look at a node brought. A part that could not be read is absent, never empty.
struct NodeState {
  std::string hostname;
  std::string identity;                         ///< of its current boot: random, in /run/xen-drbd/id
  std::string tool_version;                     ///< of the xen-drbd installed there; empty: none found
  std::string topology_text;                    ///< the topology file's bytes there; empty: none
  std::optional<std::vector<DomainRow>> rows;   ///< absent: xl failed, hung, or did not list Domain-0
  std::string rows_problem;                     ///< why rows is absent
  std::optional<std::vector<Watcher>> watchers; ///< absent: processes could not be listed
  std::vector<MigrationProcess> migrations;
  std::optional<XenInfo> xen;
  bool has_resume = false;                        ///< this xl knows `xl resume` (Xen 4.20 and later)
  std::optional<std::vector<Resource>> resources; ///< up in the kernel; absent: drbdsetup failed
  std::string resources_problem;
  bool drbd_nine = false;                                      ///< DRBD answered in 9's words
  std::optional<std::vector<ResourceConfig>> resource_configs; ///< absent: drbdadm failed
  std::string resource_configs_problem;
  std::map<std::string, std::string>
      drbd_links; ///< path below /dev/drbd -> where it points, as read (readlink, not resolved)
  std::map<DomainName, ConfigReport> configs; ///< of the domains that were asked for
  std::vector<MigrationRecord> records;
  std::string records_problem; ///< why they may not be all; empty: they are
  bool leaving = false;        ///< /run/xen-drbd/leaving exists
  bool operator==(const NodeState&) const = default;
};

/// A node that could not be asked. Never to be read as "nothing runs there".
struct Unreachable {
  Error error;
  bool operator==(const Unreachable&) const = default;
};

using Observation = std::variant<NodeState, Unreachable>;

struct ClusterState {
  NodeId this_node = NodeId::node1;
  std::array<Observation, 2> nodes;

  [[nodiscard]] const NodeState* node(NodeId id) const { return std::get_if<NodeState>(&nodes[index(id)]); }
  bool operator==(const ClusterState&) const = default;
};

/// What a node shows of one domain: its own row, half-names, watcher. Spec 5.2 and section 6.
enum class Presence {
  absent,        ///< proved: rows were read, Domain-0 among them, no row and no watcher
  running,       ///< r, b or none of the letters
  paused,        ///< p only
  shut_down,     ///< ---s--: powered off (or rebooting), not cleared away
  suspended,     ///< ---ss-
  crashed,       ///< c or w
  dying,         ///< d
  incoming,      ///< NAME--incoming
  migrated_away, ///< NAME--migratedaway
  watcher_only,  ///< no row, but its watcher lives: a guest between reboot and restart
  unknown,       ///< xl could not be asked, or a `(null)` row may be it
};

struct DomainPresence {
  Presence presence = Presence::unknown;
  /// The rows it was read from (more than one when a half-name stands beside the name).
  std::vector<DomainRow> rows;
  bool has_watcher = false;
  bool watchers_known = false;
  int created_by = 0; ///< the xl create or restore at work on a row that is paused and never ran: its pid; 0: none
  std::string why;    ///< for unknown: what failed
  bool operator==(const DomainPresence&) const = default;
};

/// Whether it is there and nothing but the administrator gives it life again: it crashed and is kept, or was powered
/// off and not cleared away, and no watcher is about to do something about it.
[[nodiscard]] bool runs_no_more(const DomainPresence& found);

/// The classification of one domain on one node; pure. A domain whose own name runs is `running` even when a half-name
/// stands beside it (both are in `rows`), and even when a second row of that name does not. `(null)` rows make an
/// otherwise absent domain `unknown`, since a dying domain loses its name first. With unlistable watchers an absent
/// domain is still `absent` here, with watchers_known false: proving then needs looks over at least 10 s (rule 5.2).
[[nodiscard]] DomainPresence presence_of(const DomainName& domain, const Observation& node);

/// Whether guest code of the domain may be executing there: anything but absent, shut_down, crashed, suspended,
/// incoming and migrated_away.
[[nodiscard]] bool may_execute(Presence presence);

[[nodiscard]] std::string_view to_string(Presence presence);

} // namespace xen_drbd::model
