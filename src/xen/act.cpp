#include "xen_drbd/xen/act.hpp"

#include "xen_drbd/base/quote.hpp"

namespace xen_drbd::xen {
namespace {

/// A row's name that xl takes for exactly that row.
Result<std::string> exact_row(std::string_view row) {
  std::string_view domain = row;
  for (std::string_view half : {"--incoming", "--migratedaway"})
    if (row.ends_with(half)) domain = row.substr(0, row.size() - half.size());
  if (auto name = DomainName::parse(domain); !name)
    return Error{.kind = ErrorKind::bug,
                 .what = "xl is not told to touch '" + std::string(row) + "'",
                 .because = "that is neither a domain's name nor one of its half-names",
                 .while_doing = {},
                 .changed = Changed::no,
                 .hint = {}};
  return std::string(row);
}

} // namespace

host::Command create_command(std::string_view config) {
  return {
      .argv = {"xl", "create", "-q", std::string(config)}, .timeout = Milliseconds{300'000}, .leaves_a_watcher = true};
}

host::Command shutdown_command(const DomainName& domain) {
  return {.argv = {"xl", "shutdown", domain.str()}, .timeout = Milliseconds{30'000}};
}

host::Command unpause_command(const DomainName& domain) {
  return {.argv = {"xl", "unpause", domain.str()}, .timeout = Milliseconds{30'000}};
}

Result<host::Command> destroy_command(std::string_view row) {
  XEN_DRBD_TRY(std::string name, exact_row(row));
  return host::Command{.argv = {"xl", "destroy", std::move(name)}, .timeout = Milliseconds{120'000}};
}

Result<host::Command> resume_command(std::string_view row) {
  XEN_DRBD_TRY(std::string name, exact_row(row));
  return host::Command{.argv = {"xl", "resume", std::move(name)}, .timeout = Milliseconds{60'000}};
}

host::Command migrate_command(std::span<const std::string> transport, const DomainName& domain, const Address& address,
                              Milliseconds timeout) {
  return {.argv = {"xl", "migrate", "-s", shell_join(transport), domain.str(), address.str()}, .timeout = timeout};
}

} // namespace xen_drbd::xen
