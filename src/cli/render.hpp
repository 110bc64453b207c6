#pragma once

#include "session.hpp"

#include <nlohmann/json_fwd.hpp>

namespace xen_drbd::cli {

/// The worst of several exit codes: interrupted, then 70, 6, 5, 4, 0 (spec section 3).
[[nodiscard]] int worse(int one, int other);
/// The exit code that a domain's end deserves.
[[nodiscard]] int exit_code(const engine::DomainReport& report);
/// The exit code of a whole report, interrupted included.
[[nodiscard]] int exit_code(const engine::Report& report);

/// What a plan would end as: the report of a run in which every step succeeds.
[[nodiscard]] engine::Report expected_report(const model::Plan& plan);

/// Prints the document or text of an error that ended the run before any domain was looked at; returns its exit code.
int print_error(const Options& options, const Error& error);

void print_plan(const Session& session, const model::Plan& plan);
/// Prints the report (JSON document or text) with its errors; `plan` is given for a dry run. Returns its exit code.
int print_report(const Session& session, const engine::Report& report, const model::Plan* plan);

/// Whether colour and live progress are wanted on a file descriptor.
[[nodiscard]] bool wants_color(const Options& options, int fd);

/// The progress of a run on stderr: live on a terminal, a line for each change elsewhere, nothing with --quiet.
[[nodiscard]] std::unique_ptr<engine::Progress> make_progress(const Session& session);

} // namespace xen_drbd::cli
