#pragma once

#include "xen_drbd/base/names.hpp"
#include "xen_drbd/base/result.hpp"
#include "xen_drbd/host/host.hpp"

#include <span>
#include <string>
#include <string_view>

namespace xen_drbd::xen {

// The changing commands. Their exit status does not say what happened: look again (rule 5.8).

/// `xl create -q CONFIG`. Precondition: an absolute path.
[[nodiscard]] host::Command create_command(std::string_view config);
/// `xl shutdown DOMAIN`, without -w: that returns too early on one guest and never on another (rule 5.8).
[[nodiscard]] host::Command shutdown_command(const DomainName& domain);
/// `xl unpause DOMAIN`.
[[nodiscard]] host::Command unpause_command(const DomainName& domain);
/// `xl destroy ROW` for a row of `xl list`: a domain's name or one of its half-names.
/// Safety: a row that xl would read as something else is refused. The accident it prevents: `xl shutdown 0` powers the
/// host off; an all-digit name is a domid.
/// Fails: ErrorKind::bug when the row is neither a domain's name nor one with `--incoming` or `--migratedaway`.
[[nodiscard]] Result<host::Command> destroy_command(std::string_view row);
/// `xl resume ROW` (Xen 4.20 and later). Fails: like destroy_command.
[[nodiscard]] Result<host::Command> resume_command(std::string_view row);
/// `xl migrate -s TRANSPORT DOMAIN ADDRESS`. xl runs `sh -c "exec TRANSPORT ADDRESS xl migrate-receive"`, so the words
/// of the transport are quoted here. Precondition: `transport` is not empty (xl would run the address as a program).
/// Source: xen tools/xl/xl_migrate.c create_migration_child.
[[nodiscard]] host::Command migrate_command(std::span<const std::string> transport, const DomainName& domain,
                                            const Address& address, Milliseconds timeout);

/// The one line of what a failed xl wrote that tells an administrator why: the first cause, without libxl's file names
/// and without the errors that only follow from it. Of an outcome that is not an exit status, host::describe. The text
/// is printable and at most about 300 bytes. Source: what Xen 4.17.7 printed for some twenty failures.
[[nodiscard]] std::string explain(const host::Outcome& outcome);

} // namespace xen_drbd::xen
