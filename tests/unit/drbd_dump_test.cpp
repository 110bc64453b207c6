#include "xen_drbd/drbd/look.hpp"

#include "support/catch.hpp"
#include "support/data_file.hpp"
#include "support/scripted_host.hpp"

using namespace xen_drbd;
using Catch::Matchers::ContainsSubstring;
using model::TwoPrimaries;
using test::data_file;
using test::exited;

TEST_CASE("the configuration of 8.4 is read with its common section") {
  const auto configuration = drbd::parse_dump_text(data_file("drbd-8.4/parse-dump.xml"), "node1");
  REQUIRE(configuration.has_value());
  CHECK(configuration->notes.empty());
  REQUIRE(configuration->resources.size() == 3);
  CHECK(configuration->resources[2] == model::ResourceConfig{.name = *ResourceName::parse("vm3"),
                                                             .volumes = {{.number = 0, .minor = Minor{3}}},
                                                             .two_primaries = TwoPrimaries::yes,
                                                             .protocol = "C",
                                                             .fencing = "dont-care",
                                                             .wfc_timeout = 5});
}

TEST_CASE("each node has its own minors, and the nearest option counts") {
  const auto text = data_file("drbd-9/parse-dump.xml");
  const auto here = drbd::parse_dump_text(text, "dom0");
  const auto there = drbd::parse_dump_text(text, "mirror");
  REQUIRE((here && there));
  REQUIRE(here->resources.size() == 1);
  const auto& samba = here->resources[0];
  CHECK(samba.volumes == std::vector<model::ResourceConfig::Volume>{{0, Minor{1}}, {1, Minor{2}}});
  CHECK(there->resources.at(0).volumes == std::vector<model::ResourceConfig::Volume>{{0, Minor{11}}, {1, Minor{12}}});
  CHECK(samba.two_primaries == TwoPrimaries::yes); // of the connection
  CHECK(samba.protocol == "C");                    // of the resource
  CHECK(samba.fencing == "resource-only");         // of the common section
  CHECK_FALSE(samba.wfc_timeout.has_value());
}

TEST_CASE("stacked, floating and foreign resources are passed over with a note") {
  const auto configuration = drbd::parse_dump_text(data_file("drbd-9/parse-dump.xml"), "dom0");
  REQUIRE(configuration.has_value());
  REQUIRE(configuration->notes.size() == 3);
  CHECK_THAT(configuration->notes[0], ContainsSubstring("'stacked'") && ContainsSubstring("stacked on another"));
  CHECK_THAT(configuration->notes[1], ContainsSubstring("'drifting'") && ContainsSubstring("floating"));
  CHECK_THAT(configuration->notes[2], ContainsSubstring("'elsewhere'") && ContainsSubstring("no section for dom0"));
}

TEST_CASE("what is not certain is not guessed") {
  const auto note = [](const std::string& inner) {
    const auto read = drbd::parse_dump_text("<config><resource name=\"r\">" + inner + "</resource></config>", "n");
    REQUIRE(read.has_value());
    return read->resources.empty() ? read->notes.at(0) : std::string("taken");
  };
  const std::string volume = "<volume vnr=\"0\"><device minor=\"1\">/dev/drbd1</device></volume>";
  CHECK(note("<host name=\"n\">" + volume + "</host>") == "taken");
  CHECK_THAT(note("<host name=\"n\">" + volume + "</host><host name=\"n\">" + volume + "</host>"),
             ContainsSubstring("twice"));
  CHECK_THAT(note("<host name=\"n\"/>"), ContainsSubstring("no volume"));
  CHECK_THAT(note("<host name=\"n\"><volume vnr=\"0\"><device minor=\"-1\"/></volume></host>"),
             ContainsSubstring("no minor"));
  CHECK_THAT(note("<host name=\"n\"><volume><device minor=\"1\"/></volume></host>"), ContainsSubstring("no number"));
  CHECK_THAT(note("<host name=\"n\"><volume vnr=\"0\"><device minor=\"1\"/><disk>/dev/drbd7</disk></volume></host>"),
             ContainsSubstring("stacked"));
  CHECK_THAT(note("<connection><host name=\"n\"/></connection>"), ContainsSubstring("no section"));
  const auto odd =
      drbd::parse_dump_text("<config><resource name=\"-x\"/><resource/><resource name=\"a\x7f\"/></config>", "n");
  REQUIRE(odd.has_value());
  CHECK(odd->notes.size() == 3);
  CHECK_THAT(odd->notes[2], ContainsSubstring("\\x7f"));
}

TEST_CASE("an option without a value is yes, and 8.4's fencing is found in the section disk") {
  const auto read = drbd::parse_dump_text(
      "<config><common><section name=\"disk\"><option name=\"fencing\" value=\"resource-and-stonith\"/></section>"
      "<section name=\"startup\"><option name=\"wfc-timeout\" value=\"0\"/></section></common>"
      "<resource name=\"r\"><host name=\"n\"><volume vnr=\"0\"><device minor=\"1\"/></volume></host>"
      "<section name=\"net\"><option name=\"allow-two-primaries\"/>"
      "<option name=\"after-sb-1pri\" value=\"discard-secondary\"/></section></resource></config>",
      "n");
  REQUIRE(read.has_value());
  const auto& config = read->resources.at(0);
  CHECK(config.two_primaries == TwoPrimaries::yes);
  CHECK(config.fencing == "resource-and-stonith");
  CHECK(config.wfc_timeout == 0U);
  CHECK(config.after_split_brain == std::map<std::string, std::string>{{"after-sb-1pri", "discard-secondary"}});
}

TEST_CASE("a dump that failed, is cut or is no XML is an error") {
  CHECK(drbd::parse_dump_text("<config file=\"/etc/drbd.conf\">\n</config>\n", "n")->resources.empty());
  for (const char* file : {"drbd-8.4/parse-dump.xml", "drbd-9/parse-dump.xml"}) {
    const std::string text = data_file(file);
    const std::size_t end = text.rfind("</config>") + 9;
    for (std::size_t cut = 0; cut < end; ++cut) {
      INFO(file << " cut at " << cut);
      CHECK_FALSE(drbd::parse_dump_text(text.substr(0, cut), "node1").has_value());
    }
  }
  for (const char* garbled : {"", "<other/>", "plain", "<config>", "<config></resource></config>"})
    CHECK_FALSE(drbd::parse_dump_text(garbled, "n").has_value());
  CHECK_FALSE(drbd::parse_dump_text(std::string(10'000'000, '<'), "n").has_value());
  std::string deep;
  for (int i = 0; i < 200'000; ++i) deep += "<a>";
  CHECK_FALSE(drbd::parse_dump_text(deep, "n").has_value());

  const auto refused = drbd::parse_dump(exited(10, "", data_file("drbd-8.4/parse-stderr-bad-configuration.txt")), "n");
  REQUIRE_FALSE(refused.has_value());
  CHECK_THAT(refused.error().because, ContainsSubstring("drbd.d/x.res:1: Parse error"));
  CHECK_FALSE(drbd::parse_dump({.end = host::End::lost, .out = "<config/>"}, "n").has_value());
}
