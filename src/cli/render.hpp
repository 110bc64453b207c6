#pragma once

#include "session.hpp"

#include <functional>
#include <string>

namespace xen_drbd::cli {

// Text for people. Whatever came from outside is made printable in here: a guest's or a peer's output cannot move the
// cursor of the administrator's terminal.

/// The worst of several exit codes: interrupted, then 70, 6, 5, 75, 4, 3, 2, 0.
[[nodiscard]] int worse(int one, int other);
/// The exit code of an error; that of the signal when the run was interrupted.
[[nodiscard]] int code_of(const Error& error);
/// The exit code that a domain's end deserves.
[[nodiscard]] int exit_code(const engine::DomainReport& report);
/// The exit code of a whole report, interrupted included.
[[nodiscard]] int exit_code(const engine::Report& report);

/// The error that a domain ended with, if any, with a headline in any case and a hint after an interrupt.
[[nodiscard]] std::optional<Error> error_of(const engine::DomainReport& report);

/// What a plan would end as: the report of a run in which every step succeeds.
[[nodiscard]] engine::Report expected_report(const model::Plan& plan);

/// "error: ... / because: ... / while: ... / nothing was changed / hint: ..."
[[nodiscard]] std::string error_text(const Error& error);
/// The steps of each domain, with the node each acts on; empty for a plan without steps.
[[nodiscard]] std::string plan_text(const Session& session, const model::Plan& plan);
/// One line for each domain, and one for each thing more that must be known of it.
[[nodiscard]] std::string report_text(const Session& session, const engine::Report& report, bool dry_run, bool color);

/// Answers with an error that ended the run before any domain was looked at, on stderr and on stdout: with --json its
/// document, in place of a script always `exit N`, since sh reads it. Returns its exit code.
int print_error(const Options& options, const Error& error);

/// Does `work`, and answers with exit 70 where it throws: nothing of ours does, so that is a bug.
int guarded(const Options& options, const std::function<int()>& work);

void print_plan(const Session& session, const model::Plan& plan);
/// Prints the report (JSON document or text) with its errors; `plan` is given for a dry run. Returns its exit code:
/// `code` where the command decides that by itself (evacuate: 0 once nothing runs here), else what the domains deserve.
int print_report(const Session& session, const engine::Report& report, const model::Plan* plan,
                 std::optional<int> code = std::nullopt);

/// Whether colour is wanted on a file descriptor: --color, else a terminal that is not dumb, and no NO_COLOR.
[[nodiscard]] bool wants_color(const Options& options, int fd);

/// The progress of a run on stderr: live on a terminal, a line for each change elsewhere, nothing with --quiet. While
/// it lives, nothing that is written or logged waits for its reader (Aside).
[[nodiscard]] std::unique_ptr<engine::Progress> make_progress(const Session& session);

} // namespace xen_drbd::cli
