#include "xen_drbd/base/text.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <numeric>
#include <utility>

namespace xen_drbd {

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> pieces;
  for (std::size_t start = 0;;) {
    const std::size_t end = text.find(separator, start);
    pieces.push_back(text.substr(start, end == text.npos ? text.npos : end - start));
    if (end == text.npos) return pieces;
    start = end + 1;
  }
}

std::vector<std::string_view> lines(std::string_view text) {
  if (text.empty()) return {};
  if (text.ends_with('\n')) text.remove_suffix(1);
  return split(text, '\n');
}

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> found;
  for (std::size_t start = text.find_first_not_of(" \t"); start != text.npos;) {
    const std::size_t end = text.find_first_of(" \t", start);
    found.push_back(text.substr(start, end == text.npos ? text.npos : end - start));
    start = end == text.npos ? end : text.find_first_not_of(" \t", end);
  }
  return found;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blank = " \t\r\n";
  const std::size_t start = text.find_first_not_of(blank);
  if (start == text.npos) return {};
  return text.substr(start, text.find_last_not_of(blank) - start + 1);
}

std::string enumerate(std::span<const std::string> items) {
  std::string text;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) text += i + 1 == items.size() ? " and " : ", ";
    text += items[i];
  }
  return text;
}

namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

/// Edits (insert, delete, replace, swap of neighbours) between two words.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before = std::exchange(last, row);
  }
  return last[b.size()];
}

/// The length of the UTF-8 sequence that begins at `text`, or 0 when there is none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  std::size_t length = 0;
  unsigned smallest = 0;
  unsigned code = 0;
  if (byte(0) < 0x80) return 1;
  if (byte(0) >= 0xC2 && byte(0) < 0xE0)
    length = 2, smallest = 0x80, code = byte(0) & 0x1FU;
  else if (byte(0) >= 0xE0 && byte(0) < 0xF0)
    length = 3, smallest = 0x800, code = byte(0) & 0x0FU;
  else if (byte(0) >= 0xF0 && byte(0) < 0xF5)
    length = 4, smallest = 0x10000, code = byte(0) & 0x07U;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) return 0;
    code = code << 6U | (byte(i) & 0x3FU);
  }
  const bool control = code < 0xA0; // C1
  const bool surrogate = code >= 0xD800 && code < 0xE000;
  return code < smallest || code > 0x10FFFF || control || surrogate ? 0 : length;
}

} // namespace

std::string nearest(std::string_view text, std::span<const std::string> candidates) {
  constexpr std::size_t shortest_piece = 3;
  const std::string typed = lower(text);
  const bool may_be_a_piece = typed.size() - std::min(typed.size(), typed.find_first_not_of('-')) >= shortest_piece;
  std::string best;
  std::string longer; // the shortest candidate that `text` is the beginning of, or the last words of
  std::size_t least = std::max<std::size_t>(text.size() / 3, 1) + 1;
  for (const std::string& candidate : candidates) {
    const std::string known = lower(candidate);
    if (const std::size_t edits = distance(typed, known); edits < least) {
      least = edits;
      best = candidate;
    }
    if (may_be_a_piece && (known.starts_with(typed) || known.ends_with("-" + typed)) &&
        (longer.empty() || candidate.size() < longer.size()))
      longer = candidate;
  }
  return best.empty() ? longer : best;
}

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto byte = static_cast<unsigned char>(text.front());
    const std::size_t length = utf8_length(text);
    if (length == 0 || (byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7F) {
      out += fmt::format("\\x{:02x}", byte);
      text.remove_prefix(1);
    } else {
      out += text.substr(0, length);
      text.remove_prefix(length);
    }
  }
  return out;
}

} // namespace xen_drbd
