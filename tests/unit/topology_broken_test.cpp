#include "xen_drbd/topology/load.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

using namespace xen_drbd;
using namespace xen_drbd::topology;
namespace fs = std::filesystem;

namespace {

std::string contents(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  REQUIRE(in.good());
  return text.str();
}

std::set<fs::path> broken_files() {
  std::set<fs::path> files;
  for (const auto& entry : fs::directory_iterator(std::string(XEN_DRBD_TEST_DATA) + "/topologies/broken"))
    if (entry.path().extension() == ".yaml") files.insert(entry.path());
  return files;
}

constexpr std::string_view named_anchor = "not defined: two"; // yaml-cpp 0.8 says which; 0.7 does not

} // namespace

TEST_CASE("every broken file is refused with exactly the errors that stand beside it") {
  const auto files = broken_files();
  REQUIRE(files.size() >= 100);
  for (const fs::path& path : files) {
    const std::string name = path.filename().string();
    CAPTURE(name);
    const auto parsed = parse_topology(contents(path), {"topology", name});
    REQUIRE_FALSE(parsed.has_value());
    fs::path expected = path;
    expected.replace_extension(".txt");
    std::string said = as_error(name, parsed.error()).because + "\n";
    if (const auto at = said.find(named_anchor); at != std::string::npos) said.erase(at + 11, 5);
    CHECK(said == contents(expected));
  }
}

TEST_CASE("every problem of a broken file has a place inside the file, says what was found, and comes in order") {
  for (const fs::path& path : broken_files()) {
    const std::string text = contents(path);
    CAPTURE(path.filename().string());
    const auto parsed = parse_topology(text, {"topology", path.filename().string()});
    REQUIRE_FALSE(parsed.has_value());
    const auto count = std::count(text.begin(), text.end(), '\n') + 1;
    std::pair<int, int> before{1, 1};
    for (const Problem& problem : parsed.error()) {
      CAPTURE(problem.line, problem.column, problem.text);
      CHECK(problem.line <= count);
      CHECK(std::pair(problem.line, problem.column) >= before);
      before = {problem.line, problem.column};
      CHECK_THAT(problem.text, Catch::Matchers::ContainsSubstring("found "));
      CHECK(problem.text.find('\n') == std::string::npos);
      CHECK(std::none_of(problem.text.begin(), problem.text.end(),
                         [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }));
    }
  }
}

TEST_CASE("all errors of a file become one error whose text has a line for each") {
  const auto parsed = parse_topology("node1: a\nnode2: a\ndomains: []\njobs: 0\n", {"x", "/etc/xen/x.yaml"});
  REQUIRE_FALSE(parsed.has_value());
  const Error error = as_error("/etc/xen/x.yaml", parsed.error());
  CHECK(error.kind == ErrorKind::topology);
  CHECK(error.changed == Changed::no);
  CHECK(error.what == "the topology file /etc/xen/x.yaml has 2 errors");
  CHECK(error.because == "/etc/xen/x.yaml:2:8: `node2`: found `a`, expected another node than `node1`, which is `a`\n"
                         "/etc/xen/x.yaml:4:7: `jobs`: found `0`, expected a whole number from 1 to 100");
}
