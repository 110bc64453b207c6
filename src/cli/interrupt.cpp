#include "interrupt.hpp"

#include "xen_drbd/base/log.hpp"
#include "xen_drbd/base/text.hpp"

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string>
#include <string_view>
#include <thread>
#include <unistd.h>

namespace xen_drbd::cli {
namespace {

std::atomic<int> first_signal{0};
std::atomic<bool> ends_at_once{false};

struct Works {
  std::mutex mutex;
  std::map<std::string, std::string> of_domain;
  std::string last_words_before, last_words_after;
};

Works& works() {
  static Works all;
  return all;
}

/// Only what is taken at once: a terminal that stands still must not keep a signal from its effect.
void say(std::string_view text) {
  pollfd taker{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
  if (poll(&taker, 1, 0) <= 0) return;
  if (write(STDERR_FILENO, text.data(), text.size()) < 0) return; // nobody is left to be told
}

/// A syslog that stands still keeps nobody either. The peer is not told: another thread may be talking to it.
void leave_last_words(int code) {
  constexpr std::chrono::milliseconds patience{500};
  const std::scoped_lock guard(works().mutex);
  if (works().last_words_before.empty()) return;
  const std::string line = works().last_words_before + std::to_string(code) + works().last_words_after;
  if (!log::audit_within(patience, line)) return; // nobody is left to be told
}

void wait_for_signals(sigset_t wanted) {
  for (;;) {
    int signal = 0;
    if (sigwait(&wanted, &signal) != 0) continue;
    if (ends_at_once) _exit(exit_code_of_signal(signal));
    if (first_signal.exchange(signal) == 0) {
      say("\ninterrupted: copies under way are cancelled, other running steps are waited for; once more ends at "
          "once\n");
      continue;
    }
    say("\nended at once: what still runs goes on by itself and keeps the cluster lock; look with xen-drbd status\n" +
        under_way());
    leave_last_words(exit_code_of_signal(signal));
    _exit(exit_code_of_signal(signal));
  }
}

} // namespace

void watch_for_interrupts() {
  signal(SIGPIPE, SIG_IGN);
  sigset_t wanted;
  sigemptyset(&wanted);
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&wanted, signal);
  pthread_sigmask(SIG_BLOCK, &wanted, nullptr);
  std::thread(wait_for_signals, wanted).detach();
}

void set_under_way(const std::string& domain, const std::string& what) {
  const std::scoped_lock guard(works().mutex);
  if (what.empty())
    works().of_domain.erase(domain);
  else
    works().of_domain[domain] = what;
}

void set_last_words(const std::string& before, const std::string& after) {
  const std::scoped_lock guard(works().mutex);
  works().last_words_before = before;
  works().last_words_after = after;
}

std::string under_way() {
  const std::scoped_lock guard(works().mutex);
  std::string text;
  for (const auto& [domain, what] : works().of_domain)
    for (std::string_view line : lines(what)) text += "  " + domain + ": " + printable(line) + "\n";
  return text;
}

int interrupted_by() { return first_signal; }

void end_on_interrupt() { ends_at_once = true; }

int exit_code_of_signal(int signal) { return signal == SIGINT ? 130 : 143; }

} // namespace xen_drbd::cli
