#include "xen_drbd/base/units.hpp"

#include <charconv>

namespace xen_drbd {

Result<Milliseconds> parse_duration(std::string_view text) {
  const auto wrong = [&](std::string because) {
    return Error{.kind = ErrorKind::usage,
                 .what = "'" + std::string(text) + "' is not a duration",
                 .because = std::move(because),
                 .while_doing = {},
                 .changed = Changed::no,
                 .hint = "write a number and its unit, such as 500ms, 5s, 2m or 1h"};
  };
  std::int64_t number = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (status == std::errc::result_out_of_range) return wrong("it is too large");
  if (status != std::errc{} || number < 0) return wrong("a number is expected first");
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (unit.empty()) return wrong("it has no unit");
  std::int64_t factor = 0;
  if (unit == "ms")
    factor = 1;
  else if (unit == "s")
    factor = 1000;
  else if (unit == "m")
    factor = 60'000;
  else if (unit == "h")
    factor = 3'600'000;
  else
    return wrong("the unit '" + std::string(unit) + "' is none of ms, s, m and h");
  constexpr std::int64_t longest = std::int64_t{366} * 24 * 3'600'000;
  if (number > longest / factor) return wrong("it is longer than a year");
  return Milliseconds(number * factor);
}

std::string to_string(Milliseconds duration) {
  const auto count = duration.count();
  if (count == 0) return "0s";
  if (count % 3'600'000 == 0) return std::to_string(count / 3'600'000) + "h";
  if (count % 60'000 == 0) return std::to_string(count / 60'000) + "m";
  if (count % 1000 == 0) return std::to_string(count / 1000) + "s";
  return std::to_string(count) + "ms";
}

} // namespace xen_drbd
