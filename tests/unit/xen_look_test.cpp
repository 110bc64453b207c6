#include "xen_drbd/xen/look.hpp"

#include "support/catch.hpp"
#include "support/data_file.hpp"
#include "support/scripted_host.hpp"

using namespace xen_drbd;
using Catch::Matchers::ContainsSubstring;
using test::data_file;
using test::exited;

namespace {

const std::vector<xen::ConfigQuestion> configs{{.domain = *DomainName::parse("vm1"), .candidates = {"/etc/xen/vm1"}}};

} // namespace

TEST_CASE("one round trip brings everything xl knows of a node") {
  const auto questions = xen::questions(configs, xen::Reading::hash_only);
  test::ScriptedHost host;
  host.answer(questions.at(0).argv, exited(0, data_file("xl-4.17/parse-list-one.txt")));
  host.answer(questions.at(1).argv, exited(0, data_file("xl-4.17/parse-info.txt")));
  host.answer(questions.at(2).argv, exited(0, "log 544 /var/log/xen/xl-vm1.log\nend\n"));
  host.answer(questions.at(3).argv, exited(0, "end\n"));
  model::NodeState state;
  xen::read_into(state, host.ask(questions), configs);
  CHECK(host.round_trips == 1);
  REQUIRE((state.rows && state.watchers && state.xen));
  CHECK(state.rows->size() == 2);
  CHECK(state.rows_problem.empty());
  CHECK(state.watchers->front() == model::Watcher{.pid = 544, .name = "vm1"});
  CHECK(state.xen->free_memory == MiB{622});
  CHECK_FALSE(state.has_resume);
  CHECK(state.configs.at(configs[0].domain) == model::ConfigReport{});
}

TEST_CASE("what xl did not answer stays absent and is never empty") {
  test::ScriptedHost host; // nothing is installed
  model::NodeState state;
  xen::read_into(state, host.ask(xen::questions(configs, xen::Reading::with_xl)), configs);
  CHECK_FALSE(state.rows.has_value());
  CHECK_THAT(state.rows_problem, ContainsSubstring("not found"));
  CHECK_FALSE(state.watchers.has_value());
  CHECK_FALSE(state.xen.has_value());
  CHECK_THAT(state.configs.at(configs[0].domain).problem, ContainsSubstring("not found"));

  model::NodeState unanswered;
  xen::read_into(unanswered, {}, {});
  CHECK_FALSE(unanswered.rows.has_value());
  CHECK_FALSE(unanswered.rows_problem.empty());
  CHECK(unanswered.configs.empty());
}

TEST_CASE("configurations are asked for only where a domain is") {
  CHECK(xen::questions({}, xen::Reading::with_xl).size() == 3);
  CHECK(xen::questions(configs, xen::Reading::with_xl).size() == 4);
  model::Domain domain{.name = *DomainName::parse("dns"), .config_candidates = {"/etc/xen/dns.cfg", "/etc/xen/dns"}};
  const auto asked = xen::config_questions(std::vector{domain});
  REQUIRE(asked.size() == 1);
  CHECK(asked[0].candidates == domain.config_candidates);
}
