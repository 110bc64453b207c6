#include "answer.hpp"

#include "xen_drbd/base/text.hpp"

namespace xen_drbd::drbd {

std::optional<Minor> read_minor(std::string_view text) {
  const auto minor = number<std::uint32_t>(text);
  if (!minor || *minor >= (1U << 20U)) return std::nullopt;
  return Minor{*minor};
}

std::string excerpt(std::string_view text) {
  constexpr std::size_t longest = 300;
  if (text.size() <= longest) return printable(text);
  std::size_t cut = longest;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0U) == 0x80U) --cut;
  return printable(text.substr(0, cut)) + "...";
}

std::string failure(const host::Outcome& outcome) {
  const std::string_view err = trimmed(outcome.err);
  if (outcome.end != host::End::exited || err.empty()) return excerpt(host::describe(outcome));
  return excerpt(lines(err).front());
}

} // namespace xen_drbd::drbd
