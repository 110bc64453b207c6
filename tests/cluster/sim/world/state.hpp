#pragma once
// The simulated world as one value: two nodes with their domains and DRBD resources, the link between them, the
// settings. It holds facts only; what they do is in guest.hpp (domains) and kernel.hpp (DRBD), and time passes in
// clockwork.hpp.

#include <array>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace sim {

/// How long things take and what kind of pair this is. Units: seconds on CLOCK_MONOTONIC unless the name says
/// otherwise.
struct Settings {
  std::string dialect = "8.4";  ///< "8.4" or "9": which DRBD both nodes have
  std::string xen = "4.17.7";   ///< hypervisor version; `xl resume` exists from 4.20 on
  double ping_timeout = 1.0;    ///< a dead link is noticed after this
  double reconnect_delay = 0.1; ///< between "both wait for each other" and the handshake
  double resync_seconds = 0.3;  ///< a resync of anything out of sync lasts this long
  double promote_retry = 0.05;  ///< how long `primary` tries before a second Primary is refused
  double destroy_linger = 0.2;  ///< a guest that has shut down stays listed, and holds its disks, this long
  double reboot_pause = 2.0;    ///< between a reboot and the next life of the domain
  double shutdown_delay = 0.05; ///< a guest needs this long to shut down
  double create_seconds = 0.0;  ///< how long `xl create` builds a guest
  double latency = 0.0;         ///< every command waits this long before it does anything
  double stream_scale = 0.05;   ///< bytes of page data sent for each byte of guest memory
  double stream_rate = 0.0;     ///< bytes a second of the migration stream; 0: as fast as it goes
  bool check_bridges = true;    ///< `xl create` wants the bridge of a vif to exist
};

/// One virtual disk of a domain. `open` is what keeps a DRBD device from being demoted.
struct Disk {
  std::string vdev;
  std::string target;   ///< as in the configuration: /dev/drbd1, or the resource for block-drbd
  std::string script;   ///< "block-drbd" or empty
  std::string resource; ///< DRBD resource behind it, empty for anything else
  int volume = 0;
  int minor = -1;
  bool writable = true;
  bool open = false;     ///< the backend opened the device
  bool promoted = false; ///< opening promoted the resource: closing demotes it
};

/// One row of `xl list`.
struct Domain {
  unsigned domid = 0;
  std::string name;
  std::string uuid;
  std::string type = "pvh";
  int memory = 0;  ///< MiB the domain owns when it is complete
  int present = 0; ///< MiB it has now: an incoming copy grows
  int vcpus = 1;
  bool built = false; ///< an incoming copy is built when its stream has ended
  bool paused = true;
  bool dying = false;
  std::string shutdown; ///< "", poweroff, reboot, suspend, crash
  bool executing = false;
  double created = 0;
  double cpu = 0;           ///< CPU seconds up to `since`
  double since = 0;         ///< executes since then
  double written_until = 0; ///< the guest's writes are accounted up to here
  std::string wanted;       ///< a shutdown it was asked for and has not done: poweroff, reboot, crash
  double wanted_at = -1;    ///< when it will have done so; negative: it ignores the request
  bool ignores_shutdown = false;
  double shutdown_delay = -1;
  bool migratable = true; ///< a PV guest cannot: the hypervisor has no shadow paging
  std::string on_poweroff = "destroy", on_reboot = "restart", on_crash = "destroy";
  std::string config_file;
  std::vector<Disk> disks;
};

/// What the kernel knows about one volume of a resource that is up.
struct Volume {
  int number = 0;
  int minor = 0;
  std::string backing;
  std::string disk = "UpToDate";
  std::int64_t read = 0, written = 0, sent = 0, received = 0, out_of_sync = 0; ///< KiB
};

/// A DRBD resource that is up on a node.
struct Resource {
  std::string name;
  std::string role = "Secondary";
  std::string connection = "StandAlone"; ///< StandAlone, Connecting or Connected
  std::string replication = "Off";       ///< Off, Established, SyncSource, SyncTarget
  bool has_net = false;                  ///< a connection object exists: options can be read and changed
  bool two_primaries = false;            ///< the run-time value of allow-two-primaries
  bool discard_my_data = false;
  double waiting_since = -1;           ///< Connecting since then
  double broken_at = -1;               ///< still says Connected, but the other end is gone since then
  bool broken_for_good = false;        ///< the other end died: mending the link does not help
  std::string seen_role = "Secondary"; ///< the peer's role when the connection broke
  double sync_until = -1;
  std::string own_address, peer_address, peer_name;
  std::map<std::string, std::string> net; ///< net options as they were configured when it was connected
  std::map<std::string, std::string> disk_options;
  std::vector<Volume> volumes;
};

/// The meta-data of one volume: it survives a crash. Equal `current` on both sides is equal data.
struct Meta {
  std::string disk = "UpToDate";
  std::string current = "initial"; ///< data generation
  std::string base;                ///< the generation both had when they lost each other; empty: none
  std::int64_t out_of_sync = 0;
};

struct Node {
  std::string name;
  bool alive = true;
  double booted = 0;
  int total_memory = 4096;
  int dom0_memory = 640;
  unsigned next_domid = 1;
  std::vector<Domain> domains;
  std::vector<Resource> resources;  ///< in the order in which they came up
  std::map<std::string, Meta> meta; ///< by "RESOURCE/VOLUME"
};

struct State {
  Settings settings;
  std::array<Node, 2> nodes;
  bool link_up = true;
  double link_since = 0;
  std::int64_t generations = 0;
};

/// The state file: a row of plain values, see archive.hpp.
[[nodiscard]] std::string save(const State& state);
[[nodiscard]] State load(std::string_view text);

/// The same as JSON, for tests and people.
[[nodiscard]] nlohmann::json to_document(const State& state);
[[nodiscard]] State from_document(const nlohmann::json& document);

/// Sets one setting by its name, from the text of a JSON value. Fails: an unknown name returns false.
[[nodiscard]] bool change_setting(State& state, const std::string& name, const nlohmann::json& value);

/// Node 0 or 1.
[[nodiscard]] inline Node& node_of(State& state, int node) { return state.nodes[static_cast<std::size_t>(node)]; }
[[nodiscard]] inline const Node& node_of(const State& state, int node) {
  return state.nodes[static_cast<std::size_t>(node)];
}

[[nodiscard]] Domain* find_domain(Node& node, const std::string& name);
[[nodiscard]] Domain* find_domain(Node& node, unsigned domid);
[[nodiscard]] Resource* find_resource(Node& node, const std::string& name);
[[nodiscard]] Meta& meta_of(Node& node, const Resource& resource, const Volume& volume);

} // namespace sim
