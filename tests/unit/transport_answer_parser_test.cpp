#include "answer_parser.hpp"
#include "support/catch.hpp"

#include <rapidcheck.h>
#include <vector>

using namespace xen_drbd::transport;

namespace {

const std::string banner(target_banner), ready(target_ready), report(target_report), permission(permission_to_go);

std::vector<Answer> parse(const std::string& bytes, std::size_t chunk) {
  AnswerParser parser;
  std::vector<Answer> answers;
  for (std::size_t at = 0; at < bytes.size(); at += chunk) {
    parser.feed(std::string_view(bytes).substr(at, chunk));
    while (auto answer = parser.next()) answers.push_back(std::move(*answer));
  }
  return answers;
}

} // namespace

TEST_CASE("the messages of the target have the lengths that xl reads") {
  CHECK(target_banner.size() == 54);
  CHECK(target_ready.size() == 34);
  CHECK(target_report.size() == 39);
  CHECK(permission_to_go.size() == 44);
  for (const auto message : {target_ready, target_report, permission_to_go}) CHECK(message.back() == '\0');
}

TEST_CASE("the answers of a good migration are told apart, whatever pieces they come in") {
  const std::string all = banner + ready + report + '\0';
  const std::vector<Answer> expected{
      {Answer::Kind::banner, banner, 0}, {Answer::Kind::ready, ready, 0}, {Answer::Kind::report, report + '\0', 0}};
  for (std::size_t chunk = 1; chunk <= all.size(); ++chunk) CHECK(parse(all, chunk) == expected);
}

TEST_CASE("a failed report carries its status, and the permission that follows is passed on") {
  const auto answers = parse(banner + ready + report + '\6' + permission, 1000);
  REQUIRE(answers.size() == 4);
  CHECK(answers[2] == Answer{Answer::Kind::report, report + '\6', 6});
  CHECK(answers[3] == Answer{Answer::Kind::rest, permission, 0});
}

TEST_CASE("no byte of the target is lost or changed, whatever it says") {
  REQUIRE(rc::check([] {
    std::string all = banner + ready + report + '\0' + permission;
    const auto flips = *rc::gen::inRange(0, 3);
    for (int i = 0; i < flips; ++i) all[*rc::gen::inRange<std::size_t>(0, all.size())] = *rc::gen::arbitrary<char>();
    all.resize(*rc::gen::inRange<std::size_t>(0, all.size() + 1));
    AnswerParser parser;
    std::string out;
    for (std::size_t at = 0; at < all.size();) {
      const auto chunk = *rc::gen::inRange<std::size_t>(1, 50);
      parser.feed(std::string_view(all).substr(at, chunk));
      at += chunk;
      while (auto answer = parser.next()) out += answer->bytes;
    }
    RC_ASSERT(out + parser.take_rest() == all);
  }));
}

TEST_CASE("an answer that is not the expected one is unknown from its first wrong byte on") {
  const auto answers = parse("Linux mirror 6.1\n" + banner, 3);
  REQUIRE_FALSE(answers.empty());
  for (const auto& answer : answers) CHECK(answer.kind == Answer::Kind::unknown);
  CHECK(parse(banner + "domain retired", 1000).back().kind == Answer::Kind::unknown);
}
