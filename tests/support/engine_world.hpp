#pragma once
// A simulated pair for the tests of the engine: a host for each node over one world of guests, watchers, DRBD and
// migrations. It answers the very command lines that the rooms xen and drbd send, in the formats that they read, and
// notes what must never happen.

#include "xen_drbd/drbd/look.hpp"
#include "xen_drbd/engine/cluster.hpp"
#include "xen_drbd/engine/execute.hpp"
#include "xen_drbd/engine/record.hpp"
#include "xen_drbd/transport/protocol.hpp"
#include "xen_drbd/xen/look.hpp"

#include "support/engine_node.hpp"
#include "support/engine_time.hpp"
#include "support/names.hpp"

#include <algorithm>
#include <deque>
#include <functional>
#include <stdexcept>

namespace xen_drbd::engine_world {

using test::domain_name;
using test::resource_name;
using transport::EndCause;
using transport::Phase;

/// What the next migrations do otherwise than well.
struct MigrationFaults {
  bool no_transport = false; ///< xl cannot start the transport
  std::string version{transport::protocol_version()};
  std::optional<Phase> stops_in;                     ///< the transport, or what it waits for, stands still there
  std::optional<std::pair<Phase, EndCause>> ends_in; ///< the transport ends there by itself
  bool xl_hangs = false;                             ///< xl never returns
  bool copy_stays = false;                           ///< a cancelled copy is not cleared away on the target
  bool stays_suspended = false;                      ///< a cancelled migration leaves the source suspended
  bool source_stays = false;                         ///< after success D--migratedaway is not cleared away
  bool target_never_starts = false;                  ///< GO came, but nothing is unpaused
  bool target_fails = false; ///< the target reports a failure after GO, and xl resumes the source
  bool both_run = false;     ///< xl is broken: it resumes the source although the target runs
  bool watcher_dies = false; ///< the source's watcher does not survive a failed migration
  std::optional<int> status; ///< what xl exits with, whatever happened
};

/// A relay as the tool holds it: lines to and from.
struct RelayState {
  NodeId node{};
  std::string run;
  std::deque<std::string> lines;
  bool ended = false;
};

struct MigrationState {
  std::string domain;
  NodeId from{};
  std::uint64_t connection = 0;
  std::shared_ptr<RelayState> relay;
  Phase phase = Phase::nothing_sent;
  bool settled = false;
  bool transport_over = false;
  bool xl_over = false;
  bool plain = false;
  int status = 0;
  Moment heard;
};

class World;

class HostOfWorld final : public host::Host {
public:
  HostOfWorld(std::shared_ptr<World> world, NodeId node, std::string name)
      : world_(std::move(world)), node_(node), name_(std::move(name)) {}
  [[nodiscard]] const std::string& name() const override { return name_; }
  std::vector<host::Outcome> ask(const std::vector<host::Command>& questions) override;
  host::Outcome act(const host::Command& command) override;
  Result<std::unique_ptr<host::Stream>> hold(const std::vector<std::string>& argv) override;
  Result<std::optional<host::LockHolder>> try_lock(const std::string& holder) override;
  void unlock() override;
  [[nodiscard]] bool answered_within(Milliseconds age) const override;
  [[nodiscard]] std::optional<Error> lost() const override;

private:
  std::shared_ptr<World> world_;
  NodeId node_;
  std::string name_;
};

class RelayOfWorld final : public host::Stream {
public:
  RelayOfWorld(std::shared_ptr<World> world, std::shared_ptr<RelayState> state)
      : world_(std::move(world)), state_(std::move(state)) {}
  ~RelayOfWorld() override { close(); }
  RelayOfWorld(const RelayOfWorld&) = delete;
  RelayOfWorld& operator=(const RelayOfWorld&) = delete;
  Result<> write_line(std::string_view line) override;
  std::optional<std::string> read_line(Milliseconds timeout) override;
  [[nodiscard]] bool at_end() const override;
  void close() override;

private:
  std::shared_ptr<World> world_;
  std::shared_ptr<RelayState> state_;
  bool took_a_line_ = false;
};

/// Everything is healthy until a test says otherwise. Two domains, dns (resource dns, minor 10) and samba (resource
/// samba, minors 1 and 2), and web without disks; 2000 MiB free on each node.
/// All members but those that say so need `time->mutex`, or that no other thread lives in the world.
class World : public std::enable_shared_from_this<World> {
public:
  static std::shared_ptr<World> make() {
    auto world = std::shared_ptr<World>(new World);
    world->clock = std::make_unique<VirtualClock>(world->time);
    return world;
  }

  std::shared_ptr<Time> time = std::make_shared<Time>();
  std::unique_ptr<VirtualClock> clock;
  model::Topology topology;
  std::array<NodeOfWorld, 2> nodes;
  std::map<std::string, LinkOfResource> links;
  MigrationFaults migration_faults;
  bool ssh_cut = false; ///< the stream of migrations does not get through any more
  std::set<std::string> ignores_shutdown;
  std::set<std::string> dies_slowly;     ///< its destruction takes 30 s
  std::set<std::string> loses_a_disk;    ///< its block backend closes as soon as it runs
  std::set<std::string> crashes_at_once; ///< when it is created
  std::set<std::string> may_be_destroyed_running;
  bool may_promote_alone = false;              ///< an accepted claim that the peer is dead
  bool plain_ahead = false;                    ///< a migration over plain ssh: the window is opened before the copy
  std::map<Phase, std::function<void()>> when; ///< called once a migration enters the phase
  std::function<void()> when_faulty;           ///< called when a changing command fails without its effect
  std::function<void(NodeId, const std::string&)> before; ///< called before each changing command has its effect
  std::vector<std::string> log; ///< changing commands and what the tool told transports, in order
  std::vector<std::string> accidents;
  std::vector<std::string> holders; ///< what was written into the lock, in order
  bool closing = false;

  NodeOfWorld& node(NodeId id) { return nodes[index(id)]; }
  DrbdOnNode& drbd(NodeId id, const std::string& resource) { return node(id).drbd.at(resource); }

  void add_domain(const std::string& name, NodeId home, const std::vector<std::uint32_t>& minors) {
    model::Domain domain{.name = domain_name(name), .config_candidates = {"/etc/xen/" + name + ".cfg"}};
    domain.home = home;
    for (std::uint32_t minor : minors)
      domain.disks.push_back({*LinkName::parse(fmt::format("{}-{}", name, minor)), Minor{minor}, {}});
    topology.domains.push_back(std::move(domain));
    if (minors.empty()) return;
    links[name] = {};
    for (NodeOfWorld& each : nodes) each.drbd[name].minors = minors;
  }
  Guest& add_guest(NodeId id, const std::string& name, const std::string& domain, const std::string& letters) {
    Guest guest{.name = name, .domain = domain, .domid = ++last_domid_, .letters = letters};
    node(id).guests.push_back(guest);
    return node(id).guests.back();
  }
  /// The domain runs there: its row, its watcher, its disks Primary.
  void runs(const std::string& name, NodeId id) {
    add_guest(id, name, name, "-b----").cpu_seconds = 1;
    node(id).watchers.insert(name);
    if (node(id).drbd.contains(name)) drbd(id, name).primary = true;
  }
  void cut_drbd() {
    for (auto& [name, link] : links) link.connected = false;
  }
  /// The n-th command from now on (questions, changing commands, lines but for beats) on that node.
  void fault(NodeId id, std::size_t n, Fault kind) { node(id).faults[node(id).commands + n] = kind; }
  void lose(NodeId id) {
    node(id).lost = true;
    for (const auto& relay : relays_)
      if (relay->node == id) end_relay(*relay);
    time->touch();
  }

  void end_relays() {
    for (const auto& relay : relays_) end_relay(*relay);
  }

  /// A cluster with fresh connections, as a new run has it.
  engine::Cluster connect() {
    engine::Cluster cluster;
    cluster.topology = &topology;
    cluster.this_node = dom0;
    cluster.hosts[0] = std::make_shared<HostOfWorld>(shared_from_this(), dom0, "dom0");
    cluster.hosts[1] = std::make_shared<HostOfWorld>(shared_from_this(), mirror, "mirror (root@10.77.0.2:22)");
    cluster.host_key_alias = "mirror";
    return cluster;
  }
  engine::Execution execution() const {
    engine::Execution execution;
    execution.run_id = "0123456789abcdef";
    execution.identities = {nodes[0].identity, nodes[1].identity};
    return execution;
  }
  /// Nothing is wrong any more, and a minute passes. (Takes the mutex.)
  void heal() {
    {
      const std::scoped_lock guard(time->mutex);
      for (NodeOfWorld& each : nodes) {
        each.lost = each.silent = false;
        each.xl_works = each.watchers_listable = each.drbd_readable = true;
        each.faults.clear();
      }
      ssh_cut = false;
      migration_faults = {};
      when.clear();
      for (auto& [name, link] : links) link.connected = !link.stand_alone;
    }
    clock->sleep(Milliseconds(120'000));
  }

  std::vector<NodeId> executing_on(const std::string& domain) {
    std::vector<NodeId> places;
    for (NodeId id : model::both_nodes)
      for (const Guest& guest : node(id).guests)
        if (guest.domain == domain && guest.executes()) places.push_back(id);
    return places;
  }
  /// In any form, under any name.
  std::size_t guests_of(const std::string& domain) const {
    std::size_t number = 0;
    for (const NodeOfWorld& each : nodes)
      for (const Guest& guest : each.guests)
        if (guest.domain == domain) ++number;
    return number;
  }
  bool executes_on(const std::string& domain, NodeId id) { return executing_on(domain) == std::vector<NodeId>{id}; }
  /// Whether the tool changed anything: a relay that listens is no change.
  bool was_changed() const {
    return std::any_of(log.begin(), log.end(), [](const std::string& line) { return !line.ends_with(": relay"); });
  }
  std::size_t count(const std::string& line) const {
    return static_cast<std::size_t>(std::count(log.begin(), log.end(), line));
  }
  /// The place of the first such line in the log. Throws when there is none.
  std::size_t place(const std::string& line) const {
    const auto found = std::find(log.begin(), log.end(), line);
    if (found == log.end()) throw std::out_of_range("never: " + line);
    return static_cast<std::size_t>(found - log.begin());
  }

  /// Ends what still waits for a command that never ends.
  void close() {
    const std::scoped_lock guard(time->mutex);
    closing = true;
    time->forget_events();
    time->touch();
  }

  // what the hosts and relays call, with the mutex held
  std::vector<host::Outcome> ask(NodeId id, const std::vector<host::Command>& questions);
  host::Outcome act(Lock& guard, NodeId id, const host::Command& command);
  Result<std::shared_ptr<RelayState>> hold(NodeId id, const std::vector<std::string>& argv);
  Result<> tool_says(RelayState& relay, std::string_view line);
  void end_relay(RelayState& relay);

private:
  World();
  Fault next_fault(NodeId id);
  host::Outcome answer(NodeId id, const std::vector<std::string>& argv);
  host::Outcome answer_script(NodeId id, const std::vector<std::string>& argv);
  host::Outcome print_status(NodeId id);
  host::Outcome print_configs(NodeId id, const std::vector<std::string>& argv);

  host::Outcome carry_out(Lock& guard, NodeId id, const host::Command& command);
  host::Outcome xl(Lock& guard, NodeId id, const host::Command& command);
  host::Outcome xl_create(NodeId id, const std::string& config);
  host::Outcome xl_shutdown(NodeId id, const std::string& name);
  host::Outcome xl_destroy(NodeId id, const std::string& name);
  host::Outcome xl_migrate(Lock& guard, NodeId id, const host::Command& command);
  host::Outcome drbdadm(NodeId id, const std::vector<std::string>& argv);
  host::Outcome primary(NodeId id, const std::string& resource);
  host::Outcome secondary(NodeId id, const std::string& resource);
  host::Outcome two_primaries(NodeId id, const std::string& resource, bool allow);
  host::Outcome reconnect(NodeId id, const std::string& resource, bool discard);
  host::Outcome change_script(NodeId id, const std::vector<std::string>& argv);

  using Migration = std::shared_ptr<MigrationState>;
  Migration begin_migration(NodeId id, const host::Command& command);
  void hear(const Migration& migration, const transport::ToolMessage& message);
  void enter(const Migration& migration, Phase phase);
  void say(const MigrationState& migration, const transport::TransportMessage& message);
  void end_transport(const Migration& migration, EndCause cause);
  void give_back(const Migration& migration);
  void change_sides(const Migration& migration);
  void finish(const Migration& migration, int status);
  void watch_silence(const Migration& migration);
  void later(Milliseconds delay, const Migration& migration, std::function<void()> what);

  const model::Domain* domain_of_config(const std::string& path) const;
  bool may_be_there(NodeId id, const std::string& domain);
  void clear_away(NodeId id, const std::string& name);
  void accident(const std::string& what) { accidents.push_back(what); }
  void note(NodeId id, const std::string& what) { log.push_back(topology.node(id).name.str() + ": " + what); }
  void look_for_accidents();

  std::vector<std::shared_ptr<RelayState>> relays_;
  std::vector<Migration> migrations_;
  std::set<std::string> discarded_; ///< resources whose one side offered to discard its data
  std::set<std::pair<std::string, NodeId>> connecting_;
  bool too_late_ = false;
  std::uint64_t last_connection_ = 0;
  unsigned last_domid_ = 0;
  int last_pid_ = 3000;
};

} // namespace xen_drbd::engine_world

#include "support/engine_world_answers.hpp"
#include "support/engine_world_commands.hpp"
#include "support/engine_world_migration.hpp"
