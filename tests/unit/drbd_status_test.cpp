#include "xen_drbd/drbd/look.hpp"

#include "support/catch.hpp"
#include "support/names.hpp"
#include "support/run_here.hpp"
#include "support/scripted_host.hpp"

#include <fmt/format.h>
#include <rapidcheck.h>

using namespace xen_drbd;
using Catch::Matchers::ContainsSubstring;
using test::data_file;
using test::exited;
using test::resource_name;

namespace {

drbd::Status text_status(const std::string& text) {
  const auto status = drbd::parse_status_text(text);
  INFO(text);
  REQUIRE(status.has_value());
  return *status;
}

const std::string one = "r0 role:Primary suspended:no\n  volume:0 minor:7 disk:UpToDate\n"
                        "  peer connection:Connected role:Secondary congested:no\n"
                        "    volume:0 replication:Established peer-disk:UpToDate resync-suspended:no\n\n";

} // namespace

TEST_CASE("three connected resources of 8.4 are read from its text") {
  const auto status = text_status(data_file("drbd-8.4/parse-status.txt"));
  CHECK(status.dialect == drbd::Dialect::text);
  CHECK(status.notes.empty());
  REQUIRE(status.resources.size() == 3);
  CHECK(status.resources[1] == model::Resource{.name = resource_name("vm2"),
                                               .role = model::Role::secondary,
                                               .peer_role = model::Role::secondary,
                                               .connection = model::Connection::connected,
                                               .connections = 1,
                                               .volumes = {{.number = 0,
                                                            .minor = Minor{2},
                                                            .disk = model::DiskState::up_to_date,
                                                            .peer_disk = model::DiskState::up_to_date,
                                                            .replication = model::Replication::established}}});
}

TEST_CASE("JSON and text of DRBD 9 say the same") {
  auto json = drbd::parse_status_json(data_file("drbd-9/parse-status.json"));
  REQUIRE(json.has_value());
  const auto text = text_status(data_file("drbd-9/parse-status.txt"));
  CHECK(json->resources == text.resources);
  REQUIRE(text.resources.size() == 2);

  const auto& samba = text.resources[0];
  CHECK((samba.role == model::Role::primary && samba.peer_role == model::Role::secondary));
  CHECK((samba.connections == 1 && !samba.suspended && samba.quorum));
  REQUIRE(samba.volumes.size() == 2);
  CHECK((samba.volumes[0].written_kib == 4132 && samba.volumes[0].minor == Minor{1}));
  CHECK(samba.volumes[1].received_kib == 7);
  CHECK(samba.volumes[1].replication == model::Replication::sync_source);
  CHECK(samba.volumes[1].peer_disk == model::DiskState::inconsistent);
  CHECK(samba.volumes[1].percent_in_sync == 43.78);
  CHECK_FALSE(samba.volumes[0].percent_in_sync.has_value());

  const auto& dns = text.resources[1];
  CHECK((dns.suspended && !dns.quorum));
  CHECK(dns.connection == model::Connection::stand_alone);
  CHECK(dns.volumes[0].disk == model::DiskState::diskless);
}

TEST_CASE("a resource of 8.4 without peer lines is StandAlone") {
  const auto status =
      text_status("vm2 role:Secondary suspended:no\n    write-ordering:flush\n"
                  "  volume:0 minor:2 disk:UpToDate\n      size:65496 read:0 written:8 al-writes:8\n\n");
  REQUIRE(status.resources.size() == 1);
  const auto& alone = status.resources[0];
  CHECK(alone.connection == model::Connection::stand_alone);
  CHECK((alone.connections == 0 && alone.peer_role == model::Role::unknown));
  CHECK(alone.volumes[0].peer_disk == model::DiskState::unknown);
  CHECK(alone.volumes[0].written_kib == 8);
}

TEST_CASE("a peer that is being connected has an unknown role and disk") {
  const auto status = text_status("r0 role:Primary suspended:no\n  volume:0 minor:7 disk:UpToDate\n"
                                  "  peer connection:Connecting role:Unknown congested:no\n"
                                  "    volume:0 replication:Off peer-disk:DUnknown resync-suspended:no\n\n");
  CHECK(status.resources[0].connection == model::Connection::connecting);
  CHECK(status.resources[0].peer_role == model::Role::unknown);
  CHECK(status.resources[0].volumes[0].replication == model::Replication::off);
}

TEST_CASE("a resource with several connections has no one peer") {
  const auto status = text_status(
      "r0 role:Primary suspended:no\n  volume:0 minor:7 disk:UpToDate\n"
      "  a node-id:1 connection:Connected role:Secondary\n    volume:0 replication:Established peer-disk:UpToDate\n"
      "  b node-id:2 connection:Connected role:Secondary\n    volume:0 replication:Established peer-disk:UpToDate\n\n");
  const auto& many = status.resources[0];
  CHECK(many.connections == 2);
  CHECK(many.connection == model::Connection::unknown);
  CHECK(many.peer_role == model::Role::unknown);
  CHECK(many.volumes[0].peer_disk == model::DiskState::unknown);
}

TEST_CASE("words that nobody knows are unknown and never a good state") {
  const auto status =
      text_status("r0 role:Emperor suspended:maybe\n  volume:0 minor:7 disk:Shiny\n"
                  "  peer connection:Perfect role:Sub new-key:1\n    volume:0 replication:Super peer-disk:Best\n\n");
  const auto& odd = status.resources[0];
  CHECK((odd.role == model::Role::unknown && odd.suspended && odd.connection == model::Connection::unknown));
  CHECK((odd.volumes[0].disk == model::DiskState::unknown && odd.volumes[0].peer_disk == model::DiskState::unknown));
}

TEST_CASE("lines that drbdsetup broke elsewhere are read the same") {
  const auto broken =
      text_status("r0\n    role:Primary\n    suspended:no\n  volume:0\n      minor:7\n      disk:UpToDate\n"
                  "  peer\n      connection:Connected\n      role:Secondary\n    volume:0\n"
                  "        replication:Established\n        peer-disk:UpToDate\n\n");
  CHECK(broken.resources == text_status(one).resources);
  CHECK(text_status("# No currently configured DRBD found.\n").resources.empty());
}

TEST_CASE("a resource whose name xen-drbd would not accept is passed over with a note") {
  const auto status = text_status("all role:Primary suspended:no\n  volume:0 minor:1 disk:UpToDate\n\n" + one);
  REQUIRE(status.resources.size() == 1);
  CHECK(status.resources[0].name == resource_name("r0"));
  REQUIRE(status.notes.size() == 1);
  CHECK_THAT(status.notes[0], ContainsSubstring("'all'"));
}

TEST_CASE("a status that is garbled is an error") {
  for (const std::string& garbled :
       {std::string("r0\n\n"), std::string("  volume:0 minor:7 disk:UpToDate\n"), std::string("r0 role\n"),
        std::string("r0 role:Primary\n  volume:0 disk:UpToDate\n\n"),
        std::string("r0 role:Primary\n  volume:0 minor:7\n\n"),
        std::string("r0 role:Primary\n  volume:x minor:7 disk:UpToDate\n\n"),
        std::string("r0 role:Primary\n  volume:0 minor:1048576 disk:UpToDate\n\n"),
        std::string("r0 role:Primary\n  volume:0 minor:7 disk:UpToDate\n  volume:0 minor:8 disk:UpToDate\n\n"),
        std::string("r0 role:Primary\n    volume:0 replication:Established peer-disk:UpToDate\n\n"),
        std::string("r0 role:Primary\n  volume:0 minor:7 disk:UpToDate written:-1\n\n"), one + one,
        one.substr(0, one.size() - 1) + "    volume:0 replication:Off\n\n", std::string("USAGE: drbdsetup command\n"),
        data_file("drbd-8.4/parse-json-refused-stdout.txt"), std::string(10'000'000, 'x'),
        std::string("r0 role:Primary\n") + std::string(1'000'000, ' ') + "\x1b\n"}) {
    INFO(garbled.substr(0, 200));
    const auto status = drbd::parse_status_text(garbled);
    REQUIRE_FALSE(status.has_value());
    CHECK(status.error().because.size() < 2'000);
    CHECK(status.error().because.find('\x1b') == std::string::npos);
  }
}

// What the text alone cannot tell: a cut between two lines. The script's last line, and the host room's framing, tell.
TEST_CASE("a cut status never shows more than the whole one, and the script's answer is never believed when cut") {
  for (const char* file : {"drbd-8.4/parse-status.txt", "drbd-9/parse-status.txt"}) {
    const std::string text = data_file(file);
    const auto whole = text_status(text);
    for (std::size_t cut = 0; cut < text.size(); ++cut) {
      const auto status = drbd::parse_status_text(text.substr(0, cut));
      INFO(file << " cut at " << cut);
      if (status) {
        CHECK((cut == 0 || text[cut - 1] == '\n'));
        CHECK(status->resources.size() <= whole.resources.size());
      }
    }
    const std::string answer = "text\n" + text + "end\n";
    REQUIRE(drbd::parse_status(exited(0, answer)).has_value());
    for (std::size_t cut = 0; cut < answer.size(); ++cut)
      CHECK_FALSE(drbd::parse_status(exited(0, answer.substr(0, cut))).has_value());
  }
  const std::string json = data_file("drbd-9/parse-status.json");
  for (std::size_t cut = 0; cut + 3 < json.size(); cut += 7)
    CHECK_FALSE(drbd::parse_status_json(json.substr(0, cut)).has_value());
}

TEST_CASE("JSON without what is needed, or with another type in its place, is an error") {
  const std::string json = data_file("drbd-9/parse-status.json");
  for (const char* needed :
       {"\"name\": \"samba\"", "\"role\": \"Primary\"", "\"devices\": [", "\"connections\": [", "\"volume\": 1",
        "\"minor\": 2", "\"disk-state\": \"UpToDate\"", "\"connection-state\": \"Connected\"",
        "\"peer-role\": \"Secondary\"", "\"peer_devices\": [", "\"replication-state\": \"SyncSource\"",
        "\"peer-disk-state\": \"Inconsistent\""}) {
    std::string changed = json;
    const std::size_t at = changed.find(needed);
    REQUIRE(at != std::string::npos);
    changed.insert(at + 1, "un");
    INFO(needed);
    CHECK_FALSE(drbd::parse_status_json(changed).has_value());
  }
  for (const auto& [from, to] : {std::pair{"\"minor\": 2", "\"minor\": \"2\""},
                                 {"\"minor\": 2", "\"minor\": 1048576"},
                                 {"\"volume\": 1", "\"volume\": -1"},
                                 {"\"volume\": 1", "\"volume\": 0"},
                                 {"\"suspended\": false", "\"suspended\": \"no\""},
                                 {"\"written\": 12", "\"written\": 1.5"},
                                 {"\"name\": \"dns\"", "\"name\": \"samba\""}}) {
    std::string changed = json;
    changed.replace(changed.find(from), std::string(from).size(), to);
    INFO(from << " becomes " << to);
    CHECK_FALSE(drbd::parse_status_json(changed).has_value());
  }
  for (const char* text : {"", "{}", "null", "[1]", "[[]]", "[{}]"})
    CHECK_FALSE(drbd::parse_status_json(text).has_value());
  CHECK(drbd::parse_status_json("[\n]\n\n")->resources.empty());
  CHECK_FALSE(drbd::parse_status_json(std::string(10'000'000, '[')).has_value());
}

TEST_CASE("states that are printed as drbdsetup prints them come back unchanged") {
  REQUIRE(rc::check("status round trip", [] {
    const auto disk = [] { return static_cast<model::DiskState>(*rc::gen::inRange(0, 10)); };
    std::vector<model::Resource> resources;
    std::string text;
    const int count = *rc::gen::inRange(0, 6);
    for (int i = 0; i < count; ++i) {
      model::Resource made{.name = resource_name(fmt::format("r{}", i))};
      made.role = static_cast<model::Role>(*rc::gen::inRange(0, 3));
      made.peer_role = static_cast<model::Role>(*rc::gen::inRange(0, 3));
      made.connection = static_cast<model::Connection>(*rc::gen::inRange(0, 11));
      made.connections = 1;
      made.suspended = *rc::gen::arbitrary<bool>();
      text += fmt::format("{} role:{} suspended:{}\n    write-ordering:flush\n", made.name.str(),
                          model::to_string(made.role), made.suspended ? "user" : "no");
      std::string peers;
      const unsigned volumes = *rc::gen::inRange(0U, 4U);
      for (unsigned v = 0; v < volumes; ++v) {
        model::Volume volume{.number = v, .minor = Minor{*rc::gen::inRange(0U, 1'048'576U)}};
        volume.disk = disk();
        volume.peer_disk = disk();
        volume.replication = static_cast<model::Replication>(*rc::gen::inRange(0, 16));
        volume.written_kib = *rc::gen::arbitrary<std::uint64_t>();
        volume.received_kib = *rc::gen::arbitrary<std::uint64_t>();
        text += fmt::format("  volume:{} minor:{} disk:{}\n      size:1 read:0 written:{} al-writes:8\n", v,
                            volume.minor.number, model::to_string(volume.disk), volume.written_kib);
        peers +=
            fmt::format("    volume:{} replication:{} peer-disk:{}\n        received:{} sent:0\n", v,
                        model::to_string(volume.replication), model::to_string(volume.peer_disk), volume.received_kib);
        made.volumes.push_back(volume);
      }
      text += fmt::format("  peer connection:{} role:{} congested:no\n{}\n", model::to_string(made.connection),
                          model::to_string(made.peer_role), peers);
      resources.push_back(std::move(made));
    }
    const auto read = drbd::parse_status_text(text);
    RC_ASSERT(read.has_value());
    RC_ASSERT(read->resources == resources);
  }));
}

TEST_CASE("one command line chooses the dialect on both versions") {
  test::Workshop workshop;
  workshop.file("8.4", data_file("drbd-8.4/parse-status.txt"));
  workshop.file("9", data_file("drbd-9/parse-status.json"));
  const std::string unknown_option = "status: unrecognized option '--json'";
  auto command = workshop.moved(drbd::status_command(), "/proc/drbd", "/proc-drbd");
  command = workshop.moved(command, "/sys/module/drbd", "/sys-module-drbd");
  const auto ask = [&] { return drbd::parse_status(workshop.run(command)); };

  SECTION("9") {
    workshop.program("drbdsetup", "[ \"$*\" = 'status --json' ] && cat " + workshop.path() + "/9\n");
    const auto status = ask();
    REQUIRE(status.has_value());
    CHECK(status->dialect == drbd::Dialect::json);
    CHECK(status->resources.size() == 2);
  }
  SECTION("8.4") {
    workshop.program("drbdsetup", "case $* in\n'status --json') echo USAGE; echo \"" + unknown_option +
                                      "\" >&2; exit 20;;\n'status --verbose --statistics') cat " + workshop.path() +
                                      "/8.4;;\nesac\n");
    const auto status = ask();
    REQUIRE(status.has_value());
    CHECK(status->dialect == drbd::Dialect::text);
    CHECK(status->resources.size() == 3);
  }
  SECTION("8.4's events tell what a StandAlone resource received, of which its status has no word") {
    workshop.file("status", data_file("drbd-8.4/parse-status-stand-alone.txt"));
    workshop.file("events", data_file("drbd-8.4/parse-events-stand-alone.txt"));
    const auto answered = [&](const std::string& of_events) {
      workshop.program("drbdsetup", "case $* in\n'status --json') exit 20;;\n'status --verbose --statistics') cat " +
                                        workshop.path() + "/status;;\n'events2 --now --statistics') " + of_events +
                                        ";;\nesac\n");
      const auto status = ask();
      REQUIRE(status.has_value());
      REQUIRE(status->resources.size() == 2);
      CHECK(status->resources[0].connection == model::Connection::stand_alone);
      CHECK(status->resources[0].volumes[0].written_kib == 1092);
      CHECK(status->resources[1].volumes[0].received_kib == 0);
      return status->resources[0].volumes[0].received_kib;
    };
    CHECK(answered("cat " + workshop.path() + "/events") == 1092);
    CHECK(answered("sed s/name:dns/name:mail/ " + workshop.path() + "/events") == 0);
    CHECK(answered("sed s/received:1092/received:x/ " + workshop.path() + "/events") == 0);
    CHECK(answered("exit 20") == 0);
  }
  SECTION("8.4 with no resource up, or its module just gone, has an empty list") {
    workshop.program("drbdsetup", "[ \"$2\" = --json ] && exit 20\nexit 0\n");
    const auto status = ask();
    REQUIRE(status.has_value());
    CHECK(status->resources.empty());
  }
  SECTION("9 with no resource up has an empty list") {
    workshop.program("drbdsetup", "printf '[\\n]\\n\\n'\n");
    const auto status = ask();
    REQUIRE(status.has_value());
    CHECK(status->resources.empty());
  }
  SECTION("a kernel without DRBD has no resource up") {
    workshop.program("drbdsetup", "echo \"Could not connect to 'drbd' generic netlink family\" >&2\nexit 20\n");
    const auto status = ask();
    REQUIRE(status.has_value());
    CHECK(status->resources.empty());
  }
  SECTION("a kernel with DRBD that cannot be asked is an error") {
    workshop.file("proc-drbd", "version: 8.4.11\n");
    workshop.program("drbdsetup", "echo \"Could not connect to 'drbd' generic netlink family\" >&2\nexit 20\n");
    const auto status = ask();
    REQUIRE_FALSE(status.has_value());
    CHECK_THAT(status.error().because, ContainsSubstring("Could not connect"));
  }
  SECTION("another failure of 9 is an error, not a reason for the other dialect") {
    workshop.file("proc-drbd", "version: 9.2.8\n");
    workshop.program("drbdsetup", "[ \"$2\" = --json ] || exit 0\necho 'received netlink error reply' >&2\nexit 10\n");
    CHECK_FALSE(ask().has_value());
  }
  SECTION("no drbdsetup is an error") {
    workshop.program("drbdsetup", "exit 127\n");
    CHECK_FALSE(ask().has_value());
  }
}

TEST_CASE("a status that failed, hung or was lost is an error") {
  const std::string good = "text\n" + one + "end\n";
  REQUIRE(drbd::parse_status(exited(0, good)).has_value());
  CHECK_FALSE(drbd::parse_status(exited(10, good)).has_value());
  CHECK_FALSE(drbd::parse_status({.end = host::End::timed_out, .out = good}).has_value());
  CHECK_FALSE(drbd::parse_status({.end = host::End::lost, .out = good}).has_value());
  CHECK_FALSE(drbd::parse_status(exited(0, one + "\nend\n")).has_value());
}

TEST_CASE("what comes after a NUL byte is not passed over") {
  CHECK(drbd::parse_status_json("[]").has_value());
  CHECK_FALSE(drbd::parse_status_json(std::string("[]\0x", 4)).has_value());
}
