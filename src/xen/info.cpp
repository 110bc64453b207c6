#include "xen_drbd/base/text.hpp"
#include "xen_drbd/xen/act.hpp"
#include "xen_drbd/xen/look.hpp"

#include "answer.hpp"

#include <map>

namespace xen_drbd::xen {

host::Command info_command() { return {.argv = {"xl", "info"}, .timeout = Milliseconds{10'000}}; }

Result<model::XenInfo> parse_info(const host::Outcome& outcome) {
  static const std::string what = "the hypervisor could not be asked";
  if (!outcome.ok()) return unreadable(what, "xl info: " + explain(outcome));
  if (!outcome.out.ends_with('\n')) return unreadable(what, "the answer of xl info is cut short");

  std::map<std::string_view, std::string_view> values;
  for (std::string_view line : lines(outcome.out)) {
    const std::size_t colon = line.find(':');
    if (colon != line.npos) values.emplace(trimmed(line.substr(0, colon)), trimmed(line.substr(colon + 1)));
  }
  const auto major = number<unsigned>(values["xen_major"]);
  const auto minor = number<unsigned>(values["xen_minor"]);
  const auto free = number<std::int64_t>(values["free_memory"]);
  const auto total = number<std::int64_t>(values["total_memory"]);
  for (auto [present, key] :
       {std::pair{major.has_value(), "xen_major"}, std::pair{minor.has_value(), "xen_minor"},
        std::pair{free && *free >= 0, "free_memory"}, std::pair{total && *total >= 0, "total_memory"},
        std::pair{!values["xen_version"].empty(), "xen_version"}})
    if (!present) return unreadable(what, std::string("xl info has no usable ") + key);
  return model::XenInfo{.version = std::string(values["xen_version"]),
                        .major = *major,
                        .minor = *minor,
                        .free_memory = MiB{*free},
                        .total_memory = MiB{*total},
                        .command_line = std::string(values["xen_commandline"])};
}

bool has_resume(const model::XenInfo& info) { return info.major > 4 || (info.major == 4 && info.minor >= 20); }

} // namespace xen_drbd::xen
