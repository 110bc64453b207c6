// `xl list`: an answer that was cut or garbled never loses a row, so it never shows a domain to be absent.
#include "xen_drbd/base/text.hpp"
#include "xen_drbd/xen/look.hpp"

#include "fuzz.hpp"

#include <algorithm>

using namespace xen_drbd;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text(data, size);
  const auto rows = xen::parse_list_text(text);
  fuzz::must(rows.has_value() == xen::parse_list(fuzz::said(text)).has_value(), "the bare text decides");
  if (!rows) return 0;
  const auto all = lines(text);
  const auto filled = std::count_if(all.begin(), all.end(), [](std::string_view line) { return !words(line).empty(); });
  fuzz::must(static_cast<std::size_t>(filled) == rows->size() + 1, "every line after the header is a row");
  fuzz::must(std::any_of(rows->begin(), rows->end(),
                         [](const model::DomainRow& row) { return row.domid == 0 && row.name == "Domain-0"; }),
             "Domain-0 is listed");
  for (const model::DomainRow& row : *rows) fuzz::must(text.find(row.name) != text.npos, "a name is one of the text");
  return 0;
}
