#include "findings.hpp"

#include "xen_drbd/base/text.hpp"

#include "advice.hpp"

#include <algorithm>
#include <fmt/color.h>
#include <fmt/format.h>

namespace xen_drbd::cli {
namespace {

using planner::Finding;
using planner::Level;

fmt::text_style style_of_level(Level level) {
  switch (level) {
  case Level::ok: return fmt::fg(fmt::terminal_color::green);
  case Level::warning: return fmt::fg(fmt::terminal_color::yellow);
  case Level::error: return fmt::fg(fmt::terminal_color::red);
  }
  return {};
}

std::string place_of(const Finding& finding) {
  if (finding.domain.empty()) return finding.node.empty() ? "both" : finding.node;
  return finding.node.empty() ? finding.domain : finding.domain + " on " + finding.node;
}

std::string counted(std::ptrdiff_t number, std::string_view thing) {
  return fmt::format("{} {}{}", number, thing, number == 1 ? "" : "s");
}

} // namespace

Json findings_json(const std::vector<Finding>& findings) {
  Json document{{"schema", 1}, {"findings", Json::array()}};
  for (const Finding& finding : findings)
    document["findings"].push_back({{"level", planner::to_string(finding.level)},
                                    {"node", finding.node},
                                    {"domain", finding.domain},
                                    {"id", finding.id},
                                    {"text", advice(finding.text)},
                                    {"hint", advice(finding.hint)}});
  return document;
}

std::string findings_text(const std::vector<Finding>& findings, bool brief, bool color) {
  std::size_t width = 0;
  for (const Finding& finding : findings) width = std::max(width, place_of(finding).size());
  std::string text;
  for (const Finding& finding : findings) {
    if (brief && finding.level == Level::ok) continue;
    const std::string level = fmt::format("{:<7}", planner::to_string(finding.level));
    text += fmt::format("{}  {:<{}}  {}: {}\n", color ? fmt::format(style_of_level(finding.level), "{}", level) : level,
                        place_of(finding), width, finding.id, advice(finding.text));
    if (!finding.hint.empty()) text += fmt::format("{:9}{:<{}}  hint: {}\n", "", "", width, advice(finding.hint));
  }
  const auto count = [&](Level level) {
    return std::count_if(findings.begin(), findings.end(), [&](const Finding& one) { return one.level == level; });
  };
  return text + fmt::format("{}, {}, {} ok\n", counted(count(Level::error), "error"),
                            counted(count(Level::warning), "warning"), count(Level::ok));
}

int findings_code(const std::vector<Finding>& findings, const model::ClusterState& state) {
  for (const model::Observation& node : state.nodes)
    if (std::holds_alternative<model::Unreachable>(node)) return 5;
  const auto is_error = [](const Finding& finding) { return finding.level == Level::error; };
  return std::any_of(findings.begin(), findings.end(), is_error) ? 4 : 0;
}

} // namespace xen_drbd::cli
