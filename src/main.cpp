#include "xen_drbd/cli/run.hpp"

#include <cstdio>
#include <exception>

int main(int argc, char** argv) {
  try {
    return xen_drbd::cli::run({argv, argv + argc});
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "error: a bug in xen-drbd: %s\n", problem.what());
    return 70;
  }
}
