#pragma once
// What changing commands do to the simulated pair. Included by engine_world.hpp.

namespace xen_drbd::engine_world {

inline host::Outcome World::act(Lock& guard, NodeId id, const host::Command& command) {
  constexpr Milliseconds late{60'000};
  if (node(id).lost) return engine_world::lost();
  switch (next_fault(id)) {
  case Fault::none: break;
  case Fault::fails:
    if (when_faulty) when_faulty();
    return exited(1, {}, "the machine has a bad day\n");
  case Fault::times_out_late:
    time->after(command.timeout + late, [this, keep = shared_from_this(), id, command] {
      Lock none;
      too_late_ = true; // nobody could have held it back
      carry_out(none, id, command);
      too_late_ = false;
    });
    [[fallthrough]];
  case Fault::times_out:
    time->block(
        guard, [] { return false; }, command.timeout);
    return timed_out();
  case Fault::times_out_works: {
    Lock none;
    carry_out(none, id, command);
    time->block(
        guard, [] { return false; }, command.timeout);
    return timed_out();
  }
  case Fault::lost: lose(id); return engine_world::lost();
  case Fault::lost_works: {
    Lock none;
    carry_out(none, id, command);
    lose(id);
    return engine_world::lost();
  }
  case Fault::silent: node(id).silent = true; break;
  }
  return carry_out(guard, id, command);
}

/// The command's whole effect. Without a lock in `guard` nothing is waited for.
inline host::Outcome World::carry_out(Lock& guard, NodeId id, const host::Command& command) {
  const auto& argv = command.argv;
  if (before) before(id, argv[0] == "sh" ? argv.back() : argv[0] + " " + argv[1]);
  host::Outcome outcome = argv[0] == "xl"        ? xl(guard, id, command)
                          : argv[0] == "drbdadm" ? drbdadm(id, argv)
                                                 : change_script(id, argv);
  look_for_accidents();
  return outcome;
}

inline bool World::may_be_there(NodeId id, const std::string& domain) {
  const NodeOfWorld& at = node(id);
  return at.watchers.contains(domain) ||
         std::any_of(at.guests.begin(), at.guests.end(), [&](const Guest& guest) { return guest.domain == domain; });
}

inline void World::look_for_accidents() {
  for (const model::Domain& domain : topology.domains) {
    const std::string& name = domain.name.str();
    if (executing_on(name).size() > 1 && !migration_faults.both_run) accident(name + " executes on both nodes");
    if (domain.disks.empty()) continue;
    for (NodeId id : executing_on(name))
      if (!drbd(id, name).primary) accident(name + " executes on a Secondary");
  }
}

inline host::Outcome World::xl(Lock& guard, NodeId id, const host::Command& command) {
  const auto& argv = command.argv;
  const std::string& verb = argv[1];
  if (verb == "migrate") return xl_migrate(guard, id, command);
  note(id, fmt::format("xl {}", fmt::join(argv.begin() + 1, argv.end(), " ")));
  if (verb == "create") return xl_create(id, argv.back());
  if (verb == "shutdown") return xl_shutdown(id, argv.back());
  if (verb == "destroy") return xl_destroy(id, argv.back());
  Guest* guest = node(id).find(argv[2]);
  if (guest == nullptr) return exited(1, {}, argv[2] + " is an invalid domain identifier (rc=-6)\n");
  if (verb == "unpause" || verb == "resume") {
    if (!executing_on(guest->domain).empty()) accident(guest->domain + " is brought to life beside itself");
    guest->letters = "-b----";
  } else if (verb == "rename") {
    guest->name = argv[3];
  } else {
    accident("nobody expects xl " + verb);
  }
  return exited(0);
}

inline host::Outcome World::xl_create(NodeId id, const std::string& config) {
  const model::Domain& domain = *domain_of_config(config);
  const std::string name = domain.name.str();
  for (NodeId each : model::both_nodes)
    if (may_be_there(each, name)) accident(name + " is created although it may be on " + node(each).hostname);
  if (node(id).find(name) != nullptr)
    return exited(3, {}, "libxl: error: libxl_create.c:678:libxl__domain_make: Domain 0:domain already exists\n");
  if (crashes_at_once.contains(name)) return exited(0);
  Guest& guest = add_guest(id, name, name, "-b----");
  guest.cpu_seconds = 1;
  guest.disk_closed = loses_a_disk.contains(name);
  node(id).watchers.insert(name);
  return exited(0);
}

inline void World::clear_away(NodeId id, const std::string& name) {
  std::erase_if(node(id).guests, [&](const Guest& guest) { return guest.name == name; });
}

inline host::Outcome World::xl_shutdown(NodeId id, const std::string& name) {
  Guest* guest = node(id).find(name);
  if (guest == nullptr) return exited(1, {}, name + " is an invalid domain identifier (rc=-6)\n");
  if (ignores_shutdown.contains(name)) return exited(0);
  const auto keep = shared_from_this();
  time->after(Milliseconds(3000), [this, keep, id, name] {
    if (Guest* off = node(id).find(name)) off->letters = "---s--";
  });
  time->after(Milliseconds(4000), [this, keep, id, name] {
    if (!node(id).watchers.contains(name)) return;
    clear_away(id, name);
  });
  time->after(Milliseconds(4500), [this, keep, id, name] {
    if (node(id).find(name) == nullptr) node(id).watchers.erase(name);
  });
  return exited(0);
}

inline host::Outcome World::xl_destroy(NodeId id, const std::string& name) {
  Guest* guest = node(id).find(name);
  if (guest == nullptr) return exited(1, {}, name + " is an invalid domain identifier (rc=-6)\n");
  const std::string domain = guest->domain;
  if (guest->executes() && !may_be_destroyed_running.contains(domain)) accident(name + " was destroyed while it ran");
  guest->letters = "-----d";
  guest->name = "(null)";
  const auto keep = shared_from_this();
  const Milliseconds dying(dies_slowly.contains(domain) ? 30'000 : 1000);
  time->after(dying, [this, keep, id, domid = guest->domid] {
    std::erase_if(node(id).guests, [&](const Guest& gone) { return gone.domid == domid; });
  });
  time->after(dying + Milliseconds(700), [this, keep, id, domain] {
    if (node(id).find(domain) == nullptr) node(id).watchers.erase(domain);
  });
  return exited(0);
}

inline host::Outcome World::drbdadm(NodeId id, const std::vector<std::string>& argv) {
  const std::string& resource = argv.back();
  note(id, fmt::format("drbdadm {}", fmt::join(argv.begin() + 1, argv.end(), " ")));
  if (!node(id).drbd.contains(resource) || !drbd(id, resource).up)
    return exited(10, {}, "1: Failure: (127) Device minor not allocated\n");
  if (argv[1] == "primary") return primary(id, resource);
  if (argv[1] == "secondary") return secondary(id, resource);
  if (argv[1] == "net-options") return two_primaries(id, resource, argv[2] == "--allow-two-primaries=yes");
  if (argv[1] == "connect") return reconnect(id, resource, argv[2] == "--discard-my-data");
  accident("nobody expects drbdadm " + argv[1]);
  return exited(1);
}

inline host::Outcome World::primary(NodeId id, const std::string& resource) {
  DrbdOnNode& here = drbd(id, resource);
  const DrbdOnNode& there = drbd(other(id), resource);
  if (here.primary) return exited(0);
  if (here.disk != "UpToDate") {
    if (!links.at(resource).connected || there.disk != "UpToDate")
      return exited(17, {}, "1: State change failed: (-2) Need access to UpToDate data\n");
    accident(resource + " is promoted while its data are still at the other node");
  }
  if (!links.at(resource).connected) {
    if (!may_promote_alone) accident(resource + " is promoted while it is not Connected");
  } else if (there.primary && !(here.two_primaries && there.two_primaries)) {
    return exited(11, {}, "1: State change failed: (-1) Multiple primaries not allowed by config\n");
  }
  here.primary = true;
  return exited(0);
}

inline host::Outcome World::secondary(NodeId id, const std::string& resource) {
  if (may_be_there(id, resource)) accident(resource + " is demoted on " + node(id).hostname + " where it may be");
  DrbdOnNode& here = drbd(id, resource);
  const auto& guests = node(id).guests;
  const bool held = std::any_of(guests.begin(), guests.end(),
                                [&](const Guest& guest) { return guest.domain == resource && guest.has_disks; });
  if (held || here.held_open-- > 0)
    return exited(11, {}, "1: State change failed: (-12) Device is held open by someone\n");
  here.held_open = 0;
  here.primary = false;
  return exited(0);
}

inline host::Outcome World::two_primaries(NodeId id, const std::string& resource, bool allow) {
  const bool both = drbd(dom0, resource).primary && drbd(mirror, resource).primary;
  const bool equalled_apart = !allow && drbd(dom0, resource).two_primaries != drbd(mirror, resource).two_primaries;
  if (!links.at(resource).connected && !too_late_ && !equalled_apart && drbd(id, resource).two_primaries != allow)
    accident("the window of " + resource + " is touched while it is not Connected");
  if (!allow && both && links.at(resource).connected)
    return exited(10, {},
                  resource + ": Failure: (164) Can not clear allow_two_primaries as long as\n"
                             "there a primaries on both sides\n");
  const auto holds = [&](const Migration& migration) {
    return migration->domain == resource && migration->phase == Phase::held;
  };
  const bool held = std::any_of(migrations_.begin(), migrations_.end(), holds);
  const bool equalled = drbd(other(id), resource).two_primaries;
  if (allow && !drbd(id, resource).two_primaries && !equalled && !held && !plain_ahead && !too_late_)
    accident("the window of " + resource + " is opened although no last record is held");
  drbd(id, resource).two_primaries = allow;
  return exited(0);
}

inline host::Outcome World::reconnect(NodeId id, const std::string& resource, bool discard) {
  LinkOfResource& link = links.at(resource);
  if (discard && drbd(id, resource).primary) accident(resource + " discards what its Primary wrote");
  if (discard) discarded_.insert(resource);
  connecting_.insert({resource, id});
  const bool both = connecting_.contains({resource, dom0}) && connecting_.contains({resource, mirror});
  const bool alike = drbd(dom0, resource).two_primaries == drbd(mirror, resource).two_primaries;
  if (both && alike && (discarded_.contains(resource) || !link.split_brain)) link = {};
  return exited(0);
}

/// The scripts of the engine itself: records of migrations and of receivers.
inline host::Outcome World::change_script(NodeId id, const std::vector<std::string>& argv) {
  const std::string& path = argv[0] == "sh" ? argv[4] : argv.back();
  const std::string file = path.substr(path.rfind('/') + 1);
  const std::string domain = file.substr(0, file.find(".migration"));
  if (argv[0] == "rm") {
    note(id, "remove record " + domain);
    node(id).records.erase(domain);
    return exited(0);
  }
  if (file.starts_with("receive-")) {
    const std::string received = file.substr(8);
    note(id, "end receiver " + received);
    if (node(id).receiver_stays) return exited(1, {}, "process 4711 did not end\n");
    std::erase_if(node(id).processes, [](const Process& process) { return process.receiving; });
    clear_away(id, received + "--incoming");
    return exited(0);
  }
  const auto record = engine::parse_record(argv.back());
  if (!record) accident("a record that cannot be read is written");
  note(id, fmt::format("record {} {}", domain, record && record->before_go ? "before go" : "ready passed"));
  node(id).records[domain] = argv.back();
  return exited(0);
}

} // namespace xen_drbd::engine_world
