#pragma once

#include "xen_drbd/engine/execute.hpp"

#include "session.hpp"

#include <functional>

namespace xen_drbd::cli {

/// One line in the syslog of every node that could be reached: who, what, result, every override used (rule 5.11).
void audit(const Session& session, const engine::Report& report, int exit_code);

/// What a changing run does, `work`. What throws is a bug, and leaves its audit line before it goes on to the caller;
/// so does a second signal, on this node. To be told again when `fenced` of the session changes: renew_audit.
int audited(const Session& session, const std::function<int()>& work);

/// What the audit line of a run that a second signal ends says of overrides is as of now.
void renew_audit(const Session& session);

/// The end of a changing run: its audit line, then its report, or why it looked at no domain. Returns the exit code.
[[nodiscard]] int end_with(const Session& session, const engine::Report& report);
[[nodiscard]] int end_with(const Session& session, const Error& error);

} // namespace xen_drbd::cli
