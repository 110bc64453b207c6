#pragma once
// How the world is stored: one list of fields for each part of it, read and written in two ways. The state file is a
// row of plain values, because every simulated command reads all of it; JSON is for tests and people.

#include "world/state.hpp"

#include <charconv>
#include <concepts>
#include <string_view>

namespace sim {

/// T, or T that is not changed.
template <class Given, class T>
concept Like = std::same_as<std::remove_cv_t<Given>, T>;

template <class Archive, Like<Settings> S> void fields(Archive& a, S& s) {
  a("dialect", s.dialect), a("xen", s.xen), a("ping_timeout", s.ping_timeout), a("reconnect_delay", s.reconnect_delay);
  a("resync_seconds", s.resync_seconds), a("promote_retry", s.promote_retry), a("destroy_linger", s.destroy_linger);
  a("reboot_pause", s.reboot_pause), a("shutdown_delay", s.shutdown_delay), a("create_seconds", s.create_seconds);
  a("latency", s.latency), a("stream_scale", s.stream_scale), a("stream_rate", s.stream_rate);
  a("check_bridges", s.check_bridges);
}

template <class Archive, Like<Disk> S> void fields(Archive& a, S& d) {
  a("vdev", d.vdev), a("target", d.target), a("script", d.script), a("resource", d.resource), a("volume", d.volume);
  a("minor", d.minor), a("writable", d.writable), a("open", d.open), a("promoted", d.promoted);
}

template <class Archive, Like<Domain> S> void fields(Archive& a, S& d) {
  a("domid", d.domid), a("name", d.name), a("uuid", d.uuid), a("type", d.type), a("memory", d.memory);
  a("present", d.present), a("vcpus", d.vcpus), a("built", d.built), a("paused", d.paused), a("dying", d.dying);
  a("shutdown", d.shutdown), a("executing", d.executing), a("created", d.created), a("cpu", d.cpu), a("since", d.since);
  a("written_until", d.written_until), a("wanted", d.wanted), a("wanted_at", d.wanted_at);
  a("ignores_shutdown", d.ignores_shutdown), a("shutdown_delay", d.shutdown_delay), a("migratable", d.migratable);
  a("on_poweroff", d.on_poweroff), a("on_reboot", d.on_reboot), a("on_crash", d.on_crash);
  a("config_file", d.config_file), a("disks", d.disks);
}

template <class Archive, Like<Volume> S> void fields(Archive& a, S& v) {
  a("number", v.number), a("minor", v.minor), a("backing", v.backing), a("disk", v.disk), a("read", v.read);
  a("written", v.written), a("sent", v.sent), a("received", v.received), a("out_of_sync", v.out_of_sync);
}

template <class Archive, Like<Resource> S> void fields(Archive& a, S& r) {
  a("name", r.name), a("role", r.role), a("connection", r.connection), a("replication", r.replication);
  a("has_net", r.has_net), a("two_primaries", r.two_primaries), a("discard_my_data", r.discard_my_data);
  a("waiting_since", r.waiting_since), a("broken_at", r.broken_at), a("broken_for_good", r.broken_for_good);
  a("seen_role", r.seen_role), a("sync_until", r.sync_until), a("own_address", r.own_address);
  a("peer_address", r.peer_address), a("peer_name", r.peer_name), a("net", r.net), a("disk_options", r.disk_options);
  a("volumes", r.volumes);
}

template <class Archive, Like<Meta> S> void fields(Archive& a, S& m) {
  a("disk", m.disk), a("current", m.current), a("base", m.base), a("out_of_sync", m.out_of_sync);
}

template <class Archive, Like<Node> S> void fields(Archive& a, S& n) {
  a("name", n.name), a("alive", n.alive), a("booted", n.booted), a("total_memory", n.total_memory);
  a("dom0_memory", n.dom0_memory), a("next_domid", n.next_domid), a("domains", n.domains);
  a("resources", n.resources), a("meta", n.meta);
}

template <class Archive, Like<State> S> void fields(Archive& a, S& s) {
  a("settings", s.settings), a("nodes", s.nodes), a("link_up", s.link_up), a("link_since", s.link_since);
  a("generations", s.generations);
}

/// Writes the row of values.
class Saver {
public:
  template <class T> void operator()(const char* /*name*/, const T& value) { put(value); }
  [[nodiscard]] const std::string& text() const { return text_; }

private:
  template <class T>
  requires std::is_arithmetic_v<T>
  void put(T value) {
    std::array<char, 40> digits{};
    std::to_chars_result end{};
    if constexpr (std::same_as<T, bool>) {
      end = std::to_chars(digits.data(), digits.data() + digits.size(), value ? 1 : 0);
    } else {
      end = std::to_chars(digits.data(), digits.data() + digits.size(), value);
    }
    text_.append(digits.data(), end.ptr).push_back(' ');
  }
  void put(const std::string& value) {
    put(value.size());
    text_ += value;
  }
  template <class T> void put(const std::vector<T>& values) {
    put(values.size());
    for (const auto& value : values) { put(value); }
  }
  template <class T, std::size_t n> void put(const std::array<T, n>& values) {
    for (const auto& value : values) { put(value); }
  }
  template <class T> void put(const std::map<std::string, T>& values) {
    put(values.size());
    for (const auto& [key, value] : values) {
      put(key);
      put(value);
    }
  }
  template <class T>
  requires(!std::is_arithmetic_v<T>) void put(const T& value) { fields(*this, value); }

  std::string text_;
};

/// Reads the row of values that a Saver of the same program has written.
class Loader {
public:
  explicit Loader(std::string_view text) : text_(text) {}
  template <class T> void operator()(const char* /*name*/, T& value) { get(value); }

private:
  template <class T>
  requires std::is_arithmetic_v<T>
  void get(T& value) {
    const std::size_t space = text_.find(' ');
    if constexpr (std::same_as<T, bool>) {
      value = text_.starts_with('1');
    } else {
      std::from_chars(text_.data(), text_.data() + space, value);
    }
    text_.remove_prefix(space + 1);
  }
  void get(std::string& value) {
    const std::size_t length = count();
    value.assign(text_.substr(0, length));
    text_.remove_prefix(length);
  }
  template <class T> void get(std::vector<T>& values) {
    values.resize(count());
    for (auto& value : values) { get(value); }
  }
  template <class T, std::size_t n> void get(std::array<T, n>& values) {
    for (auto& value : values) { get(value); }
  }
  template <class T> void get(std::map<std::string, T>& values) {
    for (std::size_t left = count(); left > 0; --left) {
      std::string key;
      get(key);
      get(values[key]);
    }
  }
  template <class T>
  requires(!std::is_arithmetic_v<T>) void get(T& value) { fields(*this, value); }
  std::size_t count() {
    std::size_t number = 0;
    get(number);
    return number;
  }

  std::string_view text_;
};

/// What has a list of fields above.
template <class T>
concept Stored = Like<T, Settings> || Like<T, Disk> || Like<T, Domain> || Like<T, Volume> || Like<T, Resource> ||
    Like<T, Meta> || Like<T, Node> || Like<T, State>;

template <Stored T> void to_json(nlohmann::json& document, const T& value) {
  document = nlohmann::json::object();
  const auto put = [&document](const char* name, const auto& field) { document[name] = field; };
  fields(put, value);
}

template <Stored T> void from_json(const nlohmann::json& document, T& value) {
  const auto get = [&document](const char* name, auto& field) { document.at(name).get_to(field); };
  fields(get, value);
}

} // namespace sim
