#include "xen_drbd/engine/facts.hpp"

#include "support/catch.hpp"

using namespace xen_drbd;
using namespace xen_drbd::engine;

namespace {

host::Outcome printed(std::string out, int status = 0) {
  return {.end = host::End::exited, .status = status, .out = std::move(out), .err = {}, .lost_because = {}};
}

} // namespace

TEST_CASE("the facts of a node are read line by line") {
  const auto facts = parse_facts(printed(R"(topology 0 644
name dom0 10.77.0.1 fd77::1
name mirror
device xenbr0 bridge
device eth0 other
auto dns /etc/xen/auto/dns.cfg
saves /var/lib/xen/save
autoballoon auto
xendomains
sendpage
drbd
drbd
boot
state failed
after drbd
after ssh
end
)"));
  REQUIRE(facts);
  CHECK(facts->topology_file == model::NodeFacts::Rights{.owner = 0, .mode = 0644});
  CHECK(facts->names ==
        std::map<std::string, std::vector<std::string>>{{"dom0", {"10.77.0.1", "fd77::1"}}, {"mirror", {}}});
  CHECK(facts->devices == std::map<std::string, bool>{{"eth0", false}, {"xenbr0", true}});
  CHECK(facts->autostarts == std::vector<model::NodeFacts::Autostart>{{"dns", "/etc/xen/auto/dns.cfg"}});
  CHECK(facts->xendomains);
  CHECK(facts->xendomains_save == "/var/lib/xen/save");
  CHECK(facts->autoballoon == "auto");
  CHECK(facts->sendpage);
  CHECK(facts->drbd_at_boot);
  CHECK(facts->boot_script);
  CHECK(facts->boot_state == "failed");
  CHECK(facts->boot_after == std::set<std::string>{"drbd", "ssh"});
}

TEST_CASE("a bare node has no facts to report, and says so to the end") {
  const auto facts = parse_facts(printed("saves \nautoballoon \nend\n"));
  REQUIRE(facts);
  CHECK(*facts == model::NodeFacts{});
}

TEST_CASE("rights that cannot be read are none") {
  for (const char* text : {"topology\nend\n", "topology 0\nend\n", "topology root 644\nend\n", "topology 0 688\nend\n"})
    CHECK(parse_facts(printed(text))->topology_file == std::nullopt);
}

TEST_CASE("an answer that is cut short or failed is no answer") {
  CHECK_FALSE(parse_facts(printed("name dom0 10.77.0.1\n")));
  CHECK_FALSE(parse_facts(printed("end\n", 2)));
}

TEST_CASE("the offset of a clock is known up to the time that the question took") {
  const auto offset =
      clock_offset(printed("1700000005.250000000\n"), Milliseconds{1'700'000'000'000}, Milliseconds{1'700'000'000'100});
  REQUIRE(offset);
  CHECK(offset->least == Milliseconds{5150});
  CHECK(offset->most == Milliseconds{5250});
  CHECK_FALSE(clock_offset(printed("noon\n"), Milliseconds{0}, Milliseconds{1}));
  CHECK_FALSE(clock_offset(printed("1\n", 1), Milliseconds{0}, Milliseconds{1}));
}
