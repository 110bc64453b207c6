#pragma once
// One node of the simulated pair: what is on it, and how its xl, drbdsetup and /proc print that.

#include "xen_drbd/host/host.hpp"
#include "xen_drbd/model/topology.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace xen_drbd::engine_world {

using model::NodeId;
inline constexpr NodeId dom0 = NodeId::node1;   // this node
inline constexpr NodeId mirror = NodeId::node2; // the peer

[[nodiscard]] inline host::Outcome exited(int status, std::string out = {}, std::string err = {}) {
  return {.end = host::End::exited, .status = status, .out = std::move(out), .err = std::move(err), .lost_because = {}};
}
[[nodiscard]] inline host::Outcome timed_out() {
  return {.end = host::End::timed_out, .status = 0, .out = {}, .err = {}, .lost_because = "no answer in time"};
}
[[nodiscard]] inline host::Outcome lost() {
  return {.end = host::End::lost, .status = 0, .out = {}, .err = {}, .lost_because = "the cable was cut"};
}

struct Guest {
  std::string name;   ///< as xl lists it
  std::string domain; ///< whose it is, whatever it is called now
  unsigned domid = 0;
  std::string letters = "-b----";
  double cpu_seconds = 0;
  bool has_disks = true; ///< its devices are attached, and held open
  bool disk_closed = false;
  std::string device = "-"; ///< of its first disk: "93:5", major and minor in hexadecimal
  [[nodiscard]] bool executes() const { return letters[2] != 'p' && letters[3] != 's' && letters[5] != 'd'; }
};

struct DrbdOnNode {
  std::vector<std::uint32_t> minors;
  bool up = true;
  bool primary = false;
  bool two_primaries = false;
  std::string disk = "UpToDate";
  unsigned written = 0;     ///< by the node itself, on each volume, in KiB
  unsigned received = 4096; ///< from its peer, on each volume, in KiB
  bool knows_cut = false;   ///< has noticed before the other node that the link is gone
  int held_open = 0;        ///< how many times more something else than a guest has it open
};

struct Process {
  int pid = 0;
  bool receiving = false;
  std::string domain;
};

/// What can go wrong with one command on a node.
enum class Fault {
  none,
  fails,           ///< it fails and does nothing
  times_out,       ///< no answer, and it does nothing
  times_out_works, ///< no answer, but it works
  times_out_late,  ///< no answer, and it works long after anyone has looked
  lost,            ///< the connection is lost before the command arrives
  lost_works,      ///< the command works, and its answer is lost with the connection
  silent,          ///< it works, and from then on the worker answers no heartbeat
};

struct NodeOfWorld {
  std::string hostname;
  std::string identity;
  std::string kernel_boot;
  std::string topology_text = "the same on both\n";
  std::string tool_version = "xen-drbd 0.1.0";
  bool leaving = false;
  bool xl_works = true;
  bool watchers_listable = true;
  bool drbd_readable = true;
  std::vector<Guest> guests;
  std::multiset<std::string> watchers;
  std::vector<Process> processes;
  std::map<std::string, DrbdOnNode> drbd;
  std::map<std::string, std::string> records;  ///< by domain
  std::optional<host::Outcome> records_answer; ///< what the question for them brings instead
  bool receiver_stays = false;
  int memory = 2000;
  std::string locked_by; ///< another run holds this half of the lock

  bool lost = false;
  bool silent = false;
  bool lock_broken = false;
  bool holds_lock = false;
  std::size_t commands = 0;
  std::map<std::size_t, Fault> faults; ///< by the number of the command, from 1

  [[nodiscard]] Guest* find(const std::string& name) {
    for (Guest& guest : guests)
      if (guest.name == name) return &guest;
    return nullptr;
  }
};

// --- what its programs print ---

[[nodiscard]] inline host::Outcome print_list(const NodeOfWorld& node) {
  if (!node.xl_works) return exited(1, {}, "xencall: error: Could not obtain handle on privileged command interface\n");
  std::string text = fmt::format("{:<40} {:>5} {:>5} {:>5}\tState\tTime(s)\n", "Name", "ID", "Mem", "VCPUs");
  text += fmt::format("{:<40} {:5} {:5} {:5}     {}  {:8.1f}\n", "Domain-0", 0, 640, 1, "r-----", 58.0);
  for (const Guest& guest : node.guests)
    text += fmt::format("{:<40} {:5} {:5} {:5}     {}  {:8.1f}\n", guest.name, guest.domid, 256, 1, guest.letters,
                        guest.cpu_seconds);
  return exited(0, text);
}

[[nodiscard]] inline host::Outcome print_info(const NodeOfWorld& node) {
  if (!node.xl_works) return exited(1, {}, "libxl_physinfo failed.\n");
  const int used = static_cast<int>(node.guests.size()) * 256;
  return exited(0,
                fmt::format("host                   : {}\ntotal_memory           : {}\nfree_memory            : {}\n"
                            "xen_major              : 4\nxen_minor              : 17\nxen_version            : 4.17.7\n"
                            "xen_commandline        : dom0_mem=640M,max:640M\n",
                            node.hostname, node.memory + 640, node.memory - used));
}

[[nodiscard]] inline host::Outcome print_processes(const NodeOfWorld& node) {
  if (!node.watchers_listable) return exited(3, {}, "/proc hides the executable of this process\n");
  std::string text;
  int pid = 900;
  for (const std::string& watcher : node.watchers)
    text += fmt::format("log {} /var/log/xen/xl-{}.log\n", ++pid, watcher);
  for (const Process& process : node.processes)
    text += process.receiving
                ? fmt::format("xl {}\n xl\n migrate-receive\n", process.pid)
                : fmt::format("xl {}\n xl\n migrate\n -s\n transport\n {}\n 10.77.0.2\n", process.pid, process.domain);
  return exited(0, text + "end\n");
}

[[nodiscard]] inline host::Outcome print_block_list(const NodeOfWorld& node, const std::string& name) {
  for (const Guest& guest : node.guests) {
    if (guest.name != name) continue;
    const std::string path = fmt::format("/local/domain/0/backend/vbd/{}/51712", guest.domid);
    std::string text = "Vdev  BE  handle state evt-ch ring-ref BE-path                       \n";
    text += fmt::format("51712 0   {:<6} 4     4      8        {}\n", guest.domid, path);
    return exited(0, text + fmt::format("backend {} {} {}\nend\n", path, guest.disk_closed ? 6 : 4, guest.device));
  }
  return exited(1, {}, name + " is an invalid domain identifier (rc=-6)\n");
}

struct LinkOfResource {
  bool connected = true;
  bool stand_alone = false;
  bool split_brain = false; ///< and so DRBD does not connect unless one side discards its data
};

[[nodiscard]] inline std::string print_resource(const std::string& name, const DrbdOnNode& here,
                                                const DrbdOnNode& there, const LinkOfResource& link) {
  const bool connected = link.connected && there.up && !here.knows_cut;
  std::string text =
      fmt::format("{} role:{} suspended:no\n    write-ordering:flush\n", name, here.primary ? "Primary" : "Secondary");
  for (std::size_t i = 0; i < here.minors.size(); ++i)
    text += fmt::format("  volume:{} minor:{} disk:{}\n      size:65496 read:0 written:{} al-writes:8 bm-writes:0\n", i,
                        here.minors[i], here.disk, here.written + here.received);
  if (link.stand_alone) return text + "\n";
  text += fmt::format("  peer connection:{} role:{} congested:no\n", connected ? "Connected" : "Connecting",
                      !connected      ? "Unknown"
                      : there.primary ? "Primary"
                                      : "Secondary");
  for (std::size_t i = 0; i < here.minors.size(); ++i)
    text += fmt::format("    volume:{} replication:{} peer-disk:{} resync-suspended:no\n"
                        "        received:{} sent:0 out-of-sync:0 pending:0 unacked:0\n",
                        i, connected ? "Established" : "Off", connected ? there.disk : "DUnknown", here.received);
  return text + "\n";
}

/// What 8.4 tells of a resource that stands alone in its events only.
[[nodiscard]] inline std::string print_events(const std::string& name, const DrbdOnNode& here) {
  std::string text;
  for (std::size_t i = 0; i < here.minors.size(); ++i)
    text +=
        fmt::format("exists peer-device name:{} peer-node-id:0 volume:{} received:{} sent:0\n", name, i, here.received);
  return text;
}

[[nodiscard]] inline host::Outcome print_drbd_options(const NodeOfWorld& node) {
  std::string text;
  for (const auto& [name, drbd] : node.drbd)
    if (drbd.up)
      text += fmt::format("resource {} {{\n    options {{\n    }}\n    net {{\n{}        ping-timeout    \t50; # 1/10 "
                          "seconds\n    }}\n}}\n\n",
                          name, drbd.two_primaries ? "        allow-two-primaries\tyes;\n" : "");
  return exited(0, text);
}

[[nodiscard]] inline host::Outcome print_drbd_configuration(const std::array<NodeOfWorld, 2>& nodes) {
  std::string text = "<config file=\"/etc/drbd.conf\">\n";
  for (const auto& [name, drbd] : nodes[0].drbd) {
    text += fmt::format("<resource name=\"{}\" conf-file-line=\"/etc/drbd.d/{}.res:1\">\n", name, name);
    for (const NodeOfWorld& node : nodes) {
      text += fmt::format("<host name=\"{}\">\n", node.hostname);
      for (std::size_t i = 0; i < drbd.minors.size(); ++i)
        text += fmt::format("<volume vnr=\"{}\"><device minor=\"{}\">/dev/drbd{}</device><disk>/dev/vg0/{}{}</disk>"
                            "<meta-disk>internal</meta-disk></volume>\n",
                            i, drbd.minors[i], drbd.minors[i], name, i);
      text += "</host>\n";
    }
    text += "</resource>\n";
  }
  return exited(0, text + "</config>\n");
}

[[nodiscard]] inline std::string print_configuration(const model::Domain& domain) {
  std::string disks;
  for (const model::Disk& disk : domain.disks)
    disks += fmt::format(R"({}{{"pdev_path": "/dev/drbd{}", "vdev": "xvda"}})", disks.empty() ? "" : ", ",
                         disk.minor.number);
  return fmt::format(R"({{"c_info": {{"name": "{}"}}, "b_info": {{"max_memkb": 262144}}, "disks": [{}]}})",
                     domain.name.str(), disks);
}

} // namespace xen_drbd::engine_world
