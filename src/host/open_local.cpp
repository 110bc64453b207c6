#include "pipe_link.hpp"
#include "worker_host.hpp"

namespace xen_drbd::host {
namespace {

constexpr Milliseconds start_time{10'000};

} // namespace

Result<std::unique_ptr<Host>> open_local_tuned(std::string name, const Settings& settings, const Tuning& tuning) {
  const auto open_link = [name, shell = tuning.shell](std::shared_ptr<Wake> wake) {
    return PipeLink::open(name, shell, std::move(wake));
  };
  auto host = WorkerHost::open(std::move(name), settings, tuning, open_link, start_time);
  if (host) return host;
  Error error = std::move(host).error();
  error.kind = ErrorKind::failed;
  return error;
}

Result<std::unique_ptr<Host>> open_local(std::string name, const Settings& settings) {
  return open_local_tuned(std::move(name), settings, Tuning{});
}

} // namespace xen_drbd::host
