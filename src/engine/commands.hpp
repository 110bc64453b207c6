#pragma once

#include "xen_drbd/engine/cluster.hpp"

#include <string>
#include <string_view>

namespace xen_drbd::engine {

// The commands of this room that are no plain words of xl or DRBD: made in one place each, so that the gate of a key
// (permitted.hpp) knows exactly them and nothing else.

[[nodiscard]] host::Command identity_command(const std::string& run_directory, bool make, const std::string& tool);
[[nodiscard]] host::Command topology_command(const std::string& path);
[[nodiscard]] host::Command records_command();
[[nodiscard]] host::Command write_record_command(const DomainName& domain, const std::string& text);
[[nodiscard]] host::Command remove_record_command(const DomainName& domain);
[[nodiscard]] host::Command end_receiver_command(const std::string& run_directory, const DomainName& domain);
[[nodiscard]] host::Command rename_command(const std::string& row, const DomainName& domain);
[[nodiscard]] host::Command clock_command();

} // namespace xen_drbd::engine
