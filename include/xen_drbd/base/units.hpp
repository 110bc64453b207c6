#pragma once

#include "xen_drbd/base/result.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace xen_drbd {

using Milliseconds = std::chrono::milliseconds;

/// A duration with its unit: `500ms`, `5s`, `2m`, `1h`. A bare number, a sign, a fraction or an overflow is an error.
/// Fails: ErrorKind::usage; `because` says what is expected.
[[nodiscard]] Result<Milliseconds> parse_duration(std::string_view text);

/// The shortest exact form that parse_duration reads back: 90000 ms is "90s", 120000 ms is "2m".
[[nodiscard]] std::string to_string(Milliseconds duration);

/// Memory as `xl info` and `xl list` count it. Units: MiB.
struct MiB {
  std::int64_t count = 0;
  auto operator<=>(const MiB&) const = default; // NOLINT(modernize-use-nullptr): clang-tidy 14 misreads it
  friend MiB operator+(MiB a, MiB b) { return {a.count + b.count}; }
  friend MiB operator-(MiB a, MiB b) { return {a.count - b.count}; }
};

/// The minor number of a DRBD volume: /dev/drbdN. Units: 0 to 1048575 (2^20 - 1, the kernel's MINORBITS).
struct Minor {
  std::uint32_t number = 0;
  auto operator<=>(const Minor&) const = default; // NOLINT(modernize-use-nullptr): clang-tidy 14 misreads it
};

} // namespace xen_drbd
