#pragma once

#include "xen_drbd/planner/check.hpp"
#include "xen_drbd/planner/rules.hpp"

namespace xen_drbd::planner {

/// Findings as they are made.
class Findings {
public:
  struct About {
    std::string id;
    std::string node = {};
    std::string domain = {};
  };
  void ok(About about, std::string text) { add(Level::ok, std::move(about), std::move(text), {}); }
  void warn(About about, std::string text, std::string hint) {
    add(Level::warning, std::move(about), std::move(text), std::move(hint));
  }
  void fail(About about, std::string text, std::string hint) {
    add(Level::error, std::move(about), std::move(text), std::move(hint));
  }
  /// A rule's objection as a finding of that level, or that all is well.
  void judge(About about, const Objection& objection, std::string well, Level level = Level::error) {
    if (objection)
      add(level, std::move(about), objection->because, objection->hint);
    else
      ok(std::move(about), std::move(well));
  }
  [[nodiscard]] std::vector<Finding> take() && { return std::move(all_); }

private:
  void add(Level level, About about, std::string text, std::string hint) {
    all_.push_back(
        {level, std::move(about.node), std::move(about.domain), std::move(about.id), std::move(text), std::move(hint)});
  }
  std::vector<Finding> all_;
};

/// What every question reads.
struct CheckScene : Scene {
  const model::FactsOfBoth& facts;
  [[nodiscard]] const model::NodeFacts* facts_of(model::NodeId id) const {
    const auto& found = facts[model::index(id)];
    return found ? &*found : nullptr;
  }
};

void check_node(const CheckScene& scene, model::NodeId id, Findings& findings);
void check_domain(const CheckScene& scene, const model::Domain& domain, Findings& findings);

/// Whether xl on that node shrinks dom0 to make room for a guest.
[[nodiscard]] bool autoballoons(const model::NodeState& node, const model::NodeFacts& facts);

} // namespace xen_drbd::planner
