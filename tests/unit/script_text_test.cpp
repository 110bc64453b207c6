#include "xen_drbd/script/script.hpp"

#include "support/catch.hpp"

#include <array>
#include <cstdio>
#include <fstream>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace xen_drbd;
using namespace xen_drbd::model;
using Catch::Matchers::ContainsSubstring;

namespace {

InterfaceName device(const std::string& name) { return InterfaceName::parse(name).value(); }

Node node(const std::string& name) {
  return {NodeName::parse(name).value(), Address::parse(name).value(), Address::parse(name).value(), {}};
}

Domain domain(const std::string& name, std::vector<Disk> disks) {
  return {.name = DomainName::parse(name).value(),
          .config_candidates = {"/etc/xen/" + name},
          .disks = std::move(disks),
          .after = {}};
}

Disk disk(const std::string& link, std::uint32_t minor) { return {LinkName::parse(link).value(), Minor{minor}, {}}; }

Topology pair() {
  return {.name = "pair",
          .path = "/etc/xen/pair.yaml",
          .nodes = {node("dom0"), node("mirror")},
          .ssh = {},
          .domains = {},
          .bridges = {},
          .i_am = {}};
}

Topology with_bridges() {
  Topology topology = pair();
  topology.bridges.push_back({device("xenbr0"), device("eth0"), {}, {}, 9000U});
  topology.bridges.push_back({device("xenbr10"), device("eth0"), 10U, {}, {}});
  topology.bridges.push_back(
      {device("dmz"), {}, {}, {{NodeId::node1, {"192.168.7.1/24"}}, {NodeId::node2, {"fd00::2/64"}}}, {}});
  return topology;
}

/// A file that holds a script, gone at the end.
class Script {
public:
  explicit Script(const std::string& text) {
    const int descriptor = ::mkstemp(path_.data());
    REQUIRE(descriptor >= 0);
    ::close(descriptor);
    std::ofstream(path_) << text;
  }
  ~Script() { ::unlink(path_.c_str()); }
  Script(const Script&) = delete;
  Script& operator=(const Script&) = delete;

  /// Runs `program FILE` and returns exit status and output.
  std::pair<int, std::string> under(const std::string& program) const {
    std::FILE* pipe = ::popen((program + " " + path_ + " 2>&1").c_str(), "r");
    REQUIRE(pipe != nullptr);
    std::string output;
    std::array<char, 4096> block{};
    while (const std::size_t count = std::fread(block.data(), 1, block.size(), pipe))
      output.append(block.data(), count);
    const int status = ::pclose(pipe);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, output};
  }

private:
  std::string path_ = "/tmp/xen-drbd-script-XXXXXX";
};

std::vector<std::string> all_scripts() {
  Topology links = pair();
  links.domains = {domain("dns", {}), domain("samba", {disk("samba-root", 1), disk("+x", 2)})};
  std::vector<std::string> scripts{script::make_links(links), script::make_links(pair()),
                                   script::make_keys(pair(), NodeId::node1, false),
                                   script::make_keys(pair(), NodeId::node2, true)};
  for (const Topology& topology : {with_bridges(), pair()})
    for (NodeId id : both_nodes) {
      scripts.push_back(script::make_bridges(topology, id));
      scripts.push_back(script::remove_bridges(topology, id));
    }
  return scripts;
}

} // namespace

TEST_CASE("shellcheck, dash and busybox sh accept every script") {
  const std::string checker = GENERATE(as<std::string>{}, "shellcheck -s sh", "dash -n", "busybox sh -n");
  for (const std::string& text : all_scripts()) {
    const auto [status, output] = Script(text).under(checker);
    CAPTURE(checker, text, output);
    CHECK(status == 0);
    CHECK(output.empty());
  }
}

TEST_CASE("a script that is cut short anywhere runs nothing") {
  // With an empty PATH, whatever is run says "not found".
  Topology topology = with_bridges();
  topology.domains = {domain("samba", {disk("samba-root", 1)})};
  for (const std::string& text :
       {script::make_links(topology), script::make_bridges(topology, NodeId::node1),
        script::remove_bridges(topology, NodeId::node1), script::make_keys(topology, NodeId::node1, true)}) {
    const std::size_t last_line = text.rfind('\n', text.size() - 2) + 1;
    for (std::size_t length = 0; length < text.size() - 1; length += length + 31 < last_line ? 31 : 1) {
      const auto [status, output] = Script(text.substr(0, length)).under("PATH=/nowhere /bin/dash");
      CAPTURE(length, output);
      CHECK(output.find("not found") == std::string::npos);
    }
  }
  const auto [status, output] = Script(script::make_links(topology)).under("PATH=/nowhere /bin/dash");
  CHECK(status != 0);
  CHECK_THAT(output, ContainsSubstring("mkdir: not found"));
}

TEST_CASE("make-links prints each link of each domain, and nothing else") {
  Topology topology = pair();
  topology.domains = {domain("dns", {}), domain("samba", {disk("samba-root", 1), disk("samba-data", 22)})};
  const std::string text = script::make_links(topology);
  CHECK_THAT(text, ContainsSubstring("  link samba-root 1\n"));
  CHECK_THAT(text, ContainsSubstring("  link samba-data 22\n"));
  CHECK_THAT(text, !ContainsSubstring("dns"));
}

TEST_CASE("each node gets its own addresses") {
  CHECK_THAT(script::make_bridges(with_bridges(), NodeId::node1),
             ContainsSubstring("add_address dmz 192.168.7.1/24\n"));
  CHECK_THAT(script::make_bridges(with_bridges(), NodeId::node1), !ContainsSubstring("fd00::2"));
  CHECK_THAT(script::make_bridges(with_bridges(), NodeId::node2), ContainsSubstring("add_address dmz fd00::2/64\n"));
}

TEST_CASE("bridges are removed in the opposite order") {
  const std::string text = script::remove_bridges(with_bridges(), NodeId::node1);
  CHECK(text.find("remove_bridge dmz") < text.find("remove_bridge xenbr10"));
  CHECK(text.find("remove_bridge xenbr10") < text.find("remove_vlan eth0.10"));
  CHECK(text.find("remove_vlan eth0.10") < text.find("remove_bridge xenbr0 "));
  CHECK(text.find("remove_bridge xenbr0 ") != text.npos);
}

TEST_CASE("the device of a VLAN on an interface with a long name has a name that fits") {
  Topology topology = pair();
  topology.bridges.push_back({device("br"), device("enp0s31f6np0"), 4094U, {}, {}});
  CHECK_THAT(script::make_bridges(topology, NodeId::node1),
             ContainsSubstring("use_vlan enp0s31f6np0 4094 p0s31f6np0.4094\n"));
}
