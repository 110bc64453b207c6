#pragma once

#include "xen_drbd/base/result.hpp"

#include "fd.hpp"

#include <string>
#include <sys/types.h>
#include <vector>

namespace xen_drbd::host {

/// A program of our own with pipes to its three standard streams; our ends do not block.
struct Child {
  pid_t pid = -1;
  Fd in;
  Fd out;
  Fd err;
};

/// Starts a program in a session of its own, so that no signal of the terminal reaches it, with no signal blocked or
/// ignored and no descriptor of ours but those three.
/// Fails: ErrorKind::failed with the system's reason.
[[nodiscard]] Result<Child> spawn(const std::vector<std::string>& argv);

} // namespace xen_drbd::host
