#include "xen/xl.hpp"

#include "xen/guest.hpp"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <functional>

namespace sim {

namespace {

int usage_error(Run& run) {
  run.output.err += unknown_option();
  return 2;
}

Arguments operands(const Arguments& arguments) {
  Arguments found;
  std::ranges::copy_if(arguments, std::back_inserter(found), [](const auto& a) { return !a.starts_with("-"); });
  return found;
}

bool has_option(const Arguments& arguments, const std::string& option) {
  return std::ranges::find(arguments, option) != arguments.end();
}

int on_domain(Run& run, const Arguments& arguments, const std::function<int(State&, Domain&)>& act) {
  const Arguments names = operands(arguments);
  unsigned domid = 0;
  if (names.empty()) { return usage_error(run); }
  if (!name_to_domid(run, names.front(), domid)) { return 1; }
  int code = 1;
  run.world.change([&](State& state) {
    Domain* domain = find_domain(node_of(state, run.world.index()), domid);
    if (domain != nullptr) {
      code = act(state, *domain);
    } else {
      run.output.err +=
          format("libxl: error: libxl_domain.c:380:libxl_domain_info: Domain %u:Domain not found\n", domid);
    }
  });
  return code;
}

int xl_pause(Run& run, const Arguments& arguments, bool paused) {
  return on_domain(run, arguments, [&](State& state, Domain& domain) {
    domain.paused = paused;
    settle(run.world, run.world.index(), domain, World::now(), state);
    return 0;
  });
}

int xl_destroy(Run& run, const Arguments& arguments) {
  const Arguments names = operands(arguments);
  unsigned domid = 0;
  if (names.empty()) { return usage_error(run); }
  if (!name_to_domid(run, names.front(), domid)) { return 1; }
  if (domid == 0) {
    run.output.err += "Not destroying domain 0; use -f to force.\nThis can only be done when using a disaggregated "
                      "hardware domain and toolstack.\n\n";
    return 1;
  }
  bool existed = false;
  run.world.change([&](State& state) {
    existed = find_domain(node_of(state, run.world.index()), domid) != nullptr;
    destroy_domain(run.world, state, run.world.index(), domid);
  });
  if (!existed) {
    run.output.err += destruction_failed(domid) + "destroy failed (rc=-21)\n";
    return 1;
  }
  return 0;
}

/// Waits until the domain has shut down or is gone, as `xl shutdown -w` does: without end.
void wait_for_shutdown(Run& run, unsigned domid) {
  run.output.err += "Waiting for 1 domains\n";
  run.output.flush();
  for (;;) {
    State state = run.world.look();
    const Domain* domain = find_domain(node_of(state, run.world.index()), domid);
    if (domain == nullptr) {
      run.output.err += format("Domain %u has been destroyed.\n", domid);
      return;
    }
    if (!domain->shutdown.empty()) {
      run.output.err += format("Domain %u has been shut down, reason code %d\n", domid,
                               domain->shutdown == "poweroff" ? 0
                               : domain->shutdown == "reboot" ? 1
                                                              : 3);
      return;
    }
    pause_for(domain->wanted_at >= 0 ? std::clamp(domain->wanted_at - World::now(), 0.002, 0.05) : 0.05);
  }
}

int xl_shutdown(Run& run, const Arguments& arguments, const std::string& reason) {
  const Arguments names = operands(arguments);
  unsigned domid = 0;
  if (names.empty()) { return usage_error(run); }
  if (!name_to_domid(run, names.front(), domid)) { return 1; }
  run.output.err += format(reason == "reboot" ? "Rebooting domain %u\n" : "Shutting down domain %u\n", domid);
  if (domid == 0) {
    run.world.event("host-powers-off");
    return 0;
  }
  bool known = false;
  run.world.change([&](State& state) {
    if (Domain* domain = find_domain(node_of(state, run.world.index()), domid)) {
      known = true;
      ask_to_shut_down(run.world, state, run.world.index(), *domain, reason);
    }
  });
  if (!known) {
    run.output.err += format("shutdown failed (rc=-6)\n");
    return 1;
  }
  if (has_option(arguments, "-w") || has_option(arguments, "--wait")) { wait_for_shutdown(run, domid); }
  return 0;
}

int xl_domid(Run& run, const Arguments& arguments) {
  const std::string name = arguments.empty() ? "" : arguments.back();
  State state = run.world.look();
  const Domain* domain = find_domain(node_of(state, run.world.index()), name);
  if (domain == nullptr && name != "Domain-0") {
    run.output.err += "Can't get domid of domain name '" + name + "', maybe this domain does not exist.\n";
    return 1;
  }
  run.output.out += std::to_string(domain == nullptr ? 0 : domain->domid) + "\n";
  return 0;
}

int xl_domname(Run& run, const Arguments& arguments) {
  const std::string id = arguments.empty() ? "" : arguments.back();
  const auto domid = static_cast<unsigned>(std::strtoul(id.c_str(), nullptr, 10));
  State state = run.world.look();
  const Domain* domain = find_domain(node_of(state, run.world.index()), domid);
  if (domain == nullptr && domid != 0) {
    run.output.err += "Can't get domain name of domain id '" + id + "', maybe this domain does not exist.\n";
    return 1;
  }
  run.output.out += (domain == nullptr ? "Domain-0" : domain->name) + "\n";
  return 0;
}

int xl_resume(Run& run, const Arguments& arguments) {
  return on_domain(run, arguments, [&](State& state, Domain& domain) {
    if (domain.shutdown != "suspend") {
      run.output.err +=
          format("xc: error: Dom %u not suspended: (shutdown 0, reason 255): Internal error\n", domain.domid);
      return 1;
    }
    resume_guest(run.world, state, run.world.index(), domain);
    return 0;
  });
}

int xl_rename(Run& run, const Arguments& arguments) {
  return on_domain(run, arguments, [&](State& state, Domain& domain) {
    const std::string& name = arguments.back();
    if (find_domain(node_of(state, run.world.index()), name) != nullptr) {
      run.output.err +=
          format("libxl: error: libxl_domain.c:81:libxl__domain_rename: Domain %u:Domain with name \"%s\" "
                 "already exists.\nCan't rename domain '%s'.\n",
                 domain.domid, name.c_str(), arguments.front().c_str());
      return 1;
    }
    domain.name = name;
    run.world.event("renamed", {{"domain", name}, {"domid", domain.domid}});
    return 0;
  });
}

int xl_sysrq(Run& run, const Arguments& arguments) {
  return on_domain(run, arguments, [&](State& state, Domain& domain) {
    if (arguments.back() == "c") {
      domain.wanted = "crash";
      domain.wanted_at = World::now();
      guest_shuts_down(run.world, state, run.world.index(), domain, World::now());
    }
    return 0;
  });
}

bool has_resume(Run& run) {
  int major = 0;
  int minor = 0;
  const std::string version = run.world.look().settings.xen;
  return std::sscanf(version.c_str(), "%d.%d", &major, &minor) == 2 && (major > 4 || minor >= 20);
}

} // namespace

bool name_to_domid(Run& run, const std::string& name, unsigned& domid) {
  if (!name.empty() && std::ranges::all_of(name, [](unsigned char c) { return std::isdigit(c) != 0; })) {
    domid = static_cast<unsigned>(std::strtoul(name.c_str(), nullptr, 10));
    return true;
  }
  if (name == "Domain-0") {
    domid = 0;
    return true;
  }
  State state = run.world.look();
  const Domain* domain = find_domain(node_of(state, run.world.index()), name);
  if (domain == nullptr) {
    run.output.err += name + " is an invalid domain identifier (rc=-6)\n";
    return false;
  }
  domid = domain->domid;
  return true;
}

std::string unknown_option() { return std::string("option `") + '\0' + "' not supported.\n"; }

std::string destruction_failed(unsigned domid) {
  return format("libxl: error: libxl_domain.c:1183:libxl__destroy_domid: Domain %u:Non-existant domain\n"
                "libxl: error: libxl_domain.c:1137:domain_destroy_callback: Domain %u:Unable to destroy guest\n"
                "libxl: error: libxl_domain.c:1064:domain_destroy_cb: Domain %u:Destruction of domain failed\n",
                domid, domid, domid);
}

std::string with_domid(std::string text, unsigned domid) {
  for (auto at = text.find("%u"); at != std::string::npos; at = text.find("%u", at)) {
    text.replace(at, 2, std::to_string(domid));
  }
  return text;
}

int xl_main(Run& run, const Arguments& arguments) {
  std::size_t first = 0;
  bool dry_run = false;
  bool tty_progress = false;
  while (first < arguments.size() && arguments[first].starts_with("-")) {
    dry_run = dry_run || arguments[first].find('N') != std::string::npos;
    tty_progress = tty_progress || arguments[first].find('t') != std::string::npos;
    ++first;
  }
  const std::string command = first < arguments.size() ? arguments[first] : "";
  const Arguments rest(arguments.begin() + static_cast<std::ptrdiff_t>(std::min(first + 1, arguments.size())),
                       arguments.end());
  if (command == "list") { return xl_list(run, rest); }
  if (command == "info") { return xl_info(run, rest); }
  if (command == "create") { return xl_create(run, rest, dry_run); }
  if (command == "shutdown" || command == "reboot") {
    return xl_shutdown(run, rest, command == "reboot" ? "reboot" : "poweroff");
  }
  if (command == "destroy") { return xl_destroy(run, rest); }
  if (command == "migrate") { return xl_migrate(run, rest, tty_progress); }
  if (command == "migrate-receive") { return xl_migrate_receive(run, rest); }
  if (command == "domid") { return xl_domid(run, rest); }
  if (command == "domname") { return xl_domname(run, rest); }
  if (command == "block-list") { return xl_block_list(run, rest); }
  if (command == "pause" || command == "unpause") { return xl_pause(run, rest, command == "pause"); }
  if (command == "uptime") { return xl_uptime(run, rest); }
  if (command == "rename" && rest.size() == 2) { return xl_rename(run, rest); }
  if (command == "sysrq") { return xl_sysrq(run, rest); }
  if (command == "resume" && has_resume(run)) { return xl_resume(run, rest); }
  run.output.err += "command not implemented\n";
  return 1;
}

} // namespace sim
