#include "audit.hpp"

#include "xen_drbd/base/log.hpp"
#include "xen_drbd/base/text.hpp"

#include "interrupt.hpp"
#include "render.hpp"

#include <cstdlib>
#include <exception>
#include <fmt/format.h>
#include <string>
#include <unistd.h>

namespace xen_drbd::cli {

namespace {

/// "start samba by uid 0 on dom0: exit "
std::string who_and_what(const Session& session) {
  std::string typed = session.options.command;
  for (const std::string& domain : session.options.domains) typed += " " + domain;
  if (session.options.cancel) typed += " --cancel";
  const char* who = std::getenv("SUDO_USER");
  return fmt::format("{} by {} on {}: exit ", typed,
                     who != nullptr ? std::string(split(printable(who), '\n').front())
                                    : fmt::format("uid {}", getuid()),
                     session.here());
}

std::string overrides(const Session& session) {
  std::string text;
  for (const auto& [used, name] :
       {std::pair(session.options.peer_is_dead, "--peer-is-dead"), std::pair(session.options.yes, "--yes"),
        std::pair(session.options.destroy, "--destroy"), std::pair(session.options.plain_ssh, "--plain-ssh"),
        std::pair(session.options.i_am.has_value(), "--i-am"),
        std::pair(session.fenced, "the word of the fence device")})
    if (used) text += std::string(", ") + name;
  return text;
}

} // namespace

void audit(const Session& session, const engine::Report& report, int code) {
  std::string line = who_and_what(session) + std::to_string(code);
  for (const engine::DomainReport& domain : report.domains)
    if (domain.result != engine::ResultKind::already)
      line += fmt::format(", {} {}", domain.domain.str(), to_string(domain.result));
  line += overrides(session);
  log::audit(line);
  set_last_words({}, {});
  if (host::Host* peer = session.cluster.host(session.cluster.peer()); peer != nullptr && !peer->lost()) {
    const auto written = peer->ask({{{"logger", "-t", "xen-drbd", "--", line}, Milliseconds(5000)}});
    if (!written.front().ok())
      log::info("the audit line on " + session.peer() + ": " + host::describe(written.front()));
  }
}

void renew_audit(const Session& session) {
  set_last_words(who_and_what(session), ", ended at once" + overrides(session));
}

int audited(const Session& session, const std::function<int()>& work) {
  renew_audit(session);
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
