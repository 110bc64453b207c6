#include "xen_drbd/engine/record.hpp"

#include "xen_drbd/base/text.hpp"
#include "xen_drbd/host/answer.hpp"

namespace xen_drbd::engine {
namespace {

Error unreadable(std::string because) {
  return {.kind = ErrorKind::failed, .what = "the record of a migration cannot be read", .because = std::move(because)};
}

/// The member that a line of one word fills; null for another key.
std::string* word_of(Record& record, std::string_view key) {
  if (key == "run") return &record.run;
  if (key == "source") return &record.source;
  if (key == "source-identity") return &record.source_identity;
  return key == "target-identity" ? &record.target_identity : nullptr;
}

using Figures = std::map<Minor, std::uint64_t>;

/// The figures for each disk that a line of a minor and KiB adds to; null for another key.
Figures* figures_of(Record& record, std::string_view key) {
  if (key == "target-writes") return &record.target_writes;
  if (key == "target-received") return &record.target_received;
  return key == "source-written" ? &record.source_written : nullptr;
}

void add_figures(std::string& text, const std::string& key, const Figures& figures) {
  for (const auto& [minor, kib] : figures)
    text += key + " " + std::to_string(minor.number) + " " + std::to_string(kib) + "\n";
}

} // namespace

std::string to_text(const Record& record) {
  std::string text = "run " + record.run + "\nsource " + record.source + "\nsource-identity " + record.source_identity +
                     "\ntarget-identity " + record.target_identity + "\nphase " +
                     (record.before_go ? "before-go" : "ready-passed") + "\n";
  add_figures(text, "target-writes", record.target_writes);
  add_figures(text, "target-received", record.target_received);
  add_figures(text, "source-written", record.source_written);
  return text + "end\n";
}

Result<Record> parse_record(std::string_view text) {
  Record record;
  bool ended = false;
  bool phase = false;
  for (std::string_view line : lines(text)) {
    const auto said = words(line);
    if (ended || said.empty()) return unreadable("it has a line that does not belong to it");
    if (said[0] == "end" && said.size() == 1) {
      ended = true;
    } else if (Figures* figures = said.size() == 3 ? figures_of(record, said[0]) : nullptr) {
      const auto minor = host::number<std::uint32_t>(said[1]);
      const auto kib = host::number<std::uint64_t>(said[2]);
      if (!minor || !kib) return unreadable("its " + std::string(said[0]) + " are no numbers");
      (*figures)[Minor{*minor}] = *kib;
    } else if (std::string* word = said.size() == 2 ? word_of(record, said[0]) : nullptr) {
      *word = said[1];
    } else if (line == "phase before-go" || line == "phase ready-passed") {
      record.before_go = line.ends_with("before-go");
      phase = true;
    } else {
      return unreadable("its line '" + printable(line) + "' is not known");
    }
  }
  if (!ended || !phase || record.source.empty() || record.target_identity.empty()) return unreadable("it is not whole");
  return record;
}

} // namespace xen_drbd::engine
