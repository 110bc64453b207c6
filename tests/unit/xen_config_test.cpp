#include "xen_drbd/xen/look.hpp"

#include "support/catch.hpp"
#include "support/names.hpp"
#include "support/run_here.hpp"
#include "support/scripted_host.hpp"

using namespace xen_drbd;
using Catch::Matchers::ContainsSubstring;
using test::data_file;
using test::domain_name;
using test::exited;

namespace {

const std::string sha_of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

} // namespace

TEST_CASE("name, memory, disks and bridges are taken from what xl create -n prints") {
  const auto plain = xen::parse_config_json(data_file("xl-4.17/parse-create-n-vm2.json"));
  REQUIRE(plain.has_value());
  CHECK(plain->parsed);
  CHECK(plain->name == "vm2");
  CHECK(plain->memory == MiB{36});
  CHECK(plain->disks ==
        std::vector<model::ConfigReport::ConfigDisk>{{.path = "/dev/drbd2", .script = "", .vdev = "xvda"}});
  CHECK(plain->bridges == std::vector<std::string>{"xenbr0"});

  const auto scripted = xen::parse_config_json(data_file("xl-4.17/parse-create-n-vm3.json"));
  REQUIRE(scripted.has_value());
  CHECK(scripted->disks ==
        std::vector<model::ConfigReport::ConfigDisk>{{.path = "vm3", .script = "block-drbd", .vdev = "xvda"}});
}

TEST_CASE("memory is rounded up and what a configuration leaves out is empty") {
  const auto report = xen::parse_config_json(
      R"({"c_info":{"name":"a"},"b_info":{"max_memkb":1025},"disks":[{"vdev":"hdc","pdev_path":null}],"nics":[{"devid":0}]})");
  REQUIRE(report.has_value());
  CHECK(report->memory == MiB{2});
  CHECK(xen::parse_config_json(R"({"c_info":{"name":"a"},"b_info":{}})")->memory == MiB{32});
  CHECK(report->disks == std::vector<model::ConfigReport::ConfigDisk>{{.path = "", .script = "", .vdev = "hdc"}});
  CHECK(report->bridges.empty());
}

TEST_CASE("an answer of xl create -n that is no such JSON is an error") {
  for (const char* text :
       {"", "null", "[]", "{}", R"({"c_info":{"name":"a"}})", R"({"c_info":{"name":""},"b_info":{"max_memkb":1}})",
        R"({"c_info":{"name":1},"b_info":{"max_memkb":1}})", R"({"c_info":{"name":"a"},"b_info":{"max_memkb":-1}})",
        R"({"c_info":{"name":"a"},"b_info":{"max_memkb":"1"}})",
        R"({"c_info":{"name":"a"},"b_info":{"max_memkb":18446744073709551615}})",
        R"({"c_info":{"name":"a"},"b_info":{"max_memkb":1},"disks":{}})"}) {
    INFO(text);
    CHECK_FALSE(xen::parse_config_json(text).has_value());
  }
  const auto sxp = xen::parse_config_json("(domain\n\t(domid -1)\n");
  REQUIRE_FALSE(sxp.has_value());
  CHECK_THAT(sxp.error().because, ContainsSubstring("output_format"));
  const std::string whole = data_file("xl-4.17/parse-create-n-vm2.json");
  for (std::size_t cut = 0; cut + 2 < whole.size(); ++cut)
    CHECK_FALSE(xen::parse_config_json(whole.substr(0, cut)).has_value());
  CHECK_FALSE(xen::parse_config_json(std::string(10'000'000, 'x')).has_value());
}

TEST_CASE("one script finds, hashes and parses the files of many domains") {
  test::Workshop workshop;
  const std::string first = workshop.file("etc/it's one.cfg", "abc");
  const std::string second = workshop.file("etc/two", "abc");
  workshop.file("etc/broken.cfg", "name = [");
  workshop.file("json", data_file("xl-4.17/parse-create-n-vm2.json"));
  workshop.program("xl", "[ \"$1 $2\" = 'create -n' ] || exit 2\n"
                         "case $3 in *broken*) echo \"$3:1: config parsing error\" >&2; echo noise; exit 1;; esac\n"
                         "echo 'a warning' >&2; cat " +
                             workshop.path() + "/json\n");
  const std::vector<xen::ConfigQuestion> questions{
      {.domain = domain_name("one"), .candidates = {workshop.path() + "/etc/none", first, second}},
      {.domain = domain_name("two"), .candidates = {second}},
      {.domain = domain_name("nowhere"), .candidates = {workshop.path() + "/etc/none"}},
      {.domain = domain_name("broken"), .candidates = {workshop.path() + "/etc/broken.cfg"}},
      {.domain = domain_name("directory"), .candidates = {workshop.path() + "/etc"}}};

  SECTION("with xl") {
    const auto reports =
        xen::parse_configs(workshop.run(xen::config_command(questions, xen::Reading::with_xl)), questions);
    REQUIRE(reports.has_value());
    REQUIRE(reports->size() == 5);
    const auto& one = reports->at(domain_name("one"));
    CHECK((one.path == first && one.sha256 == sha_of_abc && one.parsed && one.name == "vm2" && one.problem.empty()));
    CHECK(reports->at(domain_name("two")).path == second);
    CHECK(reports->at(domain_name("nowhere")) == model::ConfigReport{});
    const auto& broken = reports->at(domain_name("broken"));
    CHECK((!broken.parsed && !broken.sha256.empty()));
    CHECK_THAT(broken.problem, ContainsSubstring("config parsing error"));
    const auto& directory = reports->at(domain_name("directory"));
    CHECK((directory.sha256.empty() && !directory.path.empty()));
    CHECK_THAT(directory.problem, ContainsSubstring("cannot be read"));
  }
  SECTION("hashes only") {
    workshop.program("xl", "echo called >>" + workshop.path() + "/calls\n");
    const auto reports =
        xen::parse_configs(workshop.run(xen::config_command(questions, xen::Reading::hash_only)), questions);
    REQUIRE(reports.has_value());
    CHECK(reports->at(domain_name("one")).sha256 == sha_of_abc);
    CHECK_FALSE(reports->at(domain_name("one")).parsed);
    CHECK_FALSE(std::filesystem::exists(workshop.path() + "/calls"));
  }
  SECTION("xl prints what looks like the end") {
    workshop.program("xl", "printf 'end\\nfile 2 1 -\\n'\n");
    const auto reports =
        xen::parse_configs(workshop.run(xen::config_command(questions, xen::Reading::with_xl)), questions);
    REQUIRE(reports.has_value());
    CHECK_FALSE(reports->at(domain_name("one")).parsed);
    CHECK(reports->at(domain_name("two")).sha256 == sha_of_abc);
  }
}

TEST_CASE("an answer about configurations that is cut or garbled is an error") {
  const std::vector<xen::ConfigQuestion> questions{{.domain = domain_name("a"), .candidates = {"/a"}}};
  const std::string text = "file 1 1 " + sha_of_abc + "\nxl 0\n {\n }\nend\n";
  REQUIRE(xen::parse_configs(exited(0, text), questions).has_value());
  for (std::size_t cut = 0; cut < text.size(); ++cut)
    CHECK_FALSE(xen::parse_configs(exited(0, text.substr(0, cut)), questions).has_value());
  for (const char* garbled :
       {"file 0 1 -\nend\n", "file 2 1 -\nend\n", "file 1 2 -\nend\n", "file 1 0 -\nend\n", "file 1 1 abc\nend\n",
        "file 1 1\nend\n", "xl 0\nend\n", " x\nend\n", "file 1 1 -\nxl x\nend\n"}) {
    INFO(garbled);
    CHECK_FALSE(xen::parse_configs(exited(0, garbled), questions).has_value());
  }
  CHECK_FALSE(xen::parse_configs(exited(1, text), questions).has_value());
  CHECK_FALSE(xen::parse_configs({.end = host::End::lost, .out = text}, questions).has_value());
}
