#include "xen_drbd/base/text.hpp"

#include "answer.hpp"
#include "status.hpp"

#include <cmath>
#include <fmt/format.h>

namespace xen_drbd::drbd {
namespace {

/// Reads the lines one after the other. Words are `key:value`; what they belong to is told by the line's first word and
/// its indentation, since drbdsetup breaks long lines where it likes.
class TextReader {
public:
  Result<Status> read(std::string_view text);

private:
  enum class On { nothing, resource, volume, connection, peer_volume };

  Result<> read_line(std::string_view line);
  Result<> begin(std::string_view line, std::string_view first);
  Result<> take(std::string_view word);
  Result<> take_of_volume(std::string_view key, std::string_view value);
  Result<> take_of_peer_volume(std::string_view key, std::string_view value);
  Result<> end_volume();
  Result<> end_resource();
  Result<> begin_peer_volume(std::string_view number_text);
  [[nodiscard]] Error garbled() const { return no_status(fmt::format("line cannot be read: {}", excerpt(line_))); }

  Status status_;
  Reading reading_;
  On on_ = On::nothing;
  bool has_minor_ = false;
  bool has_disk_ = false;
  unsigned peer_volume_ = 0;
  std::string_view line_;
};

bool has_key(std::string_view word, std::string_view key) {
  return word.size() > key.size() && word.starts_with(key) && word[key.size()] == ':';
}

Result<Status> TextReader::read(std::string_view text) {
  status_.dialect = Dialect::text;
  if (!text.empty() && !text.ends_with('\n')) return no_status("the answer is cut short");
  for (std::string_view line : lines(text)) {
    line_ = line;
    if (line.starts_with('#')) continue;
    if (trimmed(line).empty()) {
      XEN_DRBD_CHECK(end_resource());
      continue;
    }
    XEN_DRBD_CHECK(read_line(line));
  }
  XEN_DRBD_CHECK(end_resource());
  return std::move(status_);
}

Result<> TextReader::read_line(std::string_view line) {
  auto all = words(line);
  const bool opens = !line.starts_with(' ');
  if (opens) {
    XEN_DRBD_CHECK(end_resource());
    reading_.name = all.front();
    on_ = On::resource;
    all.erase(all.begin());
  } else if (on_ == On::nothing) {
    return garbled();
  } else {
    XEN_DRBD_CHECK(begin(line, all.front()));
    if (all.front().find(':') == std::string_view::npos) all.erase(all.begin());
  }
  for (std::string_view word : all) XEN_DRBD_CHECK(take(word));
  return {};
}

/// A line below a resource's first: does it begin a volume, a connection or a peer's volume, or go on with the last?
Result<> TextReader::begin(std::string_view line, std::string_view first) {
  const std::size_t indentation = line.find_first_not_of(' ');
  const bool is_name = first.find(':') == std::string_view::npos;
  if (indentation <= 2 && (is_name || has_key(first, "node-id") || has_key(first, "connection"))) {
    XEN_DRBD_CHECK(end_volume());
    reading_.peers.emplace_back();
    on_ = On::connection;
    return {};
  }
  if (is_name) return garbled();
  if (!has_key(first, "volume")) return {};
  if (indentation <= 2) {
    XEN_DRBD_CHECK(end_volume());
    reading_.volumes.emplace_back();
    on_ = On::volume;
    return {};
  }
  if (reading_.peers.empty()) return garbled();
  return begin_peer_volume(first.substr(7));
}

Result<> TextReader::begin_peer_volume(std::string_view number_text) {
  const auto volume = number<unsigned>(number_text);
  if (!volume || !reading_.peers.back().volumes.emplace(*volume, PeerVolume{}).second) return garbled();
  peer_volume_ = *volume;
  on_ = On::peer_volume;
  return {};
}

Result<> TextReader::take(std::string_view word) {
  const std::size_t colon = word.find(':');
  if (colon == std::string_view::npos || colon == 0) return garbled();
  const std::string_view key = word.substr(0, colon);
  const std::string_view value = word.substr(colon + 1);
  switch (on_) {
  case On::nothing: return garbled();
  case On::resource:
    if (key == "role") reading_.role = model::parse_role(value);
    if (key == "suspended") reading_.suspended = value != "no";
    return {};
  case On::volume: return take_of_volume(key, value);
  case On::connection:
    if (key == "connection") reading_.peers.back().connection = model::parse_connection(value);
    if (key == "role") reading_.peers.back().role = model::parse_role(value);
    return {};
  case On::peer_volume: return take_of_peer_volume(key, value);
  }
  return garbled();
}

Result<> TextReader::take_of_volume(std::string_view key, std::string_view value) {
  auto& volume = reading_.volumes.back();
  if (key == "volume") {
    const auto read = number<unsigned>(value);
    if (!read) return garbled();
    volume.number = *read;
  } else if (key == "minor") {
    const auto read = read_minor(value);
    if (!read) return garbled();
    volume.minor = *read;
    has_minor_ = true;
  } else if (key == "disk") {
    volume.disk = model::parse_disk_state(value);
    has_disk_ = true;
  } else if (key == "quorum") {
    reading_.quorum = reading_.quorum && value == "yes";
  } else if (key == "written") {
    const auto read = number<std::uint64_t>(value);
    if (!read) return garbled();
    volume.written_kib = *read;
  }
  return {};
}

Result<> TextReader::take_of_peer_volume(std::string_view key, std::string_view value) {
  auto& volume = reading_.peers.back().volumes.at(peer_volume_);
  if (key == "replication")
    volume.replication = model::parse_replication(value);
  else if (key == "peer-disk")
    volume.disk = model::parse_disk_state(value);
  else if (key == "done") {
    const auto read = number<double>(value);
    if (!read) return garbled();
    if (std::isfinite(*read)) volume.percent = *read;
  } else if (key == "received") {
    const auto read = number<std::uint64_t>(value);
    if (!read) return garbled();
    volume.received_kib = *read;
  }
  return {};
}

Result<> TextReader::end_volume() {
  const bool complete = on_ != On::volume || (has_minor_ && has_disk_);
  has_minor_ = has_disk_ = false;
  if (!complete)
    return no_status(fmt::format("a volume of resource {} lacks its minor or its disk state", excerpt(reading_.name)));
  return {};
}

Result<> TextReader::end_resource() {
  if (on_ == On::nothing) return {};
  XEN_DRBD_CHECK(end_volume());
  on_ = On::nothing;
  return add(status_, std::exchange(reading_, {}));
}

} // namespace

Result<Status> parse_status_text(std::string_view text) { return TextReader{}.read(text); }

} // namespace xen_drbd::drbd
