#include "schedule.hpp"

#include "xen_drbd/planner/status.hpp"

#include <algorithm>
#include <array>
#include <fmt/core.h>

namespace xen_drbd::planner {

using namespace model;

namespace {

/// Puts drafts one by one into an order that works. Whatever waits or follows does so behind a draft that was placed
/// before it, so no circle can come about.
class Scheduler {
public:
  Scheduler(const Scene& scene, std::vector<Draft> drafts) : scene_(scene), drafts_(std::move(drafts)) {
    for (NodeId id : both_nodes)
      if (const NodeState* node = scene_.node(id); node != nullptr && node->xen)
        free_[index(id)] = node->xen->free_memory;
    for (std::size_t i = 0; i < drafts_.size(); ++i)
      if (drafts_[i].takes_on) pending_.push_back(i);
    std::stable_sort(pending_.begin(), pending_.end(), [&](std::size_t a, std::size_t b) { return rank(a) < rank(b); });
  }

  std::vector<Draft> run() && {
    while (!pending_.empty())
      if (!place_one()) refuse_one();
    return std::move(drafts_);
  }

private:
  enum class Waiting { none, for_pending, in_vain };

  int rank(std::size_t i) const {
    if (drafts_[i].plan.verdict == Verdict::migrate) return 0;
    return drafts_[i].takes_on == scene_.here() ? 1 : 2;
  }

  const Draft* draft_of(const DomainName& name) const {
    const auto found =
        std::find_if(drafts_.begin(), drafts_.end(), [&](const Draft& draft) { return draft.plan.domain == name; });
    return found == drafts_.end() ? nullptr : &*found;
  }

  bool is_pending(const Draft& draft) const {
    return std::any_of(pending_.begin(), pending_.end(), [&](std::size_t i) { return &drafts_[i] == &draft; });
  }

  /// Whether what the start of a domain waits for runs, is placed, may still be placed, or will not be.
  Waiting waiting(const Draft& draft, const DomainName& prerequisite) const {
    if (draft.plan.verdict != Verdict::start) return Waiting::none;
    if (is_double_run(prerequisite, scene_.state)) return Waiting::in_vain;
    if (!running_on(prerequisite, scene_.state).empty()) return Waiting::none;
    const Draft* first = draft_of(prerequisite);
    if (first == nullptr || first->plan.verdict != Verdict::start) return Waiting::in_vain;
    return is_pending(*first) ? Waiting::for_pending : Waiting::none;
  }

  void hold_back(Draft& draft, const DomainName& prerequisite) {
    const Draft* first = draft_of(prerequisite);
    const bool failed = is_double_run(prerequisite, scene_.state) ||
                        (first != nullptr && first->plan.error && exit_code(first->plan.error->kind) == 6);
    Error error{.kind = failed ? ErrorKind::failed : ErrorKind::refused,
                .what = not_done(scene_, draft.plan.domain, Verdict::start, draft.plan.node),
                .because = fmt::format("it waits for {}, which does not run", prerequisite.str()),
                .while_doing = {},
                .changed = Changed::no,
                .hint = fmt::format("start {} first, or both in one command", prerequisite.str())};
    if (is_double_run(prerequisite, scene_.state)) {
      error.because = fmt::format("it waits for {}, which is on BOTH nodes", prerequisite.str());
      error.hint = fmt::format("xen-drbd status {} shows the way out", prerequisite.str());
    } else if (first != nullptr && !first->plan.reason.empty()) {
      error.because += ": " + first->plan.reason;
      error.hint = fmt::format("see what is said of {}", prerequisite.str());
    }
    draft.plan.verdict = Verdict::skipped;
    draft.plan.reason = error.because;
    draft.plan.error = std::move(error);
    draft.plan.steps.clear();
    draft.plan.warnings.clear();
    draft.plan.delay = Milliseconds{0};
    draft.takes_on.reset();
  }

  MiB left_on(NodeId node) const {
    MiB left = free_[index(node)];
    for (const Release& release : releases_)
      if (release.node == node) left = left + release.amount;
    return left;
  }

  Objection no_room_for(const Draft& draft) const {
    return memory_fits(scene_, draft.plan.domain, *draft.takes_on, draft.need, left_on(*draft.takes_on));
  }

  /// Takes the memory of a draft, behind the migrations that give it back first where it is needed.
  void take_memory(Draft& draft) {
    const NodeId node = *draft.takes_on;
    MiB left = free_[index(node)];
    for (const Release& release : releases_) {
      if (left >= draft.need) break;
      if (release.node != node) continue;
      left = left + release.amount;
      draft.plan.follows.push_back(release.domain);
    }
    free_[index(node)] = free_[index(node)] - draft.need;
    if (draft.plan.verdict == Verdict::migrate) releases_.push_back({draft.plan.domain, other(node), draft.need});
  }

  /// Starts on the peer come behind the starts on this node that are already placed.
  void keep_order(Draft& draft) {
    if (draft.plan.verdict != Verdict::start) return;
    if (draft.takes_on == scene_.here()) {
      started_here_.push_back(draft.plan.domain);
      return;
    }
    for (const DomainName& first : started_here_) {
      const auto& waits = draft.plan.waits_for;
      if (std::find(waits.begin(), waits.end(), first) == waits.end()) draft.plan.follows.push_back(first);
    }
  }

  /// Whether the draft could be placed or held back; if it only lacks memory, it stays.
  bool place(Draft& draft) {
    for (const DomainName& prerequisite : draft.domain->after) {
      const Waiting answer = waiting(draft, prerequisite);
      if (answer == Waiting::for_pending) return false;
      if (answer == Waiting::in_vain) {
        hold_back(draft, prerequisite);
        return true;
      }
    }
    if (no_room_for(draft)) return false;
    if (draft.plan.verdict == Verdict::start)
      for (const DomainName& prerequisite : draft.domain->after)
        if (running_on(prerequisite, scene_.state).empty()) draft.plan.waits_for.push_back(prerequisite);
    take_memory(draft);
    keep_order(draft);
    return true;
  }

  bool place_one() {
    for (auto i = pending_.begin(); i != pending_.end(); ++i) {
      if (!place(drafts_[*i])) continue;
      pending_.erase(i);
      return true;
    }
    return false;
  }

  bool waits_for_pending(const Draft& draft) const {
    return std::any_of(draft.domain->after.begin(), draft.domain->after.end(), [&](const DomainName& prerequisite) {
      return waiting(draft, prerequisite) == Waiting::for_pending;
    });
  }

  /// Nothing more can be placed: the first that lacks nothing but memory is refused.
  void refuse_one() {
    auto i =
        std::find_if(pending_.begin(), pending_.end(), [&](std::size_t at) { return !waits_for_pending(drafts_[at]); });
    if (i == pending_.end()) i = pending_.begin();
    Draft& draft = drafts_[*i];
    Objection no = no_room_for(draft);
    if (no)
      draft = refused(scene_, draft, draft.plan.verdict, *std::move(no));
    else
      hold_back(draft, draft.domain->after.front());
    pending_.erase(i);
  }

  struct Release {
    DomainName domain;
    NodeId node;
    MiB amount;
  };

  const Scene& scene_;
  std::vector<Draft> drafts_;
  std::vector<std::size_t> pending_; ///< places in drafts_, in the order in which they are tried
  std::array<MiB, 2> free_{};        ///< free memory less what was taken; below zero where released memory is used
  std::vector<Release> releases_;
  std::vector<DomainName> started_here_;
};

} // namespace

std::vector<Draft> scheduled(const Scene& scene, std::vector<Draft> drafts) {
  return Scheduler(scene, std::move(drafts)).run();
}

Plan plan_of(std::vector<Draft> drafts) {
  Plan plan;
  for (Draft& draft : drafts) plan.domains.push_back(std::move(draft.plan));
  return plan;
}

} // namespace xen_drbd::planner
