#include "xen_drbd/topology/load.hpp"

#include "support/catch.hpp"
#include "support/data_file.hpp"
#include "support/names.hpp"

using namespace xen_drbd;
using namespace xen_drbd::topology;
using model::NodeId;
using test::domain_name;

namespace {

const std::string nodes = "node1: dom0\nnode2: mirror\n";

Parsed parse(const std::string& text) { return parse_topology(text, {"pair", "/etc/xen/pair.yaml"}); }

model::Topology parsed(const std::string& text) {
  auto result = parse(text);
  if (!result) FAIL(as_error("text", result.error()).because);
  return *result;
}

/// The only problem of a text.
Problem problem(const std::string& text) {
  auto result = parse(text);
  REQUIRE_FALSE(result.has_value());
  REQUIRE(result.error().size() == 1);
  return result.error().front();
}

std::string shipped(const std::string& name) { return test::source_file("topologies/" + name); }

} // namespace

TEST_CASE("the smallest useful topology has every default of the contract") {
  const auto topology = parsed(shipped("smallest.yaml"));
  CHECK(topology.name == "pair");
  CHECK(topology.path == "/etc/xen/pair.yaml");
  CHECK(topology.i_am.empty());
  CHECK(topology.node(NodeId::node1).address.str() == "dom0");
  CHECK(topology.node(NodeId::node1).migration_address.str() == "dom0");
  CHECK(topology.node(NodeId::node1).fence.empty());
  CHECK(topology.ssh == model::SshSettings{});
  CHECK(topology.jobs == 2);
  CHECK(topology.lock_wait == Milliseconds(30'000));
  CHECK(topology.migrate_timeout == Milliseconds(900'000));
  CHECK(topology.migrate_ssh_options ==
        std::vector<std::string>{"-c", "aes128-gcm@openssh.com", "-o", "Compression=no"});
  CHECK(topology.bridges.empty());
  REQUIRE(topology.domains.size() == 1);
  const model::Domain& samba = topology.domains.front();
  CHECK(samba.home == NodeId::node1);
  CHECK(samba.shutdown_timeout == Milliseconds(120'000));
  CHECK(samba.delay == Milliseconds(0));
  CHECK(samba.config_candidates == std::vector<std::string>{"/etc/xen/samba.cfg", "/etc/xen/samba"});
  REQUIRE(samba.disks.size() == 1);
  CHECK(samba.disks[0].link.str() == "samba-root");
  CHECK(samba.disks[0].minor == Minor{1});
  CHECK_FALSE(samba.disks[0].resource);
}

TEST_CASE("the commented example shows every key, and every key is read") {
  const auto topology = parsed(shipped("example.yaml"));
  const model::Node& mirror = topology.node(NodeId::node2);
  CHECK(mirror.address.str() == "10.77.0.2");
  CHECK(mirror.migration_address.str() == "10.78.0.2");
  CHECK(mirror.fence == std::vector<std::string>{"/usr/sbin/fence_ipmilan", "--ip=10.79.0.2", "--lanplus",
                                                 "--username=op", "--password-script=/etc/xen/ipmi-pass",
                                                 "--privlvl=user"});
  CHECK(topology.ssh.identity_file == "/root/.ssh/id_ed25519");
  CHECK(topology.ssh.config_file == "/root/.ssh/config");
  REQUIRE(topology.domains.size() == 3);
  const model::Domain* mail = topology.find(domain_name("mail"));
  REQUIRE(mail != nullptr);
  CHECK(mail->config_candidates == std::vector<std::string>{"/etc/xen/mail.cfg"});
  CHECK(mail->after == std::vector<DomainName>{domain_name("dns")});
  CHECK(mail->delay == Milliseconds(10'000));
  CHECK(mail->shutdown_timeout == Milliseconds(180'000));
  const model::Domain* samba = topology.find(domain_name("samba"));
  REQUIRE(samba != nullptr);
  CHECK(samba->home == NodeId::node2);
  REQUIRE(samba->disks.size() == 2);
  CHECK(samba->disks[1].resource->str() == "samba");
  REQUIRE(topology.bridges.size() == 3);
  CHECK(topology.bridges[0].interface->str() == "eth0");
  CHECK(topology.bridges[1].vlan == 10U);
  CHECK_FALSE(topology.bridges[2].interface);
  CHECK(topology.bridges[2].mtu == 1500U);
  CHECK(topology.bridges[2].addresses.at(NodeId::node1) == std::vector<std::string>{"192.168.7.1/24"});
  CHECK(topology.bridges[2].addresses.at(NodeId::node2) ==
        std::vector<std::string>{"192.168.7.2/24", "2001:db8:7::2/64"});
}

TEST_CASE("the topology of the demonstration is right") {
  const auto topology = parsed(shipped("demo.yaml"));
  CHECK(topology.node(NodeId::node1).address.str() == "10.77.0.1");
  CHECK(topology.node(NodeId::node2).address.str() == "10.77.0.2");
  CHECK(topology.domains.size() == 4);
}

TEST_CASE("values of the settings are read, not assumed") {
  const auto topology = parsed(nodes + R"(domains: []
i_am: mirror
ssh: {user: op, port: 2222, known_hosts_file: /etc/ssh/known, connect_timeout: 500ms}
jobs: 7
lock_wait: 0s
migrate_timeout: 2h
migrate_ssh_options: [-oCompression=yes, -4C, -J, jump]
)");
  CHECK(topology.i_am == "mirror");
  CHECK(topology.ssh.user == "op");
  CHECK(topology.ssh.port == 2222);
  CHECK(topology.ssh.known_hosts_file == "/etc/ssh/known");
  CHECK(topology.ssh.connect_timeout == Milliseconds(500));
  CHECK(topology.jobs == 7);
  CHECK(topology.lock_wait == Milliseconds(0));
  CHECK(topology.migrate_timeout == Milliseconds(7'200'000));
  CHECK(topology.migrate_ssh_options == std::vector<std::string>{"-oCompression=yes", "-4C", "-J", "jump"});
}

TEST_CASE("the order of the domains is the order of the file, and i_am: gethostname() is the default") {
  const auto topology =
      parsed(nodes + "i_am: gethostname()\ndomains: [c, a, b]\ndomain_home: {a: dom0, b: mirror, c: dom0}\n");
  CHECK(topology.i_am.empty());
  REQUIRE(topology.domains.size() == 3);
  CHECK(topology.domains[0].name == domain_name("c"));
  CHECK(topology.domains[1].name == domain_name("a"));
  CHECK(topology.domains[2].name == domain_name("b"));
  CHECK(topology.domains[2].home == NodeId::node2);
}

TEST_CASE("a domain may wait for several, and several for one, as long as there is no cycle") {
  const auto topology = parsed(nodes + R"(domains:
  - {name: d, after: [b, c]}
  - {name: c, after: [a]}
  - {name: b, after: [a]}
  - a
domain_home: {a: dom0, b: dom0, c: dom0, d: dom0}
)");
  CHECK(topology.domains[0].after == std::vector<DomainName>{domain_name("b"), domain_name("c")});
}

TEST_CASE("two disks of one domain may share a resource") {
  const auto topology = parsed(nodes + R"(domains:
  - name: a
    disks: [{link: r, minor: 0, resource: a}, {link: s, minor: 1048575, resource: a}]
domain_home: {a: dom0}
)");
  CHECK(topology.domains[0].disks[1].minor == Minor{1048575});
}

TEST_CASE("IPv6 addresses are kept in the kernel's spelling, so that two spellings of one are a duplicate") {
  const auto topology = parsed(nodes + "domains: []\nbridges: [{name: a, address: {dom0: 'FD00:0:0::1/64'}}]\n");
  CHECK(topology.bridges[0].addresses.at(NodeId::node1) == std::vector<std::string>{"fd00::1/64"});
  const Problem twice = problem(nodes + "domains: []\nbridges: [{name: a, address: {dom0: 'FD00:0:0::1/64', mirror: "
                                        "'fd00::1/64'}}]\n");
  CHECK_THAT(twice.text, Catch::Matchers::ContainsSubstring("each address once"));
}

TEST_CASE("Windows line ends and a byte order mark do no harm") {
  const auto topology = parsed("\xef\xbb\xbfnode1: dom0\r\nnode2: mirror\r\ndomains: []\r\n");
  CHECK(topology.node(NodeId::node1).name.str() == "dom0");
}

TEST_CASE("line and column point at the value, in a nested list too") {
  const Problem minor = problem(nodes + "domains:\n  - name: a\n    disks:\n      - {link: r, minor: x}\n"
                                        "domain_home: {a: dom0}\n");
  CHECK(minor.line == 6);
  CHECK(minor.column == 26);
}

TEST_CASE("a long list of problems is reported whole") {
  std::string text = nodes + "domains: []\n";
  for (int i = 0; i < 3000; ++i) text += "key" + std::to_string(i) + ": 1\n";
  const auto result = parse(text);
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().size() == 3000);
}
