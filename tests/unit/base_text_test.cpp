#include "xen_drbd/base/error.hpp"
#include "xen_drbd/base/quote.hpp"
#include "xen_drbd/base/text.hpp"
#include "xen_drbd/base/units.hpp"

#include "support/catch.hpp"

#include <cstdio>
#include <memory>
#include <rapidcheck.h>

using namespace xen_drbd;

namespace {

std::string output_of_sh(const std::string& script) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(script.c_str(), "r"), pclose);
  REQUIRE(pipe != nullptr);
  std::string out;
  for (int c = std::fgetc(pipe.get()); c != EOF; c = std::fgetc(pipe.get())) out += static_cast<char>(c);
  return out;
}

} // namespace

TEST_CASE("a duration needs a unit") {
  CHECK(parse_duration("500ms").value() == Milliseconds(500));
  CHECK(parse_duration("5s").value() == Milliseconds(5000));
  CHECK(parse_duration("2m").value() == Milliseconds(120'000));
  CHECK(parse_duration("1h").value() == Milliseconds(3'600'000));
  CHECK(parse_duration("0s").value() == Milliseconds(0));
  for (const char* wrong :
       {"", "5", "s", "-5s", "+5s", "1.5s", "5 s", "5sec", "99999999999999999999s", "9223372036854775807h", " 5s"})
    CHECK_FALSE(parse_duration(wrong).has_value());
}

TEST_CASE("a printed duration reads back as the same") {
  CHECK(rc::check("round trip", [](unsigned count) {
    const Milliseconds duration(count);
    RC_ASSERT(parse_duration(to_string(duration)).value() == duration);
  }));
}

TEST_CASE("a quoted word comes out of a real sh unchanged") {
  CHECK(rc::check("round trip through sh", [] {
    std::string text = *rc::gen::container<std::string>(rc::gen::oneOf(
        rc::gen::inRange<char>(1, 127), rc::gen::elementOf(std::string("'\"\\$`;&|<>(){}[]*?!#~= \t\n"))));
    RC_ASSERT(output_of_sh("printf '%s.' " + shell_quote(text)) == text + ".");
  }));
}

TEST_CASE("an empty word is quoted so that it is not lost") {
  CHECK(shell_join(std::vector<std::string>{"a", "", "b c"}) == "a '' 'b c'");
}

TEST_CASE("a first word with an equals sign is not taken for an assignment") {
  CHECK(output_of_sh(shell_quote("a=b") + " 2>/dev/null || echo not found") == "not found\n");
}

TEST_CASE("the nearest candidate is suggested only when it is near") {
  const std::vector<std::string> keys{"domain_home", "domains", "bridges", "jobs"};
  CHECK(nearest("domian_home", keys) == "domain_home");
  CHECK(nearest("job", keys) == "jobs");
  CHECK(nearest("zzz", keys).empty());
  CHECK(nearest("DOMAINS", keys) == "domains");
  CHECK(nearest("", keys).empty());
}

TEST_CASE("a piece of a candidate suggests the shortest that it is a piece of") {
  const std::vector<std::string> words{"migrate-out", "migrate-in", "make-links", "--dry-run", "--verbose"};
  CHECK(nearest("migrate", words) == "migrate-in");
  CHECK(nearest("links", words) == "make-links");
  CHECK(nearest("--dry", words) == "--dry-run");
  CHECK(nearest("--VERB", words) == "--verbose");
  CHECK(nearest("--v", words).empty());
  CHECK(nearest("in", words).empty());
}

TEST_CASE("bytes that could move a cursor are shown, not sent") {
  CHECK(printable("a\x1b[2Jb") == "a\\x1b[2Jb");
  CHECK(printable("caf\xC3\xA9\n") == "caf\xC3\xA9\n");
  CHECK(printable("\xff\xC2\x9b\x7f") == "\\xff\\xc2\\x9b\\x7f");
  CHECK(printable("\xE2\x82") == "\\xe2\\x82");
}

TEST_CASE("an error is rendered as what, because, while, changed, hint") {
  const Error error{.kind = ErrorKind::unreachable,
                    .what = "samba was not started on dom0",
                    .because = "the second node, mirror, cannot be reached, so samba may be running there",
                    .while_doing = {"connecting to root@10.77.0.2:22: No route to host"},
                    .changed = Changed::no,
                    .hint = "bring mirror back"};
  CHECK(render(error) == "error: samba was not started on dom0\n"
                         "  because: the second node, mirror, cannot be reached, so samba may be running there\n"
                         "  while:   connecting to root@10.77.0.2:22: No route to host\n"
                         "  nothing was changed\n"
                         "  hint:    bring mirror back\n");
  Error failed{.kind = ErrorKind::failed, .what = "samba was not started on dom0", .changed = Changed::yes};
  CHECK(render(failed) == "error: samba was not started on dom0\n"
                          "  something was changed: the report says what\n");
  failed.changed = Changed::unknown;
  CHECK(render(failed) == "error: samba was not started on dom0\n"
                          "  whether anything was changed is not known\n");
}

TEST_CASE("words and lines are split without inventing empty ones at the end") {
  CHECK(words("  a \t b ") == std::vector<std::string_view>{"a", "b"});
  CHECK(lines("a\nb\n") == std::vector<std::string_view>{"a", "b"});
  CHECK(lines("").empty());
  CHECK(lines("a\n\nb") == std::vector<std::string_view>{"a", "", "b"});
}

TEST_CASE("words that were quoted and joined are split again into the same words") {
  rc::check([] {
    auto words = *rc::gen::nonEmpty<std::vector<std::string>>();
    for (std::string& word : words) word = word.substr(0, word.find('\0'));
    RC_ASSERT(shell_split(shell_join(words)) == words);
  });
}

TEST_CASE("a text that says more than words to a shell is not split") {
  for (const char* text : {"a;b", "$HOME", "`id`", "'open", "\\", "a\nb", "a\tb", "\"a\"", "a>b", "#", "~", "a=b", "*"})
    CHECK_FALSE(shell_split(text));
  CHECK(shell_split("'a'\\''b' 'c d'") == std::vector<std::string>{"a'b", "c d"});
  CHECK(shell_split("'a'\"$nl\"'b'", "\"$nl\"") == std::vector<std::string>{"a\nb"});
}
