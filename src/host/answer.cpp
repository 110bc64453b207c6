#include "xen_drbd/host/answer.hpp"

#include "xen_drbd/base/text.hpp"

namespace xen_drbd::host {

Error unreadable(std::string what, std::string because) {
  return {.kind = ErrorKind::failed,
          .what = std::move(what),
          .because = std::move(because),
          .while_doing = {},
          .changed = Changed::no,
          .hint = {}};
}

std::string excerpt(std::string_view text) {
  constexpr std::size_t longest = 300;
  if (text.size() <= longest) return printable(text);
  std::size_t cut = longest;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0U) == 0x80U) --cut;
  return printable(text.substr(0, cut)) + "...";
}

} // namespace xen_drbd::host
