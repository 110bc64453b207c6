#include "render.hpp"

#include "xen_drbd/base/log.hpp"
#include "xen_drbd/base/text.hpp"

#include "advice.hpp"
#include "commands.hpp"
#include "interrupt.hpp"
#include "json.hpp"
#include "output.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <exception>
#include <fmt/color.h>
#include <fmt/format.h>
#include <unistd.h>

namespace xen_drbd::cli {
namespace {

using engine::DomainReport;
using engine::ResultKind;

/// "started on dom0 (1.9 s)", "nothing to do: samba runs on dom0", "refused: ...".
std::string sentence(const Session& session, const DomainReport& report, bool dry_run) {
  const std::string& node = session.name(report.node);
  const std::string would = dry_run ? "would be " : "";
  const std::string why = report.reason.empty() ? "" : ": " + report.reason;
  const std::string took = dry_run ? "" : fmt::format(" ({:.1f} s)", report.seconds);
  switch (report.result) {
  case ResultKind::started: return would + "started on " + node + took + why;
  case ResultKind::migrated: return would + "migrated to " + node + took + why;
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

fmt::text_style style_of_result(ResultKind result) {
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

std::string_view when_words(model::When when) {
  switch (when) {
  case model::When::next: return "";
  case model::When::always: return " (in any case)";
  case model::When::on_failure: return " (only after a failure)";
  }
  return {};
}

void warn(const std::string& text) { log::warn(advice(text)); }

/// `words` and the domains; nothing without any.
std::string named(const std::string& words, const std::vector<DomainName>& domains) {
  std::vector<std::string> names;
  for (const DomainName& domain : domains) names.push_back(domain.str());
  return names.empty() ? "" : words + enumerate(names);
}

} // namespace

int worse(int one, int other) {
  static constexpr std::array order{130, 143, 70, 6, 5, 75, 4, 3, 2, 0};
  const auto rank = [](int code) { return std::find(order.begin(), order.end(), code); };
  return rank(one) <= rank(other) ? one : other;
}

int code_of(const Error& error) {
  if (error.kind == ErrorKind::interrupted && interrupted_by() != 0) return exit_code_of_signal(interrupted_by());
  return exit_code(error.kind);
}

int exit_code(const DomainReport& report) { return report.error ? code_of(*report.error) : 0; }

int exit_code(const engine::Report& report) {
  int code = interrupted_by() != 0 ? exit_code_of_signal(interrupted_by()) : 0;
  for (const DomainReport& domain : report.domains) code = worse(code, exit_code(domain));
  return code;
}

std::optional<Error> error_of(const DomainReport& report) {
  std::optional<Error> error = report.error;
  if (!error) return error;
  if (error->what.empty()) error->what = "the work on " + report.domain.str() + " was not finished";
  if (error->kind == ErrorKind::interrupted && error->hint.empty())
    error->hint = "look with xen-drbd status " + report.domain.str() + ", then repeat the command";
  return error;
}

engine::Report expected_report(const model::Plan& plan) {
  engine::Report report;
  for (const model::DomainPlan& domain : plan.domains) report.domains.push_back(engine::expected(domain));
  return report;
}

std::string error_text(const Error& error) { return advice(render(error)); }

std::string plan_text(const Session& session, const model::Plan& plan) {
  const std::size_t width = std::max(session.here().size(), session.peer().size());
  std::string text;
  for (const model::DomainPlan& domain : plan.domains) {
    if (domain.steps.empty()) continue;
    const std::string after =
        named(", once these run: ", domain.waits_for) + named(", after the steps of ", domain.follows);
    text += fmt::format("{}  {}{}\n", text.empty() ? "plan:\n" : "", domain.domain.str(), after);
    for (const model::Step& step : domain.steps)
      text += fmt::format("    {:<{}}  {}{}\n", session.name(node_of(step.action, session.this_node)), width,
                          describe(step.action, domain.domain, session.topology), when_words(step.when));
  }
  return printable(text);
}

std::string report_text(const Session& session, const engine::Report& report, bool dry_run, bool color) {
  if (report.domains.empty()) return "nothing to do\n";
  std::size_t width = 0;
  for (const DomainReport& domain : report.domains) width = std::max(width, domain.domain.str().size());
  std::string text;
  for (const DomainReport& domain : report.domains) {
    const std::string said = advice(sentence(session, domain, dry_run));
    text += fmt::format("{:<{}}  {}\n", domain.domain.str(), width,
                        color ? fmt::format(style_of_result(domain.result), "{}", said) : said);
    for (const std::string& note : domain.notes) text += fmt::format("{:<{}}  note: {}\n", "", width, advice(note));
  }
  return text;
}

bool wants_color(const Options& options, int fd) {
  if (options.color != Color::automatic) return options.color == Color::always;
  const char* none = std::getenv("NO_COLOR");
  return has_cursor(fd) && (none == nullptr || *none == '\0');
}

int print_error(const Options& options, const Error& error) {
  const int code = code_of(error);
  const Subcommand* command = find_subcommand(options.command);
  if (command != nullptr && command->prints_a_script)
    write_answer(fmt::format("exit {}\n", code));
  else if (options.json)
    write_answer(line_of(json_of(options, error, code)));
  write_message(error_text(error));
  return code;
}

int guarded(const Options& options, const std::function<int()>& work) {
  try {
    return work();
  } catch (const std::exception& problem) {
    return print_error(options,
                       {.kind = ErrorKind::bug,
                        .what = "a bug in xen-drbd " XEN_DRBD_VERSION,
                        .because = problem.what(),
                        .while_doing = {},
                        .changed = Changed::unknown,
                        .hint = "see with xen-drbd status how things are, and report this with what was typed"});
  }
}

void print_plan(const Session& session, const model::Plan& plan) {
  for (const std::string& warning : plan.warnings) warn(warning);
  if (!session.options.dry_run) // a dry run is at its report at once, which has them too
    for (const model::DomainPlan& domain : plan.domains)
      for (const std::string& warning : domain.warnings) warn(domain.domain.str() + ": " + warning);
  if (!session.options.json) write_answer(plan_text(session, plan));
}

int print_report(const Session& session, const engine::Report& report, const model::Plan* plan,
                 std::optional<int> decided) {
  const int code = decided.value_or(exit_code(report));
  write_answer(session.options.json
                   ? line_of(json_of(session, report, plan, code))
                   : report_text(session, report, plan != nullptr, wants_color(session.options, STDOUT_FILENO)));
  for (const DomainReport& domain : report.domains)
    if (const auto error = error_of(domain)) write_message(error_text(*error));
  return code;
}

} // namespace xen_drbd::cli
