#include "xen_drbd/topology/compare.hpp"

#include "support/catch.hpp"
#include "support/data_file.hpp"

#include <algorithm>

using namespace xen_drbd;
using namespace xen_drbd::topology;
using Catch::Matchers::ContainsSubstring;

namespace {

std::string example() { return test::source_file("topologies/example.yaml"); }

std::string with(const std::string& what, const std::string& instead) {
  std::string text = example();
  const auto at = text.find(what);
  REQUIRE(at != std::string::npos);
  REQUIRE(text.find(what, at + 1) == std::string::npos);
  return text.replace(at, what.size(), instead);
}

} // namespace

TEST_CASE("files that differ only in i_am, comments and form mean the same") {
  CHECK(same_meaning(example(), example(), "mirror").has_value());
  CHECK(same_meaning(example(), with("i_am: gethostname()", "i_am: mirror"), "mirror").has_value());
  CHECK(same_meaning(example(), with("lock_wait: 30s", "lock_wait: 30000ms"), "mirror").has_value());
  CHECK(same_meaning(example(), with("node1: dom0", "node1: {name: dom0, address: dom0}"), "mirror").has_value());
  CHECK(same_meaning(example(), "# edited\n" + example(), "mirror").has_value());
  CHECK(same_meaning(example(), with("after: [dns, mail]", "after: [mail, dns]"), "mirror").has_value());
}

TEST_CASE("a file still means what was loaded until anything but i_am says otherwise") {
  const Parsed loaded = parse_topology(example(), {"lan", "/etc/xen/lan.yaml"});
  REQUIRE(loaded);
  CHECK(still_means(*loaded, example()));
  CHECK(still_means(*loaded, "# edited\n" + with("i_am: gethostname()", "i_am: dom0")));
  CHECK_FALSE(still_means(*loaded, with("lock_wait: 30s", "lock_wait: 31s")));
  CHECK_FALSE(still_means(*loaded, example() + "nonsense: 1\n"));
}

TEST_CASE("an i_am that names this node in the file of the other is refused") {
  const auto same = same_meaning(example(), with("i_am: gethostname()", "i_am: dom0"), "mirror");
  REQUIRE_FALSE(same.has_value());
  CHECK_THAT(same.error().because, ContainsSubstring("i_am is dom0 on mirror"));
}

TEST_CASE("each key that differs is refused and described, here and there") {
  const auto [what, instead, described] = GENERATE(table<std::string, std::string, std::string>({
      {"node1: dom0", "node1: {name: dom0, address: 10.77.0.1}", "node1: address dom0 here, 10.77.0.1 on mirror"},
      {"address: 10.77.0.2 ", "address: 10.77.0.3 ", "node2: address 10.77.0.2 here, 10.77.0.3 on mirror"},
      {"10.78.0.2", "10.78.0.3", "node2: migration_address 10.78.0.2 here, 10.78.0.3 on mirror"},
      {", --username=op", "", "node2: fence /usr/sbin/fence_ipmilan --ip=10.79.0.2 --lanplus --username=op"},
      {"user: root", "user: op", "ssh: user root here, op on mirror"},
      {"port: 22", "port: 23", "ssh: port 22 here, 23 on mirror"},
      {"id_ed25519 ", "id_rsa ", "ssh: identity_file /root/.ssh/id_ed25519 here, /root/.ssh/id_rsa on mirror"},
      {"ssh/known_hosts", "ssh/known", "ssh: known_hosts_file /root/.ssh/known_hosts here, /root/.ssh/known on mirror"},
      {"ssh/config ", "ssh/conf ", "ssh: config_file /root/.ssh/config here, /root/.ssh/conf on mirror"},
      {"connect_timeout: 5s", "connect_timeout: 6s", "ssh: connect_timeout 5s here, 6s on mirror"},
      {"minor: 1,", "minor: 3,", "domains: samba: disks: samba-root: minor 1 here, 3 on mirror"},
      {"minor: 2, resource: samba", "minor: 2",
       "domains: samba: disks: samba-data: resource samba here, none on mirror"},
      {"link: samba-data", "link: samba-more", "domains: samba: disks: samba-data is here, not on mirror"},
      {"config: /etc/xen/mail.cfg", "config: /etc/xen/m.cfg",
       "domains: mail: config /etc/xen/mail.cfg here, /etc/xen/m.cfg on mirror"},
      {"after: [dns, mail]", "after: [dns]", "domains: samba: after dns mail here, dns on mirror"},
      {"delay: 10s", "delay: 11s", "domains: mail: delay 10s here, 11s on mirror"},
      {"shutdown_timeout: 3m", "shutdown_timeout: 4m", "domains: mail: shutdown_timeout 3m here, 4m on mirror"},
      {"samba: mirror", "samba: dom0", "domain_home: samba: mirror here, dom0 on mirror"},
      {"vlan: 10}", "vlan: 11}", "bridges: xenbr10: vlan 10 here, 11 on mirror"},
      {"xenbr0, interface: eth0", "xenbr0, interface: eth1", "bridges: xenbr0: interface eth0 here, eth1 on mirror"},
      {"192.168.7.1/24", "192.168.7.3/24",
       "bridges: dmz: address: dom0: 192.168.7.1/24 here, 192.168.7.3/24 on mirror"},
      {"mtu: 1500", "mtu: 9000", "bridges: dmz: mtu 1500 here, 9000 on mirror"},
      {"name: dmz", "name: dmz2", "bridges: dmz2 is on mirror, not here"},
      {"jobs: 2", "jobs: 3", "jobs 2 here, 3 on mirror"},
      {"lock_wait: 30s", "lock_wait: 31s", "lock_wait 30s here, 31s on mirror"},
      {"migrate_timeout: 15m", "migrate_timeout: 16m", "migrate_timeout 15m here, 16m on mirror"},
      {"Compression=no]", "Compression=yes]", "migrate_ssh_options -c aes128-gcm@openssh.com -o Compression=no here"},
  }));
  CAPTURE(what, instead);
  const auto same = same_meaning(example(), with(what, instead), "mirror");
  REQUIRE_FALSE(same.has_value());
  CHECK(same.error().kind == ErrorKind::refused);
  CHECK(same.error().changed == Changed::no);
  CHECK_THAT(same.error().because, ContainsSubstring(described));
}

TEST_CASE("another start order is a difference") {
  const std::string one = "node1: a\nnode2: b\ndomains: [c, d]\ndomain_home: {c: a, d: a}\n";
  const std::string two = "node1: a\nnode2: b\ndomains: [d, c]\ndomain_home: {c: a, d: a}\n";
  const auto same = same_meaning(one, two, "b");
  REQUIRE_FALSE(same.has_value());
  CHECK(same.error().because == "domains: order c d here, d c on b");
}

TEST_CASE("swapped nodes are a difference, and so are homes that have the same number but another name") {
  const auto topology = [](const std::string& text) { return parse_topology(text, {"x", "x"}).value(); };
  const auto found = differences(topology("node1: a\nnode2: b\ndomains: [c]\ndomain_home: {c: a}\n"),
                                 topology("node1: b\nnode2: a\ndomains: [c]\ndomain_home: {c: b}\n"), "b");
  CHECK(std::count(found.begin(), found.end(), "node1: name a here, b on b") == 1);
  CHECK(std::count(found.begin(), found.end(), "domain_home: c: a here, b on b") == 1);
}

TEST_CASE("a missing or broken file on the other node is refused with what is wrong there") {
  const auto missing = same_meaning(example(), "", "mirror");
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().kind == ErrorKind::refused);
  CHECK(missing.error().what == "mirror has no topology file");
  CHECK_THAT(missing.error().because, ContainsSubstring("it is missing there"));
  const auto broken = same_meaning(example(), with("jobs: 2", "jobs: two"), "mirror");
  REQUIRE_FALSE(broken.has_value());
  CHECK(broken.error().kind == ErrorKind::refused);
  CHECK_THAT(broken.error().because, ContainsSubstring("`jobs`: found `two`"));
}

TEST_CASE("of many differences the first five are shown and the rest is counted") {
  const auto same =
      same_meaning("node1: a\nnode2: b\ndomains: []\n",
                   "node1: a\nnode2: b\ndomains: [c, d, e, f, g, h, i]\ndomain_home: {c: a, d: a, e: a, f: a, g: a, h: "
                   "a, i: a}\n",
                   "b");
  REQUIRE_FALSE(same.has_value());
  CHECK_THAT(same.error().because, ContainsSubstring("\nand 2 more"));
}
