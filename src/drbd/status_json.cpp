#include "answer.hpp"
#include "status.hpp"

#include <cmath>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace xen_drbd::drbd {
namespace {

using Json = nlohmann::json;

Error lacks(const std::string& object, const char* key) {
  return no_status(fmt::format("{} has no usable \"{}\"", object, key));
}

Result<std::string> text_of(const Json& object, const std::string& called, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) return lacks(called, key);
  return found->get<std::string>();
}

Result<std::uint64_t> number_of(const Json& object, const std::string& called, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_unsigned()) return lacks(called, key);
  return found->get<std::uint64_t>();
}

/// A statistic: left out by DRBD for a diskless volume, then 0.
Result<std::uint64_t> counter_of(const Json& object, const std::string& called, const char* key) {
  if (!object.contains(key)) return std::uint64_t{0};
  return number_of(object, called, key);
}

Result<bool> flag_of(const Json& object, const std::string& called, const char* key, bool absent) {
  const auto found = object.find(key);
  if (found == object.end()) return absent;
  if (!found->is_boolean()) return lacks(called, key);
  return found->get<bool>();
}

Result<std::vector<Json>> list_of(const Json& object, const std::string& called, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_array()) return lacks(called, key);
  std::vector<Json> items;
  for (const Json& item : *found) {
    if (!item.is_object()) return lacks(called, key);
    items.push_back(item);
  }
  return items;
}

Result<unsigned> volume_number_of(const Json& object, const std::string& called) {
  XEN_DRBD_TRY(const std::uint64_t read, number_of(object, called, "volume"));
  if (read > 65'535) return lacks(called, "volume");
  return static_cast<unsigned>(read);
}

Result<> read_device(const Json& device, const std::string& called, Reading& reading) {
  model::Volume volume;
  XEN_DRBD_TRY(volume.number, volume_number_of(device, called));
  XEN_DRBD_TRY(const std::uint64_t minor, number_of(device, called, "minor"));
  const auto checked = read_minor(std::to_string(minor));
  if (!checked) return lacks(called, "minor");
  volume.minor = *checked;
  XEN_DRBD_TRY(const std::string disk, text_of(device, called, "disk-state"));
  volume.disk = model::parse_disk_state(disk);
  XEN_DRBD_TRY(volume.written_kib, counter_of(device, called, "written"));
  XEN_DRBD_TRY(const bool quorum, flag_of(device, called, "quorum", true));
  reading.quorum = reading.quorum && quorum;
  reading.volumes.push_back(volume);
  return {};
}

Result<> read_peer_device(const Json& device, const std::string& called, Peer& peer) {
  PeerVolume volume;
  XEN_DRBD_TRY(const unsigned number, volume_number_of(device, called));
  XEN_DRBD_TRY(const std::string replication, text_of(device, called, "replication-state"));
  XEN_DRBD_TRY(const std::string disk, text_of(device, called, "peer-disk-state"));
  XEN_DRBD_TRY(volume.received_kib, counter_of(device, called, "received"));
  volume.replication = model::parse_replication(replication);
  volume.disk = model::parse_disk_state(disk);
  if (const auto done = device.find("percent-resync-done"); done != device.end() && done->is_number())
    volume.percent = done->get<double>();
  if (!peer.volumes.emplace(number, volume).second) return lacks(called, "volume");
  return {};
}

Result<> read_connection(const Json& connection, const std::string& called, Reading& reading) {
  Peer peer;
  XEN_DRBD_TRY(const std::string state, text_of(connection, called, "connection-state"));
  XEN_DRBD_TRY(const std::string role, text_of(connection, called, "peer-role"));
  peer.connection = model::parse_connection(state);
  peer.role = model::parse_role(role);
  XEN_DRBD_TRY(const std::vector<Json> devices, list_of(connection, called, "peer_devices"));
  for (const Json& device : devices) XEN_DRBD_CHECK(read_peer_device(device, called, peer));
  reading.peers.push_back(std::move(peer));
  return {};
}

Result<Reading> read_resource(const Json& resource) {
  Reading reading;
  XEN_DRBD_TRY(reading.name, text_of(resource, "a resource", "name"));
  const std::string called = "resource " + excerpt(reading.name);
  XEN_DRBD_TRY(const std::string role, text_of(resource, called, "role"));
  reading.role = model::parse_role(role);
  XEN_DRBD_TRY(reading.suspended, flag_of(resource, called, "suspended", false));
  XEN_DRBD_TRY(const std::vector<Json> devices, list_of(resource, called, "devices"));
  for (const Json& device : devices) XEN_DRBD_CHECK(read_device(device, called, reading));
  XEN_DRBD_TRY(const std::vector<Json> connections, list_of(resource, called, "connections"));
  for (const Json& connection : connections) XEN_DRBD_CHECK(read_connection(connection, called, reading));
  return reading;
}

} // namespace

Result<Status> parse_status_json(std::string_view text) {
  // the parser takes a NUL byte for the end, whatever comes after it
  if (text.find('\0') != text.npos) return no_status("drbdsetup status printed a NUL byte");
  const Json document = Json::parse(text, nullptr, false);
  if (document.is_discarded() || !document.is_array()) return no_status("drbdsetup status did not print a JSON list");
  Status status{.dialect = Dialect::json, .resources = {}, .notes = {}};
  for (const Json& resource : document) {
    if (!resource.is_object()) return no_status("a resource is no JSON object");
    XEN_DRBD_TRY(Reading reading, read_resource(resource));
    XEN_DRBD_CHECK(add(status, std::move(reading)));
  }
  return status;
}

} // namespace xen_drbd::drbd
