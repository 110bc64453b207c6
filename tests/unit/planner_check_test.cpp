#include "xen_drbd/base/text.hpp"
#include "xen_drbd/planner/check.hpp"

#include "support/catch.hpp"
#include "support/data_file.hpp"
#include "support/planner_world.hpp"

#include <set>
#include <sstream>

using namespace xen_drbd;
using namespace xen_drbd::planner_world;
using namespace xen_drbd::planner;
using Catch::Matchers::ContainsSubstring;

namespace {

/// A healthy pair as `check` sees it: nothing to say of dns and samba, and that web has no disks.
struct Checked : World {
  FactsOfBoth facts{healthy_facts("10.77.0.2"), healthy_facts("10.77.0.1")};

  Checked() {
    facts[index(mirror)]->clock = NodeFacts::ClockOffset{Milliseconds{-20}, Milliseconds{20}};
    for (NodeId id : both_nodes) {
      node(id).xen->command_line = "placeholder dom0_mem=640M,max:640M";
      for (const Domain& each : topology.domains) {
        config(id, each.name.str()).bridges = {"xenbr0"};
        for (const Disk& disk : each.disks)
          node(id).drbd_links["/dev/drbd/" + disk.link.str()] = "/dev/drbd" + std::to_string(disk.minor.number);
      }
      for (ResourceConfig& each : *node(id).resource_configs) each.wfc_timeout = 60;
    }
    inputs.minor_of = [plain = inputs.minor_of](const ConfigReport::ConfigDisk& disk, const NodeState& node) {
      const auto link = node.drbd_links.find(disk.path);
      return plain({link == node.drbd_links.end() ? disk.path : link->second, "", ""}, node);
    };
  }

  NodeFacts& fact(NodeId id) { return *facts[index(id)]; }

  [[nodiscard]] std::vector<Finding> found() const { return planner::check(topology, state, facts, inputs); }

  /// What is not ok, as "error mirror samba config", but the one warning of the healthy pair.
  [[nodiscard]] Words complaints() const {
    Words words;
    for (const Finding& finding : found())
      if (finding.level != Level::ok && !(finding.id == "disks" && finding.domain == "web"))
        words.push_back(fmt::format("{} {} {} {}", to_string(finding.level), finding.node.empty() ? "-" : finding.node,
                                    finding.domain.empty() ? "-" : finding.domain, finding.id));
    return words;
  }
  /// Text and hint of the first finding with that id that is not ok.
  [[nodiscard]] std::string said(const std::string& id) const {
    for (const Finding& finding : found())
      if (finding.id == id && finding.level != Level::ok) return finding.text + " / " + finding.hint;
    return {};
  }

private:
  static NodeFacts healthy_facts(const std::string& far_address) {
    NodeFacts facts;
    facts.names = {
        {"dom0", {"10.77.0.1"}}, {"mirror", {"10.77.0.2"}}, {"10.77.0.1", {"10.77.0.1"}}, {"10.77.0.2", {"10.77.0.2"}}};
    facts.topology_file = NodeFacts::Rights{.owner = 0, .mode = 0644};
    facts.logins = {{far_address, ""}};
    facts.devices = {{"xenbr0", true}};
    facts.drbd_at_boot = true;
    facts.boot_script = true;
    facts.boot_after = {"network", "drbd", "ssh"};
    return facts;
  }
};

using Complaints = Words;

} // namespace

TEST_CASE("a healthy pair has every question answered with ok, and a domain without disks a warning") {
  Checked pair;
  pair.runs("samba", mirror);
  CHECK(pair.complaints() == Complaints{});
  std::set<std::string> ids;
  for (const Finding& finding : pair.found()) {
    ids.insert(finding.id);
    CHECK(finding.hint.empty() == (finding.level == Level::ok));
    CHECK_FALSE(finding.text.empty());
  }
  CHECK(ids == std::set<std::string>{"peer",          "topology",  "i-am",      "xl",     "names",  "ssh",
                                     "dom0-memory",   "autostart", "drbd-boot", "boot",   "memory", "xen-version",
                                     "tool-version",  "clock",     "domain",    "config", "link",   "drbd",
                                     "two-primaries", "disks"});
  CHECK_THAT(pair.said("disks"), ContainsSubstring("declares no disks"));
}

TEST_CASE("a peer that does not answer is one error, and this node is checked all the same") {
  Checked pair;
  pair.unreachable();
  pair.facts[index(mirror)].reset();
  CHECK(pair.complaints() == Complaints{"error mirror - peer"});
  CHECK_THAT(pair.said("peer"), ContainsSubstring("No route to host / bring mirror back"));
  pair.node(dom0).rows.reset();
  CHECK(pair.complaints() == Complaints{"error mirror - peer", "error dom0 - xl"});
}

TEST_CASE("a stranger at the peer's address, or another topology there, is an error") {
  Checked pair;
  SECTION("stranger") {
    pair.node(mirror).hostname = "other";
    CHECK(pair.complaints() == Complaints{"error mirror - peer"});
  }
  SECTION("topology") {
    pair.inputs.topology_difference = "domain_home: dns: dom0 here, mirror on mirror";
    CHECK(pair.complaints() == Complaints{"error - - topology"});
    CHECK_THAT(pair.said("topology"), ContainsSubstring("domain_home: dns"));
  }
  SECTION("this node itself: no guest is on both nodes") {
    pair.runs("samba", dom0).runs("samba", mirror);
    pair.node(mirror).identity = pair.node(dom0).identity;
    CHECK(pair.complaints() == Complaints{"error mirror - peer"});
    CHECK_THAT(pair.said("peer"), ContainsSubstring("is this node itself"));
  }
}

TEST_CASE("this node is not called what it is taken for") {
  Checked pair;
  pair.node(dom0).hostname = "dom0.example.org";
  CHECK(pair.complaints() == Complaints{});
  pair.node(dom0).hostname = "spare";
  CHECK(pair.complaints() == Complaints{"warning dom0 - i-am"});
}

TEST_CASE("names that do not resolve, or lead back to the node itself") {
  Checked pair;
  SECTION("a name that no command uses") {
    pair.fact(mirror).names["dom0"].clear();
    CHECK(pair.complaints() == Complaints{"warning mirror - names"});
  }
  SECTION("the other node's address") {
    pair.fact(mirror).names["10.77.0.1"].clear();
    CHECK(pair.complaints() == Complaints{"error mirror - names"});
  }
  SECTION("127.0.1.1") {
    pair.fact(dom0).names["10.77.0.2"] = {"127.0.1.1"};
    CHECK(pair.complaints() == Complaints{"error dom0 - names"});
  }
}

TEST_CASE("ssh that does not get in is an error on the node where it starts, with the way to mend it") {
  Checked pair;
  pair.fact(mirror).logins["10.77.0.1"] = "root@10.77.0.1: Permission denied (publickey).";
  CHECK(pair.complaints() == Complaints{"error mirror - ssh"});
  CHECK_THAT(pair.said("ssh"), ContainsSubstring("Permission denied") && ContainsSubstring("put the key of mirror"));
  pair.fact(mirror).logins["10.77.0.1"] = "Host key verification failed.";
  CHECK_THAT(pair.said("ssh"), ContainsSubstring("enter the host key of dom0"));
  pair.topology.ssh.port = 2222;
  pair.fact(mirror).logins["10.77.0.1"] =
      "Host key for [10.77.0.1]:2222 has changed and you have requested strict checking.";
  CHECK_THAT(pair.said("ssh"),
             ContainsSubstring("ask the administrator of dom0") &&
                 ContainsSubstring("on mirror: ssh-keygen -R '[10.77.0.1]:2222' -f "
                                   "/root/.ssh/known_hosts; then, there too, xen-drbd make-keys | sh"));
  for (const char* told : {"Can't open user config file /root/.ssh/config: No such file or directory",
                           "command-line: line 0: Bad configuration option: bogus", "Unknown cipher type 'none'"}) {
    pair.fact(mirror).logins["10.77.0.1"] = told;
    CHECK_THAT(pair.said("ssh"), ContainsSubstring("config_file and migrate_ssh_options"));
  }
  pair.fact(mirror).logins["10.77.0.1"] = "ssh: connect to host 10.77.0.1 port 22: Connection refused";
  CHECK_THAT(pair.said("ssh"), ContainsSubstring("see to the network and to sshd there"));
}

TEST_CASE("xl that does not work, and versions that do not fit") {
  Checked pair;
  SECTION("xl list") {
    pair.node(mirror).rows.reset();
    pair.node(mirror).rows_problem = "xl list: exit status 1";
    CHECK(pair.complaints() ==
          Complaints{"error mirror - xl", "error - dns domain", "error - samba domain", "error - web domain"});
  }
  SECTION("xl info") {
    pair.node(mirror).xen.reset();
    CHECK(pair.complaints() == Complaints{"error mirror - xl"});
  }
  SECTION("processes") {
    pair.node(mirror).watchers.reset();
    CHECK(pair.complaints() == Complaints{"warning mirror - xl"});
  }
  SECTION("one node is newer by one") {
    pair.node(mirror).xen->minor = 18;
    CHECK(pair.complaints() == Complaints{"warning - - xen-version"});
  }
  SECTION("one node is newer by two") {
    pair.node(mirror).xen->minor = 19;
    CHECK(pair.complaints() == Complaints{"error - - xen-version"});
  }
  SECTION("xen-drbd") {
    pair.node(mirror).tool_version = "0.0.9";
    CHECK(pair.complaints() == Complaints{"warning mirror - tool-version"});
    pair.node(mirror).tool_version.clear();
    CHECK_THAT(pair.said("tool-version"), ContainsSubstring("mirror has no xen-drbd"));
  }
}

TEST_CASE("the configuration of a domain: missing, unlike, another's, on other disks") {
  Checked pair;
  SECTION("missing on one node") {
    pair.config(mirror, "dns") = {};
    // said on both nodes: a file that only one node has serves neither
    CHECK(pair.complaints() == Complaints{"error dom0 dns config", "error mirror dns config"});
  }
  SECTION("unlike") {
    pair.config(mirror, "dns").sha256 = "other";
    CHECK(pair.complaints() == Complaints{"error dom0 dns config", "error mirror dns config"});
  }
  SECTION("another's name") {
    pair.config(mirror, "dns").name = "www";
    CHECK(pair.complaints() == Complaints{"error mirror dns config"});
  }
  SECTION("other disks") {
    pair.config(dom0, "samba").disks.pop_back();
    CHECK(pair.complaints() == Complaints{"error dom0 samba config"});
  }
}

TEST_CASE("a disk that is not DRBD's is warned of once, for it is another one on the other node") {
  Checked pair;
  const std::string domain = GENERATE("samba", "web");
  for (NodeId id : both_nodes) pair.config(id, domain).disks.push_back({"/dev/vg0/scratch", "", "xvdb"});
  CHECK(pair.complaints() == Complaints{"warning - " + domain + " local-disk"});
  CHECK_THAT(pair.said("local-disk"), ContainsSubstring("names /dev/vg0/scratch, which is not DRBD's"));
  for (NodeId id : both_nodes) pair.config(id, domain).disks.pop_back();
  SECTION("what a script fetches from elsewhere is on both") {
    for (NodeId id : both_nodes)
      pair.config(id, domain).disks.push_back({"iqn.2001-05.com.example", "block-iscsi", "xvdb"});
    CHECK(pair.complaints() == Complaints{});
  }
  SECTION("an empty drive") {
    for (NodeId id : both_nodes) pair.config(id, domain).disks.push_back({"", "", "hdc"});
    CHECK(pair.complaints() == Complaints{});
  }
}

TEST_CASE("the bridges that the guests need, and those that the topology declares") {
  Checked pair;
  SECTION("a guest's is missing") {
    pair.fact(mirror).devices.clear();
    CHECK(pair.complaints() ==
          Complaints{"error mirror dns bridge", "error mirror samba bridge", "error mirror web bridge"});
  }
  SECTION("declared and there") {
    pair.topology.bridges.push_back({name_of_kind<InterfaceName>("xenbr0"), {}, {}, {}, {}});
    CHECK(pair.complaints() == Complaints{});
  }
  SECTION("declared and missing: said once, not for each guest") {
    pair.topology.bridges.push_back({name_of_kind<InterfaceName>("xenbr0"), {}, {}, {}, {}});
    pair.fact(mirror).devices.clear();
    CHECK(pair.complaints() == Complaints{"error mirror - bridge"});
    CHECK_THAT(pair.said("bridge"), ContainsSubstring("xen-drbd make-bridges | sh"));
  }
  SECTION("declared, and something else has its name") {
    pair.topology.bridges.push_back({name_of_kind<InterfaceName>("xenbr0"), {}, {}, {}, {}});
    pair.fact(mirror).devices["xenbr0"] = false;
    CHECK(pair.complaints() == Complaints{"error mirror - bridge"});
  }
  SECTION("another than the declared ones") {
    pair.topology.bridges.push_back({name_of_kind<InterfaceName>("dmz"), {}, {}, {}, {}});
    for (NodeId id : both_nodes) pair.fact(id).devices["dmz"] = true;
    CHECK(pair.complaints().size() == 6);
    CHECK(pair.complaints().front() == "warning dom0 dns bridge");
  }
}

TEST_CASE("links that are missing or point elsewhere") {
  Checked pair;
  pair.node(mirror).drbd_links.erase("/dev/drbd/dns10");
  CHECK(pair.complaints() == Complaints{"warning mirror dns link"});
  pair.node(mirror).drbd_links["/dev/drbd/dns10"] = "/dev/drbd2";
  CHECK(pair.complaints() == Complaints{"error mirror dns link"});
  CHECK_THAT(pair.said("link"), ContainsSubstring("points to /dev/drbd2, not to /dev/drbd10"));
}

TEST_CASE("DRBD that is not connected, not up to date, or set up for trouble") {
  Checked pair;
  SECTION("not connected") {
    pair.connection("samba", Connection::connecting);
    CHECK(pair.complaints() == Complaints{"error - samba drbd"});
  }
  SECTION("not up to date") {
    pair.drbd(mirror, "samba").volumes[1].disk = DiskState::inconsistent;
    CHECK(pair.complaints() == Complaints{"error - samba drbd"});
  }
  SECTION("not configured") {
    pair.node(mirror).resource_configs->clear();
    CHECK(pair.complaints() == Complaints{"error - dns drbd", "error - samba drbd"});
  }
  SECTION("the window left open") {
    pair.window("dns", TwoPrimaries::yes);
    CHECK(pair.complaints() == Complaints{"error - dns two-primaries"});
    CHECK_THAT(pair.said("two-primaries"), ContainsSubstring("xen-drbd recover dns"));
  }
  SECTION("the window configured on both") {
    pair.window("dns", TwoPrimaries::yes).window_configured("dns", TwoPrimaries::yes);
    CHECK(pair.complaints() == Complaints{"warning - dns two-primaries"});
  }
  SECTION("the window configured on one") {
    pair.drbd_config(mirror, "dns").two_primaries = TwoPrimaries::yes;
    CHECK(pair.complaints() == Complaints{"error - dns drbd"});
  }
  SECTION("the window unread") {
    pair.drbd(mirror, "dns").two_primaries = TwoPrimaries::unknown;
    CHECK(pair.complaints() == Complaints{"error - dns drbd"});
    CHECK_THAT(pair.said("drbd"), ContainsSubstring("drbdsetup show dns"));
  }
  SECTION("protocol") {
    pair.drbd_config(mirror, "dns").protocol = "A";
    CHECK(pair.complaints() == Complaints{"error mirror dns protocol"});
  }
  SECTION("protocol of a domain that runs") {
    pair.runs("dns", dom0).drbd_config(mirror, "dns").protocol = "A";
    CHECK(pair.complaints() == Complaints{"error - dns drbd"});
  }
  SECTION("wfc-timeout") {
    pair.drbd_config(dom0, "dns").wfc_timeout = 0;
    CHECK(pair.complaints() == Complaints{"warning dom0 dns wfc-timeout"});
    pair.drbd_config(dom0, "dns").wfc_timeout.reset();
    CHECK(pair.complaints() == Complaints{"warning dom0 dns wfc-timeout"});
  }
  SECTION("fencing") {
    pair.drbd_config(dom0, "dns").fencing = "resource-only";
    CHECK(pair.complaints() == Complaints{"warning dom0 dns fencing"});
  }
  SECTION("what DRBD does by itself after a split brain") {
    auto& policies = pair.drbd_config(dom0, "dns").after_split_brain;
    policies = {
        {"after-sb-0pri", "discard-zero-changes"}, {"after-sb-1pri", "consensus"}, {"after-sb-2pri", "disconnect"}};
    CHECK(pair.complaints() == Complaints{});
    policies["after-sb-1pri"] = "discard-secondary";
    CHECK(pair.complaints() == Complaints{"warning dom0 dns after-sb"});
    CHECK_THAT(pair.said("after-sb"), ContainsSubstring("written to dns: after-sb-1pri discard-secondary"));
  }
  SECTION("auto-promote, which only DRBD 9 has") {
    pair.node(dom0).drbd_nine = true;
    CHECK(pair.complaints() == Complaints{"warning dom0 dns auto-promote", "warning dom0 samba auto-promote"});
    CHECK_THAT(pair.said("auto-promote"),
               ContainsSubstring("on dom0, the line `auto-promote no;` in the section options of the section common of "
                                 "/etc/drbd.d/global_common.conf, then drbdadm adjust"));
    for (ResourceConfig& each : *pair.node(dom0).resource_configs) each.auto_promote = false;
    CHECK(pair.complaints() == Complaints{});
  }
}

TEST_CASE("a topology that others may change is an error of its node, with its owner and its mode") {
  for (NodeId id : both_nodes) {
    const std::string node = id == dom0 ? "dom0" : "mirror";
    Checked pair;
    pair.fact(id).topology_file = NodeFacts::Rights{.owner = 0, .mode = 0664};
    CHECK(pair.complaints() == Complaints{"error " + node + " - topology"});
    CHECK_THAT(pair.said("topology"), ContainsSubstring("/etc/xen/topology.yaml belongs to root and has mode 0664") &&
                                          ContainsSubstring("on " + node + ": chmod go-w /etc/xen/topology.yaml"));
    pair.fact(id).topology_file = NodeFacts::Rights{.owner = 1000, .mode = 0644};
    CHECK(pair.complaints() == Complaints{"error " + node + " - topology"});
    CHECK_THAT(pair.said("topology"), ContainsSubstring("belongs to user 1000 and has mode 0644") &&
                                          ContainsSubstring("on " + node + ": chown root"));
  }
}

TEST_CASE("what a domain is at is not known: check says why, and does not send to recover") {
  Checked pair;
  pair.node(mirror).rows.reset();
  pair.node(mirror).rows_problem = "xl list: exit status 1";
  for (const Finding& finding : pair.found())
    if (finding.id == "domain") {
      CHECK_THAT(finding.text, ContainsSubstring("it is not known whether " + finding.domain + " is on mirror"));
      CHECK_THAT(finding.hint, ContainsSubstring("xl list") && !ContainsSubstring("recover"));
    }
}

TEST_CASE("a domain in a state that needs somebody") {
  Checked pair;
  SECTION("twice") {
    pair.runs("web", dom0).runs("web", mirror);
    CHECK(pair.complaints() == Complaints{"error - web domain"});
    CHECK_THAT(pair.said("domain"), ContainsSubstring("BOTH"));
  }
  SECTION("half-migrated") {
    pair.add_row(mirror, "web--incoming", "--p---");
    CHECK(pair.complaints() == Complaints{"error - web domain"});
    CHECK_THAT(pair.said("domain"), ContainsSubstring("xen-drbd recover web"));
  }
  SECTION("paused") {
    pair.add_row(mirror, "web", "--p---");
    CHECK(pair.complaints() == Complaints{"warning - web domain"});
    CHECK_THAT(pair.said("domain"), ContainsSubstring("on mirror: xl unpause web"));
  }
  SECTION("paused by the xl that is creating it") {
    pair.add_row(mirror, "web", "--p---", 0);
    pair.node(mirror).watchers->push_back({.pid = 100, .name = "web", .creating = true});
    CHECK(pair.complaints() == Complaints{"warning - web domain"});
    CHECK_THAT(pair.said("domain"),
               ContainsSubstring("web is being created on mirror") && ContainsSubstring("wait until it has ended"));
  }
  SECTION("without its watcher") {
    pair.add_row(mirror, "web", "-b----");
    CHECK(pair.complaints() == Complaints{"warning mirror web watcher"});
  }
  SECTION("migrating: its disks are not judged") {
    pair.runs("dns", dom0).window("dns", TwoPrimaries::yes);
    pair.node(dom0).migrations.push_back({4711, false, "dns"});
    CHECK(pair.complaints() == Complaints{});
  }
}

TEST_CASE("memory for all domains on each node, whatever runs where") {
  Checked pair;
  pair.node(mirror).xen->free_memory = MiB{768};
  CHECK(pair.complaints() == Complaints{});
  pair.node(mirror).xen->free_memory = MiB{767};
  CHECK(pair.complaints() == Complaints{"warning mirror - memory"});
  CHECK_THAT(pair.said("memory"), ContainsSubstring("all domains need 768 MiB, mirror has 767 MiB"));
  pair.runs("web", mirror);
  CHECK(pair.complaints() == Complaints{});
}

TEST_CASE("dom0 that xl shrinks, by xl.conf and by Xen's command line") {
  Checked pair;
  pair.fact(dom0).autoballoon = "on";
  CHECK(pair.complaints() == Complaints{"warning dom0 - dom0-memory"});
  pair.fact(dom0).autoballoon = "auto";
  CHECK(pair.complaints() == Complaints{});
  pair.node(dom0).xen->command_line = "placeholder";
  CHECK(pair.complaints() == Complaints{"warning dom0 - dom0-memory"});
  for (const char* needed :
       {"on dom0, GRUB_CMDLINE_XEN_DEFAULT=\"dom0_mem=4096M,max:4096M\"", "in /etc/default/grub, update-grub",
        "autoballoon=\"off\" in /etc/xen/xl.conf", "; reboot"})
    CHECK_THAT(pair.said("dom0-memory"), ContainsSubstring(needed));
  pair.fact(dom0).autoballoon = "off";
  CHECK(pair.complaints() == Complaints{});
}

TEST_CASE("DRBD 8.4 that gives a guest's pages to TCP; DRBD 9 has its own way") {
  Checked pair;
  pair.fact(mirror).sendpage = true;
  CHECK(pair.complaints() == Complaints{"warning mirror - sendpage"});
  CHECK_THAT(pair.said("sendpage"), ContainsSubstring("echo 1 > /sys/module/drbd/parameters/disable_sendpage"));
  pair.node(mirror).drbd_nine = true;
  for (ResourceConfig& each : *pair.node(mirror).resource_configs) each.auto_promote = false;
  CHECK(pair.complaints() == Complaints{});
}

TEST_CASE("others that start or save the domains") {
  Checked pair;
  SECTION("a file of a guest that is not ours") {
    pair.fact(dom0).autostarts = {{"builder", "/etc/xen/auto/builder.cfg"}};
    CHECK(pair.complaints() == Complaints{});
  }
  SECTION("a file of ours") {
    pair.fact(dom0).autostarts = {{"dns", "/etc/xen/auto/10-dns"}};
    CHECK(pair.complaints() == Complaints{"error dom0 dns autostart"});
    CHECK_THAT(pair.said("autostart"), ContainsSubstring("rm /etc/xen/auto/10-dns"));
  }
  SECTION("xendomains that saves") {
    pair.fact(dom0).xendomains_save = "/var/lib/xen/save";
    CHECK(pair.complaints() == Complaints{});
    pair.fact(dom0).xendomains = true;
    CHECK(pair.complaints() == Complaints{"error dom0 - xendomains"});
    pair.fact(dom0).xendomains_save.clear();
    CHECK(pair.complaints() == Complaints{});
  }
}

TEST_CASE("clocks that differ by more than two seconds for certain") {
  Checked pair;
  const auto offset = [&](int least, int most) {
    pair.fact(mirror).clock = NodeFacts::ClockOffset{Milliseconds{least}, Milliseconds{most}};
    return pair.complaints();
  };
  CHECK(offset(1500, 2500) == Complaints{});
  CHECK(offset(-2500, -1500) == Complaints{});
  CHECK(offset(2001, 2100) == Complaints{"warning mirror - clock"});
  CHECK_THAT(pair.said("clock"), ContainsSubstring("mirror is 2.0 s ahead of that of dom0"));
  CHECK(offset(-60'100, -60'000) == Complaints{"warning mirror - clock"});
  CHECK_THAT(pair.said("clock"), ContainsSubstring("mirror is 60.0 s behind that of dom0"));
}

TEST_CASE("the boot script: enabled, and after what the domains need to leave") {
  Checked pair;
  pair.fact(mirror).boot_after = {"drbd", "sshd"};
  CHECK(pair.complaints() == Complaints{});
  pair.fact(mirror).boot_after = {"ssh"};
  CHECK(pair.complaints() == Complaints{"error mirror - boot"});
  pair.fact(mirror).boot_script = false;
  CHECK(pair.complaints() == Complaints{"warning mirror - boot"});
}

TEST_CASE(
    "a boot script that systemd has enabled and not started, or that has failed, moves nothing away at shutdown") {
  Checked pair;
  for (const char* state : {"active", "activating", "reloading"}) {
    pair.fact(mirror).boot_state = state;
    CHECK(pair.complaints() == Complaints{});
  }
  for (const char* state : {"inactive", "failed", "deactivating"}) {
    pair.fact(mirror).boot_state = state;
    CHECK(pair.complaints() == Complaints{"warning mirror - boot"});
    CHECK_THAT(pair.said("boot"), ContainsSubstring(state) && ContainsSubstring("systemctl start xen-drbd"));
  }
}

TEST_CASE("a node on which nothing brings DRBD up at boot") {
  Checked pair;
  pair.fact(mirror).drbd_at_boot = false;
  CHECK(pair.complaints() == Complaints{"warning mirror - drbd-boot"});
  CHECK_THAT(pair.said("drbd-boot"), ContainsSubstring("on mirror: systemctl enable drbd"));
  pair.fact(mirror).boot_after = {"ssh"};
  CHECK(pair.complaints() == Complaints{"warning mirror - drbd-boot"});
}

TEST_CASE("the unit and the init script that come with xen-drbd are ordered as check wants it") {
  Checked pair;
  const auto after = [](const std::string& file, std::string_view key) {
    std::istringstream from(test::source_file("init/" + file));
    std::set<std::string> names;
    for (std::string line; std::getline(from, line);)
      if (line.starts_with(key))
        for (std::string_view name : words(std::string_view(line).substr(key.size())))
          names.emplace(name.substr(0, name.rfind(".service")));
    return names;
  };
  pair.fact(dom0).boot_after = after("xen-drbd.service.in", "After=");
  pair.fact(mirror).boot_after = after("xen-drbd.in", "# Should-Start:");
  CHECK(pair.complaints() == Complaints{});
}

TEST_CASE("a node that is leaving, and one that does not say how it is set up") {
  Checked pair;
  pair.node(mirror).leaving = true;
  CHECK(pair.complaints() == Complaints{"warning mirror - leaving"});
  pair.facts[index(mirror)].reset();
  CHECK(pair.complaints() == Complaints{"warning mirror - leaving", "error mirror - facts"});
}
