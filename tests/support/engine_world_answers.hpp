#pragma once
// The questions that the simulated pair answers. Included by engine_world.hpp.

namespace xen_drbd::engine_world {

inline model::Node a_node(const std::string& name, const std::string& address) {
  return {*NodeName::parse(name), *Address::parse(address), *Address::parse(address), {}};
}

inline World::World()
    : topology{.name = "topology",
               .path = "/etc/xen/topology.yaml",
               .nodes = {a_node("dom0", "10.77.0.1"), a_node("mirror", "10.77.0.2")},
               .ssh = {},
               .domains = {},
               .bridges = {}} {
  for (NodeId id : model::both_nodes) {
    node(id).hostname = topology.node(id).name.str();
    node(id).identity = "boot-of-" + node(id).hostname;
    node(id).kernel_boot = "kernel-boot-of-" + node(id).hostname;
  }
  add_domain("dns", dom0, {10});
  add_domain("samba", mirror, {1, 2});
  add_domain("web", dom0, {});
}

inline Fault World::next_fault(NodeId id) {
  NodeOfWorld& at = node(id);
  const auto found = at.faults.find(++at.commands);
  return found == at.faults.end() ? Fault::none : found->second;
}

inline std::vector<host::Outcome> World::ask(NodeId id, const std::vector<host::Command>& questions) {
  const auto all = [&](const host::Outcome& outcome) { return std::vector(questions.size(), outcome); };
  if (node(id).lost) return all(engine_world::lost());
  switch (next_fault(id)) {
  case Fault::none: break;
  case Fault::fails: return all(exited(1, {}, "cannot fork\n"));
  case Fault::times_out:
  case Fault::times_out_works:
  case Fault::times_out_late: return all(timed_out());
  case Fault::lost:
  case Fault::lost_works: lose(id); return all(engine_world::lost());
  case Fault::silent: node(id).silent = true; break;
  }
  std::vector<host::Outcome> answers;
  for (const host::Command& question : questions) answers.push_back(answer(id, question.argv));
  return answers;
}

inline host::Outcome World::answer(NodeId id, const std::vector<std::string>& argv) {
  NodeOfWorld& here = node(id);
  if (argv == xen::list_command().argv) return print_list(here);
  if (argv == xen::info_command().argv) return print_info(here);
  if (argv == xen::processes_command().argv) return print_processes(here);
  if (argv == drbd::status_command().argv) return print_status(id);
  if (argv == drbd::show_command().argv) return print_drbd_options(here);
  if (argv == drbd::dump_command().argv) return print_drbd_configuration(nodes);
  if (argv == drbd::links_command().argv) return exited(0, "end\n");
  if (argv == std::vector<std::string>{"true"}) return exited(0);
  if (argv == std::vector<std::string>{"cat", "--", topology.path}) return exited(0, here.topology_text);
  if (argv.size() > 2 && argv[0] == "sh") return answer_script(id, argv);
  accident("nobody expects the question " + argv.front());
  return exited(127);
}

inline host::Outcome World::answer_script(NodeId id, const std::vector<std::string>& argv) {
  NodeOfWorld& here = node(id);
  const std::string& script = argv[2];
  if (script == xen::block_list_command(topology.domains.front().name).argv[2]) return print_block_list(here, argv[4]);
  if (script == xen::config_command({}, xen::Reading::hash_only).argv[2]) return print_configs(id, argv);
  if (script.find("boot_id") != script.npos) {
    if (argv[5] == "1" && here.identity.empty()) here.identity = "made-for-" + here.hostname;
    const std::string identity = here.identity.empty() ? here.kernel_boot + "@" + here.hostname : here.identity;
    return exited(0, fmt::format("hostname {}\nidentity {}\nversion {}\nleaving {}\nend\n", here.hostname, identity,
                                 here.tool_version, here.leaving ? 1 : 0));
  }
  if (script.find("*.migration") != script.npos) {
    if (here.records_answer) return *here.records_answer;
    std::string text;
    for (const auto& [domain, record] : here.records)
      text += fmt::format("record {} {}\n{}", domain, record.size(), record);
    return exited(0, text + "end\n");
  }
  accident("nobody expects the script " + script.substr(0, 60));
  return exited(127);
}

inline host::Outcome World::print_status(NodeId id) {
  if (!node(id).drbd_readable) return exited(20, "text\nend\n", "Could not connect to 'drbd' generic netlink family\n");
  std::string text = "text\n";
  for (const auto& [name, drbd] : node(id).drbd)
    if (drbd.up) text += print_resource(name, drbd, node(other(id)).drbd.at(name), links.at(name));
  text += "events\n";
  for (const auto& [name, drbd] : node(id).drbd)
    if (drbd.up && links.at(name).stand_alone) text += print_events(name, drbd);
  return exited(0, text + "end\n");
}

inline host::Outcome World::print_configs(NodeId, const std::vector<std::string>& argv) {
  std::string text;
  std::size_t place = 0;
  for (std::size_t i = 5; i < argv.size(); ++i) {
    if (argv[i] == ".") {
      ++place;
      continue;
    }
    const model::Domain* domain = domain_of_config(argv[i]);
    if (domain == nullptr) continue;
    text += fmt::format("file {} 1 {}\n", place, std::string(64, 'a'));
    if (argv[4] == "xl") text += "xl 0\n " + print_configuration(*domain) + "\n";
  }
  return exited(0, text + "end\n");
}

inline const model::Domain* World::domain_of_config(const std::string& path) const {
  for (const model::Domain& domain : topology.domains)
    if (domain.config_candidates.front() == path) return &domain;
  return nullptr;
}

inline std::vector<host::Outcome> HostOfWorld::ask(const std::vector<host::Command>& questions) {
  const std::scoped_lock guard(world_->time->mutex);
  world_->time->enter();
  auto answers = world_->ask(node_, questions);
  world_->time->touch();
  return answers;
}

inline host::Outcome HostOfWorld::act(const host::Command& command) {
  Lock guard(world_->time->mutex);
  world_->time->enter();
  host::Outcome outcome = world_->act(guard, node_, command);
  world_->time->touch();
  return outcome;
}

inline Result<std::unique_ptr<host::Stream>> HostOfWorld::hold(const std::vector<std::string>& argv) {
  const std::scoped_lock guard(world_->time->mutex);
  world_->time->enter();
  XEN_DRBD_TRY(std::shared_ptr<RelayState> state, world_->hold(node_, argv));
  world_->time->touch();
  return std::unique_ptr<host::Stream>(std::make_unique<RelayOfWorld>(world_, std::move(state)));
}

inline Result<std::optional<host::LockHolder>> HostOfWorld::try_lock(const std::string& holder) {
  const std::scoped_lock guard(world_->time->mutex);
  world_->time->enter();
  NodeOfWorld& here = world_->node(node_);
  if (here.lost || here.lock_broken)
    return Error{
        .kind = ErrorKind::failed, .what = "the cluster lock cannot be taken", .because = "flock does not work"};
  if (!here.locked_by.empty()) return std::optional(host::LockHolder{here.locked_by});
  world_->log.push_back(here.hostname + ": lock");
  world_->holders.push_back(holder);
  here.holds_lock = true;
  return std::optional<host::LockHolder>{};
}

inline void HostOfWorld::unlock() {
  const std::scoped_lock guard(world_->time->mutex);
  world_->time->enter();
  world_->log.push_back(world_->node(node_).hostname + ": unlock");
  world_->node(node_).holds_lock = false;
}

inline bool HostOfWorld::answered_within(Milliseconds) const {
  const std::scoped_lock guard(world_->time->mutex);
  return !world_->node(node_).silent && !world_->node(node_).lost;
}

inline std::optional<Error> HostOfWorld::lost() const {
  const std::scoped_lock guard(world_->time->mutex);
  if (!world_->node(node_).lost) return std::nullopt;
  return Error{.kind = ErrorKind::unreachable,
               .what = "the connection to " + name_ + " was lost",
               .because = "the cable to " + world_->node(node_).hostname + " was cut"};
}

} // namespace xen_drbd::engine_world
