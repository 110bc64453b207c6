#include "xen_drbd/base/text.hpp"
#include "xen_drbd/host/host.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <fmt/format.h>

namespace xen_drbd::host {
namespace {

constexpr std::size_t longest = 300;

bool tells_of_failure(std::string_view line) {
  std::string lower(line);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  static constexpr std::array<std::string_view, 7> signs{"error",  "fail",    "cannot", "can't",
                                                         "denied", "refused", "not "};
  return std::any_of(signs.begin(), signs.end(),
                     [&](std::string_view sign) { return lower.find(sign) != std::string::npos; });
}

/// The line of a command's output that says most: the first that tells of a failure, else the first that says anything.
std::string telling_line(const Outcome& outcome) {
  for (const std::string& stream : {outcome.err, outcome.out}) {
    std::string_view first;
    for (const std::string_view line : lines(stream)) {
      const auto text = trimmed(line);
      if (text.empty()) continue;
      if (tells_of_failure(text)) return printable(text.substr(0, longest));
      if (first.empty()) first = text;
    }
    if (!first.empty()) return printable(first.substr(0, longest));
  }
  return {};
}

std::string with(const std::string& text, const std::string& addition) {
  return addition.empty() ? text : text + ": " + addition;
}

} // namespace

std::string describe(const Outcome& outcome) {
  switch (outcome.end) {
  case End::exited:
    return with(fmt::format("exit status {}", outcome.status), outcome.status == 0 ? "" : telling_line(outcome));
  case End::signalled:
    return with(fmt::format("killed by signal {} ({})", outcome.status, ::strsignal(outcome.status)),
                telling_line(outcome));
  case End::timed_out: return outcome.lost_because.empty() ? "no answer in time" : outcome.lost_because;
  case End::lost: return with("the connection was lost", outcome.lost_because);
  }
  return {};
}

} // namespace xen_drbd::host
