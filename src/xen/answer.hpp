#pragma once
// What the parsers of this room share.

#include "xen_drbd/host/answer.hpp"

namespace xen_drbd::xen {

using host::excerpt;
using host::number;
using host::unreadable;

} // namespace xen_drbd::xen
