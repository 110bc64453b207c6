#include "reader.hpp"

#include "xen_drbd/base/text.hpp"

#include "bytes.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <map>
#include <ranges>

namespace xen_drbd::topology {
namespace {

constexpr std::size_t longest_shown = 80;
constexpr std::size_t most_candidates = 200; // keeps a file of a megabyte of mistakes from taking minutes
constexpr Milliseconds longest_duration = std::chrono::hours(168);

std::vector<std::string> in_backquotes(std::initializer_list<std::string> words) {
  std::vector<std::string> out;
  for (const std::string& word : words) out.push_back(in_quotes(word));
  return out;
}

} // namespace

std::string in_quotes(std::string_view text) {
  std::string shown = printable(text.substr(0, longest_shown));
  std::string one_line;
  for (char c : shown)
    if (is_control(c))
      one_line += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    else
      one_line += c;
  return "`" + one_line + (text.size() > longest_shown ? "..." : "") + "`";
}

std::string found(const Value& value) {
  switch (value.kind) {
  case Value::Kind::scalar: return value.text.empty() ? "an empty text" : in_quotes(value.text);
  case Value::Kind::list: return value.items.empty() ? "an empty list" : "a list";
  case Value::Kind::map: return value.items.empty() ? "an empty map" : "a map";
  case Value::Kind::nothing: break;
  }
  return "nothing";
}

std::string suggestion(std::string_view text, std::span<const std::string> candidates) {
  if (text.size() > longest_shown || candidates.size() > most_candidates) return "";
  const std::string near = nearest(text, candidates);
  return near.empty() ? "" : "; did you mean " + in_quotes(near) + "?";
}

void check_keys(const Value& map, Problems& problems) {
  std::map<std::string_view, int> first;
  for (const Value& key : map.keys) {
    if (key.kind != Value::Kind::scalar) {
      problems.add(key, "found " + found(key) + " as a key, expected a word");
      continue;
    }
    const auto [seen, is_new] = first.emplace(key.text, key.line);
    if (!is_new)
      problems.add(key, fmt::format("found the key {} again, expected it once (it is on line {} already)",
                                    in_quotes(key.text), seen->second));
  }
}

Fields::Fields(const Value& map, std::string what, std::initializer_list<std::string> known, Problems& problems)
    : map_(map), what_(std::move(what)), problems_(problems) {
  check_keys(map, problems);
  const std::vector<std::string> names(known);
  for (const Value& key : map.keys) {
    if (key.kind != Value::Kind::scalar || std::ranges::find(names, key.text) != names.end()) continue;
    if (key.text == "<<") {
      problems.add(key, "found the merge key `<<`, expected the keys themselves: write them out");
      continue;
    }
    problems.add(key, fmt::format("found the unknown key {} in {}, expected {}{}", in_quotes(key.text), what_,
                                  enumerate(in_backquotes(known)), suggestion(key.text, names)));
  }
}

const Value* Fields::find(std::string_view key) const {
  for (std::size_t i = 0; i < map_.keys.size() && i < map_.items.size(); ++i)
    if (map_.keys[i].kind == Value::Kind::scalar && map_.keys[i].text == key) return &map_.items[i];
  return nullptr;
}

const Value* Fields::required(std::string_view key, std::string_view expected) const {
  const Value* value = find(key);
  if (value == nullptr) problems_.add(map_, fmt::format("found no key `{}` in {}, expected {}", key, what_, expected));
  return value;
}

void Reader::wrong(const Value& value, std::string_view key, std::string_view expected) {
  problems_.add(value, fmt::format("`{}`: found {}, expected {}", key, found(value), expected));
}

std::optional<std::string> Reader::text(const Value& value, std::string_view key, std::string_view expected) {
  const bool usable = value.kind == Value::Kind::scalar && !value.text.empty();
  if (usable && std::ranges::none_of(value.text, is_control)) return value.text;
  wrong(value, key, usable ? std::string(expected) + " without control characters" : std::string(expected));
  return std::nullopt;
}

std::optional<unsigned> Reader::number(const Value& value, std::string_view key, unsigned least, unsigned most) {
  const std::string expected = fmt::format("a whole number from {} to {}", least, most);
  const auto word = text(value, key, expected);
  if (!word) return std::nullopt;
  unsigned number = 0;
  const char* const last = word->data() + word->size();
  const auto [end, status] = std::from_chars(word->data(), last, number);
  const bool padded = word->size() > 1 && word->front() == '0';
  if (status == std::errc{} && end == last && !padded && number >= least && number <= most) return number;
  wrong(value, key, expected);
  return std::nullopt;
}

std::optional<Milliseconds> Reader::duration(const Value& value, std::string_view key, Milliseconds least) {
  constexpr std::string_view expected = "a duration with its unit such as 500ms, 5s, 2m or 1h";
  const auto word = text(value, key, expected);
  if (!word) return std::nullopt;
  const bool signed_number = word->front() == '-' || word->front() == '+';
  const auto parsed = parse_duration(*word);
  if (!parsed || signed_number) {
    wrong(value, key, fmt::format("{}: {}", expected, parsed ? "a sign is not allowed" : parsed.error().because));
    return std::nullopt;
  }
  if (*parsed >= least && *parsed <= longest_duration) return *parsed;
  wrong(value, key, fmt::format("{}, from {} to {}", expected, to_string(least), to_string(longest_duration)));
  return std::nullopt;
}

std::optional<std::string> Reader::path(const Value& value, std::string_view key) {
  constexpr std::string_view expected = "the absolute path of a file";
  auto path = text(value, key, expected);
  if (!path) return std::nullopt;
  if (path->front() == '/' && path->back() != '/' && std::ranges::count(split(*path, '/'), "..") == 0) return path;
  wrong(value, key, std::string(expected) + ", without `..`");
  return std::nullopt;
}

std::optional<std::string> Reader::ssh_path(const Value& value, std::string_view key) {
  auto file = path(value, key);
  if (!file || file->find_first_of(" \"'%$#\\") == std::string::npos) return file;
  wrong(value, key, "a path without spaces, quotes and any of `%$#\\`, which ssh would read as something else");
  return std::nullopt;
}

std::optional<std::vector<std::string>> Reader::texts(const Value& value, std::string_view key,
                                                      std::string_view expected) {
  if (value.kind != Value::Kind::list) {
    wrong(value, key, expected);
    return std::nullopt;
  }
  std::vector<std::string> words;
  for (const Value& item : value.items)
    if (auto word = text(item, key, "a text")) words.push_back(std::move(*word));
  return words.size() == value.items.size() ? std::optional(std::move(words)) : std::nullopt;
}

} // namespace xen_drbd::topology
