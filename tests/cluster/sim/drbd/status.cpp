#include "drbd/kernel.hpp"
#include "drbd/tools.hpp"

#include <algorithm>
#include <ctime>
#include <sys/time.h>

namespace sim {

namespace {

/// Words side by side, a new line before the one that would pass column 80.
class Wrapped {
public:
  void word(int indent, const std::string& text) {
    const std::size_t width = text.size() + 1;
    if (column_ > 0 && column_ + width > 80) { newline(); }
    if (column_ == 0) {
      text_.append(static_cast<std::size_t>(indent), ' ').append(text);
      column_ = std::max<std::size_t>(1, text.size() - 1); // the indentation does not count, as in drbdsetup
    } else {
      text_.append(" ").append(text);
      column_ += width;
    }
  }
  void newline() {
    text_ += "\n";
    column_ = 0;
  }
  void blank_line() { text_ += "\n"; }
  [[nodiscard]] const std::string& text() const { return text_; }

private:
  std::string text_;
  std::size_t column_ = 0;
};

std::string number(const char* key, std::int64_t value) {
  return format("%s:%lld", key, static_cast<long long>(value));
}

bool single(const Resource& resource) { return resource.volumes.size() == 1 && resource.volumes.front().number == 0; }

std::string device_statistics(const Volume& volume) {
  return format(" size:65496 read:%lld written:%lld al-writes:8 bm-writes:0 upper-pending:0 lower-pending:0 "
                "al-suspended:no blocked:no",
                static_cast<long long>(volume.read), static_cast<long long>(volume.written));
}

std::string peer_statistics(const Volume& volume) {
  return format(" received:%lld sent:%lld out-of-sync:%lld pending:0 unacked:0",
                static_cast<long long>(volume.received), static_cast<long long>(volume.sent),
                static_cast<long long>(volume.out_of_sync));
}

void add_words(Wrapped& wrapped, int indent, const std::string& words) {
  for (std::size_t at = 1; at < words.size();) {
    const std::size_t end = std::min(words.find(' ', at), words.size());
    wrapped.word(indent, words.substr(at, end - at));
    at = end + 1;
  }
}

double done_percent(const State& state, const Resource& resource) {
  const double left = std::max(0.0, resource.sync_until - World::now());
  const double whole = std::max(state.settings.resync_seconds, 0.001);
  return std::clamp(100.0 * (1 - left / whole), 0.0, 99.99);
}

void device_lines(Wrapped& wrapped, const State& state, const Node& node, const Resource& resource,
                  const Detail& detail) {
  for (const auto& volume : resource.volumes) {
    int indent = 2;
    if (detail.verbose || !single(resource)) {
      wrapped.word(indent, number("volume", volume.number));
      indent = 6;
      if (detail.verbose) { wrapped.word(indent, number("minor", volume.minor)); }
    }
    wrapped.word(indent, "disk:" + volume.disk);
    if (is_nine(state)) {
      if (detail.verbose) {
        wrapped.word(indent, "backing_dev:" + volume.backing);
        wrapped.word(indent, "quorum:yes");
      }
      wrapped.word(indent, held_open(node, resource) ? "open:yes" : "open:no");
    }
    if (detail.statistics) {
      wrapped.newline();
      if (detail.verbose) {
        add_words(wrapped, 6, device_statistics(volume));
      } else {
        add_words(wrapped, 6, " " + number("read", volume.read) + " " + number("written", volume.written));
      }
    } else if (detail.verbose) {
      wrapped.word(6, "blocked:no");
    }
    wrapped.newline();
  }
}

void peer_device_lines(Wrapped& wrapped, State& state, int node, const Resource& resource, const Detail& detail) {
  for (const auto& volume : resource.volumes) {
    int indent = 4;
    if (detail.verbose || !single(resource)) {
      wrapped.word(indent, number("volume", volume.number));
      indent = 8;
    }
    const bool syncing = resource.replication.starts_with("Sync");
    if (detail.verbose || (resource.replication != "Off" && (!is_nine(state) || syncing))) {
      wrapped.word(indent, "replication:" + resource.replication);
      indent = 8;
    }
    wrapped.word(indent, "peer-disk:" + peer_disk(state, node, resource, volume));
    if (syncing) { wrapped.word(8, format("done:%.2f", done_percent(state, resource))); }
    if (detail.verbose) { wrapped.word(8, "resync-suspended:no"); }
    if (detail.statistics) {
      wrapped.newline();
      add_words(wrapped, 8,
                detail.verbose ? peer_statistics(volume)
                               : format(" received:%lld sent:%lld", static_cast<long long>(volume.received),
                                        static_cast<long long>(volume.sent)));
    }
    wrapped.newline();
  }
}

void connection_lines(Wrapped& wrapped, State& state, int node, const Resource& resource, const Detail& detail) {
  // A StandAlone connection is not shown by 8.4 at all (captured); 9 shows it as long as it is configured.
  if (!resource.has_net && !(is_nine(state) && resource.connection == "StandAlone" && !resource.peer_name.empty())) {
    return;
  }
  const bool connected = resource.connection == "Connected";
  wrapped.word(2, is_nine(state) ? resource.peer_name : "peer");
  if (detail.verbose && is_nine(state)) { wrapped.word(6, number("node-id", 1 - node)); }
  if (detail.verbose || !connected) { wrapped.word(6, "connection:" + resource.connection); }
  if (detail.verbose || connected) { wrapped.word(6, "role:" + peer_role(state, node, resource)); }
  if (detail.verbose && is_nine(state)) { wrapped.word(6, "tls:no"); }
  if (detail.verbose) { wrapped.word(6, "congested:no"); }
  wrapped.newline();
  if (detail.verbose || detail.statistics || connected) { peer_device_lines(wrapped, state, node, resource, detail); }
}

std::string timestamp() {
  timeval now{};
  ::gettimeofday(&now, nullptr);
  std::tm broken{};
  ::gmtime_r(&now.tv_sec, &broken);
  return format("%04d-%02d-%02dT%02d:%02d:%02d.%06ld+00:00 ", broken.tm_year + 1900, broken.tm_mon + 1, broken.tm_mday,
                broken.tm_hour, broken.tm_min, broken.tm_sec, static_cast<long>(now.tv_usec));
}

void device_events(std::string& text, const std::string& prefix, const State& state, const Node& node,
                   const Resource& resource, const Detail& detail) {
  for (const auto& volume : resource.volumes) {
    text += prefix + format("device name:%s volume:%d minor:%d disk:%s", resource.name.c_str(), volume.number,
                            volume.minor, volume.disk.c_str());
    if (is_nine(state)) {
      text +=
          " client:no backing_dev:" + volume.backing + " quorum:yes open:" + (held_open(node, resource) ? "yes" : "no");
    }
    text += (detail.statistics ? device_statistics(volume) : "") + "\n";
  }
}

void peer_device_events(std::string& text, const std::string& prefix, State& state, int node, const Resource& resource,
                        const std::string& connection, const Detail& detail) {
  for (const auto& volume : resource.volumes) {
    text += prefix + "peer-device name:" + resource.name + " " + connection +
            format(" volume:%d replication:%s peer-disk:%s%s resync-suspended:no", volume.number,
                   resource.replication.c_str(), peer_disk(state, node, resource, volume).c_str(),
                   is_nine(state) ? " peer-client:no" : "") +
            (detail.statistics ? peer_statistics(volume) : "") + "\n";
  }
}

} // namespace

bool is_nine(const State& state) { return state.settings.dialect == "9"; }

std::string old_cstate(const Resource& resource) {
  if (resource.connection == "Connecting") { return "WFConnection"; }
  return resource.replication.starts_with("Sync") ? resource.replication : resource.connection;
}

std::string status_text(State& state, int node, const Detail& detail,
                        const std::function<bool(const Resource&)>& wanted) {
  Wrapped wrapped;
  const Node& here = node_of(state, node);
  for (const auto& resource : here.resources) {
    if (!wanted(resource)) { continue; }
    wrapped.word(0, resource.name);
    if (detail.verbose && is_nine(state)) { wrapped.word(4, number("node-id", node)); }
    wrapped.word(4, "role:" + resource.role);
    if (detail.verbose) { wrapped.word(4, "suspended:no"); }
    if (detail.verbose && is_nine(state)) { wrapped.word(4, "force-io-failures:no"); }
    if (detail.statistics) {
      wrapped.newline();
      wrapped.word(4, "write-ordering:flush");
    }
    wrapped.newline();
    device_lines(wrapped, state, here, resource, detail);
    connection_lines(wrapped, state, node, resource, detail);
    wrapped.blank_line();
  }
  return wrapped.text();
}

std::string events2_text(State& state, int node, const Detail& detail,
                         const std::function<bool(const Resource&)>& wanted) {
  std::string text;
  const Node& here = node_of(state, node);
  const auto prefix = [&] { return (detail.timestamps ? timestamp() : "") + "exists "; };
  for (const auto& resource : here.resources) {
    if (!wanted(resource)) { continue; }
    const std::string start = prefix();
    text += start + "resource name:" + resource.name + " role:" + resource.role + " suspended:no";
    if (is_nine(state)) {
      const bool may = resource.role != "Primary" && peer_role(state, node, resource) != "Primary";
      text += format(" force-io-failures:no may_promote:%s promotion_score:10101", may ? "yes" : "no");
    }
    text += (detail.statistics ? std::string(" write-ordering:flush") : "") + "\n";
    std::string connection = format("peer-node-id:%d", is_nine(state) ? 1 - node : 0);
    if (is_nine(state)) {
      connection += " conn-name:" + resource.peer_name;
    } else if (resource.has_net) {
      connection += " conn-name:peer";
    }
    text += start + "connection name:" + resource.name + " " + connection + " connection:" + resource.connection +
            " role:" + peer_role(state, node, resource) + (detail.statistics ? " congested:no" : "") + "\n";
    device_events(text, start, state, here, resource, detail);
    peer_device_events(text, start, state, node, resource, connection, detail);
  }
  return text + prefix() + "-\n";
}

std::string status_json(State& state, int node, const std::function<bool(const Resource&)>& wanted) {
  using Json = nlohmann::ordered_json;
  Json list = Json::array();
  const Node& here = node_of(state, node);
  for (const auto& resource : here.resources) {
    if (!wanted(resource)) { continue; }
    Json entry{{"name", resource.name},      {"node-id", node},           {"role", resource.role},
               {"suspended", false},         {"suspended-user", false},   {"suspended-no-data", false},
               {"suspended-fencing", false}, {"suspended-quorum", false}, {"force-io-failures", false},
               {"write-ordering", "flush"},  {"devices", Json::array()},  {"connections", Json::array()}};
    Json peer_devices = Json::array();
    for (const auto& volume : resource.volumes) {
      entry["devices"].push_back({{"volume", volume.number},
                                  {"minor", volume.minor},
                                  {"disk-state", volume.disk},
                                  {"client", false},
                                  {"open", held_open(here, resource)},
                                  {"quorum", true},
                                  {"size", 65496},
                                  {"read", volume.read},
                                  {"written", volume.written},
                                  {"al-writes", 8},
                                  {"bm-writes", 0},
                                  {"upper-pending", 0},
                                  {"lower-pending", 0}});
      Json peer{{"volume", volume.number},
                {"replication-state", resource.replication},
                {"peer-disk-state", peer_disk(state, node, resource, volume)},
                {"peer-client", false},
                {"resync-suspended", "no"},
                {"received", volume.received},
                {"sent", volume.sent},
                {"out-of-sync", volume.out_of_sync},
                {"pending", 0},
                {"unacked", 0},
                {"has-sync-details", resource.replication.starts_with("Sync")},
                {"has-online-verify-details", false},
                {"percent-in-sync", resource.replication.starts_with("Sync") ? done_percent(state, resource) : 100.0}};
      if (resource.replication.starts_with("Sync")) {
        peer["percent-resync-done"] = done_percent(state, resource);
        peer["estimated-seconds-to-finish"] = 987654321;
      }
      peer_devices.push_back(std::move(peer));
    }
    entry["connections"].push_back({{"peer-node-id", 1 - node},
                                    {"name", resource.peer_name},
                                    {"connection-state", resource.connection},
                                    {"congested", false},
                                    {"peer-role", peer_role(state, node, resource)},
                                    {"tls", false},
                                    {"ap-in-flight", 0},
                                    {"rs-in-flight", 0},
                                    {"peer_devices", std::move(peer_devices)}});
    list.push_back(std::move(entry));
  }
  return list.dump(2) + "\n";
}

} // namespace sim
