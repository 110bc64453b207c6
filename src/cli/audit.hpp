#pragma once

#include "xen_drbd/engine/execute.hpp"

#include "session.hpp"

#include <functional>

namespace xen_drbd::cli {

/// One line in the syslog of every node that could be reached: who, what, result, every override used (rule 5.11).
void audit(const Session& session, const engine::Report& report, int exit_code);

/// What a changing run does, `work`. What throws is a bug, and leaves its audit line before it goes on to the caller;
/// a second signal leaves one on this node.
int audited(const Session& session, const std::function<int()>& work);

/// The line that a second signal leaves names the overrides that the session has now; to be called when they change.
void renew_audit(const Session& session);

/// The end of a changing run: its audit line, then its report, or why it looked at no domain. Returns the exit code.
[[nodiscard]] int end_with(const Session& session, const engine::Report& report);
[[nodiscard]] int end_with(const Session& session, const Error& error);

} // namespace xen_drbd::cli
