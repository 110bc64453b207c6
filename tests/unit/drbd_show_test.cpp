#include "xen_drbd/drbd/look.hpp"

#include "support/catch.hpp"
#include "support/data_file.hpp"
#include "support/scripted_host.hpp"

#include <algorithm>

using namespace xen_drbd;
using model::TwoPrimaries;
using test::data_file;
using test::exited;

using Allowed = std::map<std::string, TwoPrimaries>;

TEST_CASE("8.4 shows allow-two-primaries where it differs from the default") {
  const std::string text = data_file("drbd-8.4/parse-show.txt");
  CHECK(drbd::parse_show_text(text) ==
        Allowed{{"vm1", TwoPrimaries::yes}, {"vm2", TwoPrimaries::yes}, {"vm3", TwoPrimaries::yes}});
  std::string closed = text;
  const std::string shown = "        allow-two-primaries\tyes;\n";
  closed.erase(closed.find(shown), shown.size());
  CHECK(drbd::parse_show_text(closed)->at("vm1") == TwoPrimaries::no);
  CHECK(drbd::parse_show_text(closed)->at("vm2") == TwoPrimaries::yes);
}

TEST_CASE("9 shows it below each connection, and quoted names hide no syntax") {
  CHECK(drbd::parse_show_text(data_file("drbd-9/parse-show.txt")) ==
        Allowed{{"samba", TwoPrimaries::yes}, {"dns", TwoPrimaries::no}});
}

TEST_CASE("one connection that allows two primaries is enough, and an odd value is unknown") {
  const auto of = [](const std::string& body) { return drbd::parse_show_text("resource r {" + body + "}")->at("r"); };
  CHECK(of("") == TwoPrimaries::no);
  CHECK(of("net { allow-two-primaries no; }") == TwoPrimaries::no);
  CHECK(of("net { allow-two-primaries; }") == TwoPrimaries::yes);
  CHECK(of("net { allow-two-primaries perhaps; }") == TwoPrimaries::unknown);
  CHECK(of("connection { net { allow-two-primaries yes; } } connection { net { allow-two-primaries no; } }") ==
        TwoPrimaries::yes);
  CHECK(of("connection { net { allow-two-primaries no; } } connection { net { allow-two-primaries yes; } }") ==
        TwoPrimaries::yes);
  CHECK(of("connection { net { allow-two-primaries odd; } } connection { net { allow-two-primaries no; } }") ==
        TwoPrimaries::unknown);
  CHECK(of("options { allow-two-primaries yes; }") == TwoPrimaries::no);
  CHECK(of("# net { allow-two-primaries yes; }\n") == TwoPrimaries::no);
}

TEST_CASE("options that are cut or garbled are an error") {
  CHECK(drbd::parse_show_text("")->empty());
  CHECK(drbd::parse_show_text("# No currently configured DRBD found.\n")->empty());
  for (const char* garbled :
       {"resource r {", "resource r", "}", "{", ";", "net { }", "resource { }", "resource r { a }",
        "resource r { net { x } }", "resource \"r {}", "x;", "resource a b { }"}) {
    INFO(garbled);
    CHECK_FALSE(drbd::parse_show_text(garbled).has_value());
  }
  CHECK_FALSE(drbd::parse_show_text(std::string(10'000'000, '{')).has_value());
  std::string deep;
  for (int i = 0; i < 1'000'000; ++i) deep += "resource r { ";
  CHECK_FALSE(drbd::parse_show_text(deep).has_value());
}

// A cut between two resources cannot be told here. The resource that is missing then is unknown, never no.
TEST_CASE("options cut at any byte are an error or lack whole resources") {
  const std::string text = data_file("drbd-8.4/parse-show.txt");
  const auto whole = drbd::parse_show_text(text);
  REQUIRE(whole.has_value());
  for (std::size_t cut = 0; cut < text.size(); ++cut) {
    const auto shown = drbd::parse_show_text(text.substr(0, cut));
    INFO("cut at " << cut);
    if (shown) CHECK(std::includes(whole->begin(), whole->end(), shown->begin(), shown->end()));
  }
}

TEST_CASE("a resource that show does not name, or a show that failed, leaves two primaries unknown") {
  const auto status = exited(0, "text\n" + data_file("drbd-8.4/parse-status.txt") + "end\n");
  const auto merged =
      drbd::assemble(status, exited(0, "resource vm1 { net { allow-two-primaries yes; } }\nresource vm2 { }\n"));
  REQUIRE(merged.has_value());
  CHECK(merged->resources.at(0).two_primaries == TwoPrimaries::yes);
  CHECK(merged->resources.at(1).two_primaries == TwoPrimaries::no);
  CHECK(merged->resources.at(2).two_primaries == TwoPrimaries::unknown);
  for (const auto& failed :
       {exited(1, data_file("drbd-8.4/parse-show.txt")), exited(0, "resource vm1 {"), host::Outcome{}}) {
    const auto without = drbd::assemble(status, failed);
    REQUIRE(without.has_value());
    for (const auto& resource : without->resources) CHECK(resource.two_primaries == TwoPrimaries::unknown);
  }
  CHECK_FALSE(drbd::assemble(exited(1), exited(0)).has_value());
}
