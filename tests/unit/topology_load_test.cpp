#include "xen_drbd/topology/load.hpp"

#include "support/catch.hpp"

#include <fstream>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace xen_drbd;
using namespace xen_drbd::topology;
using Catch::Matchers::ContainsSubstring;

namespace {

/// A topology file in a directory of its own, gone at the end.
class File {
public:
  explicit File(const std::string& text) {
    REQUIRE(::mkdtemp(directory_.data()) != nullptr);
    path_ = directory_ + "/pair.yaml";
    std::ofstream(path_) << text;
    REQUIRE(::chmod(path_.c_str(), 0644) == 0);
  }
  ~File() {
    ::unlink(path_.c_str());
    ::rmdir(directory_.c_str());
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  const std::string& path() const { return path_; }
  const std::string& directory() const { return directory_; }

private:
  std::string directory_ = "/tmp/xen-drbd-topology-XXXXXX";
  std::string path_;
};

const std::string good = "node1: dom0\nnode2: mirror\ndomains: []\n";

} // namespace

TEST_CASE("a file that only its owner may write is loaded") {
  const File file(good);
  const auto topology = load_topology({"pair", file.path()});
  REQUIRE(topology.has_value());
  CHECK(topology->path == file.path());
  CHECK(read_topology(file.path()).value() == good);
}

TEST_CASE("a file that group or others may write is refused, with the command that mends it") {
  const mode_t mode = GENERATE(as<mode_t>{}, 0664, 0646, 0666, 0777);
  const File file(good);
  REQUIRE(::chmod(file.path().c_str(), mode) == 0);
  const auto topology = load_topology({"pair", file.path()});
  REQUIRE_FALSE(topology.has_value());
  CHECK(topology.error().kind == ErrorKind::topology);
  CHECK_THAT(topology.error().because, ContainsSubstring("others than its owner may write it"));
  CHECK_THAT(topology.error().hint, ContainsSubstring("chmod go-w " + file.path()));
}

TEST_CASE("a file of a stranger is refused") {
  const File file(good);
  if (::geteuid() == 0) {
    REQUIRE(::chown(file.path().c_str(), 12345, 0) == 0);
    const auto topology = load_topology({"pair", file.path()});
    REQUIRE_FALSE(topology.has_value());
    CHECK_THAT(topology.error().because, ContainsSubstring("user 12345"));
  } else {
    CHECK(load_topology({"pair", file.path()}).has_value());
  }
}

TEST_CASE("a missing file, a directory and a pipe are errors that name the file, and nothing waits") {
  const File file(good);
  const auto missing = load_topology({"none", file.directory() + "/none.yaml"});
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().kind == ErrorKind::topology);
  CHECK_THAT(missing.error().what, ContainsSubstring(file.directory() + "/none.yaml"));
  CHECK_THAT(missing.error().because, ContainsSubstring("No such file or directory"));
  const auto directory = load_topology({"dir", file.directory()});
  REQUIRE_FALSE(directory.has_value());
  CHECK_THAT(directory.error().because, ContainsSubstring("not a regular file"));
  const std::string pipe = file.directory() + "/pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  const auto fifo = load_topology({"pipe", pipe});
  ::unlink(pipe.c_str());
  REQUIRE_FALSE(fifo.has_value());
  CHECK_THAT(fifo.error().because, ContainsSubstring("not a regular file"));
}

TEST_CASE("a file that is too large is refused unread") {
  const File file(good + std::string(largest_file, '#'));
  const auto topology = load_topology({"pair", file.path()});
  REQUIRE_FALSE(topology.has_value());
  CHECK_THAT(topology.error().because, ContainsSubstring("a topology has at most 1048576"));
}

TEST_CASE("all errors of a loaded file are in one error, with its path") {
  const File file("node1: dom0\njobs: 0\n");
  const auto topology = load_topology({"pair", file.path()});
  REQUIRE_FALSE(topology.has_value());
  CHECK_THAT(topology.error().because, ContainsSubstring(file.path() + ":1:1: found no key `node2`"));
  CHECK_THAT(topology.error().because, ContainsSubstring(file.path() + ":2:7: `jobs`: found `0`"));
}
