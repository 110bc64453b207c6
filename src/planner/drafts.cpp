#include "drafts.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace xen_drbd::planner {

using namespace model;

namespace {

Draft blank(const Domain& domain, NodeId node) {
  return Draft{.domain = &domain,
               .plan = {.domain = domain.name,
                        .verdict = Verdict::already,
                        .node = node,
                        .reason = {},
                        .error = {},
                        .steps = {},
                        .waits_for = {},
                        .follows = {},
                        .delay = Milliseconds{0},
                        .warnings = {}},
               .takes_on = {},
               .need = {}};
}

void append(std::vector<Step>& steps, std::vector<Step> more) {
  steps.insert(steps.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

Role role_on(const Scene& scene, const ResourceName& resource, NodeId node) {
  const Resource* up = find_resource(scene.node(node), resource);
  return up == nullptr ? Role::unknown : up->role;
}

/// The first objection of a rule to any of the resources.
template <class Rule> Objection first_objection(const std::vector<ResourceName>& resources, Rule rule) {
  for (const ResourceName& resource : resources)
    if (Objection no = rule(resource)) return no;
  return std::nullopt;
}

Objection may_start(const Scene& scene, const Domain& domain, NodeId node) {
  if (Objection no = no_migration_at_work(scene, domain.name)) return no;
  if (scene.presence(domain.name, scene.here()) == Presence::unknown) // neither node can tell: 5 outranks 4
    if (Objection no = peer_answers(scene, domain.name, node == scene.here())) return no;
  if (Objection no = absence(scene, domain.name, scene.here())) return no;
  if (Objection no = peer_answers(scene, domain.name, node == scene.here())) return no;
  if (!scene.peer_counts_as_dead())
    if (Objection no = absence(scene, domain.name, scene.peer())) return no;
  if (Objection no = peer_not_leaving(scene, node)) return no;
  return config_is_the_domains(scene, domain, node);
}

Objection may_move(const Scene& scene, const Domain& domain, NodeId from) {
  if (Objection no = no_migration_at_work(scene, domain.name)) return no;
  if (Objection no = absence(scene, domain.name, other(from))) return no;
  if (Objection no = nothing_nameless(scene, domain.name, from)) return no;
  if (Objection no = nothing_beside(scene, domain.name, from)) return no;
  if (Objection no = peer_not_leaving(scene, other(from))) return no;
  if (Objection no = source_has_the_tool(scene, from)) return no;
  if (Objection no = versions_fit(scene, from)) return no;
  return config_is_the_domains(scene, domain, other(from));
}

/// Nothing is tidied up while an xl migrate may be at work: where processes cannot be listed, that is not known. Nor
/// are disks that are another's.
void tidy(const Scene& scene, Draft& draft, std::vector<Step> steps) {
  if (const Objection no = disks_are_its_own(scene, *draft.domain); no && !steps.empty()) {
    draft.plan.warnings.push_back(no->because + "; " + no->hint);
    return;
  }
  for (NodeId id : both_nodes)
    if (const NodeState* node = scene.node(id); node != nullptr && !node->watchers && !steps.empty()) {
      draft.plan.warnings.push_back(
          fmt::format("the processes of {} could not be listed, so an xl migrate of {} may be "
                      "at work: what is left of an earlier run stays as it is",
                      scene.name(id), draft.plan.domain.str()));
      return;
    }
  draft.plan.steps = std::move(steps);
}

/// What could not be read may be a disk that was left Primary, or a window that was left open: that is said.
void warn_of_unread(const Scene& scene, const std::vector<ResourceName>& resources, Draft& draft) {
  if (resources.empty()) return;
  for (NodeId id : both_nodes)
    if (const Objection no = drbd_answers(scene, id))
      draft.plan.warnings.push_back(fmt::format("{}, so what is left of {} there cannot be told; {}", no->because,
                                                draft.plan.domain.str(), no->hint));
}

std::string since_when(const Scene& scene, const ResourceName& resource) {
  const auto since = scene.inputs.disconnected_since.find(resource);
  if (since == scene.inputs.disconnected_since.end()) return "and its kernel log does not say since when";
  return "disconnected since " + since->second;
}

} // namespace

void warn_of_missing_data(const Scene& scene, const std::vector<ResourceName>& resources, NodeId node,
                          std::vector<std::string>& warnings) {
  for (const ResourceName& resource : resources)
    warnings.push_back(
        fmt::format("the DRBD resource {} is {} on {}, {}: what {} wrote since it was disconnected is missing",
                    resource.str(), to_string(find_resource(scene.node(node), resource)->connection), scene.name(node),
                    since_when(scene, resource), scene.name(other(node))));
}

namespace {

/// What is Primary here although the domain runs nowhere is demoted first: DRBD refuses that while anything has the
/// device open. Accident: shown possible: somebody checked the file system of a guest that did not come up, and the
/// next try of the boot script started the guest under his fsck.
std::vector<Step> start_steps(const Scene& scene, const Domain& domain, const std::vector<ResourceName>& resources,
                              NodeId node, std::vector<std::string>& warnings) {
  const bool alone = scene.peer_counts_as_dead();
  std::vector<Step> steps;
  if (!alone) append(steps, demote_leftovers(scene, resources, other(node)));
  append(steps, demote_leftovers(scene, resources, node));
  if (alone)
    warn_of_missing_data(scene, resources, node, warnings);
  else
    append(steps, close_leftovers(scene, resources, warnings));
  append(steps, remove_records(scene, domain.name));
  for (const ResourceName& resource : resources)
    steps.push_back({Promote{node, resource}, "the domain writes its disks here"});
  steps.push_back({create_from(scene, domain, node), "the domain runs on neither node"});
  for (const ResourceName& resource : resources)
    steps.push_back({Demote{node, resource}, "promoted for a start that failed", When::on_failure});
  return steps;
}

std::vector<Step> move_steps(const Scene& scene, const Domain& domain, const std::vector<ResourceName>& resources,
                             NodeId from, std::vector<std::string>& warnings) {
  const NodeId target = other(from);
  const bool plain = scene.wish.plain_ssh;
  std::vector<Step> steps = demote_leftovers(scene, resources, target);
  append(steps, close_leftovers(scene, resources, warnings));
  append(steps, remove_records(scene, domain.name));
  if (!plain) steps.push_back({CopyMemory{from}, "the guest runs on at its source while its memory is copied"});
  for (const ResourceName& resource : resources)
    if (!window_stands_open(scene, resource))
      steps.push_back({OpenWindow{resource}, "both nodes are Primary while the domain changes sides"});
  for (const ResourceName& resource : resources)
    steps.push_back({Promote{target, resource, true}, "the domain writes its disks there from now on"});
  if (plain)
    steps.push_back({MigratePlain{from}, "--plain-ssh: xl moves the domain from start to end"});
  else
    steps.push_back({HandOver{from}, "memory is copied and the target's disks are Primary"});
  for (const ResourceName& resource : resources)
    steps.push_back({Demote{target, resource}, "promoted for a migration that failed", When::on_failure});
  for (const ResourceName& resource : resources)
    steps.push_back({Demote{from, resource}, "the domain has left this node"});
  for (const ResourceName& resource : resources)
    if (window_of(scene, resource) != Window::configured)
      steps.push_back({CloseWindow{resource}, "two Primaries are allowed during a migration only", When::always});
  return steps;
}

} // namespace

std::string not_done(const Scene& scene, const DomainName& domain, Verdict wanted, NodeId node) {
  switch (wanted) {
  case Verdict::start: return fmt::format("{} was not started on {}", domain.str(), scene.name(node));
  case Verdict::migrate: return fmt::format("{} was not migrated to {}", domain.str(), scene.name(node));
  case Verdict::stop: return fmt::format("{} was not stopped on {}", domain.str(), scene.name(node));
  case Verdict::recover:
  case Verdict::already:
  case Verdict::skipped:
  case Verdict::refused: break;
  }
  return fmt::format("{} was not recovered", domain.str());
}

Draft refused(const Scene& scene, const Draft& draft, Verdict wanted, Error error) {
  error.what = not_done(scene, draft.plan.domain, wanted, draft.plan.node);
  Draft no = blank(*draft.domain, draft.plan.node);
  no.plan.verdict = Verdict::refused;
  no.plan.reason = error.because;
  no.plan.error = std::move(error);
  return no;
}

std::vector<Step> demote_leftovers(const Scene& scene, const std::vector<ResourceName>& resources, NodeId node) {
  std::vector<Step> steps;
  for (const ResourceName& resource : resources)
    if (role_on(scene, resource, node) == Role::primary)
      steps.push_back({Demote{node, resource}, "left Primary on a node where the domain does not run"});
  return steps;
}

std::vector<Step> close_leftovers(const Scene& scene, const std::vector<ResourceName>& resources,
                                  std::vector<std::string>& warnings) {
  std::vector<Step> steps;
  if (scene.inputs.no_moves) return steps; // the peer's half of the lock may be another run's
  for (const ResourceName& resource : resources) {
    if (const Objection unread = window_is_read(scene, resource)) {
      warnings.push_back(unread->because + "; " + unread->hint);
      continue;
    }
    if (window_of(scene, resource) != Window::open || window_configured_alike(scene, resource)) continue;
    if (connected_on_both(scene, resource))
      steps.push_back({CloseWindow{resource}, "two Primaries are still allowed, left by an earlier run"});
    else if (windows_differ(scene, resource))
      steps.push_back({CloseWindow{resource}, "allowed on one node only, two Primaries keep DRBD from connecting"});
    else
      warnings.push_back(fmt::format("two Primaries are still allowed on the DRBD resource {}; that can be closed only "
                                     "once it is Connected again",
                                     resource.str()));
  }
  return steps;
}

Create create_from(const Scene& scene, const Domain& domain, NodeId node) {
  const ConfigReport& config = scene.node(node)->configs.at(domain.name);
  return {.node = node, .config = config.path, .sha256 = config.sha256};
}

std::vector<Step> remove_records(const Scene& scene, const DomainName& domain) {
  std::vector<Step> steps;
  for (NodeId id : both_nodes)
    if (const NodeState* node = scene.node(id))
      for (const MigrationRecord& record : node->records)
        if (record.domain == domain)
          steps.push_back({RemoveRecord{id}, "what it says of an earlier migration no longer holds"});
  return steps;
}

Draft already_running(const Scene& scene, const Domain& domain, NodeId node) {
  Draft draft = blank(domain, node);
  draft.plan.reason = fmt::format("it runs on {}", scene.name(node));
  if (scene.node(other(node)) == nullptr) return draft;
  Objection left = no_migration_at_work(scene, domain.name);
  if (!left) left = absence(scene, domain.name, other(node));
  if (left) {
    draft.plan.warnings.push_back(left->because + (left->hint.empty() ? "" : "; " + left->hint));
    return draft;
  }
  if (const auto resources = resources_of(scene, domain)) {
    std::vector<Step> steps = demote_leftovers(scene, *resources, other(node));
    append(steps, close_leftovers(scene, *resources, draft.plan.warnings));
    warn_of_unread(scene, *resources, draft);
    tidy(scene, draft, std::move(steps));
  }
  return draft;
}

Draft skipped(const Domain& domain, NodeId node, std::string reason) {
  Draft draft = blank(domain, node);
  draft.plan.verdict = Verdict::skipped;
  draft.plan.reason = std::move(reason);
  return draft;
}

Draft draft_start(const Scene& scene, const Domain& domain, NodeId node) {
  Draft draft = blank(domain, node);
  if (Objection no = may_start(scene, domain, node)) return refused(scene, draft, Verdict::start, *std::move(no));
  auto resources = resources_of(scene, domain);
  if (!resources) return refused(scene, draft, Verdict::start, std::move(resources).error());
  const auto rule = [&](const ResourceName& resource) { return disk_may_start(scene, resource, node); };
  if (Objection no = first_objection(*resources, rule)) return refused(scene, draft, Verdict::start, *std::move(no));
  draft.plan.verdict = Verdict::start;
  draft.plan.delay = domain.delay;
  draft.plan.steps = start_steps(scene, domain, *resources, node, draft.plan.warnings);
  draft.takes_on = node;
  draft.need = parsed_config(scene, domain.name, node)->memory;
  return draft;
}

Draft draft_move(const Scene& scene, const Domain& domain, NodeId from) {
  Draft draft = blank(domain, other(from));
  if (Objection no = may_move(scene, domain, from)) return refused(scene, draft, Verdict::migrate, *std::move(no));
  auto resources = resources_of(scene, domain);
  if (!resources) return refused(scene, draft, Verdict::migrate, std::move(resources).error());
  const auto rule = [&](const ResourceName& resource) { return disk_may_migrate(scene, resource, from); };
  if (Objection no = first_objection(*resources, rule)) return refused(scene, draft, Verdict::migrate, *std::move(no));
  draft.plan.verdict = Verdict::migrate;
  draft.plan.steps = move_steps(scene, domain, *resources, from, draft.plan.warnings);
  draft.takes_on = other(from);
  for (const DomainRow& row : presence_of(domain.name, scene.state.nodes[index(from)]).rows)
    if (row.name == domain.name.str()) draft.need = row.memory;
  return draft;
}

Draft draft_stop(const Scene& scene, const Domain& domain, std::string reason) {
  const NodeId here = scene.here();
  Draft draft = blank(domain, here);
  draft.plan.verdict = Verdict::stop;
  draft.plan.reason = std::move(reason);
  Milliseconds timeout = domain.shutdown_timeout;
  if (scene.wish.shutdown_limit) timeout = std::min(timeout, *scene.wish.shutdown_limit);
  draft.plan.steps.push_back({Shutdown{here, timeout, scene.wish.destroy}, "the domain runs here"});
  const auto resources = resources_of(scene, domain);
  Objection no = nothing_nameless(scene, domain.name, here);
  if (!resources) no = resources.error();
  if (!no) no = disks_are_its_own(scene, domain);
  if (no && !domain.disks.empty()) {
    draft.plan.warnings.push_back(
        fmt::format("the disks of {} stay Primary on {}: {}", domain.name.str(), scene.name(here), no->because));
    return draft;
  }
  warn_of_unread(scene, *resources, draft);
  for (const ResourceName& resource : *resources) {
    const Role role = role_on(scene, resource, here);
    const bool is_up = !scene.node(here)->resources || find_resource(scene.node(here), resource) != nullptr;
    if (role == Role::primary || (role == Role::unknown && is_up)) // what could not be read is read anew then
      draft.plan.steps.push_back({Demote{here, resource}, "nobody writes the disk here any more"});
  }
  append(draft.plan.steps, close_leftovers(scene, *resources, draft.plan.warnings));
  return draft;
}

Draft not_running_here(const Scene& scene, const Domain& domain) {
  if (scene.presence(domain.name, scene.peer()) == Presence::running)
    return already_running(scene, domain, scene.peer());
  Draft draft = blank(domain, scene.here());
  draft.plan.reason = fmt::format("it does not run on {}", scene.name(scene.here()));
  if (const Objection no = no_migration_at_work(scene, domain.name)) {
    draft.plan.warnings.push_back(no->because + "; " + no->hint);
    return draft;
  }
  if (const auto resources = resources_of(scene, domain)) {
    warn_of_unread(scene, *resources, draft);
    tidy(scene, draft, demote_leftovers(scene, *resources, scene.here()));
  }
  return draft;
}

} // namespace xen_drbd::planner
