#include "drbd/kernel.hpp"
#include "drbd/tools.hpp"

#include <algorithm>

namespace sim {

namespace {

const char* const usage_84 = R"(
USAGE: drbdsetup command device arguments options

Device is usually /dev/drbdX or /dev/drbd/X.

Commands are:
    primary             secondary           attach              
    disk-options        detach              connect             
    net-options         disconnect          resize              
    resource-options    new-current-uuid    invalidate          
    invalidate-remote   pause-sync          resume-sync         
    suspend-io          resume-io           outdate             
    verify              down                state               
    role                sh-status           cstate              
    dstate              show-gi             get-gi              
    show                status              check-resize        
    events              events2             wait-connect        
    wait-sync           new-resource        new-minor           
    del-minor           del-resource        

To get more details about a command issue 'drbdsetup help cmd'.

)";

int usage(Run& run, const std::string& message) {
  run.output.out += usage_84;
  run.output.err += message;
  return 20;
}

/// A resource by its name, or by a minor of it: "1", "/dev/drbd1".
Resource* resource_of(Node& node, std::string object) {
  if (object.starts_with("/dev/drbd")) { object.erase(0, 9); }
  for (auto& resource : node.resources) {
    if (resource.name == object || std::ranges::any_of(resource.volumes, [&](const Volume& volume) {
          return std::to_string(volume.minor) == object;
        })) {
      return &resource;
    }
  }
  return nullptr;
}

int show_or_status(Run& run, State& state, const std::string& command, const std::string& name,
                   const Arguments& options) {
  const int node = run.world.index();
  const auto wanted = [&](const Resource& resource) { return name.empty() || name == "all" || resource.name == name; };
  const bool json = has(options, "--json") || has(options, "-j");
  const Detail detail{has(options, "--verbose") || has(options, "-v"),
                      has(options, "--statistics") || has(options, "-s"), has(options, "--timestamps")};
  Node& here = node_of(state, node);
  if (!name.empty() && name != "all" && find_resource(here, name) == nullptr) {
    run.output.err += name + ": No such resource\n";
    return 10;
  }
  if (command == "events2") {
    run.output.out += events2_text(state, node, detail, wanted);
  } else if (command == "status") {
    if (is_nine(state) && here.resources.empty() && !json) {
      run.output.out += "# No currently configured DRBD found.\n";
    }
    run.output.out += json ? status_json(state, node, wanted) : status_text(state, node, detail, wanted);
  } else if (json) {
    run.output.out += show_json(state, node, wanted);
  } else {
    bool first = true;
    for (const auto& resource : here.resources) {
      if (wanted(resource)) {
        run.output.out += (first ? "" : "\n") + show_text(state, resource);
        first = false;
      }
    }
  }
  return 0;
}

int on_object(Run& run, State& state, const std::string& command, const std::string& object) {
  const int node = run.world.index();
  Resource* resource = resource_of(node_of(state, node), object);
  if (resource == nullptr) {
    run.output.err += is_nine(state) ? object + ": Failure: (158) Unknown resource\n"
                                     : object + ": Failure: (127) Device minor not allocated\n"
                                                "additional info from kernel:\nunknown minor\n";
    return 10;
  }
  if (command == "role") {
    run.output.out += resource->role + (is_nine(state) ? "" : "/" + peer_role(state, node, *resource)) + "\n";
    return 0;
  }
  if (command == "cstate") {
    run.output.out += (is_nine(state) ? resource->connection : old_cstate(*resource)) + "\n";
    return 0;
  }
  if (command == "dstate") {
    for (const auto& volume : resource->volumes) {
      run.output.out += volume.disk + "/" + peer_disk(state, node, *resource, volume) + "\n";
    }
    return 0;
  }
  const Refusal refusal = command == "primary" ? promote(run.world, state, node, *resource, "drbdsetup")
                                               : demote(run.world, state, node, *resource, "drbdsetup");
  switch (refusal) {
  case Refusal::none: return 0;
  case Refusal::two_primaries:
    run.output.err += object + ": State change failed: (-1) Multiple primaries not allowed by config\n";
    return 11;
  case Refusal::refused_by_peer:
    run.output.err += object + ": State change failed: (-10) State change was refused by peer node\n";
    return 11;
  case Refusal::no_good_data:
    run.output.err += object + ": State change failed: (-2) Need access to UpToDate data\n";
    return 17;
  case Refusal::in_use:
    run.output.err += object + ": State change failed: (-12) Device is held open by someone\n";
    return 11;
  case Refusal::waits: return -1;
  }
  return 0;
}

} // namespace

int drbdsetup_main(Run& run, const Arguments& arguments) {
  Arguments options;
  Arguments words;
  for (const auto& argument : arguments) { (argument.starts_with("-") ? options : words).push_back(argument); }
  const std::string command = words.empty() ? "" : words.front();
  const std::string object = words.size() > 1 ? words[1] : "";
  const bool nine = is_nine(run.world.look());
  for (const auto& option : options) {
    if (!nine && (option == "--json" || option == "-j" || option == "--show-defaults")) {
      return usage(run, command + ": unrecognized option '" + option + "'\n");
    }
  }
  int code = -1;
  while (code < 0) {
    run.world.change([&](State& state) {
      if (command == "status" || command == "show" || command == "events2") {
        code = show_or_status(run, state, command, object, options);
      } else if (command == "role" || command == "cstate" || command == "dstate" || command == "primary" ||
                 command == "secondary") {
        code = on_object(run, state, command, object);
      } else {
        code = usage(run, "");
      }
    });
    if (code < 0) { pause_for(0.01); }
  }
  if (command == "events2" && !has(options, "--now")) {
    run.output.flush();
    pause_for(86400);
  }
  return code;
}

} // namespace sim
