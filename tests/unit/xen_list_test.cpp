#include "xen_drbd/xen/look.hpp"

#include "support/catch.hpp"
#include "support/data_file.hpp"
#include "support/scripted_host.hpp"

#include <cstdio>
#include <rapidcheck.h>

using namespace xen_drbd;
using Catch::Matchers::ContainsSubstring;
using test::data_file;
using test::exited;

namespace {

const std::string header = "Name                                        ID   Mem VCPUs\tState\tTime(s)\n";
const std::string dom0 = "Domain-0                                     0   640     1     r-----      58.7\n";

/// As xl prints it.
std::string render(const model::DomainRow& row) {
  char line[300];
  const int length = std::snprintf(line, sizeof line, "%-40s %5u %5lu %5u     %c%c%c%c%c%c  %8.1f\n", row.name.c_str(),
                                   row.domid, static_cast<unsigned long>(row.memory.count), row.vcpus,
                                   row.running ? 'r' : '-', row.blocked ? 'b' : '-', row.paused ? 'p' : '-',
                                   row.shut_down ? 's' : '-', row.reason, row.dying ? 'd' : '-', row.cpu_seconds);
  return {line, static_cast<std::size_t>(length)};
}

std::string problem_of(const std::string& text) {
  const auto rows = xen::parse_list_text(text);
  return rows ? "" : rows.error().because;
}

model::DomainRow row_of(const std::string& file, std::size_t index) {
  const auto rows = xen::parse_list_text(data_file("xl-4.17/" + file));
  REQUIRE(rows.has_value());
  REQUIRE(rows->size() > index);
  return rows->at(index);
}

} // namespace

TEST_CASE("the rows of a node with two guests are read") {
  const auto rows = xen::parse_list_text(data_file("xl-4.17/parse-list-three.txt"));
  REQUIRE(rows.has_value());
  REQUIRE(rows->size() == 3);
  CHECK(rows->at(0) ==
        model::DomainRow{
            .name = "Domain-0", .domid = 0, .memory = MiB{640}, .vcpus = 1, .running = true, .cpu_seconds = 95.3});
  CHECK(
      rows->at(2) ==
      model::DomainRow{.name = "vm2", .domid = 5, .memory = MiB{35}, .vcpus = 1, .blocked = true, .cpu_seconds = 7.1});
}

TEST_CASE("an idle node has Domain-0 alone") {
  const auto rows = xen::parse_list_text(data_file("xl-4.17/parse-list-idle.txt"));
  REQUIRE(rows.has_value());
  CHECK(rows->size() == 1);
}

TEST_CASE("the states of a migration, a shutdown and a reboot are told apart") {
  const auto suspended = row_of("parse-list-suspended.txt", 1);
  CHECK((suspended.shut_down && suspended.reason == 's' && !suspended.paused));
  const auto incoming = row_of("parse-list-incoming.txt", 1);
  CHECK(incoming.name == "vm1--incoming");
  CHECK((incoming.paused && !incoming.shut_down && incoming.vcpus == 0));
  const auto shut_down = row_of("parse-list-shut-down.txt", 1);
  CHECK((shut_down.shut_down && shut_down.reason == '-' && shut_down.paused));
  const auto powered_off = row_of("parse-list-powered-off.txt", 1);
  CHECK((powered_off.shut_down && powered_off.reason == '-' && !powered_off.paused));
  const auto rebooting = row_of("parse-list-rebooting.txt", 1);
  CHECK((rebooting.shut_down && rebooting.reason == 'r'));
}

TEST_CASE("names with blanks and names longer than their column are read whole") {
  const std::string name(60, 'n');
  const auto rows =
      xen::parse_list_text(header + dom0 + render({.name = "a guest  of mine", .domid = 3}) +
                           render({.name = name, .domid = 4}) + render({.name = "(null)", .domid = 5, .dying = true}));
  REQUIRE(rows.has_value());
  REQUIRE(rows->size() == 4);
  CHECK(rows->at(1).name == "a guest  of mine");
  CHECK(rows->at(2).name == name);
  CHECK(rows->at(3).name == "(null)");
  CHECK(rows->at(3).dying);
}

TEST_CASE("a list without Domain-0 proves nothing and is an error") {
  CHECK_THAT(problem_of(header), ContainsSubstring("Domain-0"));
  CHECK_THAT(problem_of(header + render({.name = "vm1", .domid = 1})), ContainsSubstring("Domain-0"));
  CHECK_THAT(problem_of(header + render({.name = "Domain-0", .domid = 1})), ContainsSubstring("Domain-0"));
  CHECK_THAT(problem_of(header + render({.name = "vm1", .domid = 0})), ContainsSubstring("Domain-0"));
}

TEST_CASE("a list that is empty, headless or not xl's is an error") {
  CHECK_THAT(problem_of(""), ContainsSubstring("nothing"));
  CHECK_THAT(problem_of("\n"), ContainsSubstring("header"));
  CHECK_THAT(problem_of(dom0), ContainsSubstring("header"));
  CHECK_THAT(problem_of("xl: command not found\n"), ContainsSubstring("header"));
  CHECK_THAT(problem_of(data_file("xl-4.17/parse-list-verbose.txt")), ContainsSubstring("header"));
}

TEST_CASE("one garbled row makes the whole list an error") {
  for (const std::string garbled :
       {"vm1                                          1    35     1     -b---       7.7\n",
        "vm1                                          1    35     1     -x----       7.7\n",
        "vm1                                          1    35     1     ----s-       7.7\n",
        "vm1                                          1    35     1     -b----       7,7\n",
        "vm1                                          1    35     1     -b----       nan\n",
        "vm1                                         -1    35     1     -b----       7.7\n",
        "vm1                                  4294967296    35     1     -b----       7.7\n",
        "                                             1    35     1     -b----       7.7\n", "vm1\n", "\n",
        "libxl: error: something\n"}) {
    INFO(garbled);
    CHECK_THAT(problem_of(header + dom0 + garbled), ContainsSubstring("line 3"));
  }
  CHECK_THAT(problem_of(header + dom0 + render({.name = "a", .domid = 7}) + render({.name = "b", .domid = 7})),
             ContainsSubstring("twice"));
}

// What cannot be told here: a cut exactly between two rows. The host room frames every answer by its length, so that a
// cut answer never gets this far as a success.
TEST_CASE("a list cut at any byte is an error or the whole rows before the cut") {
  const std::string text = data_file("xl-4.17/parse-list-three.txt");
  const auto whole = xen::parse_list_text(text);
  REQUIRE(whole.has_value());
  std::size_t successes = 0;
  for (std::size_t cut = 0; cut < text.size(); ++cut) {
    const auto rows = xen::parse_list_text(text.substr(0, cut));
    if (!rows) continue;
    ++successes;
    INFO("cut at " << cut);
    CHECK(text[cut - 1] == '\n');
    REQUIRE(!rows->empty());
    CHECK(std::equal(rows->begin(), rows->end(), whole->begin()));
  }
  CHECK(successes == 2);
}

TEST_CASE("what a hostile list holds reaches no terminal") {
  const std::string problem = problem_of(header + dom0 + "\x1b[2Jvm1 \x07 garbage\n");
  CHECK(problem.find('\x1b') == std::string::npos);
  CHECK_THAT(problem, ContainsSubstring("\\x1b"));
  CHECK(problem_of(header + dom0 + std::string(10'000'000, 'x')).size() < 2'000);
  CHECK(problem_of(header + dom0 + std::string(10'000'000, ' ') + "\n").size() < 2'000);
  CHECK(problem_of(header + dom0 + std::string(1'000'000, '\n')).size() < 2'000);
}

TEST_CASE("rows that are printed as xl prints them come back unchanged") {
  REQUIRE(rc::check("list round trip", [] {
    std::vector<model::DomainRow> rows{
        {.name = "Domain-0", .domid = 0, .memory = MiB{640}, .vcpus = 1, .running = true}};
    const auto guests = *rc::gen::inRange(0, 20);
    for (int i = 1; i <= guests; ++i) {
      const auto flag = [] { return *rc::gen::arbitrary<bool>(); };
      auto name =
          *rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::elementOf(std::string("aZ09._+-()é []:"))));
      name.erase(name.find_last_not_of(' ') + 1);
      if (name.empty()) name = "(null)";
      model::DomainRow row{.name = name, .domid = static_cast<unsigned>(i)};
      row.memory = MiB{*rc::gen::inRange<std::int64_t>(0, 10'000'000)};
      row.vcpus = *rc::gen::inRange(0U, 512U);
      row.running = flag();
      row.blocked = flag();
      row.paused = flag();
      row.shut_down = flag();
      row.reason = row.shut_down ? *rc::gen::elementOf(std::string("-rscwS?")) : '-';
      row.dying = flag();
      row.cpu_seconds = *rc::gen::inRange(0, 100'000'000) / 10.0;
      rows.push_back(row);
    }
    std::string text = header;
    for (const auto& row : rows) text += render(row);
    const auto read = xen::parse_list_text(text);
    RC_ASSERT(read.has_value());
    RC_ASSERT(*read == rows);
  }));
}

TEST_CASE("an xl list that failed, hung or was lost is an error, never an empty list") {
  CHECK(xen::list_command().argv == std::vector<std::string>{"xl", "list"});
  const std::string good = data_file("xl-4.17/parse-list-one.txt");
  CHECK(xen::parse_list(exited(0, good)).has_value());
  for (host::Outcome outcome : {exited(1, good), exited(127, "", "sh: 1: xl: not found\n"),
                                host::Outcome{.end = host::End::timed_out, .out = good},
                                host::Outcome{.end = host::End::lost, .out = good, .lost_because = "broken pipe"},
                                host::Outcome{.end = host::End::signalled, .status = 9, .out = good}}) {
    const auto rows = xen::parse_list(outcome);
    REQUIRE_FALSE(rows.has_value());
    CHECK(rows.error().kind == ErrorKind::failed);
    CHECK_THAT(rows.error().because, ContainsSubstring("xl list"));
  }
}
