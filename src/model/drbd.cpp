#include "xen_drbd/model/drbd.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace xen_drbd::model {
namespace {

template <class State> using Words = std::pair<std::string_view, State>;

template <class State, std::size_t n> State parse(std::string_view word, const std::array<Words<State>, n>& table) {
  for (const auto& [text, state] : table)
    if (text == word) return state;
  return State::unknown;
}

/// The first word of the table is the one that is printed.
template <class State, std::size_t n>
std::string_view print(State state, const std::array<Words<State>, n>& table, std::string_view otherwise) {
  for (const auto& [text, known] : table)
    if (known == state) return text;
  return otherwise;
}

constexpr std::array roles = std::to_array<Words<Role>>({{"Primary", Role::primary}, {"Secondary", Role::secondary}});

constexpr std::array disk_states = std::to_array<Words<DiskState>>({
    {"Diskless", DiskState::diskless},
    {"Attaching", DiskState::attaching},
    {"Detaching", DiskState::detaching},
    {"Failed", DiskState::failed},
    {"Negotiating", DiskState::negotiating},
    {"Inconsistent", DiskState::inconsistent},
    {"Outdated", DiskState::outdated},
    {"Consistent", DiskState::consistent},
    {"UpToDate", DiskState::up_to_date},
});

constexpr std::array connections = std::to_array<Words<Connection>>({
    {"StandAlone", Connection::stand_alone},
    {"Disconnecting", Connection::disconnecting},
    {"Unconnected", Connection::unconnected},
    {"Timeout", Connection::timeout},
    {"BrokenPipe", Connection::broken_pipe},
    {"NetworkFailure", Connection::network_failure},
    {"ProtocolError", Connection::protocol_error},
    {"Connecting", Connection::connecting},
    {"WFConnection", Connection::connecting}, // 8.4
    {"WFReportParams", Connection::handshake},
    {"TearDown", Connection::tear_down},
    {"Connected", Connection::connected},
});

constexpr std::array replications = std::to_array<Words<Replication>>({
    {"Off", Replication::off},
    {"Established", Replication::established},
    {"StartingSyncS", Replication::starting_sync_source},
    {"StartingSyncT", Replication::starting_sync_target},
    {"WFBitMapS", Replication::wf_bitmap_source},
    {"WFBitMapT", Replication::wf_bitmap_target},
    {"WFSyncUUID", Replication::wf_sync_uuid},
    {"SyncSource", Replication::sync_source},
    {"SyncTarget", Replication::sync_target},
    {"VerifyS", Replication::verify_source},
    {"VerifyT", Replication::verify_target},
    {"PausedSyncS", Replication::paused_sync_source},
    {"PausedSyncT", Replication::paused_sync_target},
    {"Ahead", Replication::ahead},
    {"Behind", Replication::behind},
});

} // namespace

Role parse_role(std::string_view word) { return parse(word, roles); }
DiskState parse_disk_state(std::string_view word) { return parse(word, disk_states); }
Connection parse_connection(std::string_view word) { return parse(word, connections); }
Replication parse_replication(std::string_view word) { return parse(word, replications); }
std::string_view to_string(Role role) { return print(role, roles, "Unknown"); }
std::string_view to_string(DiskState state) { return print(state, disk_states, "DUnknown"); }
std::string_view to_string(Connection connection) { return print(connection, connections, "Unknown"); }
std::string_view to_string(Replication replication) { return print(replication, replications, "Unknown"); }

bool receives(Replication replication) {
  switch (replication) {
  case Replication::starting_sync_target:
  case Replication::wf_bitmap_target:
  case Replication::wf_sync_uuid:
  case Replication::sync_target:
  case Replication::paused_sync_target: return true;
  case Replication::unknown:
  case Replication::off:
  case Replication::established:
  case Replication::starting_sync_source:
  case Replication::wf_bitmap_source:
  case Replication::sync_source:
  case Replication::verify_source:
  case Replication::verify_target:
  case Replication::paused_sync_source:
  case Replication::ahead:
  case Replication::behind: return false;
  }
  return false;
}

namespace {

/// Whether each volume has a figure in the record that fits it.
template <class Fits>
bool each_fits(const std::vector<Volume>& volumes, const std::map<Minor, std::uint64_t>& recorded, Fits fits) {
  return !volumes.empty() && std::all_of(volumes.begin(), volumes.end(), [&](const Volume& volume) {
    const auto then = recorded.find(volume.minor);
    return then != recorded.end() && fits(volume, then->second);
  });
}

} // namespace

bool Resource::wrote_just(const std::map<Minor, std::uint64_t>& recorded) const {
  return each_fits(volumes, recorded,
                   [](const Volume& volume, std::uint64_t then) { return volume.own_writes() == then; });
}

bool Resource::counts_on_since(const std::map<Minor, std::uint64_t>& received) const {
  return each_fits(volumes, received,
                   [](const Volume& volume, std::uint64_t then) { return then > 0 && volume.received_kib >= then; });
}

bool Resource::unwritten_since(const std::map<Minor, std::uint64_t>& written) const {
  return each_fits(volumes, written,
                   [](const Volume& volume, std::uint64_t then) { return volume.written_kib == then; });
}

} // namespace xen_drbd::model
