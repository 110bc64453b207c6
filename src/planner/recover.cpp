#include "xen_drbd/base/text.hpp"

#include "recovery.hpp"
#include "refusal.hpp"
#include "schedule.hpp"
#include "split_brain.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace xen_drbd::planner {

using namespace model;

Recovery::Recovery(const Scene& scene, const Domain& domain) : scene_(scene), domain_(domain) {
  for (NodeId id : both_nodes) look(id);
  if (auto resources = resources_of(scene_, domain_))
    resources_ = *std::move(resources);
  else
    unread_ = std::move(resources).error();
  if (unread_) warnings_.push_back("its DRBD disks are left as they are: " + unread_->because);
}

Draft Recovery::draft() {
  Objection no = untouchable();
  if (!no) no = classify();
  if (!no) no = disks_cannot_be_told();
  Draft draft = skipped(domain_, node_, reason_);
  if (no && passed_over_) {
    draft.plan.reason = no->because;
    return draft;
  }
  if (no) return refused(scene_, draft, Verdict::recover, *std::move(no));
  draft.plan.verdict = steps_.empty() ? Verdict::already : Verdict::recover;
  draft.plan.steps = std::move(steps_);
  draft.plan.warnings = std::move(warnings_);
  return draft;
}

void Recovery::look(NodeId id) {
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
    for (const MigrationProcess& process : node->migrations)
      if (process.receiving) seen.receiver = &process;
}

bool Recovery::nothing_on(NodeId id) const {
  return on(id).is(Presence::absent) || (id == scene_.peer() && scene_.peer_counts_as_dead());
}

std::string Recovery::both_lists() const {
  std::vector<std::string> texts;
  for (NodeId id : both_nodes) texts.push_back(fmt::format("{}: {}", node_name(id), to_string(on(id).found.presence)));
  return enumerate(texts);
}

Objection Recovery::untouchable() const {
  if (Objection no = same_pair(scene_)) return no;
  if (Objection no = topology_is_current(scene_)) return no;
  if (Objection no = runs_once(scene_, domain_.name)) return no;
  if (Objection no = no_migration_at_work(scene_, domain_.name)) return no;
  if (Objection no = peer_answers(scene_, domain_.name, true)) return no;
  for (NodeId id : {scene_.here(), scene_.peer()})
    if (Objection no = cannot_be_judged(id)) return no;
  if (Objection no = may_still_migrate()) return no;
  return disks_cannot_be_judged();
}

Objection Recovery::may_still_migrate() const {
  const auto half_done = [&](NodeId id) {
    return on(id).incoming != nullptr || on(id).away != nullptr || on(id).is(Presence::suspended);
  };
  if (!half_done(NodeId::node1) && !half_done(NodeId::node2)) return std::nullopt;
  for (NodeId id : both_nodes)
    if (const NodeState* node = scene_.node(id); node != nullptr && !node->watchers)
      return refusal(
          fmt::format("the processes of {} could not be listed, so an xl migrate of {} may be at work", node_name(id),
                      name()),
          fmt::format("look again; if it stays so, see on {} what keeps /proc from being read", node_name(id)));
  return std::nullopt;
}

Objection Recovery::disks_cannot_be_told() const {
  if (steps_.empty()) return std::nullopt;
  return unread_ ? unread_ : disks_are_its_own(scene_, domain_);
}

Objection Recovery::disks_cannot_be_judged() const {
  for (const ResourceName& resource : resources_) {
    for (NodeId id : both_nodes)
      if (Objection no = drbd_answers(scene_, id)) return no;
    if (Objection no = window_is_read(scene_, resource)) return no;
  }
  return std::nullopt;
}

Objection Recovery::cannot_be_judged(NodeId id) const {
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

Objection Recovery::classify() {
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

Objection Recovery::of_own_name(NodeId id) {
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

Objection Recovery::no_row_of_the_table() const {
  return refusal(fmt::format("no half-done migration looks like this: {}", both_lists()),
                 fmt::format("look at `xl list` on both nodes and destroy by hand what is not wanted of {}", name()));
}

Objection Recovery::running(NodeId id) {
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

Objection Recovery::paused(NodeId id) {
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
  if (on(id).receiver != nullptr)
    return refusal(fmt::format("the xl {} of {} on {} is still at work",
                               on(id).receiver->command == "restore" ? "restore" : "migrate-receive", name(),
                               node_name(id)),
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
  if (!copy_is_current(scene_, domain_.name, far, resources_))
    return refusal(fmt::format("{} stands paused on {}, and it is not proved that nobody wrote to its disks since it "
                               "was moved there: it must not run on",
                               name(), node_name(id)),
                   fmt::format("on {}: xl destroy {}; then xen-drbd recover {} --yes, which starts it again",
                               node_name(id), name(), name()));
  reason_ = "its migration stopped between rename and unpause";
  steps_.push_back({Unpause{id, written_on(id)}, "it has everything, but its receiver has ended before the unpause"});
  if (Objection no = clear_half_names()) return no;
  demote(far);
  close_windows();
  return std::nullopt;
}

Objection Recovery::suspended(NodeId id) {
  const NodeId far = other(id);
  if (on(far).away != nullptr || on(id).away != nullptr || on(id).incoming != nullptr) return no_row_of_the_table();
  reason_ = "its migration was cut short after the suspend";
  if (on(far).receiver != nullptr && on(far).incoming == nullptr)
    steps_.push_back({EndReceiver{far}, "it must not take the domain over while it is brought back"});
  if (Objection no = clear_half_names()) return no;
  return bring_back(id, *on(id).own, true);
}

Objection Recovery::shut_down(NodeId id) {
  if (!on(id).found.watchers_known || on(id).found.has_watcher)
    return refusal(
        fmt::format("{} has shut down on {}, and its xl may be about to clear it away", name(), node_name(id)),
        fmt::format("wait some seconds and repeat; if it stays, on {}: xl destroy {}", node_name(id), name()));
  reason_ = "it has shut down and nobody cleared it away";
  return take_away(id);
}

Objection Recovery::crashed(NodeId id) {
  if (!scene_.wish.yes) return absence(scene_, domain_.name, id);
  reason_ = "it crashed and was kept";
  return take_away(id);
}

Objection Recovery::take_away(NodeId id) {
  steps_.push_back({Destroy{id, on(id).own->name}, "it does not run any more and holds its disks"});
  if (Objection no = clear_half_names()) return no;
  for (NodeId node : {id, other(id)}) demote(node);
  close_windows();
  return std::nullopt;
}

Objection Recovery::migrated_away(NodeId id) {
  node_ = id;
  const NodeId far = other(id);
  if (on(id).incoming != nullptr) return no_row_of_the_table();
  if (on(far).incoming != nullptr) {
    reason_ = "its migration stuck before the last word";
    if (Objection no = clear_half_names(id)) return no;
    return bring_back(id, *on(id).away, true);
  }
  reason_ = fmt::format("whether it ever ran on {} is not known", node_name(far));
  if (on(far).receiver != nullptr)
    steps_.push_back({EndReceiver{far}, "it must not take the domain over while it is started again"});
  return bring_back(id, *on(id).away, false);
}

Objection Recovery::nowhere() {
  node_ = domain_.home;
  const bool copy = on(NodeId::node1).incoming != nullptr || on(NodeId::node2).incoming != nullptr;
  if (Objection no = clear_half_names()) return no;
  for (NodeId id : both_nodes) demote(id);
  close_windows();
  reason_ = "it runs on neither node";
  if (copy) reason_ = fmt::format("its source is gone; start it again: xen-drbd start {}", name());
  Objection alone = split_brain(scene_, still_alone());
  if (!alone) remove_record();
  if (!alone || steps_.empty()) return alone;
  warnings_.push_back(alone->because + "; " + alone->hint);
  return std::nullopt;
}

Plan plan_recover(const Topology& topology, const ClusterState& state, const Wish& wish, const Inputs& inputs) {
  const Scene scene{topology, state, wish, inputs};
  return plan_of(drafts_of(scene, [&](const Domain& domain) { return Recovery(scene, domain).draft(); }));
}

} // namespace xen_drbd::planner
