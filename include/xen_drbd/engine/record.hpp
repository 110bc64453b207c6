#pragma once

#include "xen_drbd/base/names.hpp"
#include "xen_drbd/base/units.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace xen_drbd::engine {

/// What the source of a migration knows that nobody could find out afterwards (rule 5.11): in
/// /var/lib/xen-drbd/NAME.migration, written and synced before the last record is released and again before "ready" is
/// passed, removed after a clean end. It survives a power loss; /run does not.
struct Record {
  std::string run;
  std::string source;          ///< the node's name
  std::string source_identity; ///< of the boots the two nodes were in
  std::string target_identity;
  bool before_go = true; ///< "ready" was not passed yet: the domain has never been the target's
  /// Per disk what the target had written of its own accord (`written` less `received`) before it was given anything.
  /// Units: KiB
  std::map<Minor, std::uint64_t> target_writes;
  /// Per disk what the target had received from its source: counters that begin anew fall behind it. Units: KiB
  std::map<Minor, std::uint64_t> target_received;
  /// Per disk what was written in all at the source, whose guest is suspended. Units: KiB
  std::map<Minor, std::uint64_t> source_written;
  bool operator==(const Record&) const = default;
};

/// Lines of "key value", with a last line "end" so that a record cut short is seen as one. A record without the figures
/// of an older version is one, and proves less.
[[nodiscard]] std::string to_text(const Record& record);
/// Fails: ErrorKind::failed for a text that is not a whole record.
[[nodiscard]] Result<Record> parse_record(std::string_view text);

} // namespace xen_drbd::engine
