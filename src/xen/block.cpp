#include "xen_drbd/base/text.hpp"
#include "xen_drbd/xen/act.hpp"
#include "xen_drbd/xen/look.hpp"

#include "answer.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace xen_drbd::xen {
namespace {

constexpr unsigned drbd_major = 147; // Linux: Documentation/admin-guide/devices.txt

constexpr const char* block_list_script = R"sh(
in_backend() { value=$(xenstore-read "$path/$1" 2>/dev/null); echo "${value:--}"; }
list=$(xl block-list "$1") || exit
printf '%s\n' "$list"
printf '%s\n' "$list" | while read -r vdev backend handle state channel ring path; do
  case $path in
  /*) printf 'backend %s %s %s\n' "$path" "$(in_backend state)" "$(in_backend physical-device)" ;;
  esac
done
echo end
)sh";

std::optional<std::uint32_t> hexadecimal(std::string_view digits) {
  std::uint32_t value = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (problem != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

Error no_disks(std::string because) {
  return unreadable("the disks of a guest could not be listed", std::move(because));
}

std::optional<BlockDevice> read_device(const std::vector<std::string_view>& columns) {
  if (columns.size() != 7 || !columns[6].starts_with('/')) return std::nullopt;
  const auto vdev = number<unsigned>(columns[0]);
  const auto state = number<int>(columns[3]);
  if (!vdev || !state) return std::nullopt;
  return BlockDevice{
      .vdev = *vdev, .frontend_state = *state, .backend_state = {}, .backend_path = std::string(columns[6])};
}

/// The minor of "93:1": major and minor in hexadecimal, of DRBD.
std::optional<Minor> drbd_minor(std::string_view device) {
  const std::size_t colon = device.find(':');
  if (colon == device.npos) return std::nullopt;
  const auto major = hexadecimal(device.substr(0, colon));
  const auto minor = hexadecimal(device.substr(colon + 1));
  if (!major || !minor || *major != drbd_major) return std::nullopt;
  return Minor{*minor};
}

bool is_block_list_header(const std::vector<std::string_view>& columns) {
  static constexpr std::array<std::string_view, 7> titles{"Vdev",   "BE",       "handle", "state",
                                                          "evt-ch", "ring-ref", "BE-path"};
  return std::equal(columns.begin(), columns.end(), titles.begin(), titles.end());
}

} // namespace

host::Command block_list_command(const DomainName& domain) {
  return {.argv = {"sh", "-c", block_list_script, "sh", domain.str()}, .timeout = Milliseconds{10'000}};
}

Result<std::vector<BlockDevice>> parse_block_list(const host::Outcome& outcome) {
  if (!outcome.ok()) return no_disks("xl block-list: " + explain(outcome));
  // it exits 0 for a domain that it does not know
  if (outcome.err.find("is an invalid domain identifier") != std::string::npos)
    return no_disks("xl block-list: " + excerpt(outcome.err));
  if (!outcome.out.ends_with("\nend\n")) return no_disks("the answer is cut short");
  const auto all = lines(outcome.out);
  if (!is_block_list_header(words(all.front())))
    return no_disks("xl block-list does not begin with its header: " + excerpt(all.front()));

  std::vector<BlockDevice> devices;
  for (std::size_t i = 1; i + 1 < all.size(); ++i) {
    const auto columns = words(all[i]);
    const auto garbled = [&] { return no_disks("line cannot be read: " + excerpt(all[i])); };
    if (columns.empty() || columns[0] != "backend") {
      auto device = read_device(columns);
      if (!device) return garbled();
      devices.push_back(std::move(*device));
      continue;
    }
    if (columns.size() != 4) return garbled();
    auto device = std::find_if(devices.begin(), devices.end(),
                               [&](const BlockDevice& known) { return known.backend_path == columns[1]; });
    if (device == devices.end()) return garbled();
    device->backend_state = number<int>(columns[2]);
    device->drbd_minor = drbd_minor(columns[3]);
  }
  return devices;
}

bool is_closed(const BlockDevice& device) {
  const int state = device.backend_state.value_or(device.frontend_state);
  return state == 5 || state == 6;
}

} // namespace xen_drbd::xen
