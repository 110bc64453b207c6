#pragma once

#include "tree.hpp"

#include <initializer_list>
#include <span>

namespace xen_drbd::topology {

/// What stands there, for a message: "`text`" (shortened, fit for a terminal), "a list", "a map" or "nothing".
[[nodiscard]] std::string found(const Value& value);
[[nodiscard]] std::string in_quotes(std::string_view text);

/// "; did you mean `domain_home`?", or nothing when no candidate is near.
[[nodiscard]] std::string suggestion(std::string_view text, std::span<const std::string> candidates);

/// The keys of a map. Unknown and duplicate keys are reported once, when it is made.
class Fields {
public:
  /// `what` is the thing that the map describes ("a domain"), for messages.
  Fields(const Value& map, std::string what, std::initializer_list<std::string> known, Problems& problems);

  /// The value of a key, or null. The first one counts where the key stands twice.
  [[nodiscard]] const Value* find(std::string_view key) const;
  /// The same; its absence is a problem.
  [[nodiscard]] const Value* required(std::string_view key, std::string_view expected) const;

private:
  const Value& map_;
  std::string what_;
  Problems& problems_;
};

/// Reports the second and later occurrences of a key. Keys that are no words are reported too.
void check_keys(const Value& map, Problems& problems);

/// Reads single values. Every function reports what it does not find, and then returns nothing.
class Reader {
public:
  explicit Reader(Problems& problems) : problems_(problems) {}

  /// A word or text, not empty, without control characters (a quoted "\n" is one).
  std::optional<std::string> text(const Value& value, std::string_view key, std::string_view expected);
  std::optional<unsigned> number(const Value& value, std::string_view key, unsigned least, unsigned most);
  std::optional<Milliseconds> duration(const Value& value, std::string_view key, Milliseconds least);
  /// An absolute path of a file, without `..`.
  std::optional<std::string> path(const Value& value, std::string_view key);
  /// The same, without what OpenSSH expands or splits in its configuration (spaces, quotes, `%`, `$`, `#`, `\`).
  std::optional<std::string> ssh_path(const Value& value, std::string_view key);
  /// A list of texts, each read by text(); nothing unless all are right.
  std::optional<std::vector<std::string>> texts(const Value& value, std::string_view key, std::string_view expected);

  template <class N> std::optional<N> name(const Value& value, std::string_view key, std::string_view expected) {
    const auto word = text(value, key, expected);
    if (!word) return std::nullopt;
    auto parsed = N::parse(*word);
    if (parsed) return std::move(*parsed);
    wrong(value, key, std::string(expected) + ": " + parsed.error().because);
    return std::nullopt;
  }

  /// "`key`: found ..., expected ...".
  void wrong(const Value& value, std::string_view key, std::string_view expected);

  Problems& problems() { return problems_; }

private:
  Problems& problems_;
};

} // namespace xen_drbd::topology
