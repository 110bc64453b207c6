#include "xen_drbd/drbd/look.hpp"

#include "support/catch.hpp"
#include "support/run_here.hpp"
#include "support/scripted_host.hpp"

using namespace xen_drbd;
using Catch::Matchers::ContainsSubstring;
using test::data_file;
using test::exited;

using Links = std::map<std::string, std::string>;

TEST_CASE("the script lists links below /dev/drbd as they are written") {
  test::Workshop workshop;
  const auto links_of = [&] {
    auto outcome = workshop.run(workshop.moved(drbd::links_command(), "/dev/drbd", "/dev/drbd"));
    for (std::size_t at = 0; (at = outcome.out.find(workshop.path())) != std::string::npos;)
      outcome.out.erase(at, workshop.path().size());
    return drbd::parse_links(outcome);
  };
  CHECK(links_of() == Links{});
  const std::string root = workshop.path() + "/dev/drbd/";
  std::filesystem::create_directories(root + "by-res/samba");
  std::filesystem::create_symlink("../drbd1", root + "samba-root");
  std::filesystem::create_symlink("../../../drbd2", root + "by-res/samba/1");
  std::filesystem::create_symlink("x", root + "two\nlines");
  std::filesystem::create_symlink("/dev/drbd/two\nlines", root + "to two lines");
  workshop.file("dev/drbd/file", "");
  CHECK(links_of() == Links{{"/dev/drbd/samba-root", "../drbd1"}, {"/dev/drbd/by-res/samba/1", "../../../drbd2"}});
}

TEST_CASE("links that are cut or garbled are an error") {
  const std::string text = "/dev/drbd/a\n../drbd1\n/dev/drbd/b\n/dev/drbd2\nend\n";
  REQUIRE(drbd::parse_links(exited(0, text)) == Links{{"/dev/drbd/a", "../drbd1"}, {"/dev/drbd/b", "/dev/drbd2"}});
  for (std::size_t cut = 0; cut < text.size(); ++cut)
    CHECK_FALSE(drbd::parse_links(exited(0, text.substr(0, cut))).has_value());
  for (const char* garbled : {"/dev/drbd/a\nend\n", "a\nb\nend\n", "/dev/drbd/a\n\nend\n", ""})
    CHECK_FALSE(drbd::parse_links(exited(0, garbled)).has_value());
  CHECK_FALSE(drbd::parse_links(exited(3, text)).has_value());
}

TEST_CASE("one round trip brings everything DRBD knows of a node") {
  const auto questions = drbd::questions();
  test::ScriptedHost host;
  host.answer(questions.at(0).argv, exited(0, "text\n" + data_file("drbd-8.4/parse-status.txt") + "end\n"));
  host.answer(questions.at(1).argv, exited(0, data_file("drbd-8.4/parse-show.txt")));
  host.answer(questions.at(2).argv, exited(0, data_file("drbd-8.4/parse-dump.xml")));
  host.answer(questions.at(3).argv, exited(0, "/dev/drbd/vm1\n../drbd1\nend\n"));
  model::NodeState state;
  drbd::read_into(state, host.ask(questions), "node1");
  CHECK(host.round_trips == 1);
  REQUIRE((state.resources && state.resource_configs));
  CHECK(state.resources->size() == 3);
  CHECK(state.resources->at(0).two_primaries == model::TwoPrimaries::yes);
  CHECK(state.resources_problem.empty());
  CHECK(state.resource_configs->at(1).volumes.at(0).minor == Minor{2});
  CHECK(state.drbd_links == Links{{"/dev/drbd/vm1", "../drbd1"}});
}

TEST_CASE("what DRBD did not answer stays absent, and what was left out is told") {
  test::ScriptedHost host; // nothing is installed
  model::NodeState state;
  drbd::read_into(state, host.ask(drbd::questions()), "node1");
  CHECK_FALSE(state.resources.has_value());
  CHECK_THAT(state.resources_problem, ContainsSubstring("not found"));
  CHECK_FALSE(state.resource_configs.has_value());
  CHECK_FALSE(state.resource_configs_problem.empty());

  const auto questions = drbd::questions();
  host.answer(questions.at(2).argv, exited(0, data_file("drbd-9/parse-dump.xml")));
  model::NodeState noted;
  drbd::read_into(noted, host.ask(questions), "dom0");
  REQUIRE(noted.resource_configs.has_value());
  CHECK(noted.resource_configs->size() == 1);
  CHECK_THAT(noted.resource_configs_problem, ContainsSubstring("'stacked'") && ContainsSubstring("; "));

  model::NodeState unanswered;
  drbd::read_into(unanswered, {}, "dom0");
  CHECK_FALSE(unanswered.resources.has_value());
}
