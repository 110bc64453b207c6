#include "xen_drbd/xen/look.hpp"

#include "support/catch.hpp"
#include "support/data_file.hpp"
#include "support/scripted_host.hpp"

using namespace xen_drbd;
using Catch::Matchers::ContainsSubstring;
using test::data_file;
using test::exited;

TEST_CASE("version, memory and command line are taken from xl info") {
  for (const char* file : {"xl-4.17/parse-info.txt", "xl-4.17/parse-info-numa.txt"}) {
    const auto info = xen::parse_info(exited(0, data_file(file)));
    REQUIRE(info.has_value());
    CHECK(info->version == "4.17.7");
    CHECK((info->major == 4 && info->minor == 17));
    CHECK(info->free_memory == MiB{622});
    CHECK(info->total_memory == MiB{1279});
    CHECK_THAT(info->command_line, ContainsSubstring("dom0_mem=640M,max:640M"));
  }
}

TEST_CASE("an xl info without what is needed, or with garbage in its place, is an error") {
  const std::string text = data_file("xl-4.17/parse-info.txt");
  for (const char* key : {"xen_major", "xen_minor", "xen_version", "free_memory", "total_memory"}) {
    for (const char* value : {"", "x", "-1", "99999999999999999999"}) {
      if (std::string(key) == "xen_version" && *value != '\0') continue;
      std::string changed = text;
      const std::size_t start = changed.find(std::string("\n") + key) + 1;
      changed.replace(start, changed.find('\n', start) - start, std::string(key) + " : " + value);
      const auto info = xen::parse_info(exited(0, changed));
      INFO(key << " is '" << value << "'");
      REQUIRE_FALSE(info.has_value());
      CHECK_THAT(info.error().because, ContainsSubstring(key));
    }
  }
  CHECK_FALSE(xen::parse_info(exited(1, text)).has_value());
  CHECK_FALSE(xen::parse_info(exited(0, "")).has_value());
  CHECK_FALSE(xen::parse_info(exited(0, std::string(10'000'000, ':'))).has_value());
}

TEST_CASE("an xl info that is cut within what is needed is an error") {
  const std::string text = data_file("xl-4.17/parse-info.txt");
  const std::size_t needed = text.find("xen_caps");
  for (std::size_t cut = 0; cut < text.size(); ++cut) {
    const auto info = xen::parse_info(exited(0, text.substr(0, cut)));
    INFO("cut at " << cut);
    if (info) CHECK((cut >= needed && text[cut - 1] == '\n'));
  }
}

TEST_CASE("xl resume is there from Xen 4.20 on") {
  CHECK_FALSE(xen::has_resume({.major = 4, .minor = 17}));
  CHECK_FALSE(xen::has_resume({.major = 4, .minor = 19}));
  CHECK(xen::has_resume({.major = 4, .minor = 20}));
  CHECK(xen::has_resume({.major = 5, .minor = 0}));
  CHECK_FALSE(xen::has_resume({.major = 3, .minor = 99}));
}
