#include "xen_drbd/base/text.hpp"

#include "drafts.hpp"
#include "refusal.hpp"
#include "schedule.hpp"
#include "split_brain.hpp"

#include <algorithm>
#include <array>
#include <fmt/core.h>

namespace xen_drbd::planner {

using namespace model;

namespace {

/// What one node shows of the domain, its rows told apart.
struct Sighting {
  DomainPresence found;
  const DomainRow* own = nullptr;
  const DomainRow* incoming = nullptr;
  const DomainRow* away = nullptr;
  bool receiver = false; ///< some `xl migrate-receive` is at work on the node

  [[nodiscard]] bool is(Presence presence) const { return found.presence == presence; }
  [[nodiscard]] bool dies() const {
    return std::any_of(found.rows.begin(), found.rows.end(), [](const DomainRow& row) { return row.dying; });
  }
};

/// The way out for one domain, row by row of the table in section 6 of the specification. The functions named after a
/// row fill in the steps, or object.
class Recovery {
public:
  Recovery(const Scene& scene, const Domain& domain) : scene_(scene), domain_(domain) {
    for (NodeId id : both_nodes) look(id);
    if (auto resources = resources_of(scene_, domain_))
      resources_ = *std::move(resources);
    else
      warnings_.push_back("its DRBD disks are left as they are: " + resources.error().because);
  }
  Recovery(const Recovery&) = delete;
  Recovery& operator=(const Recovery&) = delete;

  Draft draft() {
    Objection no = untouchable();
    if (!no) no = classify();
    Draft draft = skipped(domain_, node_, reason_);
    if (no && passed_over_) {
      draft.plan.reason = no->because;
      return draft;
    }
    if (no) return refused(scene_, std::move(draft), Verdict::recover, *std::move(no));
    draft.plan.verdict = steps_.empty() ? Verdict::already : Verdict::recover;
    draft.plan.steps = std::move(steps_);
    draft.plan.warnings = std::move(warnings_);
    return draft;
  }

private:
  void look(NodeId id) {
    Sighting& seen = seen_[index(id)];
    seen.found = presence_of(domain_.name, scene_.state.nodes[index(id)]);
    for (const DomainRow& row : seen.found.rows) {
      if (row.name == name())
        seen.own = &row;
      else if (row.name == name() + "--incoming")
        seen.incoming = &row;
      else
        seen.away = &row;
    }
    if (const NodeState* node = scene_.node(id))
      seen.receiver = std::any_of(node->migrations.begin(), node->migrations.end(),
                                  [](const MigrationProcess& process) { return process.receiving; });
  }

  const std::string& name() const { return domain_.name.str(); }
  const std::string& node_name(NodeId id) const { return scene_.name(id); }
  const Sighting& on(NodeId id) const { return seen_[index(id)]; }

  /// Whether nothing of the domain is on the node; a node that counts as dead has nothing.
  bool nothing_on(NodeId id) const {
    return on(id).is(Presence::absent) || (id == scene_.peer() && scene_.peer_counts_as_dead());
  }

  std::string both_lists() const {
    std::vector<std::string> texts;
    for (NodeId id : both_nodes)
      texts.push_back(fmt::format("{}: {}", node_name(id), to_string(on(id).found.presence)));
    return enumerate(texts);
  }

  /// What keeps recover from touching anything.
  Objection untouchable() const {
    if (Objection no = same_pair(scene_)) return no;
    if (Objection no = runs_once(scene_, domain_.name)) return no;
    if (Objection no = no_migration_at_work(scene_, domain_.name)) return no;
    if (Objection no = peer_answers(scene_, domain_.name, true)) return no;
    for (NodeId id : {scene_.here(), scene_.peer()})
      if (Objection no = cannot_be_judged(id)) return no;
    return std::nullopt;
  }

  /// What the node shows may still change by itself, or is no answer at all: wait, then look again.
  Objection cannot_be_judged(NodeId id) const {
    if (nothing_on(id)) return std::nullopt;
    const NodeState* node = scene_.node(id);
    if (node == nullptr || !node->rows) {
      Objection no = absence(scene_, domain_.name, id);
      no->kind = ErrorKind::unreachable;
      return no;
    }
    if (on(id).dies())
      return refusal(fmt::format("a row of {} is dying on {} and may hold its disks", name(), node_name(id)),
                     fmt::format("wait until `xl list` on {} does not show it any more", node_name(id)));
    if (on(id).is(Presence::running)) return std::nullopt;
    if (on(id).is(Presence::watcher_only)) return absence(scene_, domain_.name, id);
    return nothing_nameless(scene_, domain_.name, id);
  }

  Objection classify() {
    std::vector<NodeId> own;
    for (NodeId id : {scene_.here(), scene_.peer()})
      if (on(id).own != nullptr) own.push_back(id);
    if (own.size() == 2) return no_row_of_the_table();
    if (own.size() == 1) return of_own_name(own.front());
    std::vector<NodeId> away;
    for (NodeId id : {scene_.here(), scene_.peer()})
      if (on(id).away != nullptr) away.push_back(id);
    if (away.size() == 2) return no_row_of_the_table();
    if (away.size() == 1) return migrated_away(away.front());
    return nowhere();
  }

  Objection of_own_name(NodeId id) {
    node_ = id;
    switch (on(id).found.presence) {
    case Presence::running: return running(id);
    case Presence::paused: return paused(id);
    case Presence::suspended: return suspended(id);
    case Presence::shut_down: return shut_down(id);
    case Presence::crashed: return crashed(id);
    case Presence::absent:
    case Presence::dying:
    case Presence::incoming:
    case Presence::migrated_away:
    case Presence::watcher_only:
    case Presence::unknown: break;
    }
    return no_row_of_the_table();
  }

  Objection no_row_of_the_table() const {
    return refusal(fmt::format("no half-done migration looks like this: {}", both_lists()),
                   fmt::format("look at `xl list` on both nodes and destroy by hand what is not wanted of {}", name()));
  }

  Objection running(NodeId id) {
    reason_ = fmt::format("it runs on {}", node_name(id));
    if (on(id).found.watchers_known && !on(id).found.has_watcher)
      warnings_.push_back(fmt::format("no xl watches over {} on {}: its next reboot or poweroff is handled by nobody",
                                      name(), node_name(id)));
    if (Objection no = clear_half_names()) return no;
    if (on(other(id)).away != nullptr) reason_ = "it was moved, and its source was not cleared away";
    if (on(other(id)).incoming != nullptr) reason_ = "its migration was abandoned";
    demote(other(id));
    close_windows();
    if (Objection no = mend_split_brain(id)) {
      if (steps_.empty()) return no;
      warnings_.push_back(no->because + "; " + no->hint);
    } else {
      remove_record();
    }
    return std::nullopt;
  }

  /// A guest that was paused by hand, or one whose receiver died between rename and unpause.
  Objection paused(NodeId id) {
    const NodeId far = other(id);
    if (on(far).away == nullptr) {
      if (Objection no = clear_half_names()) return no;
      if (!steps_.empty()) {
        demote(far);
        close_windows();
        reason_ = "a copy of it was left by a migration that did not end";
        return std::nullopt;
      }
      passed_over_ = !scene_.wish.named;
      return absence(scene_, domain_.name, id);
    }
    if (on(id).receiver)
      return refusal(fmt::format("the xl migrate-receive of {} on {} is still at work", name(), node_name(id)),
                     "wait until it has ended, then repeat");
    if (on(id).own->cpu_seconds > 0)
      return refusal(fmt::format("{} has run on {} since it was moved there, and is paused", name(), node_name(id)),
                     fmt::format("on {}: xl unpause {}; then repeat", node_name(id), name()));
    for (const ResourceName& resource : resources_) {
      if (Objection no = disk_may_start(scene_, resource, id)) return no;
      if (find_resource(scene_.node(id), resource)->role != Role::primary)
        return refusal(fmt::format("{} stands paused on {}, where its DRBD resource {} is not Primary", name(),
                                   node_name(id), resource.str()),
                       fmt::format("on {}: xl destroy {}; then repeat", node_name(id), name()));
    }
    reason_ = "its migration stopped between rename and unpause";
    steps_.push_back({Unpause{id}, "it has everything, but its receiver has ended before the unpause"});
    if (Objection no = clear_half_names()) return no;
    demote(far);
    close_windows();
    return std::nullopt;
  }

  Objection suspended(NodeId id) {
    const NodeId far = other(id);
    if (on(far).away != nullptr || on(id).away != nullptr || on(id).incoming != nullptr) return no_row_of_the_table();
    reason_ = "its migration was cut short after the suspend";
    if (on(far).receiver && on(far).incoming == nullptr)
      steps_.push_back({EndReceiver{far}, "it must not take the domain over while it is brought back"});
    if (Objection no = clear_half_names()) return no;
    return bring_back(id, *on(id).own, true);
  }

  Objection shut_down(NodeId id) {
    if (!on(id).found.watchers_known || on(id).found.has_watcher)
      return refusal(
          fmt::format("{} has shut down on {}, and its xl may be about to clear it away", name(), node_name(id)),
          fmt::format("wait some seconds and repeat; if it stays, on {}: xl destroy {}", node_name(id), name()));
    reason_ = "it has shut down and nobody cleared it away";
    return take_away(id);
  }

  Objection crashed(NodeId id) {
    if (!scene_.wish.yes) return absence(scene_, domain_.name, id);
    reason_ = "it crashed and was kept";
    return take_away(id);
  }

  /// Destroys a domain that cannot run any more, and everything half-named beside it.
  Objection take_away(NodeId id) {
    steps_.push_back({Destroy{id, on(id).own->name}, "it does not run any more and holds its disks"});
    if (Objection no = clear_half_names()) return no;
    for (NodeId node : {id, other(id)}) demote(node);
    close_windows();
    return std::nullopt;
  }

  Objection migrated_away(NodeId id) {
    node_ = id;
    const NodeId far = other(id);
    if (on(id).incoming != nullptr) return no_row_of_the_table();
    if (on(far).incoming != nullptr) {
      reason_ = "its migration stuck before the last word";
      if (Objection no = clear_half_names(id)) return no;
      return bring_back(id, *on(id).away, true);
    }
    reason_ = fmt::format("whether it ever ran on {} is not known", node_name(far));
    if (on(far).receiver)
      steps_.push_back({EndReceiver{far}, "it must not take the domain over while it is started again"});
    return bring_back(id, *on(id).away, false);
  }

  /// No row that runs or ran is left: copies, roles, windows.
  Objection nowhere() {
    node_ = domain_.home;
    const bool copy = on(NodeId::node1).incoming != nullptr || on(NodeId::node2).incoming != nullptr;
    if (Objection no = clear_half_names()) return no;
    for (NodeId id : both_nodes) demote(id);
    close_windows();
    reason_ = "it runs on neither node";
    if (copy) reason_ = fmt::format("its source is gone; start it again: xen-drbd start {}", name());
    Objection alone = split_brain(scene_, still_alone());
    if (!alone) remove_record();
    return steps_.empty() ? std::move(alone) : std::nullopt;
  }

  /// Ends the receivers of abandoned copies and destroys every half-named row, but for the source copy on `keep`.
  /// A copy that is not paused, or has run, is nobody's to destroy.
  Objection clear_half_names(std::optional<NodeId> keep = {}) {
    for (NodeId id : {scene_.here(), scene_.peer()}) {
      if (const DomainRow* copy = on(id).incoming) {
        if (!copy->paused || copy->cpu_seconds > 0)
          return refusal(
              fmt::format("{} on {} is not paused, or has run", copy->name, node_name(id)),
              fmt::format("look at `xl list` on both nodes and destroy by hand what is not wanted of {}", name()));
        steps_.push_back({EndReceiver{id}, "its copy is abandoned"});
        steps_.push_back({Destroy{id, copy->name}, "an abandoned copy that never ran"});
      }
      if (on(id).away != nullptr && keep != id)
        steps_.push_back({Destroy{id, on(id).away->name}, "the copy that a migration leaves at its source"});
    }
    return std::nullopt;
  }

  /// Resumes the suspended row where nothing can have run since (`may_resume`) and xl can; else, with --yes, destroys
  /// it and starts the domain again.
  Objection bring_back(NodeId id, const DomainRow& row, bool may_resume) {
    demote(other(id));
    const NodeState* node = scene_.node(id);
    if (may_resume && node->has_resume) {
      for (const ResourceName& resource : resources_)
        if (const Resource* up = find_resource(node, resource); up == nullptr || up->role != Role::primary)
          if (Objection no = disk_may_start(scene_, resource, id)) return no;
      close_windows();
      promote(id);
      steps_.push_back({Resume{id, row.name}, "nothing of it can have run elsewhere since it was suspended"});
      return std::nullopt;
    }
    if (!scene_.wish.yes)
      return refusal(may_resume
                         ? fmt::format("{} is suspended on {}, and xl there cannot resume it (Xen 4.20 can)", row.name,
                                       node_name(id))
                         : fmt::format("{} stands suspended on {}, and whether it ever ran on {} is not known: it "
                                       "must never be resumed",
                                       row.name, node_name(id), node_name(other(id))),
                     fmt::format("to destroy it and start {} again: xen-drbd recover {} --yes", name(), name()));
    return start_again(id, row);
  }

  /// Disks that stand alone are mended first, or explained; the start is for a later round.
  Objection start_again(NodeId id, const DomainRow& row) {
    if (std::any_of(resources_.begin(), resources_.end(),
                    [&](const ResourceName& resource) { return stands_alone(scene_, resource); })) {
      close_windows();
      return mend_split_brain(id);
    }
    if (Objection no = peer_not_leaving(scene_, id)) return no;
    if (Objection no = config_is_the_domains(scene_, domain_, id)) return no;
    if (auto resources = resources_of(scene_, domain_); !resources) return std::move(resources).error();
    for (const ResourceName& resource : resources_)
      if (Objection no = disk_may_start(scene_, resource, id)) return no;
    if (scene_.peer_counts_as_dead()) warn_of_missing_data(scene_, resources_, id, warnings_);
    close_windows();
    steps_.push_back({Destroy{id, row.name}, "it cannot be resumed; --yes"});
    promote(id);
    steps_.push_back({Create{id, scene_.node(id)->configs.at(domain_.name).path}, "it is started again"});
    for (const ResourceName& resource : resources_)
      steps_.push_back(
          {Demote{id, resource}, "nothing of the domain is left there when its start fails", When::on_failure});
    return std::nullopt;
  }

  void demote(NodeId id) {
    for (Step& step : demote_leftovers(scene_, resources_, id)) steps_.push_back(std::move(step));
  }

  void promote(NodeId id) {
    for (const ResourceName& resource : resources_)
      if (const Resource* up = find_resource(scene_.node(id), resource); up == nullptr || up->role != Role::primary)
        steps_.push_back({Promote{id, resource}, "the domain writes its disks here"});
  }

  /// Whether the resource stands alone because two Primaries were allowed on one node only. Asked to connect, DRBD
  /// finds out by itself if it is a split brain after all, and gives nobody's data up.
  bool gave_up(const ResourceName& resource) const {
    return stands_alone(scene_, resource) &&
           (windows_differ(scene_, resource) || settings_may_differ(scene_, domain_.name, resource));
  }

  /// A node that was left waiting may still have the setting that made the other one give up.
  bool allowed_by_one(const ResourceName& resource) const {
    const auto allows = [&](NodeId id) {
      const Resource* up = find_resource(scene_.node(id), resource);
      return up != nullptr && up->two_primaries == TwoPrimaries::yes;
    };
    return window_of(scene_, resource) == Window::open && allows(NodeId::node1) != allows(NodeId::node2);
  }

  void close_windows() {
    for (Step& step : close_leftovers(scene_, resources_, false, warnings_)) steps_.push_back(std::move(step));
    for (const ResourceName& resource : resources_) {
      if (!gave_up(resource)) continue;
      if (allowed_by_one(resource) && !windows_differ(scene_, resource))
        steps_.push_back({CloseWindow{resource}, "allowed on one node only, two Primaries keep DRBD from connecting"});
      steps_.push_back({Connect{resource}, "DRBD gave up because two Primaries were allowed on one node only"});
    }
  }

  std::vector<ResourceName> still_alone() const {
    std::vector<ResourceName> alone;
    for (const ResourceName& resource : resources_)
      if (stands_alone(scene_, resource) && !gave_up(resource)) alone.push_back(resource);
    return alone;
  }

  /// Not while DRBD is about to connect: it may yet stand alone, and then only the record tells why.
  void remove_record() {
    const auto waits = [&](const ResourceName& resource) {
      return !stands_alone(scene_, resource) && !connected_on_both(scene_, resource);
    };
    if (std::any_of(resources_.begin(), resources_.end(), waits) && !remove_records(scene_, domain_.name).empty()) {
      warnings_.push_back("the record of its migration is kept until its disks are Connected");
      return;
    }
    for (Step& step : remove_records(scene_, domain_.name)) steps_.push_back(std::move(step));
  }

  /// A split brain that is none is mended; any other is explained.
  Objection mend_split_brain(NodeId source) {
    const bool gave_it_away = on(other(source)).away != nullptr; // the record is of an older migration then
    for (const ResourceName& resource : still_alone()) {
      if (gave_it_away || !target_wrote_nothing(scene_, domain_.name, source, resource))
        return split_brain(scene_, {resource});
      steps_.push_back({Reconnect{other(source), resource},
                        "split by a migration that failed; the record proves that nothing was written there"});
      if (window_of(scene_, resource) == Window::open)
        steps_.push_back({CloseWindow{resource}, "two Primaries are still allowed, left by an earlier run"});
    }
    return std::nullopt;
  }

  const Scene& scene_;
  const Domain& domain_;
  std::array<Sighting, 2> seen_;
  std::vector<ResourceName> resources_;
  std::vector<Step> steps_;
  std::vector<std::string> warnings_;
  std::string reason_;
  NodeId node_ = NodeId::node1;
  bool passed_over_ = false;
};

} // namespace

Plan plan_recover(const Topology& topology, const ClusterState& state, const Wish& wish, const Inputs& inputs) {
  const Scene scene{topology, state, wish, inputs};
  return plan_of(drafts_of(scene, [&](const Domain& domain) { return Recovery(scene, domain).draft(); }));
}

} // namespace xen_drbd::planner
