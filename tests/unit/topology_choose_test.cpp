#include "xen_drbd/topology/choose.hpp"

#include "support/catch.hpp"

using namespace xen_drbd;
using namespace xen_drbd::topology;
using Catch::Matchers::ContainsSubstring;
using model::NodeId;

namespace {

NameSources sources() { return {std::nullopt, std::nullopt, "", "/root"}; }

TopologyFile chosen(const NameSources& from) {
  const auto file = find_topology_file(from);
  REQUIRE(file.has_value());
  return *file;
}

model::Topology pair(const std::string& node1, const std::string& node2, const std::string& i_am = "") {
  const std::string text =
      "node1: " + node1 + "\nnode2: " + node2 + "\ndomains: []\n" + (i_am.empty() ? "" : "i_am: " + i_am + "\n");
  const auto parsed = parse_topology(text, {"pair", "/etc/xen/pair.yaml"});
  REQUIRE(parsed.has_value());
  return *parsed;
}

} // namespace

TEST_CASE("without any name the topology is /etc/xen/topology.yaml") {
  CHECK(chosen(sources()) == TopologyFile{"topology", "/etc/xen/topology.yaml"});
}

TEST_CASE("the option outranks the environment, which outranks /etc/default/xen-drbd") {
  NameSources from = sources();
  from.defaults = "TOPOLOGY_NAME=third\n";
  CHECK(chosen(from).name == "third");
  from.environment = "";
  CHECK(chosen(from).name == "third");
  from.environment = "second";
  CHECK(chosen(from).path == "/etc/xen/second.yaml");
  from.option = "first";
  CHECK(chosen(from).path == "/etc/xen/first.yaml");
}

TEST_CASE("a value with a slash or ending in .yaml is a file") {
  NameSources from = sources();
  from.option = "/srv/lab.yaml";
  CHECK(chosen(from) == TopologyFile{"lab", "/srv/lab.yaml"});
  from.option = "lab.yaml";
  CHECK(chosen(from) == TopologyFile{"lab", "/root/lab.yaml"});
  from.option = "./lab";
  CHECK(chosen(from) == TopologyFile{"lab", "/root/./lab"});
  from.working_directory = "/";
  from.option = "sub/lab.yaml";
  CHECK(chosen(from) == TopologyFile{"lab", "/sub/lab.yaml"});
}

TEST_CASE("a value that names no topology is refused, as wrong usage only where it was typed") {
  const std::string bad = GENERATE(as<std::string>{}, "-x", ".hidden", "a b", "a;b", "dir/", "a\nb", "..");
  CAPTURE(bad);
  NameSources from = sources();
  from.option = bad;
  REQUIRE_FALSE(find_topology_file(from).has_value());
  CHECK(find_topology_file(from).error().kind == ErrorKind::usage);
  from.option.reset();
  from.environment = bad;
  REQUIRE_FALSE(find_topology_file(from).has_value());
  CHECK(find_topology_file(from).error().kind == ErrorKind::topology);
  CHECK_THAT(find_topology_file(from).error().what, ContainsSubstring("XEN_DRBD_TOPOLOGY"));
}

TEST_CASE("an empty --topology is wrong usage, not the default") {
  NameSources from = sources();
  from.option = "";
  REQUIRE_FALSE(find_topology_file(from).has_value());
  CHECK(find_topology_file(from).error().kind == ErrorKind::usage);
}

TEST_CASE("TOPOLOGY_NAME is read as sh would read it") {
  const auto name = [](const std::string& text) { return topology_name_in_defaults(text).value(); };
  CHECK_FALSE(name(""));
  CHECK_FALSE(name("# TOPOLOGY_NAME=a\nMY_TOPOLOGY_NAME=b\n"));
  CHECK_FALSE(name("TOPOLOGY_NAME=\n"));
  CHECK(name("TOPOLOGY_NAME=a") == "a");
  CHECK(name("TOPOLOGY_NAME=\"a\"  # comment\n") == "a");
  CHECK(name("  export TOPOLOGY_NAME='a'\r\n") == "a");
  CHECK(name("TOPOLOGY_NAME=a\nTOPOLOGY_NAME=b; START_ACTION=nothing\n") == "b");
  CHECK(name("TOPOLOGY_NAME='a'\"b\"c\n") == "abc");
}

TEST_CASE("a TOPOLOGY_NAME that only a shell could work out is refused with its line") {
  const std::string value = GENERATE(as<std::string>{}, "$NAME", "`hostname`", "\"$x\"", "'open", "a\\ b");
  CAPTURE(value);
  const auto name = topology_name_in_defaults("# one\nTOPOLOGY_NAME=" + value + "\n");
  REQUIRE_FALSE(name.has_value());
  CHECK(name.error().kind == ErrorKind::topology);
  CHECK_THAT(name.error().what, ContainsSubstring("/etc/default/xen-drbd:2:"));
}

TEST_CASE("the host name is compared whole, then by its first label") {
  const auto short_names = pair("dom0", "mirror");
  CHECK(who_am_i(short_names, std::nullopt, "dom0").value() == NodeId::node1);
  CHECK(who_am_i(short_names, std::nullopt, "mirror.example.org").value() == NodeId::node2);
  const auto mixed = pair("dom0", "dom0.example.org");
  CHECK(who_am_i(mixed, std::nullopt, "dom0.example.org").value() == NodeId::node2);
  CHECK(who_am_i(mixed, std::nullopt, "dom0.example.com").value() == NodeId::node1);
}

TEST_CASE("a host name that is neither node's is an error that prints all three") {
  const auto who = who_am_i(pair("dom0", "mirror"), std::nullopt, "laptop");
  REQUIRE_FALSE(who.has_value());
  CHECK(who.error().kind == ErrorKind::topology);
  CHECK_THAT(who.error().because, ContainsSubstring("'laptop'"));
  CHECK_THAT(who.error().because, ContainsSubstring("dom0 and mirror"));
  CHECK_FALSE(who_am_i(pair("dom0", "mirror"), std::nullopt, "").has_value());
}

TEST_CASE("a node named by its whole name is not found by a bare label") {
  CHECK_FALSE(who_am_i(pair("a.example.org", "b.example.org"), std::nullopt, "a").has_value());
}

TEST_CASE("a literal i_am outranks the host name, and --i-am outranks both") {
  const auto topology = pair("dom0", "mirror", "mirror");
  CHECK(who_am_i(topology, std::nullopt, "dom0").value() == NodeId::node2);
  CHECK(who_am_i(topology, "dom0", "mirror").value() == NodeId::node1);
}

TEST_CASE("the option --i-am with a name that is no node is wrong usage and suggests the nearest") {
  const auto who = who_am_i(pair("dom0", "mirror"), "miror", "dom0");
  REQUIRE_FALSE(who.has_value());
  CHECK(who.error().kind == ErrorKind::usage);
  CHECK(who.error().hint == "did you mean mirror?");
}
