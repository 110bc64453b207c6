// A stand-in for the tool that a test may kill or stop: opens a host, does what it is told, says so, and waits.
//
//   host_probe RUN_DIRECTORY SILENCE_MS (local | ssh PORT IDENTITY KNOWN_HOSTS) (ask | lock | lock-and-act) [ARGV...]
//   host_probe connect ADDRESS PORT

#include "xen_drbd/base/error.hpp"

#include "worker_host.hpp"

#include <algorithm>
#include <cstdio>
#include <pwd.h>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace xen_drbd;
using namespace xen_drbd::host;

namespace {

void say(const std::string& text) {
  std::printf("%s\n", text.c_str());
  std::fflush(stdout);
}

model::Node peer_at(const std::string& address) {
  return {.name = *NodeName::parse("peer"),
          .address = *Address::parse(address),
          .migration_address = *Address::parse(address),
          .fence = {}};
}

int connect_only(const std::string& address, unsigned port) {
  const model::SshSettings ssh{.port = port, .connect_timeout = Milliseconds{2000}};
  const auto peer = open_ssh(peer_at(address), ssh, {.run_directory = "/nonexistent"});
  if (peer) return 1;
  say(render(peer.error()));
  return 0;
}

Result<std::unique_ptr<Host>> open(std::vector<std::string>& words, const Settings& settings, const Tuning& tuning) {
  const std::string kind = words.front();
  words.erase(words.begin());
  if (kind == "local") return open_local_tuned("here", settings, tuning);
  const model::SshSettings ssh{.user = ::getpwuid(::geteuid())->pw_name,
                               .port = static_cast<unsigned>(std::stoul(words.at(0))),
                               .identity_file = words.at(1),
                               .known_hosts_file = words.at(2)};
  words.erase(words.begin(), words.begin() + 3);
  auto peer = open_ssh_tuned(peer_at("127.0.0.1"), ssh, settings, tuning);
  if (!peer) return std::move(peer).error();
  return std::move(peer->host);
}

} // namespace

int main(int count, char** arguments) {
  std::vector<std::string> words(arguments + 1, arguments + count);
  if (words.at(0) == "connect") return connect_only(words.at(1), static_cast<unsigned>(std::stoul(words.at(2))));

  const Settings settings{.run_directory = words.at(0)};
  Tuning tuning;
  tuning.silence = Milliseconds(std::stol(words.at(1)));
  tuning.beat_every = tuning.silence / 8;
  tuning.lost_after =
      std::max(tuning.silence * 2 / 3, Milliseconds{10'000}); // it is the worker's patience that is tried
  words.erase(words.begin(), words.begin() + 2);
  auto host = open(words, settings, tuning);
  if (!host) {
    say(render(host.error()));
    return 1;
  }
  const std::string what = words.at(0);
  words.erase(words.begin());
  if (what.starts_with("lock")) {
    const auto busy = (*host)->try_lock("probe pid " + std::to_string(::getpid()));
    if (!busy || *busy) return 2;
  }
  std::thread actor;
  if (what == "lock-and-act")
    actor = std::thread([&] { (void)(*host)->act({.argv = words, .timeout = Milliseconds{60'000}}); });
  if (what == "ask") (void)(*host)->ask({{.argv = words, .timeout = Milliseconds{60'000}}});
  say("ready");
  for (;;) ::pause();
}
