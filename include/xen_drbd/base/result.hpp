#pragma once

#include "xen_drbd/base/error.hpp"

#include <tl/expected.hpp>
#include <utility>

namespace xen_drbd {

/// A value or an Error. Unlike the plain alias it cannot be dropped without a warning.
template <class T = void> class [[nodiscard]] Result : public tl::expected<T, Error> {
public:
  using Base = tl::expected<T, Error>;
  using Base::Base;
  Result(Base base) : Base(std::move(base)) {}                           // NOLINT(google-explicit-constructor)
  Result(Error error) : Base(tl::unexpected<Error>(std::move(error))) {} // NOLINT(google-explicit-constructor)
};

} // namespace xen_drbd

#define XEN_DRBD_CONCAT_(a, b) a##b
#define XEN_DRBD_CONCAT(a, b) XEN_DRBD_CONCAT_(a, b)

/// `XEN_DRBD_TRY(auto value, expression);` takes the value out of a Result or returns its error.
#define XEN_DRBD_TRY(declaration, expression)                                                                          \
  auto XEN_DRBD_CONCAT(result_, __LINE__) = (expression);                                                              \
  if (!XEN_DRBD_CONCAT(result_, __LINE__)) return std::move(XEN_DRBD_CONCAT(result_, __LINE__)).error();               \
  declaration = std::move(*XEN_DRBD_CONCAT(result_, __LINE__))

/// `XEN_DRBD_CHECK(expression);` returns the error of a Result<void>, else goes on.
#define XEN_DRBD_CHECK(expression)                                                                                     \
  if (auto XEN_DRBD_CONCAT(result_, __LINE__) = (expression); !XEN_DRBD_CONCAT(result_, __LINE__))                     \
  return std::move(XEN_DRBD_CONCAT(result_, __LINE__)).error()
