#include "answer.hpp"

#include "xen_drbd/base/text.hpp"

namespace xen_drbd::drbd {

std::optional<Minor> read_minor(std::string_view text) {
  const auto minor = number<std::uint32_t>(text);
  if (!minor || *minor >= (1U << 20U)) return std::nullopt;
  return Minor{*minor};
}

std::string failure(const host::Outcome& outcome) {
  const std::string_view err = trimmed(outcome.err);
  if (outcome.end != host::End::exited || err.empty()) return excerpt(host::describe(outcome));
  return excerpt(lines(err).front());
}

} // namespace xen_drbd::drbd
