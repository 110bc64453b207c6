#pragma once
// What is said to the worker and what it says, as text; see worker_script.hpp. Nothing here acts.

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace xen_drbd::host {

/// 32 hexadecimal digits from the kernel's random source.
[[nodiscard]] std::string random_token();

/// A word that the worker's sh reads back as `text`, on one line even when `text` has several.
[[nodiscard]] std::string wire_word(std::string_view text);

/// The words on one line, with its newline.
[[nodiscard]] std::string wire_line(std::span<const std::string> words);

/// What a command printed. `whole` tells whether all of it arrived: not so when the worker had no room to store it.
struct Captured {
  std::string out;
  std::string err;
  bool whole = false;
  bool operator==(const Captured&) const = default;
};

/// A note of the worker: "BEAT VERB ID REST".
struct Note {
  std::string verb;
  std::uint64_t id = 0;
  std::string rest;
  std::vector<Captured> captured; ///< for `done`: one for each of its codes
  bool operator==(const Note&) const = default;
};

/// Reads the worker's output, in pieces as they come. Notes are found by one token wherever they stand, even in the
/// midst of captured output, and taken out; what is left is read by the other token. Both are random, so that no
/// output can look like either.
class Reader {
public:
  /// Units: bytes. A stream of which more was printed is not `whole`; it could fill the memory of dom0.
  static constexpr std::size_t default_limit = std::size_t{64} << 20U;

  Reader(std::string frame, std::string beat, std::size_t limit = default_limit);

  /// The notes that `bytes` completed, in order.
  [[nodiscard]] std::vector<Note> read(std::string_view bytes);

private:
  struct Stream {
    std::string bytes;
    bool cut = false;
    bool overflown = false;
  };
  struct Pair {
    Stream out;
    Stream err;
  };

  void read_captured(std::string_view bytes);
  void append(std::string_view bytes);
  void begin_or_cut(std::string_view line);
  [[nodiscard]] std::optional<Note> parse_note(std::string_view line);

  std::string frame_;
  std::string beat_;
  std::size_t limit_;
  std::string raw_;
  std::string body_;
  std::map<std::uint64_t, std::map<std::uint64_t, Pair>> captured_;
  Stream* current_ = nullptr;
  std::uint64_t current_id_ = 0;
};

} // namespace xen_drbd::host
