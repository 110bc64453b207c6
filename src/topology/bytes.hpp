#pragma once

#include "tree.hpp"

namespace xen_drbd::topology {

/// Reports what a text file cannot hold, or a topology must not: too many bytes, control characters, broken UTF-8 (the
/// first of each line), tabs in the indentation. Line ends are LF or CR LF.
void check_bytes(std::string_view text, Problems& problems);

/// Whether a byte is a control character of ASCII, a tab and a line feed among them.
[[nodiscard]] bool is_control(char c);

} // namespace xen_drbd::topology
