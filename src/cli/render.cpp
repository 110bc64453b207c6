#include "render.hpp"

#include "interrupt.hpp"
#include "json.hpp"
#include "xen_drbd/base/log.hpp"

#include <fmt/color.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

namespace xen_drbd::cli {
namespace {

using engine::DomainReport;
using engine::ResultKind;

/// "started on dom0 (1.9 s)", "already runs on dom0", "refused: ...".
std::string sentence(const Session& session, const DomainReport& report, bool dry_run) {
  const std::string& node = session.name(report.node);
  const std::string would = dry_run ? "would be " : "";
  const std::string why = report.reason.empty() ? "" : ": " + report.reason;
  const std::string took = dry_run ? "" : fmt::format(" ({:.1f} s)", report.seconds);
  switch (report.result) {
  case ResultKind::started: return would + "started on " + node + took;
  case ResultKind::migrated: return would + "migrated to " + node + took;
  case ResultKind::stopped: return would + "stopped on " + node + took + why;
  case ResultKind::recovered: return would + "recovered" + took + why;
  case ResultKind::already: return "nothing to do" + why;
  case ResultKind::skipped: return "skipped" + why;
  case ResultKind::refused: return "refused" + why;
  case ResultKind::failed: return "failed" + why;
  case ResultKind::unknown: return "outcome unknown" + why;
  }
  return {};
}

fmt::text_style style_of(ResultKind result) {
  switch (result) {
  case ResultKind::started:
  case ResultKind::migrated:
  case ResultKind::stopped:
  case ResultKind::recovered: return fmt::fg(fmt::terminal_color::green);
  case ResultKind::already: return {};
  case ResultKind::skipped: return fmt::fg(fmt::terminal_color::yellow);
  case ResultKind::refused:
  case ResultKind::failed:
  case ResultKind::unknown: return fmt::fg(fmt::terminal_color::red);
  }
  return {};
}

std::size_t widest_name(const auto& items) {
  std::size_t widest = 0;
  for (const auto& item : items) widest = std::max(widest, item.domain.str().size());
  return widest;
}

} // namespace

int worse(int one, int other) {
  static constexpr std::array order{130, 143, 70, 6, 5, 4, 0};
  const auto rank = [](int code) { return std::find(order.begin(), order.end(), code); };
  return rank(one) <= rank(other) ? one : other;
}

int exit_code(const DomainReport& report) {
  if (!report.error) return 0;
  if (report.error->kind == ErrorKind::interrupted) return interrupted_by() != 0 ? exit_code_of_signal(interrupted_by()) : 130;
  return exit_code(report.error->kind);
}

int exit_code(const engine::Report& report) {
  int code = interrupted_by() != 0 ? exit_code_of_signal(interrupted_by()) : 0;
  for (const DomainReport& domain : report.domains) code = worse(code, exit_code(domain));
  return code;
}

engine::Report expected_report(const model::Plan& plan) {
  engine::Report report;
  for (const model::DomainPlan& domain : plan.domains) report.domains.push_back(engine::expected(domain));
  return report;
}

bool wants_color(const Options& options, int fd) {
  if (options.color != Color::automatic) return options.color == Color::always;
  const char* none = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  return isatty(fd) == 1 && (none == nullptr || *none == '\0') && term != nullptr && std::string_view(term) != "dumb";
}

int print_error(const Options& options, const Error& error) {
  if (options.json) fmt::print("{}\n", json_of(options, error).dump());
  fmt::print(stderr, "{}", render(error));
  return exit_code(error.kind);
}

void print_plan(const Session& session, const model::Plan& plan) {
  if (session.options.json) return;
  for (const std::string& warning : plan.warnings) log::warn(warning);
  const bool any = std::any_of(plan.domains.begin(), plan.domains.end(), [](const model::DomainPlan& d) { return !d.steps.empty(); });
  if (any) fmt::print("plan:\n");
  for (const model::DomainPlan& domain : plan.domains) {
    for (const std::string& warning : domain.warnings) log::warn(domain.domain.str() + ": " + warning);
    if (domain.steps.empty()) continue;
    std::string after;
    for (const DomainName& name : domain.waits_for) after += (after.empty() ? ", once these run: " : " ") + name.str();
    fmt::print("  {}{}\n", domain.domain.str(), after);
    for (const model::Step& step : domain.steps) {
      const std::string_view when = step.when == model::When::next ? "" : step.when == model::When::always ? " (in any case)" : " (if that fails)";
      fmt::print("    {:<{}}  {}{}\n", session.name(node_of(step.action, session.this_node)), std::max(session.here().size(), session.peer().size()),
                 describe(step.action, domain.domain, session.topology), when);
    }
  }
  std::fflush(stdout);
}

int print_report(const Session& session, const engine::Report& report, const model::Plan* plan) {
  const int code = exit_code(report);
  if (session.options.json) {
    fmt::print("{}\n", json_of(session, report, plan, code).dump());
  } else {
    const bool color = wants_color(session.options, STDOUT_FILENO);
    const std::size_t width = widest_name(report.domains);
    for (const DomainReport& domain : report.domains) {
      const std::string text = sentence(session, domain, plan != nullptr);
      fmt::print("{:<{}}  {}\n", domain.domain.str(), width, color ? fmt::format(style_of(domain.result), "{}", text) : text);
    }
    if (report.domains.empty()) fmt::print("nothing to do\n");
  }
  std::fflush(stdout);
  for (const DomainReport& domain : report.domains) {
    if (domain.error) fmt::print(stderr, "{}", render(*domain.error));
    for (const std::string& note : domain.notes) log::warn(domain.domain.str() + ": " + note);
  }
  return code;
}

} // namespace xen_drbd::cli
