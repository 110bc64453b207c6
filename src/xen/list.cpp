#include "xen_drbd/base/text.hpp"
#include "xen_drbd/xen/act.hpp"
#include "xen_drbd/xen/look.hpp"

#include "answer.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>
#include <set>

namespace xen_drbd::xen {
namespace {

Error no_list(std::string because) { return unreadable("the domains could not be listed", std::move(because)); }

/// Takes the last word off `line`; the blanks before it stay.
std::string_view take_last_word(std::string_view& line) {
  const std::size_t end = line.find_last_not_of(' ');
  line = end == line.npos ? std::string_view{} : line.substr(0, end + 1);
  const std::size_t start = line.find_last_of(' ');
  const std::string_view word = start == line.npos ? line : line.substr(start + 1);
  line.remove_suffix(word.size());
  return word;
}

bool read_state(std::string_view letters, model::DomainRow& row) {
  static constexpr std::array<std::string_view, 6> allowed{"r-", "b-", "p-", "s-", "-rscwS?", "d-"};
  if (letters.size() != allowed.size()) return false;
  for (std::size_t i = 0; i < allowed.size(); ++i)
    if (allowed[i].find(letters[i]) == std::string_view::npos) return false;
  row.running = letters[0] == 'r';
  row.blocked = letters[1] == 'b';
  row.paused = letters[2] == 'p';
  row.shut_down = letters[3] == 's';
  row.reason = letters[4];
  row.dying = letters[5] == 'd';
  return row.shut_down || row.reason == '-';
}

/// From the right: a name may hold blanks and be longer than its column.
std::optional<model::DomainRow> read_row(std::string_view line) {
  model::DomainRow row;
  const auto seconds = number<double>(take_last_word(line));
  const std::string_view letters = take_last_word(line);
  const auto vcpus = number<unsigned>(take_last_word(line));
  const auto memory = number<std::int64_t>(take_last_word(line));
  const auto domid = number<unsigned>(take_last_word(line));
  if (!seconds || !std::isfinite(*seconds) || !vcpus || !memory || *memory < 0 || !domid) return std::nullopt;
  if (!read_state(letters, row)) return std::nullopt;
  const std::size_t end = line.find_last_not_of(' ');
  if (end == line.npos) return std::nullopt;
  row.name = line.substr(0, end + 1);
  row.domid = *domid;
  row.memory = MiB{*memory};
  row.vcpus = *vcpus;
  row.cpu_seconds = *seconds;
  return row;
}

bool is_list_header(std::string_view line) {
  static constexpr std::array<std::string_view, 6> titles{"Name", "ID", "Mem", "VCPUs", "State", "Time(s)"};
  const auto found = words(line);
  return std::equal(found.begin(), found.end(), titles.begin(), titles.end());
}

} // namespace

host::Command list_command() { return {.argv = {"xl", "list"}, .timeout = Milliseconds{10'000}}; }

Result<std::vector<model::DomainRow>> parse_list(const host::Outcome& outcome) {
  if (!outcome.ok()) return no_list("xl list: " + explain(outcome));
  return parse_list_text(outcome.out);
}

Result<std::vector<model::DomainRow>> parse_list_text(std::string_view text) {
  if (text.empty()) return no_list("xl list said nothing");
  if (!text.ends_with('\n')) return no_list("the answer of xl list is cut short");
  const auto all = lines(text);
  if (!is_list_header(all.front())) return no_list("xl list does not begin with its header: " + excerpt(all.front()));

  std::vector<model::DomainRow> rows;
  std::set<unsigned> domids;
  for (std::size_t i = 1; i < all.size(); ++i) {
    auto row = read_row(all[i]);
    if (!row) return no_list(fmt::format("line {} of xl list cannot be read: {}", i + 1, excerpt(all[i])));
    if (!domids.insert(row->domid).second) return no_list(fmt::format("xl list shows the domid {} twice", row->domid));
    rows.push_back(std::move(*row));
  }
  const bool proved = std::any_of(rows.begin(), rows.end(),
                                  [](const model::DomainRow& row) { return row.domid == 0 && row.name == "Domain-0"; });
  if (!proved) return no_list("xl list does not show Domain-0 with id 0, so it proves nothing");
  return rows;
}

} // namespace xen_drbd::xen
