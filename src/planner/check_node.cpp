#include "xen_drbd/base/quote.hpp"
#include "xen_drbd/base/text.hpp"

#include "findings.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace xen_drbd::planner {

using namespace model;

namespace {

void check_names(const CheckScene& scene, NodeId id, const NodeFacts& facts, Findings& findings) {
  const std::string& node = scene.name(id);
  const auto is_loopback = [](const std::string& address) { return address.starts_with("127.") || address == "::1"; };
  const std::string hosts = fmt::format("add it to /etc/hosts of {}, or to the name server", node);
  const Node& far = scene.topology.node(other(id));
  bool well = true;
  for (const auto& [name, addresses] : facts.names) {
    const bool far_address = name == far.address.str() || name == far.migration_address.str();
    if (addresses.empty() && far_address)
      findings.fail({"names", node}, fmt::format("{} does not resolve", name), hosts);
    else if (addresses.empty())
      findings.warn({"names", node}, fmt::format("{} does not resolve", name), hosts);
    else if (far_address && std::any_of(addresses.begin(), addresses.end(), is_loopback))
      findings.fail({"names", node},
                    fmt::format("{} resolves to {}, which is {} itself", name, enumerate(addresses), node),
                    fmt::format("correct /etc/hosts of {}, or the name server", node));
    else
      continue;
    well = false;
  }
  if (well) findings.ok({"names", node}, "names and addresses of both nodes resolve");
}

/// The way out of what ssh says when it does not get from one node to the other.
std::string login_hint(const CheckScene& scene, NodeId id, const std::string& problem) {
  const std::string& node = scene.name(id);
  const std::string& far = scene.name(other(id));
  const auto says = [&](std::string_view words) { return problem.find(words) != std::string::npos; };
  if (says("ost key") && says("has changed")) {
    const SshSettings& ssh = scene.topology.ssh;
    const std::string address = scene.topology.node(other(id)).address.str();
    const std::string name = ssh.port == 22 ? address : fmt::format("[{}]:{}", address, ssh.port);
    return fmt::format(
        "ask the administrator of {0} whether it has a new host key: its console shows the right one with "
        "`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`; if it has, on {1}: ssh-keygen -R {2} -f {3}; "
        "then, there too, xen-drbd make-keys | sh",
        far, node, shell_quote(name), shell_quote(ssh.known_hosts_file));
  }
  if (says("ost key"))
    return fmt::format("compare and enter the host key of {}; on {}: xen-drbd make-keys | sh", far, node);
  if (says("Permission denied"))
    return fmt::format("see what sshd's log on {1} says; to put the key of {0} there, on {0}: xen-drbd make-keys | sh",
                       node, far);
  if (says("config") || says("command-line") || says("cipher") || says("mac type"))
    return fmt::format("correct what ssh on {} is told: config_file and migrate_ssh_options in the topology", node);
  return fmt::format("ssh on {} must get into {} without a question: see to the network and to sshd there", node, far);
}

void check_logins(const CheckScene& scene, NodeId id, const NodeFacts& facts, Findings& findings) {
  const std::string& node = scene.name(id);
  const std::string& far = scene.name(other(id));
  bool well = true;
  for (const auto& [address, problem] : facts.logins) {
    if (problem.empty()) continue;
    well = false;
    findings.fail({"ssh", node}, fmt::format("ssh from {} to {} at {}: {}", node, far, address, problem),
                  login_hint(scene, id, problem));
  }
  if (well)
    findings.ok({"ssh", node}, fmt::format("ssh from {} gets into {} without a prompt, its host key known", node, far));
}

void check_hypervisor(const CheckScene& scene, NodeId id, const NodeState& state, Findings& findings) {
  const std::string& node = scene.name(id);
  if (!state.rows)
    findings.fail({"xl", node}, "which domains run is not known: " + state.rows_problem,
                  fmt::format("see what `xl list` says on {}", node));
  else if (!state.xen)
    findings.fail({"xl", node}, "the hypervisor could not be asked",
                  fmt::format("see what `xl info` says on {}", node));
  else if (!state.watchers)
    findings.warn({"xl", node}, "the processes of xl could not be listed, so that proofs take 10 s more",
                  fmt::format("see whether root on {} may read /proc of every process", node));
  else
    findings.ok({"xl", node}, fmt::format("xl works, Xen {}", state.xen->version));
}

void check_dom0(const CheckScene& scene, NodeId id, const NodeState& state, const NodeFacts& facts,
                Findings& findings) {
  if (!state.xen) return;
  const std::string& node = scene.name(id);
  if (autoballoons(state, facts))
    findings.warn(
        {"dom0-memory", node},
        "xl shrinks dom0 for every guest (autoballoon), and creates and receives one guest at a time",
        fmt::format("give dom0 a fixed size: on {}, GRUB_CMDLINE_XEN_DEFAULT=\"dom0_mem=4096M,max:4096M\" (or "
                    "what it needs) in /etc/default/grub, update-grub; autoballoon=\"off\" in "
                    "/etc/xen/xl.conf; reboot",
                    node));
  else
    findings.ok({"dom0-memory", node}, "dom0 has a fixed size");
}

/// DRBD 8.4 holds on to pages of a guest that has ended for as long as TCP holds on to them.
void check_sendpage(const CheckScene& scene, NodeId id, const NodeState& state, const NodeFacts& facts,
                    Findings& findings) {
  if (state.drbd_nine || !facts.sendpage) return;
  const std::string& node = scene.name(id);
  findings.warn({"sendpage", node},
                "DRBD gives the memory of a guest to TCP without copying it: after a lost link, a guest that has ended "
                "may stay as (null) until TCP gives up",
                fmt::format("on {}: echo 1 > /sys/module/drbd/parameters/disable_sendpage, and for the next boot the "
                            "line `options drbd disable_sendpage=1` in /etc/modprobe.d/drbd.conf",
                            node));
}

/// Nobody else starts the domains, or writes them away behind our back.
void check_others(const CheckScene& scene, NodeId id, const NodeFacts& facts, Findings& findings) {
  const std::string& node = scene.name(id);
  bool well = true;
  for (const auto& [name, file] : facts.autostarts) {
    const auto ours = std::find_if(scene.topology.domains.begin(), scene.topology.domains.end(),
                                   [&name = name](const Domain& domain) { return domain.name.str() == name; });
    if (ours == scene.topology.domains.end()) continue;
    findings.fail({"autostart", node, name},
                  fmt::format("{} starts {} at boot, without asking the other node", file, name),
                  fmt::format("on {}: rm {}", node, file));
    well = false;
  }
  if (facts.xendomains && !facts.xendomains_save.empty()) {
    findings.fail({"xendomains", node},
                  fmt::format("xendomains saves running guests into {} at shutdown and restores them at boot, without "
                              "asking the other node",
                              facts.xendomains_save),
                  fmt::format("on {}: XENDOMAINS_SAVE= in /etc/default/xendomains, or disable xendomains", node));
    well = false;
  }
  if (well) findings.ok({"autostart", node}, "nothing else starts or saves the domains");
}

void check_drbd_at_boot(const CheckScene& scene, NodeId id, const NodeFacts& facts, Findings& findings) {
  const std::string& node = scene.name(id);
  if (facts.drbd_at_boot) return findings.ok({"drbd-boot", node}, "DRBD is brought up at boot");
  findings.warn({"drbd-boot", node},
                "the service drbd is not enabled: unless something else brings DRBD up, no domain can be started after "
                "a reboot",
                fmt::format("on {}: systemctl enable drbd, or update-rc.d drbd enable", node));
}

/// On a node without systemd the shutdown runs STOP_ACTION whether or not the service was started.
void check_boot(const CheckScene& scene, NodeId id, const NodeFacts& facts, Findings& findings) {
  const std::string& node = scene.name(id);
  const bool started = facts.boot_state.empty() || facts.boot_state == "active" || facts.boot_state == "activating" ||
                       facts.boot_state == "reloading";
  // without systemd, what is not enabled stands nowhere
  const bool ordered = (facts.boot_after.contains("drbd") || !facts.drbd_at_boot) &&
                       (facts.boot_after.contains("ssh") || facts.boot_after.contains("sshd"));
  if (!facts.boot_script)
    findings.warn({"boot", node},
                  "the service xen-drbd is not enabled: nothing starts the domains at boot, nothing "
                  "moves them away at shutdown",
                  fmt::format("on {}: systemctl enable xen-drbd, or update-rc.d xen-drbd defaults", node));
  else if (!ordered)
    findings.fail({"boot", node},
                  "the service xen-drbd is not ordered after drbd and ssh: at shutdown they would be "
                  "gone before the domains are",
                  fmt::format("on {}: install the service that comes with xen-drbd again", node));
  else if (!started)
    findings.warn({"boot", node},
                  fmt::format("the service xen-drbd is not started, but {}: at shutdown nothing moves the domains away",
                              facts.boot_state),
                  fmt::format("on {}: see systemctl status xen-drbd; then systemctl start xen-drbd, which runs "
                              "START_ACTION",
                              node));
  else
    findings.ok({"boot", node}, "the service xen-drbd is enabled, after drbd and ssh");
}

void check_bridges(const CheckScene& scene, NodeId id, const NodeFacts& facts, Findings& findings) {
  for (const Bridge& bridge : scene.topology.bridges) {
    const std::string& node = scene.name(id);
    const auto found = facts.devices.find(bridge.name.str());
    if (found == facts.devices.end())
      findings.fail({"bridge", node}, fmt::format("there is no bridge {}", bridge.name.str()),
                    fmt::format("on {}: xen-drbd make-bridges | sh", node));
    else if (!found->second)
      findings.fail({"bridge", node}, fmt::format("{} is there and is no bridge", bridge.name.str()),
                    fmt::format("on {}: give the other device another name, then xen-drbd make-bridges | sh", node));
    else
      findings.ok({"bridge", node}, fmt::format("the bridge {} is there", bridge.name.str()));
  }
}

} // namespace

bool autoballoons(const NodeState& node, const NodeFacts& facts) {
  if (facts.autoballoon == "on" || facts.autoballoon == "1") return true;
  if (facts.autoballoon == "off" || facts.autoballoon == "0") return false;
  return node.xen && node.xen->command_line.find("dom0_mem=") == std::string::npos;
}

void check_node(const CheckScene& scene, NodeId id, Findings& findings) {
  const NodeState& state = *scene.node(id);
  const std::string& node = scene.name(id);
  if (id == scene.here()) {
    const bool fits = state.hostname == node || state.hostname.substr(0, state.hostname.find('.')) == node;
    if (fits)
      findings.ok({"i-am", node}, fmt::format("this node is {}", node));
    else
      findings.warn({"i-am", node}, fmt::format("this node is taken for {}, and calls itself {}", node, state.hostname),
                    "make the host name and the name in the topology the same");
  }
  check_hypervisor(scene, id, state, findings);
  if (state.leaving)
    findings.warn({"leaving", node}, "it is leaving: nothing is started or moved onto it",
                  fmt::format("on {}, when it is to stay: xen-drbd evacuate --cancel", node));
  const NodeFacts* facts = scene.facts_of(id);
  if (facts == nullptr)
    return findings.fail({"facts", node}, "it did not say how it is set up",
                         fmt::format("look at the log of sshd and the load of {}, then check again", node));
  check_names(scene, id, *facts, findings);
  if (scene.node(other(id)) != nullptr) check_logins(scene, id, *facts, findings);
  check_dom0(scene, id, state, *facts, findings);
  check_sendpage(scene, id, state, *facts, findings);
  check_others(scene, id, *facts, findings);
  check_drbd_at_boot(scene, id, *facts, findings);
  check_boot(scene, id, *facts, findings);
  check_bridges(scene, id, *facts, findings);
}

} // namespace xen_drbd::planner
