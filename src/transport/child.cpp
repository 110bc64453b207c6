#include "child.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <spawn.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace xen_drbd::transport {

namespace {

constexpr std::size_t tail_lines = 20;
constexpr std::size_t tail_line_bytes = 400;

sigset_t set_of(std::initializer_list<int> signals) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : signals) ::sigaddset(&set, signal);
  return set;
}

struct SpawnSettings {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  SpawnSettings() {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
  }
  ~SpawnSettings() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
};

Error not_started(const std::vector<std::string>& argv, int error) {
  return Error{.kind = ErrorKind::failed,
               .what = (argv.empty() ? std::string("an empty command") : argv.front()) + " could not be started",
               .because = std::strerror(error),
               .while_doing = {},
               .changed = Changed::no,
               .hint = {}};
}

} // namespace

struct SignalScope::Saved {
  sigset_t mask{};
  struct sigaction pipe {};
  struct sigaction child {};
};

SignalScope::SignalScope() : saved_(std::make_unique<Saved>()) {
  const sigset_t ending = set_of({SIGTERM, SIGINT, SIGHUP});
  ::pthread_sigmask(SIG_BLOCK, &ending, &saved_->mask);
  struct sigaction action {};
  action.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &action, &saved_->pipe);
  action.sa_handler = SIG_DFL;
  ::sigaction(SIGCHLD, &action, &saved_->child);
  signals_ = Fd(::signalfd(-1, &ending, SFD_CLOEXEC | SFD_NONBLOCK));
}

SignalScope::~SignalScope() {
  while (next()) {}
  ::sigaction(SIGPIPE, &saved_->pipe, nullptr);
  ::sigaction(SIGCHLD, &saved_->child, nullptr);
  ::pthread_sigmask(SIG_SETMASK, &saved_->mask, nullptr);
}

std::optional<std::string> SignalScope::next() {
  signalfd_siginfo info{};
  if (::read(signals_.number(), &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return std::nullopt;
  const char* name = ::sigabbrev_np(static_cast<int>(info.ssi_signo));
  return "SIG" + std::string(name ? name : "?");
}

Result<Child> Child::start(const std::vector<std::string>& argv) {
  if (argv.empty()) return not_started(argv, EINVAL);
  auto in = open_pipe();
  auto out = open_pipe();
  auto err = open_pipe();
  if (!in || !out || !err) return not_started(argv, errno);

  SpawnSettings spawn;
  ::posix_spawn_file_actions_adddup2(&spawn.actions, in->read_end.number(), 0);
  ::posix_spawn_file_actions_adddup2(&spawn.actions, out->write_end.number(), 1);
  ::posix_spawn_file_actions_adddup2(&spawn.actions, err->write_end.number(), 2);
  ::posix_spawn_file_actions_addclosefrom_np(&spawn.actions, 3);
  const sigset_t none = set_of({});
  const sigset_t usual = set_of({SIGPIPE, SIGTERM, SIGINT, SIGHUP, SIGCHLD});
  ::posix_spawnattr_setsigmask(&spawn.attributes, &none);
  ::posix_spawnattr_setsigdefault(&spawn.attributes, &usual);
  ::posix_spawnattr_setflags(&spawn.attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);

  std::vector<std::string> words = argv;
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);

  Child child;
  if (const int error =
          ::posix_spawnp(&child.pid_, pointers.front(), &spawn.actions, &spawn.attributes, pointers.data(), environ);
      error != 0)
    return not_started(argv, error);
  child.exited = Fd(static_cast<int>(::syscall(SYS_pidfd_open, child.pid_, 0)));
  child.stdin_end = std::move(in->write_end);
  child.stdout_end = std::move(out->read_end);
  child.stderr_end = std::move(err->read_end);
  for (const Fd* end : {&child.stdin_end, &child.stdout_end, &child.stderr_end}) set_nonblocking(end->number(), true);
  return child;
}

std::optional<Exit> Child::reap() {
  int status = 0;
  if (exit_ || ::waitpid(pid_, &status, WNOHANG) != pid_) return exit_;
  exit_.emplace();
  if (WIFSIGNALED(status))
    exit_->signal = WTERMSIG(status);
  else
    exit_->status = WEXITSTATUS(status);
  return exit_;
}

void Child::signal(int number) const {
  if (!exit_) ::kill(pid_, number);
}

void Tail::add(std::string_view text) {
  for (const char byte : text) {
    if (byte != '\n') {
      if (partial_.size() < tail_line_bytes) partial_ += byte;
      continue;
    }
    if (partial_.ends_with('\r')) partial_.pop_back(); // as OpenSSH ends what it says of itself
    lines_.push_back(std::exchange(partial_, {}));
    if (lines_.size() > tail_lines) lines_.pop_front();
  }
}

std::vector<std::string> Tail::lines() const {
  std::vector<std::string> all(lines_.begin(), lines_.end());
  if (!partial_.empty()) all.push_back(partial_);
  return all;
}

} // namespace xen_drbd::transport
