#include "xen/create.hpp"

#include "xen/block.hpp"
#include "xen/config_json.hpp"
#include "xen/guest.hpp"
#include "xen/watcher.hpp"

#include <net/if.h>
#include <sys/stat.h>

namespace sim {

namespace {

std::string already_exists(unsigned domid, const std::string& name) {
  return format("libxl: error: libxl_domain.c:81:libxl__domain_rename: Domain %u:Domain with name \"%s\" already "
                "exists.\n"
                "libxl: error: libxl_create.c:1296:initiate_domain_create: Domain %u:cannot make domain: -6\n"
                "libxl: error: libxl_xshelp.c:206:libxl__xs_read_mandatory: xenstore read failed: `/libxl/%u/type': No "
                "such file or directory\n"
                "libxl: warning: libxl_dom.c:49:libxl__domain_type: unable to get domain type for domid=%u, assuming "
                "HVM\n",
                domid, name.c_str(), domid, domid, domid) +
         destruction_failed(domid);
}

std::string no_memory(unsigned domid) {
  return format("xc: error: panic: xg_dom_boot.c:119: xc_dom_boot_mem_init: can't allocate low memory for domain: Out "
                "of memory\n"
                "libxl: error: libxl_dom.c:586:libxl__build_dom: xc_dom_boot_mem_init failed: Cannot allocate memory\n"
                "libxl: error: libxl_create.c:1640:domcreate_rebuild_done: Domain %u:cannot (re-)build domain: -3\n",
                domid) +
         destruction_failed(domid);
}

std::optional<std::string> bad_kernel(unsigned domid, const std::string& kernel) {
  if (kernel.empty()) { return std::nullopt; }
  struct stat info {};
  if (::stat(kernel.c_str(), &info) != 0) {
    return format("xc: error: panic: xg_dom_core.c:205: failed to open file '%s': No such file or directory: Internal "
                  "error\n"
                  "libxl: error: libxl_dom.c:909:libxl__domain_firmware: xc_dom_kernel_file failed: No such file or "
                  "directory\n"
                  "libxl: error: libxl_dom.c:1075:libxl__build_hvm: initializing domain firmware failed\n"
                  "libxl: error: libxl_create.c:1640:domcreate_rebuild_done: Domain %u:cannot (re-)build domain: -1\n",
                  kernel.c_str(), domid) +
           destruction_failed(domid);
  }
  if (!read_file(kernel).starts_with("\x7f"
                                     "ELF")) {
    return format("xc: error: panic: xg_dom_core.c:689: xc_dom_find_loader: no loader found: Invalid kernel\n"
                  "libxl: error: libxl_dom.c:571:libxl__build_dom: xc_dom_parse_image failed\n"
                  "libxl: error: libxl_create.c:1640:domcreate_rebuild_done: Domain %u:cannot (re-)build domain: -3\n",
                  domid) +
           destruction_failed(domid);
  }
  return std::nullopt;
}

std::string no_bridge(unsigned domid, const std::string& bridge) {
  const std::string both =
      "exited with error status 1\n"
      "libxl: error: libxl_device.c:1337:device_hotplug_child_death_cb: script: Could not find bridge device " +
      bridge + "\n";
  return format(
             "libxl: error: libxl_exec.c:117:libxl_report_child_exitstatus: /etc/xen/scripts/vif-bridge online [%u] ",
             861U) +
         both +
         format("libxl: error: libxl_create.c:1921:domcreate_attach_devices: Domain %u:unable to add vif devices\n",
                domid) +
         format(
             "libxl: error: libxl_exec.c:117:libxl_report_child_exitstatus: /etc/xen/scripts/vif-bridge offline [%u] ",
             890U) +
         both + destruction_failed(domid);
}

/// The options and operands of `xl create`.
struct CreateRequest {
  std::string file;
  std::string extra;
  bool dry_run = false, quiet = false, paused = false, monitor = true, foreground = false;
};

std::optional<CreateRequest> parse_create(Run& run, const Arguments& arguments) {
  CreateRequest request;
  for (const auto& argument : arguments) {
    if (argument.starts_with("--")) {
      request.dry_run = request.dry_run || argument == "--dryrun";
      request.quiet = request.quiet || argument == "--quiet";
    } else if (argument.starts_with("-") && argument.size() > 1) {
      for (const char option : argument.substr(1)) {
        switch (option) {
        case 'n': request.dry_run = true; break;
        case 'q': request.quiet = true; break;
        case 'p': request.paused = true; break;
        case 'e': request.monitor = false; break;
        case 'F': request.foreground = true; break;
        case 'f':
        case 'd':
        case 'c': break;
        default: run.output.err += unknown_option(); return std::nullopt;
        }
      }
    } else if (argument.find('=') != std::string::npos) {
      request.extra += argument + "\n";
    } else {
      request.file = argument;
    }
  }
  return request;
}

int create_guest(Run& run, const CreateRequest& request, const GuestConfig& config) {
  Domain domain = domain_of(config);
  domain.config_file = request.file;
  auto failure = enter_domain(run.world, domain, config);
  if (!failure) {
    pause_for(run.world.look().settings.create_seconds);
    failure = build_domain(run.world, domain.domid, config);
  }
  if (!failure) {
    run.faults.at("create-built");
    failure = attach_devices(run.world, domain.domid, config);
  }
  if (failure) {
    run.output.err += *failure;
    return 3;
  }
  run.faults.at("create-disks");
  if (!request.paused) { unpause_domain(run.world, domain.domid); }
  run.faults.at("create-running");
  run.world.event("created", {{"domain", domain.name}, {"domid", domain.domid}, {"uuid", config.uuid}});
  if (request.foreground) {
    run.output.flush();
    watch(run.world, run.faults, domain.domid, domain.name, config);
  } else if (request.monitor) {
    run.output.flush();
    leave_watcher(run.world, run.faults, domain.domid, domain.name, config);
  }
  return 0;
}

} // namespace

std::optional<std::string> enter_domain(World& world, Domain& domain, const GuestConfig& config) {
  std::optional<std::string> failure;
  world.change([&](State& state) {
    Node& node = node_of(state, world.index());
    domain.domid = node.next_domid++;
    domain.uuid = config.uuid;
    domain.created = World::now();
    if (domain.name == "Domain-0" || find_domain(node, domain.name) != nullptr) {
      failure = already_exists(domain.domid, domain.name);
      return;
    }
    ::mkfifo(world.bell(world.index(), domain.domid).c_str(), 0600);
    write_file(world.userdata(world.index(), domain.domid), lay_out(config_document(config, true)));
    node.domains.push_back(domain);
  });
  return failure;
}

std::optional<std::string> build_domain(World& world, unsigned domid, const GuestConfig& config) {
  std::optional<std::string> failure;
  world.change([&](State& state) {
    Domain* domain = find_domain(node_of(state, world.index()), domid);
    if (domain == nullptr) {
      failure = destruction_failed(domid);
      return;
    }
    failure = missing_device(state, world.index(), *domain);
    if (failure) {
      failure = with_domid(*failure, domid) + destruction_failed(domid);
    } else if (needed_memory(domain->memory) > free_memory(node_of(state, world.index()))) {
      failure = no_memory(domid);
    } else {
      failure = bad_kernel(domid, config.kernel);
    }
    if (failure) {
      destroy_domain(world, state, world.index(), domid);
      return;
    }
    domain->built = true;
    domain->present = domain->memory;
  });
  return failure;
}

std::optional<std::string> attach_devices(World& world, unsigned domid, const GuestConfig& config) {
  std::optional<std::string> failure;
  world.change([&](State& state) {
    Domain* domain = find_domain(node_of(state, world.index()), domid);
    if (domain == nullptr) {
      failure = destruction_failed(domid);
      return;
    }
    failure = attach_disks(world, state, world.index(), *domain);
    if (failure) { failure = with_domid(*failure, domid) + destruction_failed(domid); }
    for (const auto& nic : config.nics) {
      if (!failure && state.settings.check_bridges && !nic.bridge.empty() &&
          ::if_nametoindex(nic.bridge.c_str()) == 0) {
        failure = no_bridge(domid, nic.bridge);
      }
    }
    if (failure) { destroy_domain(world, state, world.index(), domid); }
  });
  return failure;
}

void unpause_domain(World& world, unsigned domid) {
  world.change([&](State& state) {
    if (Domain* domain = find_domain(node_of(state, world.index()), domid)) {
      domain->paused = false;
      settle(world, world.index(), *domain, World::now(), state);
    }
  });
}

std::optional<std::string> create_again(World& world, const GuestConfig& config, unsigned& domid) {
  Domain domain = domain_of(config);
  auto failure = enter_domain(world, domain, config);
  domid = domain.domid;
  if (!failure) { failure = build_domain(world, domid, config); }
  if (!failure) { failure = attach_devices(world, domid, config); }
  if (!failure) { unpause_domain(world, domid); }
  return failure;
}

int xl_create(Run& run, const Arguments& arguments, bool dry_run) {
  auto request = parse_create(run, arguments);
  if (!request) { return 2; }
  request->dry_run = request->dry_run || dry_run;
  struct stat info {};
  if (!request->file.empty() && ::stat(request->file.c_str(), &info) != 0) {
    run.output.err += "Failed to read config file: " + request->file + ": No such file or directory\n";
    return 3;
  }
  if (!request->quiet) { run.output.err += "Parsing config from " + request->file + "\n"; }
  const std::string text = request->file.empty() ? "" : read_file(request->file);
  auto parsed = parse_config(request->file, text + "\n" + request->extra);
  if (!parsed.error.empty()) {
    run.output.err += parsed.error;
    return 1;
  }
  if (parsed.config.uuid.empty()) { parsed.config.uuid = new_uuid(); }
  if (request->dry_run) {
    run.output.out += lay_out(config_document(parsed.config, false)) + "\n";
    return 0;
  }
  run.faults.at("create-parsed");
  return create_guest(run, *request, parsed.config);
}

} // namespace sim
