#include "xen/block.hpp"
#include "xen/config_json.hpp"
#include "xen/guest.hpp"
#include "xen/xl.hpp"

#include <algorithm>
#include <optional>

namespace sim {

namespace {

std::string state_letters(const Domain& domain) {
  std::string letters = "------";
  if (domain.executing) { letters[1] = 'b'; }
  if (domain.paused) { letters[2] = 'p'; }
  if (!domain.shutdown.empty()) {
    letters[3] = 's';
    letters[4] = domain.shutdown == "poweroff" ? '-' : domain.shutdown[0];
  }
  if (domain.dying) { letters[5] = 'd'; }
  return letters;
}

std::string row(const Domain& domain, double now, bool verbose) {
  const int memory = domain.built ? domain.memory - 1 : domain.present;
  const int vcpus = !domain.built || domain.shutdown == "poweroff" ? 0 : domain.vcpus;
  std::string text = format("%-40s %5u %5d %5d     %s  %8.1f", domain.name.c_str(), domain.domid, memory, vcpus,
                            state_letters(domain).c_str(), cpu_seconds(domain, now));
  if (verbose) {
    const std::string reason = domain.shutdown.empty()         ? "-"
                               : domain.shutdown == "poweroff" ? "0"
                               : domain.shutdown == "reboot"   ? "1"
                               : domain.shutdown == "suspend"  ? "2"
                                                               : "3";
    text += format(" %s %8s %16s", domain.uuid.c_str(), reason.c_str(), "-");
  }
  return text + "\n";
}

std::string dom0_row(const Node& node, double now, bool verbose) {
  std::string text = format("%-40s %5d %5d %5d     r-----  %8.1f", "Domain-0", 0, node.dom0_memory, 1,
                            58.0 + (now - node.booted) * 0.1);
  if (verbose) { text += format(" %s %8s %16s", "00000000-0000-0000-0000-000000000000", "-", "-"); }
  return text + "\n";
}

std::string details(const World& world, const Node& node, std::optional<unsigned> only) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  if (!only || *only == 0) { list.push_back(dom0_document(node.dom0_memory)); }
  for (const auto& domain : node.domains) {
    if (only && *only != domain.domid) { continue; }
    auto config = nlohmann::ordered_json::parse(read_file(world.userdata(world.index(), domain.domid)), nullptr, false);
    if (config.is_object()) { list.push_back({{"domid", domain.domid}, {"config", std::move(config)}}); }
  }
  return lay_out(list) + "\n\n";
}

} // namespace

int xl_list(Run& run, const Arguments& arguments) {
  bool verbose = false;
  bool long_form = false;
  std::optional<std::string> name;
  for (const auto& argument : arguments) {
    if (argument == "-v" || argument == "--verbose") {
      verbose = true;
    } else if (argument == "-l" || argument == "--long") {
      long_form = true;
    } else if (argument.starts_with("-") && argument.size() > 1) {
      run.output.err += unknown_option();
      return 2;
    } else {
      name = argument;
    }
  }
  const State state = run.world.look();
  Node node = node_of(state, run.world.index());
  std::optional<unsigned> only;
  if (name) {
    unsigned domid = 0;
    if (!name_to_domid(run, *name, domid)) { return 1; }
    if (domid != 0 && find_domain(node, domid) == nullptr) {
      run.output.err += "Error: Domain '" + *name + "' does not exist.\n";
      return 1;
    }
    only = domid;
  }
  if (long_form) {
    run.output.out += details(run.world, node, only);
    return 0;
  }
  const double now = World::now();
  run.output.out += "Name                                        ID   Mem VCPUs\tState\tTime(s)";
  run.output.out += verbose ? "   UUID                            Reason-Code\tSecurity Label\n" : "\n";
  if (!only || *only == 0) { run.output.out += dom0_row(node, now, verbose); }
  for (const auto& domain : node.domains) {
    if (!only || *only == domain.domid) { run.output.out += row(domain, now, verbose); }
  }
  return 0;
}

int xl_info(Run& run, const Arguments& /*arguments*/) {
  const State state = run.world.look();
  const Node& node = node_of(state, run.world.index());
  const std::string& version = state.settings.xen;
  const auto first = version.find('.');
  const auto second = version.find('.', first + 1);
  const auto line = [&](const char* key, const std::string& value) {
    run.output.out += format("%-23s: %s\n", key, value.c_str());
  };
  line("host", node.name);
  line("release", "6.1.0-56-amd64");
  line("version", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-11-16)");
  line("machine", "x86_64");
  line("nr_cpus", "1");
  line("max_cpu_id", "0");
  line("nr_nodes", "1");
  line("cores_per_socket", "1");
  line("threads_per_core", "1");
  line("cpu_mhz", "2596.150");
  line("hw_caps", "078bf3fd:80002001:20100800:00000005:00000000:00000000:00000000:00000000");
  line("virt_caps", "pv hvm hap gnttab-v1 gnttab-v2");
  line("total_memory", std::to_string(node.total_memory));
  line("free_memory", std::to_string(free_memory(node)));
  line("sharing_freed_memory", "0");
  line("sharing_used_memory", "0");
  line("outstanding_claims", "0");
  line("free_cpus", "0");
  line("xen_major", version.substr(0, first));
  line("xen_minor", version.substr(first + 1, second - first - 1));
  line("xen_extra", version.substr(second));
  line("xen_version", version);
  line("xen_caps", "xen-3.0-x86_64 hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64 ");
  line("xen_scheduler", "credit2");
  line("xen_pagesize", "4096");
  line("platform_params", "virt_start=0xffff800000000000");
  line("xen_changeset", "");
  line("xen_commandline", format("placeholder no-real-mode dom0_mem=%dM,max:%dM dom0_max_vcpus=1 console=com1 "
                                 "com1=115200,8n1 loglvl=info guest_loglvl=info xpti=no spec-ctrl=no smep=0 smap=0 ",
                                 node.dom0_memory, node.dom0_memory));
  line("cc_compiler", "x86_64-linux-gnu-gcc (Debian 12.2.0-14+deb12u1) 12.2.0");
  line("cc_compile_by", "pkg-xen-devel");
  line("cc_compile_domain", "lists.alioth.debian.org");
  line("cc_compile_date", "Wed Nov  4 16:52:28 UTC 2026");
  line("build_id", "151b373fd64b321593bf987fd923cd10dabadac4");
  line("xend_config_format", "4");
  return 0;
}

int xl_uptime(Run& run, const Arguments& arguments) {
  const State state = run.world.look();
  Node node = node_of(state, run.world.index());
  const double now = World::now();
  const auto line = [&](const std::string& name, unsigned domid, double since) {
    const auto seconds = static_cast<int>(now - since);
    run.output.out +=
        format("%-33s %4u %2d:%02d:%02d\n", name.c_str(), domid, seconds / 3600, seconds / 60 % 60, seconds % 60);
  };
  std::optional<unsigned> only;
  if (!arguments.empty()) {
    unsigned domid = 0;
    if (!name_to_domid(run, arguments.back(), domid)) { return 1; }
    only = domid;
  }
  run.output.out += "Name                                ID Uptime\n";
  if (!only || *only == 0) { line("Domain-0", 0, node.booted); }
  for (const auto& domain : node.domains) {
    if (!only || *only == domain.domid) { line(domain.name, domain.domid, domain.created); }
  }
  return 0;
}

int xl_block_list(Run& run, const Arguments& arguments) {
  run.output.out += "Vdev  BE  handle state evt-ch ring-ref BE-path                       \n";
  for (const auto& argument : arguments) {
    unsigned domid = 0;
    const std::string said = run.output.err;
    if (!name_to_domid(run, argument, domid)) { // in words of its own, and goes on
      run.output.err = said + argument + " is an invalid domain identifier\n";
      continue;
    }
    State state = run.world.look();
    const Domain* domain = find_domain(node_of(state, run.world.index()), domid);
    if (domain == nullptr) { continue; }
    for (const auto& disk : domain->disks) {
      const int device = vdev_number(disk.vdev);
      const bool open = disk.open;
      run.output.out += format("%-5d %-3d %-6u %-5d %-6d %-8d %-30s\n", device, 0, domid, open ? 4 : 6, open ? 4 : -1,
                               open ? 8 : -1, format("/local/domain/0/backend/vbd/%u/%d", domid, device).c_str());
    }
  }
  return 0;
}

} // namespace sim
