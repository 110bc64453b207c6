// DRBD in 8.4's words (`drbdsetup status --verbose --statistics`, `show`, `events2`) and the configuration: no
// resource is overlooked, no half of an answer is taken for the whole.
#include "xen_drbd/base/text.hpp"
#include "xen_drbd/drbd/look.hpp"

#include "fuzz.hpp"

#include <algorithm>

using namespace xen_drbd;

namespace {

void status(std::string_view text) {
  const auto status = drbd::parse_status_text(text);
  if (!status) return;
  const auto all = lines(text);
  const auto resources = std::count_if(all.begin(), all.end(), [](std::string_view line) {
    return !words(line).empty() && line.front() != ' ' && line.front() != '\t' && line.front() != '#' &&
           line.find(" role:") != line.npos;
  });
  fuzz::must(status->resources.size() + status->notes.size() >= static_cast<std::size_t>(resources),
             "every resource is shown, or a note says why not");
  for (const model::Resource& resource : status->resources)
    fuzz::must(resource.connections == 1 || resource.peer_role == model::Role::unknown,
               "without one connection there is no peer");
}

void show(std::string_view text) {
  if (!drbd::parse_show_text(text)) return;
  const std::size_t last = text.find_last_of('}');
  if (last != text.npos && text.find_first_of("#\"", 0) == text.npos)
    fuzz::must(!drbd::parse_show_text(text.substr(0, last)), "an answer that is cut short is refused");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text(data, size);
  status(text);
  show(text);
  static_cast<void>(drbd::assemble(fuzz::said(text), fuzz::said(text)));
  static_cast<void>(drbd::parse_links(fuzz::said(text)));
  static_cast<void>(drbd::parse_kernel_log(fuzz::said(text)));
  static_cast<void>(drbd::parse_dump_text(text, "dom0"));
  return 0;
}
