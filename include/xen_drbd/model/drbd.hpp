#pragma once

#include "xen_drbd/base/names.hpp"
#include "xen_drbd/base/units.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xen_drbd::model {

// DRBD's states in DRBD 9's words; 8.4's older words are read as the same state ("WFConnection" is connecting).
// `unknown` also stands for a word this version of xen-drbd does not know: no rule ever takes it for a good state.
// Source: drbd-utils user/shared/drbd_strings.c; drbdsetup(8); tests/data/drbd-8.4, drbd-9.

enum class Role { unknown, primary, secondary };
enum class DiskState {
  unknown,
  diskless,
  attaching,
  detaching,
  failed,
  negotiating,
  inconsistent,
  outdated,
  consistent,
  up_to_date,
};
enum class Connection {
  unknown,
  stand_alone,
  disconnecting,
  unconnected,
  timeout,
  broken_pipe,
  network_failure,
  protocol_error,
  connecting,
  handshake, ///< 8.4's WFReportParams: the other end has been met; ends in connected or stand_alone
  tear_down,
  connected,
};
enum class Replication {
  unknown,
  off,
  established,
  starting_sync_source,
  starting_sync_target,
  wf_bitmap_source,
  wf_bitmap_target,
  wf_sync_uuid,
  sync_source,
  sync_target,
  verify_source,
  verify_target,
  paused_sync_source,
  paused_sync_target,
  ahead,
  behind,
};
/// `allow-two-primaries` of a resource on one node.
enum class TwoPrimaries { unknown, no, yes };

[[nodiscard]] Role parse_role(std::string_view word);
[[nodiscard]] DiskState parse_disk_state(std::string_view word);
[[nodiscard]] Connection parse_connection(std::string_view word);
[[nodiscard]] Replication parse_replication(std::string_view word);
[[nodiscard]] std::string_view to_string(Role role);               ///< "Primary", "Secondary", "Unknown"
[[nodiscard]] std::string_view to_string(DiskState state);         ///< "UpToDate", ..., "DUnknown"
[[nodiscard]] std::string_view to_string(Connection connection);   ///< "Connected", "StandAlone", ..., "Unknown"
[[nodiscard]] std::string_view to_string(Replication replication); ///< "Established", ..., "Unknown"
/// Whether a volume's data come from the other node, now or as soon as a pause ends.
[[nodiscard]] bool receives(Replication replication);

/// One volume as a node sees it.
struct Volume {
  unsigned number = 0;
  Minor minor;
  DiskState disk = DiskState::unknown;
  DiskState peer_disk = DiskState::unknown;
  Replication replication = Replication::unknown;
  std::optional<double> percent_in_sync; ///< while a resync runs and says so
  std::uint64_t written_kib = 0;         ///< `written` (dw): what went to the local disk. Units: KiB
  std::uint64_t received_kib = 0;        ///< `received` (nr): what came from the peer. Units: KiB
  /// What this node wrote by itself. Units: KiB
  [[nodiscard]] std::uint64_t own_writes() const { return written_kib - received_kib; }
  bool operator==(const Volume&) const = default;
};

/// A resource that is up on a node, as the kernel has it (drbdsetup status), with its run-time options (drbdsetup
/// show). DRBD knows one peer here: a resource with more than one connection has `connections` above 1 and is refused.
struct Resource {
  ResourceName name;
  Role role = Role::unknown;
  Role peer_role = Role::unknown;
  Connection connection = Connection::unknown;
  unsigned connections = 0;
  bool suspended = false;
  bool quorum = true;
  TwoPrimaries two_primaries = TwoPrimaries::unknown; ///< at run time
  std::vector<Volume> volumes;
  /// Whether each of its volumes has just the writes of its own that were recorded. Units: KiB
  [[nodiscard]] bool wrote_just(const std::map<Minor, std::uint64_t>& recorded) const;
  /// Whether the counters of each of its volumes have gone on since so much was recorded as received. DRBD begins them
  /// anew at `drbdadm down` and `up`, within the same boot; where nothing had been received yet that cannot be told.
  /// Units: KiB. Source: DRBD 8.4 drbd_nl.c drbd_adm_attach, drbd_adm_connect.
  [[nodiscard]] bool counts_on_since(const std::map<Minor, std::uint64_t>& received) const;
  /// Whether nothing at all, by whomever, was written to its volumes since so much was recorded. Units: KiB
  [[nodiscard]] bool unwritten_since(const std::map<Minor, std::uint64_t>& written) const;
  bool operator==(const Resource&) const = default;
};

/// A resource as the configuration has it (drbdadm dump-xml).
struct ResourceConfig {
  struct Volume {
    unsigned number = 0;
    Minor minor;
    bool operator==(const Volume&) const = default;
  };
  ResourceName name;
  std::vector<Volume> volumes;
  TwoPrimaries two_primaries = TwoPrimaries::no; ///< configured; DRBD's default is no
  std::string protocol = "C";                    ///< DRBD's default is C
  std::string fencing = "dont-care";
  /// What is configured for after a split brain: "after-sb-1pri", with "discard-secondary" for instance. DRBD's default
  /// is disconnect.
  std::map<std::string, std::string> after_split_brain;
  bool auto_promote = true;            ///< DRBD 9's default; 8.4 has no such thing
  std::optional<unsigned> wfc_timeout; ///< absent or 0: endless. Units: seconds
  bool operator==(const ResourceConfig&) const = default;
};

} // namespace xen_drbd::model
