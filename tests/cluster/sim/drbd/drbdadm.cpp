#include "drbd/kernel.hpp"
#include "drbd/tools.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <optional>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace sim {

namespace {

/// One target of a command: a resource and, if it was named, one volume of it.
struct Target {
  const ConfigResource* resource = nullptr;
  const ConfigHost* own = nullptr;
  const ConfigHost* peer = nullptr;
};

class Drbdadm {
public:
  Drbdadm(Run& run, DrbdConfig config) : run_(run), config_(std::move(config)), node_(run.world.node_name()) {}

  int command(const std::string& name, const Arguments& operands, const Arguments& options, bool dry);

private:
  using Action = std::function<int(State&, const Target&)>;

  [[nodiscard]] std::optional<std::vector<Target>> targets(const Arguments& operands);
  [[nodiscard]] bool nine() { return is_nine(run_.world.look()); }
  [[nodiscard]] std::string tool(State& state) const { return is_nine(state) ? "drbdsetup" : "drbdsetup-84"; }
  [[nodiscard]] std::string object(State& state, const Target& target) const {
    return is_nine(state) ? target.resource->name : std::to_string(target.own->volumes.front().minor);
  }
  [[nodiscard]] Node& here(State& state) const { return node_of(state, run_.world.index()); }
  [[nodiscard]] Resource* kernel_resource(State& state, const Target& target) const {
    return find_resource(here(state), target.resource->name);
  }

  int for_each(const std::vector<Target>& targets, const Action& action);
  int fail(State& state, const std::string& what, const std::string& line, int code);
  int not_up(State& state, const std::string& command, const Target& target);
  int refused(State& state, const std::string& command, const Target& target, Refusal refusal);
  int unknown_connection(State& state, const std::string& command, const Target& target, const std::string& more);
  [[nodiscard]] std::string endpoints(const Target& target) const;
  [[nodiscard]] std::string option_arguments(const Target& target) const;

  int primary(const Target& target);
  int secondary(State& state, const Target& target);
  int up(State& state, const Target& target);
  int down(State& state, const Target& target);
  int connect(State& state, const Target& target, bool discard);
  int disconnect(State& state, const Target& target);
  int adjust(State& state, const Target& target);
  int net_options(State& state, const Target& target, const Arguments& options);
  int disk_command(State& state, const Target& target, const std::string& name);
  int query(State& state, const Target& target, const std::string& name);
  int shell_query(const std::string& name, const std::vector<Target>& targets);
  int dump(const std::string& name, const std::vector<Target>& targets, bool everything);
  int status(const std::vector<Target>& targets, const Arguments& options);
  void make_devices(const Target& target, bool present) const;
  void configure_net(Resource& resource, const Target& target) const;

  Run& run_;
  DrbdConfig config_;
  std::string node_;
};

std::optional<std::vector<Target>> Drbdadm::targets(const Arguments& operands) {
  std::vector<Target> found;
  const auto add = [&](const ConfigResource& resource) {
    const ConfigHost* own = host_named(resource, node_);
    const ConfigHost* peer = host_other_than(resource, node_);
    if (own == nullptr || peer == nullptr || own->volumes.empty()) { return false; }
    found.push_back({&resource, own, peer});
    return true;
  };
  for (const auto& operand : operands) {
    bool known = false;
    for (const auto& resource : config_.resources) {
      bool wanted = operand == "all" || operand == resource.name || operand.starts_with(resource.name + "/");
      if (operand.starts_with("minor-")) {
        const ConfigHost* own = host_named(resource, node_);
        wanted = own != nullptr && std::ranges::any_of(own->volumes, [&](const ConfigVolume& volume) {
                   return "minor-" + std::to_string(volume.minor) == operand;
                 });
      }
      known = (wanted && add(resource)) || known;
    }
    if (!known && operand != "all") {
      run_.output.err += "'" + operand + "' not defined in your config (for this host).\n";
      return std::nullopt;
    }
  }
  return found;
}

int Drbdadm::for_each(const std::vector<Target>& targets, const Action& action) {
  int worst = 0;
  for (const auto& target : targets) {
    run_.world.change([&](State& state) {
      const int code = action(state, target);
      worst = code != 0 ? code : worst;
    });
  }
  return worst;
}

int Drbdadm::fail(State& state, const std::string& what, const std::string& line, int code) {
  run_.output.err +=
      what + "Command '" + tool(state) + " " + line + "' terminated with exit code " + std::to_string(code) + "\n";
  return code;
}

int Drbdadm::not_up(State& state, const std::string& command, const Target& target) {
  const std::string what = object(state, target);
  const std::string text = is_nine(state) ? what + ": Failure: (158) Unknown resource\n"
                                          : what + ": Failure: (127) Device minor not allocated\n"
                                                   "additional info from kernel:\nunknown minor\n";
  return fail(state, text, command + " " + what, 10);
}

int Drbdadm::refused(State& state, const std::string& command, const Target& target, Refusal refusal) {
  std::string why;
  switch (refusal) {
  case Refusal::none:
  case Refusal::waits: return 0;
  case Refusal::two_primaries: why = "(-1) Multiple primaries not allowed by config"; break;
  case Refusal::refused_by_peer: why = "(-10) State change was refused by peer node"; break;
  case Refusal::no_good_data: why = "(-2) Need access to UpToDate data"; break;
  case Refusal::in_use: why = "(-12) Device is held open by someone"; break;
  }
  const std::string what = command == "down" ? target.resource->name : object(state, target);
  std::string text = what + ": State change failed: " + why + "\n";
  if (command == "down") { text += "additional info from kernel:\nfailed to demote\n"; }
  return fail(state, text, command + " " + what, refusal == Refusal::no_good_data ? 17 : 11);
}

std::string Drbdadm::endpoints(const Target& target) const {
  return target.own->family + ":" + target.own->address + ":" + target.own->port + " " + target.peer->family + ":" +
         target.peer->address + ":" + target.peer->port;
}

std::string Drbdadm::option_arguments(const Target& target) const {
  std::string text;
  auto options = merged_options(config_, *target.resource, "net");
  for (auto option = options.rbegin(); option != options.rend(); ++option) {
    text += " --" + option->first + "=" + option->second;
  }
  return text;
}

int Drbdadm::unknown_connection(State& state, const std::string& command, const Target& target,
                                const std::string& more) {
  return fail(state,
              "??: Failure: (162) Invalid configuration request\nadditional info from kernel:\nunknown connection\n",
              command + " " + endpoints(target) + more, 10);
}

int Drbdadm::primary(const Target& target) {
  const double begun = World::now();
  for (;;) {
    int code = 0;
    Refusal refusal = Refusal::none;
    double patience = 0;
    run_.world.change([&](State& state) {
      patience = state.settings.promote_retry;
      Resource* resource = kernel_resource(state, target);
      if (resource == nullptr) {
        code = not_up(state, "primary", target);
        return;
      }
      refusal = promote(run_.world, state, run_.world.index(), *resource, "drbdadm");
      const bool retry =
          refusal == Refusal::waits || ((refusal == Refusal::two_primaries || refusal == Refusal::refused_by_peer) &&
                                        World::now() - begun < patience);
      code = retry ? -1 : refused(state, "primary", target, refusal);
    });
    if (code >= 0) { return code; }
    pause_for(0.01);
  }
}

int Drbdadm::secondary(State& state, const Target& target) {
  Resource* resource = kernel_resource(state, target);
  if (resource == nullptr) { return not_up(state, "secondary", target); }
  return refused(state, "secondary", target, demote(run_.world, state, run_.world.index(), *resource, "drbdadm"));
}

void Drbdadm::configure_net(Resource& resource, const Target& target) const {
  resource.net.clear();
  for (const auto& [name, value] : merged_options(config_, *target.resource, "net")) { resource.net[name] = value; }
  resource.two_primaries = resource.net.contains("allow-two-primaries") && resource.net["allow-two-primaries"] != "no";
}

int Drbdadm::up(State& state, const Target& target) {
  if (kernel_resource(state, target) != nullptr) {
    const std::string minor = std::to_string(target.own->volumes.front().minor);
    run_.output.err += "Device '" + minor + "' is configured!\nCommand 'drbdmeta " + minor + " v08 " +
                       target.own->volumes.front().disk + " internal apply-al' terminated with exit code 20\n";
    return 1;
  }
  Resource resource;
  resource.name = target.resource->name;
  resource.own_address = target.own->address + ":" + target.own->port;
  resource.peer_address = target.peer->address + ":" + target.peer->port;
  resource.peer_name = target.peer->name;
  for (const auto& [name, value] : merged_options(config_, *target.resource, "disk")) {
    resource.disk_options[name] = value;
  }
  for (const auto& configured : target.own->volumes) {
    Volume volume;
    volume.number = configured.number;
    volume.minor = configured.minor;
    volume.backing = configured.disk;
    const Meta& meta = meta_of(here(state), resource, volume);
    volume.disk = meta.disk;
    volume.out_of_sync = meta.out_of_sync;
    resource.volumes.push_back(volume);
  }
  configure_net(resource, target);
  here(state).resources.push_back(resource);
  make_devices(target, true);
  run_.world.event("up", {{"resource", resource.name}});
  start_connecting(run_.world, state, run_.world.index(), here(state).resources.back(), false);
  return 0;
}

int Drbdadm::down(State& state, const Target& target) {
  Resource* resource = kernel_resource(state, target);
  if (resource == nullptr) { return 0; }
  const Refusal refusal = demote(run_.world, state, run_.world.index(), *resource, "drbdadm down");
  if (refusal != Refusal::none || held_open(here(state), *resource)) {
    return refused(state, "down", target, Refusal::in_use);
  }
  stand_alone(run_.world, state, run_.world.index(), *resource, "down");
  std::erase_if(here(state).resources, [&](const Resource& r) { return r.name == target.resource->name; });
  make_devices(target, false);
  run_.world.event("down", {{"resource", target.resource->name}});
  return 0;
}

int Drbdadm::connect(State& state, const Target& target, bool discard) {
  Resource* resource = kernel_resource(state, target);
  if (resource == nullptr) {
    return fail(state, target.resource->name + ": Failure: (158) Unknown resource\n",
                "connect " + target.resource->name, 10);
  }
  const std::string line = "connect " + target.resource->name + " " + endpoints(target) + option_arguments(target);
  if (resource->has_net) {
    return fail(state, target.resource->name + ": Failure: (102) Local address(port) already in use.\n", line, 10);
  }
  if (discard && resource->role == "Primary") {
    return fail(state, target.resource->name + ": Failure: (123) --discard-my-data not allowed when primary.\n",
                line + " --discard-my-data", 10);
  }
  configure_net(*resource, target);
  start_connecting(run_.world, state, run_.world.index(), *resource, discard);
  return 0;
}

int Drbdadm::disconnect(State& state, const Target& target) {
  Resource* resource = kernel_resource(state, target);
  if (resource == nullptr || !resource->has_net) { return unknown_connection(state, "disconnect", target, ""); }
  stand_alone(run_.world, state, run_.world.index(), *resource, "disconnect");
  return 0;
}

int Drbdadm::adjust(State& state, const Target& target) {
  Resource* resource = kernel_resource(state, target);
  if (resource == nullptr) { return up(state, target); }
  if (!resource->has_net) { return connect(state, target, false); }
  const std::string wanted = option_of(config_, *target.resource, "net", "allow-two-primaries");
  const bool yes = !wanted.empty() && wanted != "no";
  if (yes == resource->two_primaries) { return 0; }
  return net_options(state, target, {std::string("--allow-two-primaries=") + (yes ? "yes" : "no")});
}

int Drbdadm::net_options(State& state, const Target& target, const Arguments& options) {
  std::string given;
  std::optional<bool> two_primaries;
  for (const auto& option : options) {
    given += " " + option;
    if (option.starts_with("--allow-two-primaries")) { two_primaries = option != "--allow-two-primaries=no"; }
  }
  Resource* resource = kernel_resource(state, target);
  if (resource == nullptr || !resource->has_net) { return unknown_connection(state, "net-options", target, given); }
  if (!two_primaries || *two_primaries == resource->two_primaries) { return 0; }
  if (!*two_primaries && resource->role == "Primary" && peer_role(state, run_.world.index(), *resource) == "Primary") {
    return fail(state,
                "??: Failure: (164) Can not clear allow_two_primaries as long as\n"
                "there a primaries on both sides\n",
                "net-options " + endpoints(target) + given, 10);
  }
  if (*two_primaries && resource->net.contains("protocol") && resource->net["protocol"] != "C") {
    return fail(state, "??: Failure: (139) Protocol C required\n", "net-options " + endpoints(target) + given, 10);
  }
  resource->two_primaries = *two_primaries;
  run_.world.event("window", {{"resource", resource->name},
                              {"allow", *two_primaries},
                              {"connection", resource->connection},
                              {"role", resource->role}});
  return 0;
}

int Drbdadm::disk_command(State& state, const Target& target, const std::string& name) {
  Resource* resource = kernel_resource(state, target);
  if (resource == nullptr) { return not_up(state, name, target); }
  const std::string what = object(state, target);
  for (auto& volume : resource->volumes) {
    Meta& meta = meta_of(here(state), *resource, volume);
    if (name == "detach") {
      volume.disk = "Diskless";
    } else if (name == "attach") {
      volume.disk = meta.disk;
    } else if (name == "outdate" && resource->connection != "Connected" && resource->role != "Primary") {
      volume.disk = meta.disk = "Outdated";
    } else if (resource->connection == "Connected" && name.starts_with("invalidate")) {
      const int source = name == "invalidate" ? 1 - run_.world.index() : run_.world.index();
      start_resync(run_.world, state, source, resource->name, World::now());
    } else if (name == "invalidate") {
      volume.disk = meta.disk = "Inconsistent";
    } else if (name == "invalidate-remote") {
      return fail(state, what + ": State change failed: (-15) Need a connection to start verify or resync\n",
                  name + " " + what, 11);
    }
  }
  return 0;
}

int Drbdadm::query(State& state, const Target& target, const std::string& name) {
  Resource* resource = kernel_resource(state, target);
  if (resource == nullptr) {
    if (name == "dstate" && !is_nine(state)) {
      run_.output.out += "Consistent\n";
      return 0;
    }
    return not_up(state, name, target);
  }
  for (const auto& volume : resource->volumes) {
    if (name == "dstate") {
      run_.output.out += volume.disk + "/" + peer_disk(state, run_.world.index(), *resource, volume) + "\n";
    } else if (name == "cstate") {
      run_.output.out += (is_nine(state) ? resource->connection : old_cstate(*resource)) + "\n";
    } else {
      const std::string peer = "/" + peer_role(state, run_.world.index(), *resource);
      run_.output.out += resource->role + (is_nine(state) ? "" : peer) + "\n";
    }
    if (is_nine(state) && name != "dstate") { break; }
  }
  return 0;
}

int Drbdadm::shell_query(const std::string& name, const std::vector<Target>& targets) {
  for (const auto& target : targets) {
    if (name == "sh-resource") {
      run_.output.out += target.resource->name + "\n";
      continue;
    }
    for (const auto& volume : target.own->volumes) {
      if (name == "sh-dev") {
        run_.output.out += volume.device + "\n";
      } else if (name == "sh-minor") {
        run_.output.out += std::to_string(volume.minor) + "\n";
      } else if (name == "sh-ll-dev") {
        run_.output.out += volume.disk + "\n";
      } else if (name == "sh-udev") {
        run_.output.out += "RESOURCE=" + target.resource->name + "\n";
        if (!volume.implicit) { run_.output.out += "VOLUME=" + std::to_string(volume.number) + "\n"; }
        run_.output.out += "DEVICE=drbd" + std::to_string(volume.minor) +
                           "\nDISK=" + (volume.disk.starts_with("/dev/") ? volume.disk.substr(5) : volume.disk) + "\n";
      }
    }
  }
  return 0;
}

int Drbdadm::dump(const std::string& name, const std::vector<Target>& targets, bool everything) {
  std::vector<const ConfigResource*> resources;
  for (const auto& target : targets) { resources.push_back(target.resource); }
  run_.output.out += name == "dump" ? dump_text(config_, node_, resources, everything) : dump_xml(config_, resources);
  return 0;
}

int Drbdadm::status(const std::vector<Target>& targets, const Arguments& options) {
  const Detail detail{has(options, "--verbose") || has(options, "-v"),
                      has(options, "--statistics") || has(options, "-s"), false};
  return for_each(targets, [&](State& state, const Target& target) {
    if (kernel_resource(state, target) == nullptr) {
      return fail(state, target.resource->name + ": No such resource\n", "status " + target.resource->name, 10);
    }
    run_.output.out += status_text(state, run_.world.index(), detail,
                                   [&](const Resource& resource) { return resource.name == target.resource->name; });
    return 0;
  });
}

void Drbdadm::make_devices(const Target& target, bool present) const {
  namespace fs = std::filesystem;
  std::error_code ignored;
  const auto always =
      std::ranges::any_of(config_.global, [](const auto& o) { return o.first == "udev-always-use-vnr"; });
  for (const auto& volume : target.own->volumes) {
    const std::string device = "/dev/drbd" + std::to_string(volume.minor);
    const bool numbered = !volume.implicit || always;
    const fs::path link =
        "/dev/drbd/by-res/" + target.resource->name + (numbered ? "/" + std::to_string(volume.number) : "");
    fs::remove(link, ignored);
    if (!present) {
      fs::remove(device, ignored);
      if (numbered) { fs::remove(link.parent_path(), ignored); }
      continue;
    }
    constexpr unsigned drbd_major = 147;
    if (::mknod(device.c_str(), S_IFBLK | 0660, ::makedev(drbd_major, static_cast<unsigned>(volume.minor))) != 0 &&
        errno != EEXIST) {
      write_file(device, ""); // a container that may not make devices: the name is there at least
    }
    fs::create_directories(link.parent_path(), ignored);
    fs::create_symlink((numbered ? "../../../drbd" : "../../drbd") + std::to_string(volume.minor), link, ignored);
  }
}

int Drbdadm::command(const std::string& name, const Arguments& operands, const Arguments& options, bool dry) {
  Arguments names = operands;
  if (names.empty() && (name == "status" || name == "dump" || name == "dump-xml")) { names = {"all"}; }
  if (name == "sh-nop") { return 0; }
  if (name == "sh-resources") {
    std::string text;
    for (const auto& resource : config_.resources) { text += (text.empty() ? "" : " ") + resource.name; }
    run_.output.out += text.empty() ? "" : text + "\n";
    return 0;
  }
  static const Arguments known{"primary",     "secondary", "role",        "cstate",  "dstate",     "status",
                               "dump",        "dump-xml",  "sh-resource", "sh-dev",  "sh-minor",   "sh-udev",
                               "sh-ll-dev",   "up",        "down",        "connect", "disconnect", "adjust",
                               "net-options", "attach",    "detach",      "outdate", "invalidate", "invalidate-remote"};
  if (!has(known, name)) {
    run_.output.err += "drbdadm: Unknown command '" + name + "'\n";
    return 20;
  }
  if (names.empty()) {
    run_.output.err += "drbdadm: missing arguments to '" + name + "'\n";
    return 20;
  }
  const auto wanted = targets(names);
  if (!wanted) { return 1; }
  if (name == "status") { return status(*wanted, options); }
  if (name == "dump" || name == "dump-xml") { return dump(name, *wanted, names == Arguments{"all"}); }
  if (name.starts_with("sh-")) { return shell_query(name, *wanted); }
  if (dry) {
    return for_each(*wanted, [&](State& state, const Target& target) {
      if (name != "adjust") { run_.output.out += tool(state) + " " + name + " " + object(state, target) + "\n"; }
      return 0;
    });
  }
  if (name == "primary") {
    int worst = 0;
    for (const auto& target : *wanted) {
      const int code = primary(target);
      worst = code != 0 ? code : worst;
    }
    return worst;
  }
  return for_each(*wanted, [&](State& state, const Target& target) {
    if (name == "secondary") { return secondary(state, target); }
    if (name == "up") { return up(state, target); }
    if (name == "down") { return down(state, target); }
    if (name == "connect") { return connect(state, target, has(options, "--discard-my-data")); }
    if (name == "disconnect") { return disconnect(state, target); }
    if (name == "adjust") { return adjust(state, target); }
    if (name == "net-options") { return net_options(state, target, options); }
    if (name == "role" || name == "cstate" || name == "dstate") { return query(state, target, name); }
    return disk_command(state, target, name);
  });
}

std::string version_text(bool nine) {
  return std::string(
             "DRBDADM_BUILDTAG=GIT-hash:\\ 409097fe02187f83790b88ac3e0d94f3c167adab\\ reproducible\\ build\\,\\ "
             "2023-01-09\\ 14:51:18\nDRBDADM_API_VERSION=") +
         (nine ? "2" : "1") + "\nDRBD_KERNEL_VERSION_CODE=" + (nine ? "0x090205" : "0x08040b") +
         "\nDRBDADM_VERSION_CODE=0x091600\nDRBDADM_VERSION=9.22.0\n";
}

} // namespace

int drbdadm_main(Run& run, const Arguments& arguments) {
  Arguments operands;
  Arguments options;
  std::string command;
  bool dry = false;
  for (const auto& argument : arguments) {
    if (argument == "--version" || argument == "-V") {
      run.output.out += version_text(is_nine(run.world.look()));
      return 0;
    }
    if (argument == "-d" || argument == "--dry-run") {
      dry = true;
    } else if (argument.starts_with("-")) {
      options.push_back(argument);
    } else if (command.empty()) {
      command = argument;
    } else {
      operands.push_back(argument);
    }
  }
  DrbdConfig config = load_drbd_config();
  if (!config.error.empty()) {
    run.output.err += config.error;
    return 10;
  }
  return Drbdadm(run, std::move(config)).command(command, operands, options, dry);
}

} // namespace sim
