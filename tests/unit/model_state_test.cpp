#include "xen_drbd/model/plan.hpp"

#include "support/catch.hpp"

using namespace xen_drbd;
using namespace xen_drbd::model;

namespace {

DomainName name(std::string_view text) { return DomainName::parse(text).value(); }

DomainRow row(std::string text, std::string_view letters) {
  DomainRow made;
  made.name = std::move(text);
  made.domid = 3;
  made.running = letters.find('r') == 0;
  made.blocked = letters[1] == 'b';
  made.paused = letters[2] == 'p';
  made.shut_down = letters[3] == 's';
  made.reason = letters[4];
  made.dying = letters[5] == 'd';
  return made;
}

NodeState with(std::vector<DomainRow> rows, std::vector<Watcher> watchers = {}) {
  NodeState state;
  state.rows = std::move(rows);
  state.watchers = std::move(watchers);
  return state;
}

} // namespace

TEST_CASE("the state letters of a row decide what a domain is") {
  const auto [letters, presence] = GENERATE(table<std::string, Presence>({
      {"r-----", Presence::running},
      {"-b----", Presence::running},
      {"------", Presence::running},
      {"--p---", Presence::paused},
      {"---ss-", Presence::suspended},
      {"--pss-", Presence::suspended},
      {"---s--", Presence::shut_down},
      {"--psr-", Presence::shut_down},
      {"---sc-", Presence::crashed},
      {"---sw-", Presence::crashed},
      {"-----d", Presence::dying},
      {"---s-d", Presence::dying},
  }));
  CAPTURE(letters);
  CHECK(presence_of(name("vm1"), with({row("vm1", letters)})).presence == presence);
}

TEST_CASE("half-names are the domain's, names that only begin alike are not") {
  CHECK(presence_of(name("vm1"), with({row("vm1--incoming", "--p---")})).presence == Presence::incoming);
  CHECK(presence_of(name("vm1"), with({row("vm1--migratedaway", "--pss-")})).presence == Presence::migrated_away);
  CHECK(presence_of(name("vm1"), with({row("vm10", "r-----"), row("vm1-old", "r-----")})).presence == Presence::absent);
}

TEST_CASE("a domain that runs beside a half-name of itself is running, and both rows are kept") {
  const auto found = presence_of(name("vm1"), with({row("vm1--incoming", "--p---"), row("vm1", "-b----")}));
  CHECK(found.presence == Presence::running);
  CHECK(found.rows.size() == 2);
}

TEST_CASE("of two rows with the domain's name the one that runs counts, whichever comes last") {
  const auto dead = GENERATE(values<std::string>({"-----d", "---s--", "---ss-", "---sc-", "--p---"}));
  CAPTURE(dead);
  const std::vector<DomainRow> rows{row("vm1", "-b----"), row("vm1", dead)};
  CHECK(presence_of(name("vm1"), with({rows[0], rows[1]})).presence == Presence::running);
  CHECK(presence_of(name("vm1"), with({rows[1], rows[0]})).presence == Presence::running);
  CHECK(presence_of(name("vm1"), with({row("vm1", "-----d"), row("vm1", "---s--")})).presence == Presence::dying);
}

TEST_CASE("a node that could not be asked, or whose xl failed, never shows an absent domain") {
  CHECK(presence_of(name("vm1"), Unreachable{}).presence == Presence::unknown);
  NodeState failed;
  failed.rows_problem = "xl list: exit status 127";
  const auto found = presence_of(name("vm1"), failed);
  CHECK(found.presence == Presence::unknown);
  CHECK(found.why == "xl list: exit status 127");
}

TEST_CASE("a guest between reboot and restart is off the list but has its watcher") {
  CHECK(presence_of(name("vm1"), with({}, {{544, "vm1"}})).presence == Presence::watcher_only);
  const Watcher of_a_copy{544, "vm1", false, "vm1-20261126"};
  CHECK(presence_of(name("vm1"), with({}, {of_a_copy})).presence == Presence::watcher_only);
  CHECK(presence_of(name("vm1"), with({row("vm1-20261126", "-b----")}, {of_a_copy})).presence == Presence::absent);
  CHECK(presence_of(name("vm1"), with({}, {{544, "vm2"}})).presence == Presence::absent);
}

TEST_CASE("a nameless domain may be the one that is missed") {
  CHECK(presence_of(name("vm1"), with({row("(null)", "--ps-d")})).presence == Presence::unknown);
  CHECK(presence_of(name("vm1"), with({row("(null)", "--ps-d"), row("vm1", "-b----")})).presence == Presence::running);
}

TEST_CASE("what may execute errs on the side of yes") {
  for (Presence presence :
       {Presence::running, Presence::paused, Presence::dying, Presence::watcher_only, Presence::unknown})
    CHECK(may_execute(presence));
  for (Presence presence : {Presence::absent, Presence::suspended, Presence::crashed, Presence::shut_down,
                            Presence::incoming, Presence::migrated_away})
    CHECK_FALSE(may_execute(presence));
}

TEST_CASE("every DRBD word that is printed reads back, and 8.4's words read as 9's") {
  for (const char* word : {"StandAlone", "Disconnecting", "Unconnected", "Timeout", "BrokenPipe", "NetworkFailure",
                           "ProtocolError", "Connecting", "WFReportParams", "TearDown", "Connected"})
    CHECK(to_string(parse_connection(word)) == word);
  for (const char* word : {"Diskless", "Attaching", "Detaching", "Failed", "Negotiating", "Inconsistent", "Outdated",
                           "Consistent", "UpToDate"})
    CHECK(to_string(parse_disk_state(word)) == word);
  CHECK(parse_connection("WFConnection") == Connection::connecting);
  CHECK(parse_disk_state("DUnknown") == DiskState::unknown);
  CHECK(parse_connection("Sparkling") == Connection::unknown);
  CHECK(to_string(DiskState::unknown) == "DUnknown");
  CHECK(parse_replication("SyncTarget") == Replication::sync_target);
  CHECK(parse_role("Primary") == Role::primary);
}

TEST_CASE("each step says the command that it stands for") {
  Topology topology{.name = "t",
                    .path = "/etc/xen/t.yaml",
                    .nodes = {Node{NodeName::parse("dom0").value(),
                                   Address::parse("10.77.0.1").value(),
                                   Address::parse("10.78.0.1").value(),
                                   {}},
                              Node{NodeName::parse("mirror").value(),
                                   Address::parse("10.77.0.2").value(),
                                   Address::parse("10.78.0.2").value(),
                                   {}}},
                    .ssh = {},
                    .domains = {},
                    .bridges = {}};
  const ResourceName samba = ResourceName::parse("samba").value();
  CHECK(describe(Promote{NodeId::node1, samba}, name("vm1"), topology) == "drbdadm primary samba");
  CHECK(describe(CopyMemory{NodeId::node1}, name("vm1"), topology) ==
        "xl migrate vm1 10.78.0.2, up to its last record");
  CHECK(name_of(Action{CloseWindow{samba}}) == "close-window");
  CHECK(node_of(Action{Demote{NodeId::node2, samba}}, NodeId::node1) == NodeId::node2);
  CHECK(node_of(Action{HandOver{NodeId::node2}}, NodeId::node1) == NodeId::node2);
  CHECK(node_of(Action{OpenWindow{samba}}, NodeId::node1) == NodeId::node1);
}
