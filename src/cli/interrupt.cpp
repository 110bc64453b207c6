#include "interrupt.hpp"

#include <atomic>
#include <pthread.h>
#include <signal.h>
#include <string_view>
#include <thread>
#include <unistd.h>

namespace xen_drbd::cli {
namespace {

std::atomic<int> first_signal{0};
std::atomic<bool> ends_at_once{false};

void say(std::string_view text) {
  if (write(STDERR_FILENO, text.data(), text.size()) < 0) return; // nobody is left to be told
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
    say("\nended at once: commands that still run go on by themselves and keep the cluster lock; look with xen-drbd "
        "status\n");
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

int interrupted_by() { return first_signal; }

void end_on_interrupt() { ends_at_once = true; }

int exit_code_of_signal(int signal) { return signal == SIGINT ? 130 : 143; }

} // namespace xen_drbd::cli
