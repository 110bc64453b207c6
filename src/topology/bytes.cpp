#include "bytes.hpp"

#include "xen_drbd/base/text.hpp"

#include <fmt/format.h>

namespace xen_drbd::topology {
namespace {

unsigned byte_at(std::string_view text, std::size_t at) { return static_cast<unsigned char>(text[at]); }

/// The length of the UTF-8 character at `at`, or 0 where there is none.
std::size_t character_length(std::string_view text, std::size_t at) {
  const unsigned first = byte_at(text, at);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || at + length > text.size()) return 0;
  unsigned code = first & (0xffU >> (length + 1));
  for (std::size_t next = at + 1; next < at + length; ++next) {
    if ((byte_at(text, next) & 0xc0U) != 0x80U) return 0;
    code = code << 6U | (byte_at(text, next) & 0x3fU);
  }
  const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  const bool no_character = (code >= 0xd800 && code <= 0xdfff) || code > 0x10ffff;
  return overlong || no_character ? 0 : length;
}

/// Whether the character at `at` is a control character other than a tab, those of Latin-1 included.
bool is_control_at(std::string_view line, std::size_t at) {
  const unsigned byte = byte_at(line, at);
  return (byte < 0x20 && byte != '\t') || byte == 0x7f || (byte == 0xc2 && byte_at(line, at + 1) < 0xa0);
}

void check_line(std::string_view line, int number, Problems& problems) {
  for (std::size_t at = 0; at < line.size();) {
    const int column = static_cast<int>(at) + 1;
    const std::size_t length = character_length(line, at);
    if (length == 0)
      return problems.add(number, column,
                          fmt::format("found the byte 0x{:02x}, expected UTF-8 text", byte_at(line, at)));
    if (is_control_at(line, at))
      return problems.add(
          number, column,
          fmt::format("found a control character (0x{:02x}), expected plain text", byte_at(line, at + length - 1)));
    at += length;
  }
  const std::size_t content = line.find_first_not_of(" \t");
  if (content == std::string_view::npos || line[content] == '#') return;
  if (const std::size_t tab = line.find('\t'); tab < content)
    problems.add(number, static_cast<int>(tab) + 1, "found a tab, expected spaces: YAML is indented with spaces only");
}

} // namespace

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

void check_bytes(std::string_view text, Problems& problems) {
  if (text.size() > largest_file)
    return problems.add(1, 1, fmt::format("found {} bytes, expected at most {}", text.size(), largest_file));
  int number = 0;
  for (std::string_view line : split(text, '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    check_line(line, ++number, problems);
  }
}

} // namespace xen_drbd::topology
