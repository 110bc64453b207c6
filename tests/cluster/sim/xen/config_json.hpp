#pragma once
// libxl's JSON of a guest's configuration: what `xl create -n` and `xl list -l` print, and what a migration sends
// ahead. Source: captured outputs of xl 4.17.

#include "xen/cfg.hpp"

#include <nlohmann/json.hpp>
#include <string>

namespace sim {

/// The configuration as `xl create -n` shows it, or, `running`, with what libxl fills in when the guest exists.
[[nodiscard]] nlohmann::ordered_json config_document(const GuestConfig& config, bool running);

/// The configuration that such a document describes.
[[nodiscard]] GuestConfig config_from(const nlohmann::ordered_json& document);

/// The entry of Domain-0 in `xl list -l`.
[[nodiscard]] nlohmann::ordered_json dom0_document(int memory);

/// Text of a document as libxl lays it out: four spaces, and an empty line inside an empty map.
[[nodiscard]] std::string lay_out(const nlohmann::ordered_json& document, int depth = 0);

} // namespace sim
