#include "xen_drbd/xen/act.hpp"

#include "support/catch.hpp"
#include "support/data_file.hpp"
#include "support/names.hpp"
#include "support/scripted_host.hpp"

using namespace xen_drbd;
using Catch::Matchers::ContainsSubstring;
using test::domain_name;
using Words = std::vector<std::string>;

namespace {

std::string explained(const std::string& file, int status = 1) {
  return xen::explain(test::exited(status, "", test::data_file("xl-4.17/parse-stderr-" + file + ".txt")));
}

} // namespace

TEST_CASE("the changing commands are those an administrator would type") {
  CHECK(xen::create_command("/etc/xen/vm1.cfg").argv == Words{"xl", "create", "-q", "/etc/xen/vm1.cfg"});
  CHECK(xen::create_command("/etc/xen/vm1.cfg").leaves_a_watcher);
  CHECK(xen::shutdown_command(domain_name("vm1")).argv == Words{"xl", "shutdown", "vm1"});
  CHECK(xen::unpause_command(domain_name("vm1")).argv == Words{"xl", "unpause", "vm1"});
  CHECK(xen::destroy_command("vm1--incoming")->argv == Words{"xl", "destroy", "vm1--incoming"});
  CHECK(xen::resume_command("vm1--migratedaway")->argv == Words{"xl", "resume", "vm1--migratedaway"});
}

TEST_CASE("the words of the transport reach the sh of xl as they are") {
  const Words transport{"/usr/sbin/xen-drbd", "transport", "it's $HOME"};
  const auto command =
      xen::migrate_command(transport, domain_name("vm1"), *Address::parse("10.77.0.2"), Milliseconds{900'000});
  CHECK(command.argv ==
        Words{"xl", "migrate", "-s", R"(/usr/sbin/xen-drbd transport 'it'\''s $HOME')", "vm1", "10.77.0.2"});
  CHECK(command.timeout == Milliseconds{900'000});
}

TEST_CASE("a row that xl would take for something else is never destroyed or resumed") {
  for (const char* row : {"0", "17", "", "-f", "Domain-0", "(null)", "a guest", "vm1--incoming--incoming", "--incoming",
                          "7--incoming", "vm1\n"}) {
    INFO(row);
    const auto destroy = xen::destroy_command(row);
    REQUIRE_FALSE(destroy.has_value());
    CHECK(destroy.error().kind == ErrorKind::bug);
    CHECK_FALSE(xen::resume_command(row).has_value());
  }
}

TEST_CASE("a failed create is explained by its cause and not by what followed") {
  CHECK(explained("create-exists", 3) == R"(Domain with name "vm1" already exists.)");
  CHECK(explained("create-no-file", 3) == "Failed to read config file: /etc/xen/nosuch.cfg: No such file or directory");
  CHECK(explained("create-syntax") ==
        "/tmp/bad.cfg:1: config parsing error near `vm9': syntax error, unexpected IDENT, "
        "expecting STRING or NUMBER or '['");
  CHECK(explained("create-no-memory", 3) ==
        "not enough free memory (can't allocate low memory for domain: Out of memory)");
  CHECK(explained("create-no-device", 3) == "Disk vdev=xvda failed to stat: /dev/drbd77: No such file or directory");
  CHECK(explained("create-disk-in-use", 3) ==
        "Device /dev/drbd1 is mounted in a guest domain, and so cannot be mounted now.");
  CHECK(explained("create-no-kernel", 3) == "failed to open file '/nosuch': No such file or directory: Internal error");
  CHECK(explained("create-no-bridge", 3) == "Could not find bridge device nobr");
  CHECK(explained("create-bad-kernel", 3) == "no loader found: Invalid kernel");
  CHECK_THAT(explained("create-block-drbd", 3), ContainsSubstring("xen-hotplug.log"));
}

TEST_CASE("a failed migration is explained by its cause and not by what followed") {
  CHECK(explained("migrate-no-domain") == "xl knows no such domain (nosuch is an invalid domain identifier (rc=-6))");
  CHECK(explained("migrate-no-name") ==
        "ssh: Could not resolve hostname nosuchhost: Temporary failure in name resolution");
  CHECK(explained("migrate-no-route") == "ssh: connect to host 10.77.0.9 port 22: No route to host");
  CHECK(explained("migrate-no-xl") == "bash: line 1: xl: command not found");
  CHECK(explained("migrate-refused") == "ssh: connect to host node2 port 22: Connection refused");
  CHECK(explained("migrate-same-name") == R"(Domain with name "vm1" already exists.)");
  CHECK(explained("migrate-pv") ==
        "this hypervisor cannot migrate such a guest while it runs (Failed to enable logdirty: "
        "95,22,0 (22 = Invalid argument): Internal error)");
  CHECK_THAT(explained("migrate-no-memory"), ContainsSubstring("not enough free memory on the target ("));
  CHECK(explained("migrate-peer-dies") == "Timeout, server node2 not responding.");
  const std::string unverified = "Host key verification failed.\r\nlibxl: error: libxl_utils.c:505:libxl_read_exactly: "
                                 "file/stream truncated reading banner from migration receiver stream\n";
  CHECK(xen::explain(test::exited(1, "", unverified)) == "Host key verification failed.");
}

TEST_CASE("a failed shutdown or destroy is explained") {
  CHECK_THAT(explained("shutdown-no-domain"), ContainsSubstring("xl knows no such domain"));
  CHECK(explained("destroy-no-domid") == "destroy failed (rc=-21)");
  CHECK_THAT(xen::explain(test::exited(1, "",
                                       "Shutting down domain 3\nPV control interface not available:\nexternal "
                                       "graceful shutdown not possible.\n")),
             ContainsSubstring("no driver"));
}

TEST_CASE("what the target of a migration says is the cause where nothing else is") {
  CHECK(xen::explain(test::exited(1, "",
                                  "migration target: Ready to receive domain.\nmigration target: Domain creation "
                                  "failed (code -3).\nMigration failed, resuming at sender.\n")) ==
        "migration target: Domain creation failed (code -3).");
}

TEST_CASE("text that nobody knows is shown by its last line") {
  CHECK(xen::explain(test::exited(1, "", "Parsing config from /a\n\nMigration failed, resuming at sender.\n\n")) ==
        "Migration failed, resuming at sender.");
  CHECK_THAT(xen::explain(test::exited(4)), ContainsSubstring("exit status 4"));
}

TEST_CASE("an explanation is one printable line of bounded length, whatever xl wrote") {
  for (const std::string& text :
       {std::string("\x1b[31mred\x07\n"), std::string(10'000'000, 'x'), std::string(1'000'000, '\n'),
        std::string("libxl: error: \n"), std::string("libxl: error: a.c:"), std::string("Domain 7:"),
        std::string("xc: "), std::string("libxl: error: a.c:1:f: script: x\n") + std::string(1'000'000, 'y')}) {
    const auto line = xen::explain(test::exited(1, "", text));
    CHECK(!line.empty());
    CHECK(line.size() < 2'000);
    CHECK(line.find_first_of("\n\r\x1b\x07") == std::string::npos);
  }
}

TEST_CASE("an outcome that is no exit status is described as such") {
  CHECK_FALSE(
      xen::explain({.end = host::End::lost, .err = "libxl: error: x\n", .lost_because = "gone"}).starts_with("x"));
}
