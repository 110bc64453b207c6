#include "status.hpp"

#include "xen_drbd/base/text.hpp"

#include "answer.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <set>

namespace xen_drbd::drbd {
namespace {

// 8.4's drbdsetup knows no --json and says so with 20. Its status has no word of the peer of a StandAlone resource, and
// so not what was received from it; its events have. A node whose kernel has no DRBD at all has no resource up,
// whatever its drbdsetup says about it.
constexpr const char* status_script = R"sh(
if json=$(drbdsetup status --json 2>/dev/null); then
  printf 'json\n%s\nend\n' "$json"
  exit 0
else
  status=$?
fi
echo text
if [ "$status" = 20 ]; then
  drbdsetup status --verbose --statistics
  status=$?
  echo events
  drbdsetup events2 --now --statistics
else
  drbdsetup status --json >/dev/null
fi
if [ "$status" != 0 ] && [ "$status" != 127 ] && [ -e /proc/self ]; then
  [ -e /proc/drbd ] || [ -e /sys/module/drbd ] || status=0
fi
echo end
exit "$status"
)sh";

/// What the one peer of a resource says, into the resource and its volumes.
void take_peer(model::Resource& resource, const Peer& peer) {
  resource.connection = peer.connection;
  resource.peer_role = peer.role;
  for (auto& volume : resource.volumes) {
    const auto found = peer.volumes.find(volume.number);
    if (found == peer.volumes.end()) continue;
    volume.peer_disk = found->second.disk;
    volume.replication = found->second.replication;
    volume.percent_in_sync = found->second.percent;
    volume.received_kib = found->second.received_kib;
  }
}

/// `key:value` of a line, the value; empty when it is not there.
std::string_view value_behind(const std::vector<std::string_view>& line, std::string_view key) {
  for (std::string_view word : line)
    if (word.size() > key.size() && word.starts_with(key) && word[key.size()] == ':')
      return word.substr(key.size() + 1);
  return {};
}

/// What a StandAlone volume had received from its peer. What cannot be read stays 0: then no record fits (rule 5.12).
void take_received(Status& status, std::string_view events) {
  for (std::string_view line : lines(events)) {
    const auto all = words(line);
    if (all.size() < 2 || all[0] != "exists" || all[1] != "peer-device") continue;
    const auto volume_number = number<unsigned>(value_behind(all, "volume"));
    const auto received = number<std::uint64_t>(value_behind(all, "received"));
    if (!volume_number || !received) continue;
    for (auto& resource : status.resources)
      if (resource.connection == model::Connection::stand_alone && resource.name.str() == value_behind(all, "name"))
        for (auto& volume : resource.volumes)
          if (volume.number == *volume_number) volume.received_kib = *received;
  }
}

} // namespace

Error no_status(std::string because) { return unreadable("the state of DRBD could not be read", std::move(because)); }

Result<> add(Status& status, Reading reading) {
  if (!reading.role) return no_status(fmt::format("resource {} has no role", excerpt(reading.name)));
  std::set<unsigned> numbers;
  for (const auto& volume : reading.volumes)
    if (!numbers.insert(volume.number).second)
      return no_status(fmt::format("resource {} has volume {} twice", excerpt(reading.name), volume.number));

  auto name = ResourceName::parse(reading.name);
  if (!name) {
    status.notes.push_back(
        fmt::format("resource '{}' is passed over: {}", excerpt(reading.name), name.error().because));
    return {};
  }
  model::Resource resource{.name = std::move(*name),
                           .role = *reading.role,
                           .connections = static_cast<unsigned>(reading.peers.size()),
                           .suspended = reading.suspended,
                           .quorum = reading.quorum,
                           .volumes = std::move(reading.volumes)};
  for (const auto& known : status.resources)
    if (known.name == resource.name) return no_status(fmt::format("resource {} is there twice", resource.name.str()));
  if (reading.peers.empty()) resource.connection = model::Connection::stand_alone;
  if (reading.peers.size() == 1) take_peer(resource, reading.peers.front());
  status.resources.push_back(std::move(resource));
  return {};
}

host::Command status_command() { return {.argv = {"sh", "-c", status_script, "sh"}, .timeout = Milliseconds{10'000}}; }

Result<Status> parse_status(const host::Outcome& outcome) {
  if (!outcome.ok()) return no_status("drbdsetup status: " + failure(outcome));
  std::string_view text = outcome.out;
  if (!text.ends_with("\nend\n")) return no_status("the answer of drbdsetup status is cut short");
  text.remove_suffix(4);
  if (text.starts_with("json\n")) {
    text.remove_prefix(5);
    if (trimmed(text).empty()) return Status{.dialect = Dialect::json, .resources = {}, .notes = {}};
    return parse_status_json(text);
  }
  if (!text.starts_with("text\n")) return no_status("the answer names no dialect: " + excerpt(lines(text).front()));
  text.remove_prefix(4); // the line feed stays
  const std::size_t end = std::min(text.rfind("\nevents\n"), text.size() - 1) + 1;
  XEN_DRBD_TRY(Status status, parse_status_text(text.substr(0, end)));
  take_received(status, text.substr(end));
  return status;
}

Result<Status> assemble(const host::Outcome& status, const host::Outcome& show) {
  XEN_DRBD_TRY(Status found, parse_status(status));
  const auto allowed = parse_show(show);
  if (!allowed) return found;
  for (auto& resource : found.resources)
    if (auto shown = allowed->find(resource.name.str()); shown != allowed->end())
      resource.two_primaries = shown->second;
  return found;
}

} // namespace xen_drbd::drbd
