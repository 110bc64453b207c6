#include "support/catch.hpp"
#include "worker_script.hpp"

#include <cstdio>
#include <string>

using namespace xen_drbd::host;

namespace {

/// The exit status of a shell command that is fed with the worker.
int fed_with_worker(const std::string& command) {
  FILE* input = ::popen(command.c_str(), "w");
  REQUIRE(input != nullptr);
  REQUIRE(std::fwrite(worker_script.data(), 1, worker_script.size(), input) == worker_script.size());
  return ::pclose(input);
}

} // namespace

TEST_CASE("The worker is clean POSIX sh") { CHECK(fed_with_worker("shellcheck -s sh -") == 0); }

TEST_CASE("Every shell that may be sh can parse the worker") {
  for (const char* shell : {"dash -n", "bash --posix -n", "busybox sh -n"}) {
    INFO(shell);
    CHECK(fed_with_worker(shell) == 0);
  }
}
