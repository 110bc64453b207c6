#pragma once
// Migrations in the simulated pair: xl, the transport and the target, in the order of transport/protocol.hpp. Included
// by engine_world.hpp.

namespace xen_drbd::engine_world {

inline Result<std::shared_ptr<RelayState>> World::hold(NodeId id, const std::vector<std::string>& argv) {
  const auto refused = [&](std::string because) {
    return Error{.kind = ErrorKind::failed, .what = argv[0] + " was not started", .because = std::move(because)};
  };
  if (node(id).lost) return refused("the cable was cut");
  const Fault fault = next_fault(id);
  if (fault == Fault::lost || fault == Fault::lost_works) lose(id);
  if (fault == Fault::silent)
    node(id).silent = true;
  else if (fault != Fault::none)
    return refused("the machine has a bad day");
  note(id, "relay");
  auto relay = std::make_shared<RelayState>(RelayState{id, argv[2], {"listening"}, false});
  relays_.push_back(relay);
  return relay;
}

inline void World::end_relay(RelayState& relay) {
  if (relay.ended) return;
  relay.ended = true;
  time->touch();
  for (const Migration& migration : migrations_)
    if (migration->relay.get() == &relay && migration->phase < Phase::passed)
      end_transport(migration, EndCause::tool_gone);
}

inline Result<> World::tool_says(RelayState& relay, std::string_view line) {
  const auto gone = [] {
    return Error{.kind = ErrorKind::failed, .what = "a line was not sent", .because = "the relay is gone"};
  };
  if (relay.ended || node(relay.node).lost) return gone();
  const auto space = line.find(' ');
  const auto message = transport::parse_tool_message(line.substr(space + 1));
  const auto connection = std::stoull(std::string(line.substr(0, space)));
  if (!message) {
    accident("the tool says what no transport understands: " + std::string(line));
    return {};
  }
  const Fault fault = std::holds_alternative<transport::Beat>(*message) ? Fault::none : next_fault(relay.node);
  if (fault == Fault::silent) node(relay.node).silent = true;
  if (fault == Fault::lost) lose(relay.node);
  const bool works = fault == Fault::none || fault == Fault::silent || fault == Fault::times_out_works ||
                     fault == Fault::times_out_late || fault == Fault::lost_works;
  if (!works) return gone();
  for (const Migration& migration : migrations_)
    if (migration->connection == connection) hear(migration, *message);
  if (fault == Fault::lost_works) lose(relay.node);
  if (fault != Fault::none && fault != Fault::silent) return gone();
  return {};
}

inline Result<> RelayOfWorld::write_line(std::string_view line) {
  const std::scoped_lock guard(world_->time->mutex);
  world_->time->enter();
  auto said = world_->tool_says(*state_, line);
  world_->time->touch();
  return said;
}

inline std::optional<std::string> RelayOfWorld::read_line(Milliseconds timeout) {
  Lock guard(world_->time->mutex);
  world_->time->enter();
  if (std::exchange(took_a_line_, false)) world_->time->touch(); // what it said was dealt with
  const auto something = [&] { return !state_->lines.empty() || state_->ended || world_->closing; };
  if (!world_->time->block(guard, something, timeout) || state_->lines.empty()) return std::nullopt;
  std::string line = std::move(state_->lines.front());
  state_->lines.pop_front();
  took_a_line_ = true;
  return line;
}

inline bool RelayOfWorld::at_end() const {
  const std::scoped_lock guard(world_->time->mutex);
  return state_->ended && state_->lines.empty();
}

inline void RelayOfWorld::close() {
  const std::scoped_lock guard(world_->time->mutex);
  world_->time->enter();
  world_->end_relay(*state_);
}

inline host::Outcome World::xl_migrate(Lock& guard, NodeId id, const host::Command& command) {
  const std::string& domain = command.argv[4];
  note(id, "xl migrate " + domain);
  const Guest* guest = node(id).find(domain);
  if (guest == nullptr) return exited(1, {}, domain + " is an invalid domain identifier (rc=-6)\n");
  if (!node(other(id)).watchers.empty() && node(other(id)).watchers.contains(domain))
    accident(domain + " is migrated although it may be on " + node(other(id)).hostname);
  const Migration migration = begin_migration(id, command);
  if (!guard.owns_lock()) return exited(0);
  const auto over = [this, id, migration] { return migration->xl_over || closing || node(id).lost; };
  if (!time->block(guard, over, command.timeout)) return timed_out();
  if (!migration->xl_over) return engine_world::lost();
  return exited(migration_faults.status.value_or(migration->status), {},
                migration->status == 0 ? "Migration successful.\n" : "Migration failed, resuming at sender.\n");
}

inline void World::later(Milliseconds delay, const Migration& migration, std::function<void()> what) {
  time->after(delay, [keep = shared_from_this(), migration, what = std::move(what)] {
    if (!migration->xl_over) what();
  });
}

inline World::Migration World::begin_migration(NodeId id, const host::Command& command) {
  const std::string& transport = command.argv[3];
  auto migration = std::make_shared<MigrationState>();
  migration->domain = command.argv[4];
  migration->from = id;
  migration->heard = time->now();
  migration->plain = transport.find("ssh") != transport.npos && transport.find(" transport ") == transport.npos;
  migrations_.push_back(migration);
  node(id).processes.push_back({++last_pid_, false, migration->domain});
  for (const auto& relay : relays_)
    if (relay->node == id && !relay->ended && transport.find(relay->run) != transport.npos) migration->relay = relay;
  later(Milliseconds(200), migration, [this, migration] {
    if (migration->plain) return enter(migration, Phase::copying);
    if (migration_faults.no_transport || !migration->relay || migration->relay->ended) return give_back(migration);
    migration->connection = ++last_connection_;
    say(*migration,
        transport::Hello{
            migration_faults.version, migration->domain, last_pid_, "10.77.0.2", {"xl", "migrate-receive"}});
    enter(migration, Phase::nothing_sent);
    watch_silence(migration);
  });
  return migration;
}

inline void World::say(const MigrationState& migration, const transport::TransportMessage& message) {
  if (!migration.relay || migration.relay->ended) return;
  migration.relay->lines.push_back(std::to_string(migration.connection) + " " + transport::to_line(message));
  time->touch();
}

inline void World::watch_silence(const Migration& migration) {
  later(Milliseconds(1000), migration, [this, migration] {
    if (migration->transport_over || migration->phase >= Phase::passed) return;
    if (time->now() - migration->heard > Milliseconds(15'000)) return end_transport(migration, EndCause::tool_silent);
    watch_silence(migration);
  });
}

inline void World::hear(const Migration& migration, const transport::ToolMessage& message) {
  if (migration->transport_over) return;
  migration->heard = time->now();
  const std::string& domain = migration->domain;
  if (const auto* settings = std::get_if<transport::Settings>(&message)) {
    note(migration->from, "settings " + domain);
    const std::string& far = settings->argv.back();
    if (far.find(node(other(migration->from)).identity) == far.npos || ssh_cut)
      return end_transport(migration, EndCause::ssh_ended);
    migration->settled = true;
    later(Milliseconds(300), migration, [this, migration] { enter(migration, Phase::copying); });
  } else if (std::holds_alternative<transport::Release>(message)) {
    note(migration->from, "release " + domain);
    if (migration->phase != Phase::held) {
      accident("a last record is released that is not held");
      return end_transport(migration, EndCause::contradicted);
    }
    if (links.contains(domain) && !drbd(other(migration->from), domain).primary)
      accident("a last record is released to a Secondary");
    enter(migration, Phase::released);
  } else if (std::holds_alternative<transport::Pass>(message)) {
    note(migration->from, "pass " + domain);
    if (migration->phase != Phase::ready) {
      accident("an answer is passed that is not held");
      return end_transport(migration, EndCause::contradicted);
    }
    if (links.contains(domain) && !links.at(domain).connected) accident("ready is passed while DRBD is not Connected");
    enter(migration, Phase::passed);
  } else if (std::holds_alternative<transport::End>(message)) {
    note(migration->from, "end " + domain);
    if (migration->phase < Phase::passed) end_transport(migration, EndCause::asked);
  }
}

/// What happens in a phase and what follows it.
inline void World::enter(const Migration& migration, Phase phase) {
  if (migration->transport_over) return;
  NodeOfWorld& source = node(migration->from);
  NodeOfWorld& target = node(other(migration->from));
  const std::string& domain = migration->domain;
  migration->phase = phase;
  const auto next = [&](Milliseconds delay, Phase following) {
    if (migration_faults.stops_in != phase)
      later(delay, migration, [this, migration, following] { enter(migration, following); });
  };
  if (phase == Phase::copying) {
    add_guest(other(migration->from), domain + "--incoming", domain, "--p---").has_disks = false;
    target.processes.push_back({++last_pid_, true, domain});
    next(Milliseconds(3000), migration->plain ? Phase::ready : Phase::held);
  }
  if (phase == Phase::held || (phase == Phase::ready && migration->plain)) source.find(domain)->letters = "---ss-";
  if (phase == Phase::released) next(Milliseconds(800), Phase::ready);
  if (phase == Phase::ready) {
    Guest* copy = target.find(domain + "--incoming");
    copy->has_disks = true;
    copy->disk_closed = loses_a_disk.contains(domain);
    if (migration->plain) next(Milliseconds(10), Phase::passed);
  }
  if (phase == Phase::passed) next(Milliseconds(50), Phase::gone);
  if (!migration->plain) {
    say(*migration, transport::Progress{phase, 50'000'000, 49'000'000});
    if (phase == Phase::held) say(*migration, transport::Held{});
    if (phase == Phase::ready) say(*migration, transport::Ready{});
    if (phase == Phase::gone) say(*migration, transport::Go{});
  }
  if (const auto hook = when.find(phase); hook != when.end()) hook->second();
  if (migration_faults.ends_in && migration_faults.ends_in->first == phase)
    end_transport(migration, migration_faults.ends_in->second);
  else if (ssh_cut && phase != Phase::nothing_sent && phase < Phase::passed)
    end_transport(migration, EndCause::ssh_ended);
  else if (phase == Phase::gone)
    change_sides(migration);
}

/// The transport closes both ends of xl's stream; xl then resumes the guest, and the target clears its copy away.
inline void World::end_transport(const Migration& migration, EndCause cause) {
  if (std::exchange(migration->transport_over, true)) return;
  transport::Ended ended;
  ended.cause = cause;
  ended.phase = migration->phase;
  ended.reason = std::string(to_string(cause));
  say(*migration, ended);
  if (migration->relay && !migration->relay->ended)
    migration->relay->lines.push_back("closed " + std::to_string(migration->connection));
  give_back(migration);
}

inline void World::give_back(const Migration& migration) {
  const NodeId target = other(migration->from);
  const std::string copy = migration->domain + "--incoming";
  later(Milliseconds(500), migration, [this, migration, target, copy] {
    std::erase_if(node(target).processes, [](const Process& process) { return process.receiving; });
    if (!migration_faults.copy_stays) clear_away(target, copy);
  });
  later(Milliseconds(1000), migration, [this, migration] {
    if (Guest* guest = node(migration->from).find(migration->domain);
        guest != nullptr && !migration_faults.stays_suspended)
      guest->letters = "-b----";
    if (migration_faults.watcher_dies) node(migration->from).watchers.erase(migration->domain);
    finish(migration, 1);
  });
}

/// After GO. Nothing ends it any more.
inline void World::change_sides(const Migration& migration) {
  const NodeId from = migration->from;
  const NodeId target = other(from);
  const std::string domain = migration->domain;
  node(from).find(domain)->name = domain + "--migratedaway";
  if (migration_faults.target_never_starts)
    return later(Milliseconds(500), migration, [=, this] { finish(migration, 1); });
  if (migration_faults.target_fails)
    return later(Milliseconds(500), migration, [=, this] {
      clear_away(target, domain + "--incoming");
      Guest* guest = node(from).find(domain + "--migratedaway");
      guest->name = domain;
      guest->letters = "-b----";
      finish(migration, 1);
    });
  later(Milliseconds(100), migration, [=, this] {
    Guest* copy = node(target).find(domain + "--incoming");
    copy->name = domain;
    copy->letters = "-b----";
    copy->cpu_seconds = 1;
    node(target).watchers.insert(domain);
    say(*migration, transport::TargetResult{0});
    look_for_accidents();
  });
  later(Milliseconds(600), migration, [=, this] {
    if (migration_faults.both_run) {
      node(from).find(domain + "--migratedaway")->letters = "-b----";
      node(from).find(domain + "--migratedaway")->name = domain;
    } else {
      if (!migration_faults.source_stays) clear_away(from, domain + "--migratedaway");
      node(from).watchers.erase(domain);
    }
    transport::Ended ended;
    ended.cause = EndCause::finished;
    ended.phase = Phase::gone;
    say(*migration, ended);
    migration->transport_over = true;
    finish(migration, 0);
  });
}

inline void World::finish(const Migration& migration, int status) {
  if (migration_faults.xl_hangs) return;
  std::erase_if(node(migration->from).processes,
                [&](const Process& process) { return process.domain == migration->domain; });
  std::erase_if(node(other(migration->from)).processes,
                [&](const Process& process) { return process.domain == migration->domain; });
  migration->status = status;
  migration->xl_over = true;
  std::erase(migrations_, migration);
  look_for_accidents();
  time->touch();
}

} // namespace xen_drbd::engine_world
