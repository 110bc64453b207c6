#include "status.hpp"

#include "xen_drbd/base/text.hpp"

#include "answer.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <set>

namespace xen_drbd::drbd {
namespace {

// 8.4's drbdsetup knows no --json and says so with 20. A node whose kernel has no DRBD at all has no resource up,
// whatever its drbdsetup says about it.
constexpr const char* script = R"sh(
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

host::Command status_command() { return {.argv = {"sh", "-c", script, "sh"}, .timeout = Milliseconds{10'000}}; }

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
  return parse_status_text(text.substr(5));
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
