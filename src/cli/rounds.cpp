#include "rounds.hpp"

#include <algorithm>

namespace xen_drbd::cli {
namespace {

using engine::DomainReport;
using engine::NewStart;
using engine::ResultKind;

bool has_changed_something(const DomainReport& domain) {
  return domain.result == ResultKind::recovered || domain.result == ResultKind::migrated ||
         domain.result == ResultKind::stopped || (domain.error && domain.error->changed != Changed::no);
}

/// A round that could not be begun, after an earlier one has changed something: that is no refusal.
void reckon_with(const DomainReport& before, DomainReport& later) {
  if (!later.error) return;
  const bool lost = later.error->kind == ErrorKind::unreachable; // after the first change, if only for another domain
  if (!lost && !has_changed_something(before)) return;
  if (later.error->changed == Changed::no) later.error->changed = Changed::yes;
  if (lost || later.error->kind == ErrorKind::refused) later.error->kind = ErrorKind::failed;
  if (later.result == ResultKind::refused) later.result = ResultKind::failed;
}

void add_notes(std::vector<std::string>& notes, std::vector<std::string>&& more) {
  for (std::string& note : more)
    if (std::find(notes.begin(), notes.end(), note) == notes.end()) notes.push_back(std::move(note));
}

/// The later round's result takes the place of the earlier one's.
void replace(DomainReport& before, DomainReport&& later) {
  later.seconds += before.seconds;
  before = std::move(later);
}

/// The earlier round's result stays.
void keep(DomainReport& before, DomainReport&& later) {
  before.seconds += later.seconds;
  add_notes(before.notes, std::move(later.notes));
}

template <class Add> void for_each_domain_of_both(engine::Report& report, engine::Report&& next, const Add& add) {
  for (DomainReport& later : next.domains) {
    const auto before = std::find_if(report.domains.begin(), report.domains.end(),
                                     [&](const DomainReport& each) { return each.domain == later.domain; });
    if (before != report.domains.end()) add(*before, std::move(later));
  }
}

} // namespace

void add_further_recovery(engine::Report& report, engine::Report&& next) {
  for_each_domain_of_both(report, std::move(next), [](DomainReport& before, DomainReport&& later) {
    const bool did_nothing = later.result == ResultKind::already || later.result == ResultKind::skipped;
    const bool only_tidied = before.new_start == NewStart::failed && later.new_start == NewStart::none;
    reckon_with(before, later);
    if (later.new_start == NewStart::none) later.new_start = before.new_start;
    if (only_tidied && later.error) later.notes.push_back(later.error->what + ": " + later.error->because);
    if (did_nothing || only_tidied) return keep(before, std::move(later));
    // of what is mended by now nothing is said any more; what is still so, the later look has found as well
    if (later.error) add_notes(later.notes, std::move(before.notes));
    replace(before, std::move(later));
  });
}

void add_shutdowns(engine::Report& report, engine::Report&& shutdowns, model::NodeId here) {
  for_each_domain_of_both(report, std::move(shutdowns), [here](DomainReport& before, DomainReport&& later) {
    const bool not_begun = later.result == ResultKind::refused || later.result == ResultKind::skipped ||
                           (later.error && later.error->changed == Changed::no);
    const bool hides = not_begun && has_changed_something(before);
    if (hides && before.error) later.notes.push_back("it was not shut down either: " + later.reason);
    if (later.result == ResultKind::already && before.result == ResultKind::unknown && later.node != here)
      later.result = ResultKind::migrated;
    if (hides || later.result == ResultKind::already) return keep(before, std::move(later));
    std::vector<std::string> notes = std::move(before.notes);
    add_notes(notes, std::move(later.notes));
    later.notes = std::move(notes);
    replace(before, std::move(later));
  });
}

} // namespace xen_drbd::cli
