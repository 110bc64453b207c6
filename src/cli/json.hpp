#pragma once

#include "session.hpp"

#include <nlohmann/json.hpp>

namespace xen_drbd::cli {

/// Keys in the order in which they are written.
using Json = nlohmann::ordered_json;

/// The document of a run that ended before any domain was looked at.
[[nodiscard]] Json json_of(const Options& options, const Error& error, int exit_code);
/// The document of a run; `plan` makes it that of a dry run.
[[nodiscard]] Json json_of(const Session& session, const engine::Report& report, const model::Plan* plan,
                           int exit_code);
/// The document of a command that does nothing.
[[nodiscard]] Json json_of(const Options& options);
/// The document of `status`.
[[nodiscard]] Json status_json(const Session& session, const model::ClusterState& state,
                               const std::vector<DomainName>& domains);

/// A document as it is printed: on one line, bytes that are no UTF-8 replaced.
[[nodiscard]] std::string line_of(const Json& document);

} // namespace xen_drbd::cli
