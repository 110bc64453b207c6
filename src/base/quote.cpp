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

std::optional<std::vector<std::string>> shell_split(std::string_view text, std::string_view newline) {
  std::vector<std::string> words(1);
  while (!text.empty()) {
    std::size_t taken = 1;
    if (text.front() == '\'') {
      const std::size_t end = text.find('\'', 1);
      if (end == text.npos) return std::nullopt;
      words.back() += text.substr(1, end - 1);
      taken = end + 1;
    } else if (text.starts_with("\\'")) {
      words.back() += '\'';
      taken = 2;
    } else if (!newline.empty() && text.starts_with(newline)) {
      words.back() += '\n';
      taken = newline.size();
    } else if (text.front() == ' ') {
      words.emplace_back();
    } else if (is_plain(text.front())) {
      words.back() += text.front();
    } else {
      return std::nullopt;
    }
    text.remove_prefix(taken);
  }
  return words;
}

} // namespace xen_drbd
