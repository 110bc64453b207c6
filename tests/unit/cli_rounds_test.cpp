#include "rounds.hpp"
#include "support/catch.hpp"
#include "support/cli_session.hpp"

using namespace xen_drbd;
using namespace xen_drbd::cli;
using engine::DomainReport;
using engine::NewStart;
using engine::Report;
using engine::ResultKind;
using model::NodeId;

namespace {

Report one(DomainReport domain) {
  Report report;
  report.domains.push_back(std::move(domain));
  return report;
}

DomainReport after(double seconds, DomainReport domain, std::vector<std::string> notes = {}) {
  domain.seconds = seconds;
  domain.notes = std::move(notes);
  return domain;
}

DomainReport well(ResultKind result) { return ended("samba", result, NodeId::node1); }

DomainReport badly(ResultKind result, ErrorKind kind, Changed changed) {
  DomainReport domain = well(result);
  domain.reason = "why";
  domain.error =
      Error{.kind = kind, .what = "what", .because = "why", .while_doing = {}, .changed = changed, .hint = {}};
  return domain;
}

DomainReport started_anew(DomainReport domain, NewStart how) {
  domain.new_start = how;
  return domain;
}

using Notes = std::vector<std::string>;

} // namespace

TEST_CASE(
    "The seconds of all rounds of a recovery add up, and notes of a round that did nothing come to the others, once") {
  const ResultKind result = GENERATE(ResultKind::already, ResultKind::skipped);
  Report report = one(after(2, well(ResultKind::recovered), {"both", "first"}));
  add_further_recovery(report, one(after(3, well(result), {"both", "second"})));
  CHECK(report.domains[0].result == ResultKind::recovered);
  CHECK(report.domains[0].seconds == 5);
  CHECK(report.domains[0].notes == Notes{"both", "first", "second"});
}

TEST_CASE("What an earlier round left behind and a later one has mended is not noted any more") {
  Report report = one(after(2, badly(ResultKind::recovered, ErrorKind::failed, Changed::yes), {"both", "first"}));
  SECTION("all is mended") {
    add_further_recovery(report, one(after(3, well(ResultKind::recovered), {"both"})));
    CHECK(report.domains[0].notes == Notes{"both"});
  }
  SECTION("not all") {
    add_further_recovery(
        report, one(after(3, badly(ResultKind::recovered, ErrorKind::failed, Changed::yes), {"both", "second"})));
    CHECK(report.domains[0].notes == Notes{"both", "second", "first"});
  }
  CHECK(report.domains[0].seconds == 5);
}

TEST_CASE("A domain that was started anew is that, whatever is tidied up after it") {
  Report report = one(started_anew(well(ResultKind::recovered), NewStart::done));
  SECTION("with success") { add_further_recovery(report, one(well(ResultKind::recovered))); }
  SECTION("there is nothing more") { add_further_recovery(report, one(well(ResultKind::already))); }
  SECTION("in vain") {
    add_further_recovery(report, one(badly(ResultKind::failed, ErrorKind::failed, Changed::yes)));
    CHECK(report.domains[0].result == ResultKind::failed);
  }
  CHECK(report.domains[0].new_start == NewStart::done);
}

TEST_CASE("A new start that failed stays failed, whatever is tidied up after it, unless a later one succeeds") {
  Report report = one(started_anew(badly(ResultKind::failed, ErrorKind::failed, Changed::yes), NewStart::failed));
  ResultKind result = ResultKind::failed;
  Notes notes;
  SECTION("with success") { add_further_recovery(report, one(well(ResultKind::recovered))); }
  SECTION("in vain") {
    add_further_recovery(report, one(badly(ResultKind::failed, ErrorKind::failed, Changed::yes)));
    notes = {"what: why"};
  }
  SECTION("it is started after all") {
    add_further_recovery(report, one(started_anew(well(ResultKind::recovered), NewStart::done)));
    result = ResultKind::recovered;
  }
  CHECK(report.domains[0].result == result);
  CHECK(report.domains[0].notes == notes);
  CHECK((report.domains[0].new_start == NewStart::done) == (result == ResultKind::recovered));
}

TEST_CASE("What an earlier round could not mend and a later one did is mended") {
  Report report = one(badly(ResultKind::failed, ErrorKind::failed, Changed::yes));
  add_further_recovery(report, one(well(ResultKind::recovered)));
  CHECK(report.domains[0].result == ResultKind::recovered);
  CHECK_FALSE(report.domains[0].error);
}

TEST_CASE("A further round that is refused is a failure where something was changed before it") {
  const auto [kind, result, as_kind] = GENERATE(
      table<ErrorKind, ResultKind, ErrorKind>({{ErrorKind::refused, ResultKind::refused, ErrorKind::refused},
                                               {ErrorKind::unreachable, ResultKind::failed, ErrorKind::failed}}));
  Report report = one(well(ResultKind::recovered));
  SECTION("for this domain") {
    add_further_recovery(report, one(badly(ResultKind::refused, kind, Changed::no)));
    CHECK(report.domains[0].result == ResultKind::failed);
    CHECK(report.domains[0].error->kind == ErrorKind::failed);
    CHECK(report.domains[0].error->changed == Changed::yes);
  }
  SECTION("for another one: only a peer that was lost since is no refusal") {
    report.domains[0].result = ResultKind::already;
    add_further_recovery(report, one(badly(ResultKind::refused, kind, Changed::no)));
    CHECK(report.domains[0].result == result);
    CHECK(report.domains[0].error->kind == as_kind);
  }
}

TEST_CASE("A guest that could not be moved is what its shutdown came to, with all that was said of it") {
  Report report = one(after(2, badly(ResultKind::failed, ErrorKind::failed, Changed::yes), {"both", "first"}));
  add_shutdowns(report, one(after(3, well(ResultKind::stopped), {"both", "second"})), NodeId::node1);
  CHECK(report.domains[0].result == ResultKind::stopped);
  CHECK_FALSE(report.domains[0].error);
  CHECK(report.domains[0].seconds == 5);
  CHECK(report.domains[0].notes == Notes{"both", "first", "second"});
}

TEST_CASE("A guest that has moved meanwhile keeps its result, and what a second look warned of is said") {
  Report report = one(after(2, well(ResultKind::migrated), {"first"}));
  add_shutdowns(report, one(after(3, well(ResultKind::already), {"second"})), NodeId::node1);
  CHECK(report.domains[0].result == ResultKind::migrated);
  CHECK(report.domains[0].seconds == 5);
  CHECK(report.domains[0].notes == Notes{"first", "second"});
}

TEST_CASE("A shutdown that is not begun does not hide what the migration had changed") {
  const ResultKind not_begun = GENERATE(ResultKind::refused, ResultKind::skipped);
  const Changed changed = GENERATE(Changed::no, Changed::yes);
  Report report = one(badly(ResultKind::failed, ErrorKind::failed, changed));
  add_shutdowns(report, one(badly(not_begun, ErrorKind::refused, Changed::no)), NodeId::node1);
  CHECK(report.domains[0].result == (changed == Changed::yes ? ResultKind::failed : not_begun));
  CHECK(report.domains[0].notes == (changed == Changed::yes ? Notes{"it was not shut down either: why"} : Notes{}));
}

TEST_CASE("A shutdown that was interrupted before it was begun does not hide what the migration had changed") {
  Report report = one(badly(ResultKind::unknown, ErrorKind::unknown, Changed::yes));
  add_shutdowns(report, one(badly(ResultKind::failed, ErrorKind::interrupted, Changed::no)), NodeId::node1);
  CHECK(report.domains[0].result == ResultKind::unknown);
  CHECK(report.domains[0].error->changed == Changed::yes);
  CHECK(report.domains[0].notes == Notes{"it was not shut down either: why"});
}

TEST_CASE("A migration that was not seen to end well has done so when a later look finds the guest on the other node") {
  Report report = one(badly(ResultKind::unknown, ErrorKind::unknown, Changed::yes));
  report.domains[0].node = GENERATE(NodeId::node1, NodeId::node2);
  DomainReport later = well(ResultKind::already);
  SECTION("it runs there") {
    later.node = NodeId::node2;
    add_shutdowns(report, one(later), NodeId::node1);
    CHECK(report.domains[0].result == ResultKind::migrated);
    CHECK_FALSE(report.domains[0].error);
  }
  SECTION("it is gone from here, and was not seen there either") {
    add_shutdowns(report, one(later), NodeId::node1);
    CHECK(report.domains[0].result == ResultKind::unknown);
    CHECK(report.domains[0].error);
  }
}

TEST_CASE("A guest that has moved or shut down stays that, though the second look was refused") {
  const ResultKind result = GENERATE(ResultKind::migrated, ResultKind::stopped);
  Report report = one(well(result));
  add_shutdowns(report, one(badly(ResultKind::refused, ErrorKind::refused, Changed::no)), NodeId::node1);
  CHECK(report.domains[0].result == result);
  CHECK_FALSE(report.domains[0].error);
  CHECK(report.domains[0].notes == Notes{});
}

TEST_CASE("A domain that is in one of the rounds only is left as it was") {
  Report report = one(well(ResultKind::migrated));
  add_shutdowns(report, one(ended("dns", ResultKind::stopped, NodeId::node1)), NodeId::node1);
  CHECK(report.domains.size() == 1);
  CHECK(report.domains[0].result == ResultKind::migrated);
}
