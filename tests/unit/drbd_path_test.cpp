#include "xen_drbd/drbd/path.hpp"

#include "support/catch.hpp"

#include <rapidcheck.h>

using namespace xen_drbd;
using Links = std::map<std::string, std::string>;

namespace {

model::ResourceConfig config(const char* name, std::vector<model::ResourceConfig::Volume> volumes) {
  return {.name = *ResourceName::parse(name), .volumes = std::move(volumes)};
}

const std::vector<model::ResourceConfig> configs{config("dns", {{0, Minor{3}}}),
                                                 config("samba", {{0, Minor{1}}, {1, Minor{2}}})};
const Links links{{"/dev/drbd/samba-root", "../drbd1"},
                  {"/dev/drbd/absolute", "/dev/drbd2"},
                  {"/dev/drbd/chain", "chain2"},
                  {"/dev/drbd/chain2", "/dev/drbd/./samba-root"},
                  {"/dev/drbd/by-res/samba/1", "../../../drbd2"},
                  {"/dev/drbd/by-res/dns", "../../drbd3"},
                  {"/dev/drbd/by-disk/vg0/dns", "../../../drbd3"},
                  {"/dev/drbd/loop", "loop2"},
                  {"/dev/drbd/loop2", "loop"},
                  {"/dev/drbd/self", "self"},
                  {"/dev/drbd/elsewhere", "/dev/sda1"},
                  {"/dev/drbd/deep", "../../../../dev/drbd7"},
                  {"/dev/drbd/alias", "by-res"},
                  {"/dev/drbd/by-res/liar", "../../drbd9"}};

std::optional<unsigned> minor(const std::string& path, const std::string& script = "") {
  const auto found = drbd::resolve_disk_path({.path = path, .script = script, .vdev = "xvda"}, links, configs);
  return found ? std::optional(found->number) : std::nullopt;
}

} // namespace

TEST_CASE("a device is its own minor") {
  CHECK(minor("/dev/drbd0") == 0U);
  CHECK(minor("/dev/drbd1048575") == 1048575U);
  CHECK(minor("/dev//./drbd7") == 7U);
  for (const char* path : {"/dev/drbd", "/dev/drbd01", "/dev/drbd1048576", "/dev/drbd-1", "/dev/drbd1p1", "/dev/drbd1/",
                           "dev/drbd1", "", "/", "/dev/sda", "/dev/drbd 1", "/dev/drbd+1"}) {
    INFO(path);
    if (std::string(path) == "/dev/drbd1/")
      CHECK(minor(path) == 1U);
    else
      CHECK_FALSE(minor(path).has_value());
  }
}

TEST_CASE("links are followed whether relative, absolute or chained, and loops are refused") {
  CHECK(minor("/dev/drbd/samba-root") == 1U);
  CHECK(minor("/dev/drbd/absolute") == 2U);
  CHECK(minor("/dev/drbd/chain") == 1U);
  CHECK(minor("/dev/drbd/by-disk/vg0/dns") == 3U);
  CHECK(minor("/dev/drbd/deep") == 7U);
  CHECK(minor("/dev/drbd/alias/dns") == 3U);
  for (const char* path : {"/dev/drbd/loop", "/dev/drbd/self", "/dev/drbd/elsewhere", "/dev/drbd/nowhere"}) {
    INFO(path);
    CHECK_FALSE(minor(path).has_value());
  }
}

TEST_CASE("a by-res path is resolved with or without its link") {
  CHECK(minor("/dev/drbd/by-res/dns") == 3U);
  CHECK(minor("/dev/drbd/by-res/dns/0") == 3U);
  CHECK(minor("/dev/drbd/by-res/samba/0") == 1U);
  CHECK(minor("/dev/drbd/by-res/samba/1") == 2U);
  for (const char* path : {"/dev/drbd/by-res/samba", "/dev/drbd/by-res/samba/2", "/dev/drbd/by-res/samba/x",
                           "/dev/drbd/by-res/samba/0/0", "/dev/drbd/by-res/none", "/dev/drbd/by-res/"}) {
    INFO(path);
    CHECK_FALSE(minor(path).has_value());
  }
}

TEST_CASE("a link and a configuration that disagree give nothing") {
  CHECK(minor("/dev/drbd/by-res/liar") == 9U); // the configuration says nothing about it
  const Links wrong{{"/dev/drbd/by-res/dns", "../../drbd8"}};
  CHECK_FALSE(drbd::resolve_disk_path({.path = "/dev/drbd/by-res/dns"}, wrong, configs).has_value());
}

TEST_CASE("a resource given to block-drbd is its one volume") {
  CHECK(minor("dns", "block-drbd") == 3U);
  CHECK(minor("dns", "/etc/xen/scripts/block-drbd") == 3U);
  CHECK(minor("samba/1", "block-drbd") == 2U);
  CHECK(minor("drbd:dns") == 3U);
  for (const char* resource : {"samba", "none", "", "/dev/drbd3"})
    CHECK_FALSE(minor(resource, "block-drbd").has_value());
  CHECK_FALSE(minor("dns").has_value());
  CHECK_FALSE(minor("dns", "block-iscsi").has_value());
}

TEST_CASE("any table of links is followed to an end") {
  REQUIRE(rc::check("resolve ends", [] {
    const auto names = rc::gen::elementOf(std::vector<std::string>{"a", "b", "c", "by-res"});
    const auto targets =
        rc::gen::elementOf(std::vector<std::string>{"a", "b/c", "../drbd/a", "/dev/drbd/b", "../drbd5", "c/../a", "."});
    Links table;
    for (int i = 0; i < 4; ++i) table["/dev/drbd/" + *names] = *targets;
    const auto found = drbd::resolve_disk_path({.path = "/dev/drbd/" + *names}, table, {});
    RC_ASSERT(!found || found->number == 5U);
  }));
}
