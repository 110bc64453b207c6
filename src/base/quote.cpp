#include "xen_drbd/base/quote.hpp"

#include <algorithm>

namespace xen_drbd {
namespace {

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_./:@%+,-").find(c) != std::string_view::npos;
}

} // namespace

std::string shell_quote(std::string_view text) {
  text = text.substr(0, text.find('\0'));
  const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), is_plain);
  if (plain) return std::string(text);
  std::string quoted = "'";
  for (char c : text) {
    if (c == '\'')
      quoted += "'\\''";
    else
      quoted += c;
  }
  return quoted + "'";
}

std::string shell_join(std::span<const std::string> argv) {
  std::string joined;
  for (const std::string& word : argv) {
    if (!joined.empty()) joined += ' ';
    joined += shell_quote(word);
  }
  return joined;
}

} // namespace xen_drbd
