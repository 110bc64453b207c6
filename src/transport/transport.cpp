#include "xen_drbd/transport/run.hpp"

#include "line_socket.hpp"
#include "session.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fmt/core.h>
#include <sys/un.h>

namespace xen_drbd::transport {

namespace {

Error no_path(std::string_view run, std::string because) {
  return Error{.kind = ErrorKind::usage,
               .what = "'" + std::string(run) + "' is not the id of a run",
               .because = std::move(because),
               .while_doing = {},
               .changed = Changed::no,
               .hint = {}};
}

int refuse(const TransportArguments& arguments, const std::string& why) {
  std::string text = fmt::format("xen-drbd transport: {} is not migrated: {}\n", arguments.domain, why);
  const Fd err = independent_writer(arguments.err);
  static_cast<void>(write_some(err.number(), text));
  Fd(arguments.in).close();
  Fd(arguments.out).close();
  return 1;
}

} // namespace

Result<std::string> socket_path(std::string_view run_directory, std::string_view run) {
  const bool odd = std::any_of(run.begin(), run.end(), [](char byte) {
    return !((byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') ||
             byte == '_' || byte == '-');
  });
  if (run.empty() || run.size() > 64 || odd) return no_path(run, "it must be 1 to 64 of letters, digits, '_' and '-'");
  std::string path = fmt::format("{}/{}.sock", run_directory, run);
  if (path.size() >= sizeof sockaddr_un::sun_path) return no_path(run, path + " is too long for a socket");
  return path;
}

int run_transport(const TransportArguments& arguments) {
  SignalScope signals;
  const auto path = socket_path(arguments.run_directory, arguments.run);
  if (!path) return refuse(arguments, path.error().because);
  auto tool = LineSocket::connect(*path);
  if (!tool) return refuse(arguments, fmt::format("nobody listens at {}: {}", *path, std::strerror(errno)));
  return Session(arguments, signals, std::move(*tool)).run();
}

} // namespace xen_drbd::transport
