#pragma once
// Names from text. One that is not a name throws, which fails the test.

#include "xen_drbd/base/names.hpp"

#include <string>

namespace xen_drbd::test {

template <class T> T name_of_kind(const std::string& text) { return T::parse(text).value(); }
inline DomainName domain_name(const std::string& text) { return name_of_kind<DomainName>(text); }
inline ResourceName resource_name(const std::string& text) { return name_of_kind<ResourceName>(text); }

} // namespace xen_drbd::test
