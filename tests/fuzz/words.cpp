// Durations and names: what is accepted is read back as the same, and no shell would see anything else in it.
#include "xen_drbd/base/names.hpp"
#include "xen_drbd/base/quote.hpp"
#include "xen_drbd/base/units.hpp"

#include "fuzz.hpp"

using namespace xen_drbd;

namespace {

template <class Kind> void name(std::string_view text) {
  const auto parsed = Kind::parse(text);
  if (!parsed) {
    fuzz::must(!parsed.error().because.empty(), "what is wrong with a name is said");
    return;
  }
  fuzz::must(parsed->str() == text, "a name stays as it is");
  fuzz::must(!text.empty() && text.front() != '-', "a name is not taken for an option");
  fuzz::must(shell_quote(text) == text, "a name needs no quotes");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text(data, size);
  if (const auto duration = parse_duration(text)) {
    fuzz::must(duration->count() >= 0, "no duration is negative");
    fuzz::must(parse_duration(to_string(*duration)) == *duration, "a duration is read back as the same");
  }
  name<DomainName>(text);
  name<NodeName>(text);
  name<ResourceName>(text);
  name<LinkName>(text);
  name<InterfaceName>(text);
  name<Address>(text);
  return 0;
}
