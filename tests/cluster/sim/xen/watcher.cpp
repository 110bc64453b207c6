#include "xen/watcher.hpp"

#include "xen/create.hpp"
#include "xen/guest.hpp"

#include <array>
#include <cstdlib>
#include <fcntl.h>
#include <optional>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace sim {

namespace {

void say(const std::string& text) {
  Output output{text, ""};
  output.flush();
}

int reason_code(const std::string& shutdown) {
  return shutdown == "poweroff" ? 0 : shutdown == "reboot" ? 1 : shutdown == "suspend" ? 2 : 3;
}

std::string action_for(const Domain& domain) {
  return domain.shutdown == "poweroff" ? domain.on_poweroff
         : domain.shutdown == "reboot" ? domain.on_reboot
                                       : domain.on_crash;
}

bool at_least(const std::string& version, int major, int minor) {
  int have_major = 0;
  int have_minor = 0;
  if (std::sscanf(version.c_str(), "%d.%d", &have_major, &have_minor) != 2) { return false; }
  return have_major > major || (have_major == major && have_minor >= minor);
}

class Watcher {
public:
  Watcher(World& world, Faults& faults, unsigned domid, std::string name, const GuestConfig& config)
      : world_(world), faults_(faults), domid_(domid), name_(std::move(name)), config_(config) {
    open_bell();
  }
  ~Watcher() { ::close(bell_); }
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  void watch() {
    announce();
    while (look_once()) {}
    ::unlink(world_.bell(world_.index(), domid_).c_str());
  }

private:
  void open_bell() { bell_ = ::open(world_.bell(world_.index(), domid_).c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC); }

  void announce() const {
    say(format("Waiting for domain %s (domid %u) to die [pid %d]\n", name_.c_str(), domid_, ::getpid()));
  }

  /// Waits for something to happen to the domain and deals with it. False: there is nothing left to watch.
  bool look_once() {
    const State state = world_.look();
    Node node = node_of(state, world_.index());
    const Domain* domain = find_domain(node, domid_);
    if (domain == nullptr) {
      say(format("Domain %u has been destroyed.\nDone. Exiting now\n", domid_));
      return false;
    }
    const bool seen = domain->shutdown == "suspend" && reported_suspend_;
    if (!domain->shutdown.empty() && !seen) {
      faults_.at("watcher-woken");
      return act(*domain, state.settings);
    }
    reported_suspend_ = seen;
    wait(domain->wanted_at);
    return true;
  }

  void wait(double until) const {
    pollfd bell{bell_, POLLIN, 0};
    const double left = until < 0 ? -1 : std::max(0.0, until - World::now()) * 1000 + 1;
    ::poll(&bell, 1, static_cast<int>(left));
    std::array<char, 64> rings{};
    while (::read(bell_, rings.data(), rings.size()) > 0) {}
  }

  bool act(const Domain& domain, const Settings& settings) {
    const int code = reason_code(domain.shutdown);
    say(format("Domain %u has shut down, reason code %d 0x%x\n", domid_, code, static_cast<unsigned>(code)));
    if (domain.shutdown == "suspend") {
      reported_suspend_ = true;
      const bool stays = at_least(settings.xen, 4, 20);
      say(stays ? "Domain has suspended.\n" : "Domain has suspended.\nDone. Exiting now\n");
      return stays;
    }
    const std::string action = action_for(domain);
    say(format("Action for shutdown reason code %d is %s\n", code, action.c_str()));
    faults_.at("watcher-acting");
    if (action == "preserve") {
      say("Done. Exiting now\n");
      return false;
    }
    say(format("Domain %u needs to be cleaned up: destroying the domain\n", domid_));
    world_.change([&](State& state) {
      if (Domain* dying = find_domain(node_of(state, world_.index()), domid_)) {
        begin_destroying(world_, state, world_.index(), *dying);
      }
    });
    pause_for(settings.destroy_linger);
    world_.change([&](State& state) { destroy_domain(world_, state, world_.index(), domid_); });
    if (action != "restart") {
      say("Done. Exiting now\n");
      return false;
    }
    return start_again(settings);
  }

  bool start_again(const Settings& settings) {
    say("Done. Rebooting now\n");
    pause_for(settings.reboot_pause);
    ::close(bell_);
    ::unlink(world_.bell(world_.index(), domid_).c_str());
    if (const auto failure = create_again(world_, config_, domid_)) {
      Output output{"", *failure};
      output.flush();
      open_bell();
      return false;
    }
    world_.event("created", {{"domain", config_.name}, {"domid", domid_}, {"uuid", config_.uuid}, {"reboot", true}});
    name_ = config_.name;
    open_bell();
    announce();
    return true;
  }

  World& world_;
  Faults& faults_;
  unsigned domid_;
  std::string name_;
  GuestConfig config_;
  int bell_ = -1;
  bool reported_suspend_ = false;
};

void redirect_to_log(const std::string& name) {
  const std::string log = "/var/log/xen/xl-" + name + ".log";
  ::rename(log.c_str(), (log + ".1").c_str());
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0644);
  const int in = ::open("/dev/null", O_RDONLY);
  ::dup2(in, STDIN_FILENO);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(out, STDERR_FILENO);
  ::close(in);
  ::close(out);
}

} // namespace

void watch(World& world, Faults& faults, unsigned domid, const std::string& name, const GuestConfig& config) {
  Watcher watcher(world, faults, domid, name, config);
  watcher.watch();
}

void leave_watcher(World& world, Faults& faults, unsigned domid, const std::string& name, const GuestConfig& config) {
  const pid_t first = ::fork();
  if (first != 0) {
    int status = 0;
    ::waitpid(first, &status, 0);
    return;
  }
  Watcher watcher(world, faults, domid, name, config); // hears the bell from before its parent goes on
  redirect_to_log(name);
  ::setsid();
  if (::fork() != 0) { std::_Exit(0); }
  watcher.watch();
  std::_Exit(0);
}

} // namespace sim
