#include "xen_drbd/base/text.hpp"
#include "xen_drbd/xen/act.hpp"

#include "answer.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <utility>

namespace xen_drbd::xen {
namespace {

/// Lines that report progress, or that only say that an earlier error had consequences.
bool tells_no_cause(std::string_view line) {
  static constexpr auto marks = std::to_array<std::string_view>({
      "Parsing config from ",
      "migration target: Ready ",
      "migration target: Transfer ",
      "migration target: Got ",
      "migration target: Domain started",
      "migration target: Failure, destroying",
      "migration target: Cleanup",
      "migration sender: Target has ",
      "migration sender: Giving ",
      "migration sender: Trying ",
      "migration sender: Resumed ",
      "migration sender: libxl_domain_suspend failed",
      "Saving to migration stream",
      "Loading new save file",
      "Savefile contains",
      "Migration failed",
      "Failed to parse config: ",
      "Shutting down domain",
      "Waiting for ",
      "Rebooting domain",
      "xc: info: ",
      "xc: detail: ",
      "libxl: info: ",
      "libxl: debug: ",
      "libxl: warning: ",
      "libxl_report_child_exitstatus: ",
      "libxl_read_exactly: file/stream truncated",
      "Non-existant domain",
      "Unable to destroy guest",
      "Destruction of domain failed",
      "Restore failed (",
      "Save failed (",
  });
  return line.empty() ||
         std::any_of(marks.begin(), marks.end(), [&](auto mark) { return line.find(mark) != line.npos; });
}

bool is_prefixed(std::string_view line) { return line.starts_with("libxl: ") || line.starts_with("xc: "); }

bool is_word(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  });
}

/// The message without "libxl: error: FILE:LINE:function: Domain N:" and "xc: error: panic: FILE:LINE: function: ".
std::string_view bare(std::string_view line) {
  if (!is_prefixed(line)) return line;
  for (std::string_view label : {"libxl: ", "xc: ", "error: ", "panic: "})
    if (line.starts_with(label)) line.remove_prefix(label.size());
  const std::size_t dot_c = line.find(".c:");
  if (dot_c != line.npos && line.substr(0, dot_c).find(' ') == line.npos) {
    line.remove_prefix(dot_c + 3);
    line.remove_prefix(std::min(line.size(), line.find_first_not_of("0123456789")));
    if (line.starts_with(':')) line.remove_prefix(1);
    line = trimmed(line);
  }
  const std::size_t colon = line.find(": ");
  if (colon != line.npos && is_word(line.substr(0, colon)) && line.substr(0, colon).find('_') != line.npos)
    line.remove_prefix(colon + 2);
  if (line.starts_with("Domain ")) {
    const std::size_t end = line.find_first_not_of("0123456789", 7);
    if (end != line.npos && end > 7 && line[end] == ':') line.remove_prefix(end + 1);
  }
  constexpr std::string_view from_script = "script: ";
  if (line.starts_with(from_script)) line.remove_prefix(from_script.size());
  return trimmed(line);
}

/// What an administrator cannot guess from xl's words is said first.
std::string with_meaning(std::string_view message) {
  struct Meaning {
    std::string_view mark, text;
  };
  static constexpr auto meanings = std::to_array<Meaning>({
      {"is an invalid domain identifier", "xl knows no such domain"},
      {"can't allocate low memory", "not enough free memory"},
      {"Failed to populate physmap", "not enough free memory on the target"},
      {"Failed to enable logdirty", "this hypervisor cannot migrate such a guest while it runs"},
      {"PV control interface not available", "the guest has no driver that listens to a shutdown request"},
      {"failed; error detected", "a hotplug script failed, see /var/log/xen/xen-hotplug.log"},
  });
  for (const auto& [mark, text] : meanings)
    if (message.find(mark) != message.npos) return fmt::format("{} ({})", text, message);
  return std::string(message);
}

} // namespace

std::string explain(const host::Outcome& outcome) {
  if (outcome.end != host::End::exited) return excerpt(host::describe(outcome));
  const auto all = lines(outcome.err);
  std::string_view last;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::string_view line = trimmed(all[i]);
    if (!line.empty()) last = line;
    if (tells_no_cause(line)) continue;
    std::string message(bare(line));
    // a hotplug script's message may go on for some lines; libxl prints them as they are
    if (line.find(": script: ") != line.npos)
      while (i + 1 < all.size() && !all[i + 1].empty() && !is_prefixed(all[i + 1]))
        message.append(" ").append(trimmed(all[++i]));
    if (!message.empty()) return excerpt(with_meaning(message));
  }
  if (!last.empty()) return excerpt(with_meaning(bare(last).empty() ? last : bare(last)));
  return fmt::format("exit status {}, without a word", outcome.status);
}

} // namespace xen_drbd::xen
