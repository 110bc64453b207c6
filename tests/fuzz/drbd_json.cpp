// DRBD 9's JSON: any part of an answer that is not the whole is refused.
#include "xen_drbd/drbd/look.hpp"

#include "fuzz.hpp"

using namespace xen_drbd;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text(data, size);
  const auto status = drbd::parse_status_json(text);
  if (!status) return 0;
  const std::size_t end = text.find_last_not_of(" \t\r\n");
  fuzz::must(end != text.npos, "an empty answer is none");
  fuzz::must(!drbd::parse_status_json(text.substr(0, end)), "an answer that is cut short is refused");
  for (const model::Resource& resource : status->resources)
    fuzz::must(resource.connections == 1 || resource.peer_role == model::Role::unknown,
               "without one connection there is no peer");
  return 0;
}
