#include "xen_drbd/base/text.hpp"
#include "xen_drbd/drbd/look.hpp"

#include "answer.hpp"

namespace xen_drbd::drbd {
namespace {

// Two lines for each link. find ends with 1 when udev took something away meanwhile.
constexpr const char* links_script = R"sh(
nl='
'
if [ -d /dev/drbd ]; then
  find /dev/drbd/ -type l ! -path "*$nl*" ! -lname "*$nl*" -printf '%p\n%l\n'
  [ $? -le 1 ] || exit 3
fi
echo end
)sh";

} // namespace

host::Command links_command() { return {.argv = {"sh", "-c", links_script, "sh"}, .timeout = Milliseconds{10'000}}; }

Result<std::map<std::string, std::string>> parse_links(const host::Outcome& outcome) {
  static const std::string what = "the links below /dev/drbd could not be listed";
  if (!outcome.ok()) return unreadable(what, failure(outcome));
  const auto all = lines(outcome.out);
  if (!outcome.out.ends_with('\n') || all.back() != "end" || all.size() % 2 == 0)
    return unreadable(what, "the answer is cut short");
  std::map<std::string, std::string> links;
  for (std::size_t i = 0; i + 1 < all.size(); i += 2) {
    if (!all[i].starts_with("/dev/drbd/") || all[i + 1].empty())
      return unreadable(what, "line cannot be read: " + excerpt(all[i]));
    links.emplace(all[i], all[i + 1]);
  }
  return links;
}

} // namespace xen_drbd::drbd
