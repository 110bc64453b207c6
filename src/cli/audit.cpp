#include "audit.hpp"

#include "xen_drbd/base/log.hpp"
#include "xen_drbd/base/text.hpp"

#include "render.hpp"

#include <cstdlib>
#include <exception>
#include <fmt/format.h>
#include <unistd.h>

namespace xen_drbd::cli {

void audit(const Session& session, const engine::Report& report, int code) {
  const char* who = std::getenv("SUDO_USER");
  std::string line =
      fmt::format("{} by {} on {}: exit {}", session.options.command,
                  who != nullptr ? std::string(split(printable(who), '\n').front()) : fmt::format("uid {}", getuid()),
                  session.here(), code);
  for (const engine::DomainReport& domain : report.domains)
    if (domain.result != engine::ResultKind::already)
      line += fmt::format(", {} {}", domain.domain.str(), to_string(domain.result));
  for (const auto& [used, name] :
       {std::pair(session.options.peer_is_dead, "--peer-is-dead"), std::pair(session.options.yes, "--yes"),
        std::pair(session.options.destroy, "--destroy"), std::pair(session.options.plain_ssh, "--plain-ssh"),
        std::pair(session.options.i_am.has_value(), "--i-am"),
        std::pair(session.fenced, "the word of the fence device")})
    if (used) line += std::string(", ") + name;
  log::audit(line);
  if (host::Host* peer = session.cluster.host(session.cluster.peer()); peer != nullptr && !peer->lost()) {
    const auto written = peer->ask({{{"logger", "-t", "xen-drbd", "--", line}, Milliseconds(5000)}});
    if (!written.front().ok())
      log::info("the audit line on " + session.peer() + ": " + host::describe(written.front()));
  }
}

int audited(const Session& session, const std::function<int()>& work) {
  try {
    return work();
  } catch (const std::exception&) {
    audit(session, {}, exit_code(ErrorKind::bug));
    throw;
  }
}

int end_with(const Session& session, const engine::Report& report) {
  audit(session, report, exit_code(report));
  return print_report(session, report, nullptr);
}

int end_with(const Session& session, const Error& error) {
  audit(session, {}, code_of(error));
  return print_error(session.options, error);
}

} // namespace xen_drbd::cli
