#include "wire.hpp"

#include "xen_drbd/base/quote.hpp"
#include "xen_drbd/base/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <sys/random.h>

namespace xen_drbd::host {
namespace {

/// The length of the longest end of `text` that a token may begin with.
std::size_t unfinished(std::string_view text, std::string_view token) {
  for (std::size_t length = std::min(text.size(), token.size() - 1); length > 0; --length)
    if (text.ends_with(token.substr(0, length))) return length;
  return 0;
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// The first word of `text`, which loses it.
std::string_view take_word(std::string_view& text) {
  const auto space = text.find(' ');
  const auto word = text.substr(0, space);
  text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
  return word;
}

} // namespace

std::string random_token() {
  std::array<unsigned char, 16> bytes{};
  for (std::size_t have = 0; have < bytes.size();) {
    const auto got = ::getrandom(bytes.data() + have, bytes.size() - have, 0);
    if (got > 0) have += static_cast<std::size_t>(got);
  }
  std::string token;
  for (const unsigned char byte : bytes) {
    token += "0123456789abcdef"[byte >> 4U];
    token += "0123456789abcdef"[byte & 15U];
  }
  return token;
}

std::string wire_word(std::string_view text) {
  std::string word;
  bool first = true;
  for (const std::string_view piece : split(text, '\n')) {
    if (!first) word += "\"$nl\"";
    word += shell_quote(piece);
    first = false;
  }
  return word;
}

std::string wire_line(std::span<const std::string> words) {
  std::string line;
  for (const std::string& word : words) {
    if (!line.empty()) line += ' ';
    line += wire_word(word);
  }
  return line + '\n';
}

Reader::Reader(std::string frame, std::string beat, std::size_t limit)
    : frame_(std::move(frame)), beat_(std::move(beat)), limit_(limit) {}

std::vector<Note> Reader::read(std::string_view bytes) {
  raw_ += bytes;
  std::vector<Note> notes;
  std::size_t from = 0;
  for (;;) {
    const auto at = raw_.find(beat_, from);
    if (at == std::string::npos) {
      const std::string_view rest = std::string_view(raw_).substr(from);
      const auto keep = unfinished(rest, beat_);
      read_captured(rest.substr(0, rest.size() - keep));
      from = raw_.size() - keep;
      break;
    }
    read_captured(std::string_view(raw_).substr(from, at - from));
    from = at;
    const auto end = raw_.find('\n', at);
    if (end == std::string::npos) break;
    const auto line = std::string_view(raw_).substr(at + beat_.size(), end - at - beat_.size());
    if (auto note = parse_note(line)) notes.push_back(std::move(*note));
    from = end + 1;
  }
  raw_.erase(0, from);
  return notes;
}

void Reader::read_captured(std::string_view bytes) {
  body_ += bytes;
  std::size_t from = 0;
  for (;;) {
    const auto at = body_.find(frame_, from);
    if (at == std::string::npos) {
      const std::string_view rest = std::string_view(body_).substr(from);
      const auto keep = unfinished(rest, frame_);
      append(rest.substr(0, rest.size() - keep));
      from = body_.size() - keep;
      break;
    }
    append(std::string_view(body_).substr(from, at - from));
    from = at;
    const auto end = body_.find('\n', at);
    if (end == std::string::npos) break;
    begin_or_cut(std::string_view(body_).substr(at + frame_.size(), end - at - frame_.size()));
    from = end + 1;
  }
  body_.erase(0, from);
}

void Reader::append(std::string_view bytes) {
  if (current_ == nullptr || bytes.empty()) return;
  if (current_->bytes.size() + bytes.size() > limit_) current_->overflown = true;
  if (!current_->overflown) current_->bytes += bytes;
}

void Reader::begin_or_cut(std::string_view line) {
  if (line == " cut") {
    if (current_ != nullptr) current_->cut = true;
    current_ = nullptr;
    return;
  }
  take_word(line);
  const auto verb = take_word(line);
  const auto id = number(take_word(line));
  const auto index = number(line);
  if (!id || !index) return;
  Pair& pair = captured_[*id][*index];
  current_id_ = *id;
  current_ = verb == "out" ? &pair.out : &pair.err;
}

std::optional<Note> Reader::parse_note(std::string_view line) {
  take_word(line);
  Note note;
  note.verb = take_word(line);
  const auto id = number(take_word(line));
  if (!id) return std::nullopt;
  note.id = *id;
  note.rest = line;
  if (note.verb == "done") {
    auto& pairs = captured_[*id];
    for (std::uint64_t index = 1; index <= words(line).size(); ++index) {
      Pair& pair = pairs[index];
      note.captured.push_back({.out = std::move(pair.out.bytes),
                               .err = std::move(pair.err.bytes),
                               .whole = pair.out.cut && pair.err.cut && !pair.out.overflown && !pair.err.overflown});
    }
    if (current_id_ == *id) current_ = nullptr; // a note may stand in the midst of another answer
    captured_.erase(*id);
  }
  return note;
}

} // namespace xen_drbd::host
