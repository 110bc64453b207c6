#include "scope.hpp"

namespace xen_drbd::host {
namespace {

constexpr const char* script = R"sh(
if [ -d /run/systemd/system ] && command -v systemd-run > /dev/null; then
  exec systemd-run --quiet --scope --slice=system.slice -- "$@"
fi
exec "$@"
)sh";

} // namespace

std::vector<std::string> in_own_scope(const std::vector<std::string>& argv) {
  std::vector<std::string> words{"sh", "-c", script, "xen-drbd"};
  words.insert(words.end(), argv.begin(), argv.end());
  return words;
}

} // namespace xen_drbd::host
