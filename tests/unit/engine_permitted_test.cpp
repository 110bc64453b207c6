#include "xen_drbd/base/quote.hpp"
#include "xen_drbd/drbd/act.hpp"
#include "xen_drbd/drbd/look.hpp"
#include "xen_drbd/engine/facts.hpp"
#include "xen_drbd/engine/permitted.hpp"
#include "xen_drbd/transport/ssh.hpp"
#include "xen_drbd/xen/act.hpp"
#include "xen_drbd/xen/look.hpp"

#include "commands.hpp"
#include "ssh_words.hpp"
#include "support/catch.hpp"
#include "support/engine_lab.hpp"

using namespace xen_drbd;
using namespace xen_drbd::engine_world;

namespace {

using Words = std::vector<std::string>;

/// What a run on dom0 may do on mirror.
struct Gate {
  Lab lab;
  const model::Topology& topology = *lab.cluster.topology;
  engine::Permitted permitted{topology, mirror, "/run/xen-drbd"};
  bool lets(const host::Command& command) const { return permitted.command(command.argv); }
};

} // namespace

TEST_CASE("Every question of a look, of check and of a migration is permitted") {
  Gate gate;
  CHECK(gate.lets(engine::identity_command("/run/xen-drbd", true, "xen-drbd")));
  CHECK(gate.lets(engine::identity_command("/run/xen-drbd", false, "xen-drbd")));
  CHECK(gate.lets(engine::topology_command(gate.topology.path)));
  CHECK(gate.lets(engine::records_command()));
  CHECK(gate.lets(engine::clock_command()));
  CHECK(gate.lets(engine::facts_command(gate.topology, {"xenbr0", "dmz"})));
  for (const host::Command& question : drbd::questions()) CHECK(gate.lets(question));
  for (const auto reading : {xen::Reading::hash_only, xen::Reading::with_xl}) {
    const auto configs = xen::config_questions(gate.topology.domains);
    for (const host::Command& question : xen::questions(configs, reading)) CHECK(gate.lets(question));
  }
  CHECK(gate.lets(xen::block_list_command(domain_name("samba"))));
  CHECK(gate.lets({{"logger", "-t", "xen-drbd", "--", "dom0 pid 1 start samba: 0"}}));
  for (const char* far : {"true", ""}) {
    const std::string command =
        *far != 0 ? far
                  : transport::far_command(
                        {.identity = "boot", .domain = domain_name("samba"), .words = {"xl", "migrate-receive"}});
    const auto words = engine::ssh_words(gate.lab.cluster, mirror, gate.topology.node(dom0).migration_address, command);
    REQUIRE(words);
    CHECK(gate.permitted.ssh(*words));
  }
}

TEST_CASE("Every change that a run makes for a domain of the topology is permitted") {
  Gate gate;
  const DomainName samba = domain_name("samba");
  CHECK(gate.lets(xen::create_command(gate.topology.find(samba)->config_candidates.front())));
  CHECK(gate.lets(xen::shutdown_command(samba)));
  CHECK(gate.lets(xen::unpause_command(samba)));
  CHECK(gate.lets(*xen::destroy_command("samba--incoming")));
  CHECK(gate.lets(*xen::resume_command("samba")));
  CHECK(gate.lets(engine::rename_command("samba--migratedaway", samba)));
  CHECK(gate.lets(engine::write_record_command(samba, "run 1\nend\n")));
  CHECK(gate.lets(engine::remove_record_command(samba)));
  CHECK(gate.lets(engine::end_receiver_command("/run/xen-drbd", samba)));
  CHECK(gate.lets(drbd::primary_command(samba_resource)));
  CHECK(gate.lets(drbd::secondary_command(samba_resource)));
  CHECK(gate.lets(drbd::two_primaries_command(samba_resource, true)));
  CHECK(gate.lets(drbd::connect_discarding_command(samba_resource)));
  const Words transport{"xen-drbd", "transport", "--run-directory", "/run/xen-drbd", "0123456789abcdef", "samba"};
  CHECK(gate.lets(xen::migrate_command(transport, samba, gate.topology.node(dom0).migration_address, {})));
  CHECK(gate.permitted.relay({"xen-drbd", "relay", "0123456789abcdef", "/run/xen-drbd"}));
}

TEST_CASE("Nothing else is permitted, however near it is") {
  Gate gate;
  const DomainName samba = domain_name("samba");
  const DomainName stranger = domain_name("stranger");
  const Address there = gate.topology.node(dom0).migration_address;
  CHECK_FALSE(gate.permitted.command({}));
  for (const Words& argv : {Words{"id"},
                            {"sh", "-c", "id"},
                            {"sh"},
                            {"cat", "--", "/etc/shadow"},
                            {"xl", "destroy", "0"},
                            {"xl", "destroy", "Domain-0"},
                            {"xl", "list", "-l"},
                            {"xl", "create", "-q", "/tmp/evil.cfg"},
                            {"rm", "-f", "/etc/passwd"},
                            {"rm", "-rf", "/var/lib/xen-drbd/samba.migration"},
                            {"date", "-s", "12:00"},
                            {"drbdadm", "primary", "all"},
                            {"drbdadm", "primary", "--force", "samba"},
                            {"drbdadm", "down", "samba"},
                            {"logger", "-f", "/etc/shadow", "--", "x"},
                            {"logger", "-t", "xen-drbd", "--", "x", "y"},
                            {"ssh", "true"}})
    CHECK_FALSE(gate.permitted.command(argv));
  CHECK_FALSE(gate.lets(engine::identity_command("/run/xen-drbd", true, "/tmp/evil")));
  CHECK_FALSE(gate.lets(engine::identity_command("/etc", true, "xen-drbd")));
  CHECK_FALSE(gate.lets(engine::topology_command("/etc/shadow")));
  CHECK_FALSE(gate.lets(xen::shutdown_command(stranger)));
  CHECK_FALSE(gate.lets(engine::write_record_command(stranger, "x")));
  CHECK_FALSE(gate.lets(engine::end_receiver_command("/tmp", samba)));
  CHECK_FALSE(gate.lets(engine::facts_command(gate.topology, {"$(id)"})));
  auto configs = xen::config_questions(gate.topology.domains);
  configs.front().candidates = {"/etc/shadow"};
  CHECK_FALSE(gate.lets(xen::config_command(configs, xen::Reading::hash_only)));
  const auto migrates = [&](const Words& transport) {
    return gate.lets(xen::migrate_command(transport, samba, there, {}));
  };
  CHECK_FALSE(migrates({"sh", "-c", "id"}));
  CHECK_FALSE(migrates({"xen-drbd", "transport", "--run-directory", "/tmp", "0123456789abcdef", "samba"}));
  CHECK_FALSE(migrates({"xen-drbd", "transport", "--run-directory", "/run/xen-drbd", "../x", "samba"}));
  CHECK_FALSE(gate.permitted.command({"xl", "migrate", "-s", "id; true", "samba", there.str()}));
  CHECK_FALSE(gate.permitted.relay({"xen-drbd", "relay", "0123", "/tmp"}));
  CHECK_FALSE(gate.permitted.relay({"/tmp/xen-drbd", "relay", "0123", "/run/xen-drbd"}));
  CHECK_FALSE(gate.permitted.relay({}));
}

TEST_CASE("Another ssh than that of a migration is not permitted") {
  Gate gate;
  auto words = *engine::ssh_words(gate.lab.cluster, mirror, gate.topology.node(dom0).migration_address, "true");
  CHECK_FALSE(gate.permitted.ssh({}));
  auto proxied = words;
  proxied.insert(proxied.begin() + 1, {"-o", "ProxyCommand=id"});
  CHECK_FALSE(gate.permitted.ssh(proxied));
  words.back() = "id";
  CHECK_FALSE(gate.permitted.ssh(words));
  words.back() =
      transport::far_command({.identity = "boot", .domain = domain_name("samba"), .words = {"sh", "-c", "id"}});
  CHECK_FALSE(gate.permitted.ssh(words));
}
