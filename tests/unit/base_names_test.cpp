#include "xen_drbd/base/names.hpp"

#include "support/catch.hpp"

using namespace xen_drbd;

namespace {

template <class Kind> bool accepts(std::string_view text) { return Kind::parse(text).has_value(); }

} // namespace

TEST_CASE("a domain name may hold letters, digits, dots, underscores, plus and minus") {
  for (const char* name : {"dns", "web-1", "a", "Mail.example", "x_y+z", "1a", "9-"}) CHECK(accepts<DomainName>(name));
}

TEST_CASE("a domain name that xl or a shell would misread is refused with the reason") {
  const auto [name, because] = GENERATE(table<std::string, std::string>({
      {"", "empty"},
      {"0", "domid"},
      {"1234", "domid"},
      {"-n", "option"},
      {"web server", "only letters"},
      {"a;reboot", "only letters"},
      {"$(reboot)", "only letters"},
      {"a\nb", "only letters"},
      {"a'b", "only letters"},
      {"a/b", "only letters"},
      {"dom\xC3\xA4ne", "only letters"},
      {std::string("a\0b", 3), "only letters"},
      {"..", "directory"},
      {"web--incoming", "during a migration"},
      {"web--migratedaway", "during a migration"},
      {"Domain-0", "control domain"},
  }));
  const auto parsed = DomainName::parse(name);
  REQUIRE_FALSE(parsed.has_value());
  CHECK(parsed.error().kind == ErrorKind::topology);
  CHECK_THAT(parsed.error().because, Catch::Matchers::ContainsSubstring(because));
}

TEST_CASE("a node name is a host name and not a number") {
  CHECK(accepts<NodeName>("dom0"));
  CHECK(accepts<NodeName>("mirror.example.org"));
  for (const char* name : {"", "10", "-a", "a-", "a..b", "a_b", "node 1", ".a"}) CHECK_FALSE(accepts<NodeName>(name));
}

TEST_CASE("an address is a host name or an IP literal and nothing that sh could read otherwise") {
  for (const char* text : {"mirror", "10.77.0.2", "fe80::1", "::1", "a.b-c.example"}) CHECK(accepts<Address>(text));
  for (const char* text : {"", "10.77.0", "10.77.0.256", "mirror;reboot", "$(id)", "a b", "root@mirror", "[::1]",
                           "-oProxyCommand=id", "fe80::1%eth0"})
    CHECK_FALSE(accepts<Address>(text));
  using namespace std::string_view_literals;
  CHECK_FALSE(accepts<Address>("10.77.0.2\0;reboot"sv));
}

TEST_CASE("a resource may not be called all, because drbdadm takes that for every resource") {
  CHECK(accepts<ResourceName>("vm1"));
  CHECK_FALSE(accepts<ResourceName>("all"));
  CHECK_FALSE(accepts<ResourceName>("-f"));
}

TEST_CASE("a link may not take the names of the folders that udev owns") {
  CHECK(accepts<LinkName>("samba-root"));
  CHECK_FALSE(accepts<LinkName>("by-res"));
  CHECK_FALSE(accepts<LinkName>("a/b"));
}

TEST_CASE("a link, a bridge or an interface may hold digits, and something else") {
  CHECK(accepts<LinkName>("1a"));
  CHECK_FALSE(accepts<LinkName>("12"));
  CHECK(accepts<InterfaceName>("0br"));
  CHECK_FALSE(accepts<InterfaceName>("0"));
}

TEST_CASE("an interface name has at most fifteen characters") {
  CHECK(accepts<InterfaceName>("xenbr0"));
  CHECK(accepts<InterfaceName>("abcdefghijklmno"));
  CHECK_FALSE(accepts<InterfaceName>("abcdefghijklmnop"));
}
