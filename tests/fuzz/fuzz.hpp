#pragma once
// What the fuzz targets share. Each target is one file with one LLVMFuzzerTestOneInput; what must hold of any input
// beyond "it does not crash" is said with `must`, and libFuzzer keeps the input that breaks it.

#include "xen_drbd/host/host.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace fuzz {

inline void must(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "it does not hold that %s\n", what);
  std::abort();
}

inline std::string_view text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// The outcome of a command that succeeded with this output.
inline xen_drbd::host::Outcome said(std::string_view out) {
  xen_drbd::host::Outcome outcome;
  outcome.end = xen_drbd::host::End::exited;
  outcome.status = 0;
  outcome.out = out;
  return outcome;
}

} // namespace fuzz
