#pragma once

#include "xen_drbd/planner/rules.hpp"

#include "drafts.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace xen_drbd::planner {

/// What one node shows of the domain, its rows told apart.
struct Sighting {
  model::DomainPresence found;
  const model::DomainRow* own = nullptr;
  const model::DomainRow* incoming = nullptr;
  const model::DomainRow* away = nullptr;
  const model::MigrationProcess* receiver = nullptr; ///< some `xl migrate-receive` or `xl restore` at work on the node

  [[nodiscard]] bool is(model::Presence presence) const { return found.presence == presence; }
  [[nodiscard]] bool dies() const {
    return std::any_of(found.rows.begin(), found.rows.end(), [](const model::DomainRow& row) { return row.dying; });
  }
};

/// The way out for one domain, row by row of the table in section 6 of the specification. The functions named after a
/// row fill in the steps, or object.
class Recovery {
public:
  Recovery(const Scene& scene, const model::Domain& domain);
  Recovery(const Recovery&) = delete;
  Recovery& operator=(const Recovery&) = delete;

  [[nodiscard]] Draft draft();

private:
  // What both nodes show.

  void look(model::NodeId id);
  [[nodiscard]] const std::string& name() const { return domain_.name.str(); }
  [[nodiscard]] const std::string& node_name(model::NodeId id) const { return scene_.name(id); }
  [[nodiscard]] const Sighting& on(model::NodeId id) const { return seen_[index(id)]; }
  /// Whether nothing of the domain is on the node; a node that counts as dead has nothing.
  [[nodiscard]] bool nothing_on(model::NodeId id) const;
  [[nodiscard]] std::string both_lists() const;
  /// What keeps recover from touching anything.
  [[nodiscard]] Objection untouchable() const;
  /// What DRBD did not tell is neither demoted nor closed, and must not be taken for nothing left behind.
  [[nodiscard]] Objection disks_cannot_be_judged() const;
  /// What the node shows may still change by itself, or is no answer at all: wait, then look again.
  [[nodiscard]] Objection cannot_be_judged(model::NodeId id) const;

  /// Where the resources of the domain cannot be told nothing is done, for nothing is known of its disks. What needs
  /// nothing done is well all the same. Accident: shown possible: a syntax error in a .res file, and a guest was
  /// resumed without a look at its disk, exit 0.
  [[nodiscard]] Objection disks_cannot_be_told() const;

  /// While an xl migrate of the domain lives nothing half-done is touched: where processes cannot be listed, whether
  /// one does is not known.
  [[nodiscard]] Objection may_still_migrate() const;

  // Which row of the table it is.

  Objection classify();
  Objection of_own_name(model::NodeId id);
  [[nodiscard]] Objection no_row_of_the_table() const;
  Objection running(model::NodeId id);
  /// A guest that was paused by hand, or one whose receiver died between rename and unpause.
  Objection paused(model::NodeId id);
  Objection suspended(model::NodeId id);
  Objection shut_down(model::NodeId id);
  Objection crashed(model::NodeId id);
  /// Destroys a domain that cannot run any more, and everything half-named beside it.
  Objection take_away(model::NodeId id);
  Objection migrated_away(model::NodeId id);
  /// No row that runs or ran is left: copies, roles, windows.
  Objection nowhere();

  // What is done about it (recovery_steps.cpp).

  /// Ends the receivers of abandoned copies and destroys every half-named row, but for the source copy on `keep`.
  /// A copy that is not paused, or has run, is nobody's to destroy.
  Objection clear_half_names(std::optional<model::NodeId> keep = {});
  /// Resumes the suspended row where nothing can have run since (`may_resume`), nobody wrote to its disks, and xl can;
  /// else, with --yes, destroys it and starts the domain again.
  Objection bring_back(model::NodeId id, const model::DomainRow& row, bool may_resume);
  [[nodiscard]] std::map<Minor, std::uint64_t> written_on(model::NodeId id) const;
  Objection start_again(model::NodeId id, const model::DomainRow& row);
  void demote(model::NodeId id);
  /// Before a resume only what is not Primary yet: a guest that has its disk goes on as it was.
  void promote(model::NodeId id, bool starts);
  /// Whether the resource stands alone because two Primaries were allowed on one node only. Asked to connect, DRBD
  /// finds out by itself if it is a split brain after all, and gives nobody's data up; where its configuration has it
  /// choose a side then, it is not asked.
  [[nodiscard]] bool gave_up(const ResourceName& resource) const;
  /// A node that was left waiting may still have the setting that made the other one give up.
  [[nodiscard]] bool allowed_by_one(const ResourceName& resource) const;
  void close_windows();
  [[nodiscard]] std::vector<ResourceName> still_alone() const;
  /// Not while DRBD is about to connect: it may yet stand alone, and then only the record tells why.
  void remove_record();
  /// A split brain that is none is mended; any other is explained.
  Objection mend_split_brain(model::NodeId source);

  const Scene& scene_;
  const model::Domain& domain_;
  std::array<Sighting, 2> seen_;
  std::vector<ResourceName> resources_;
  Objection unread_; ///< why the resources cannot be told
  std::vector<model::Step> steps_;
  std::vector<std::string> warnings_;
  std::string reason_;
  model::NodeId node_ = model::NodeId::node1;
  bool passed_over_ = false;
};

} // namespace xen_drbd::planner
