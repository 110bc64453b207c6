#pragma once
// The ground of the host tests: a directory of its own, a private sshd on loopback, processes that are killed.

#include "worker_host.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace xen_drbd::host::test {

/// A directory that is removed at the end.
class Scratch {
public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  [[nodiscard]] std::string path(std::string_view name) const { return root_ + "/" + std::string(name); }
  void write(std::string_view name, std::string_view text,
             std::filesystem::perms mode = std::filesystem::perms::owner_all) const;

private:
  std::string root_;
};

[[nodiscard]] std::string read_file(const std::string& path);

/// Runs a command of the test's own and returns what it printed; fails the test on any other status than 0.
std::string run(const std::vector<std::string>& argv);

/// The words of a shell that wait until the file is there.
[[nodiscard]] inline std::string until_there(const std::string& path) {
  return "until [ -e " + path + " ]; do sleep 0.05; done";
}

/// Whether `condition` becomes true within `time`, looked at every 5 ms.
[[nodiscard]] bool soon(Milliseconds time, const std::function<bool()>& condition);

/// A process of the test's own. Killed and reaped at the end.
class Process {
public:
  explicit Process(const std::vector<std::string>& argv);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  void signal(int number) const;
  int wait(); ///< its exit status, or -1
  /// The next line it prints, within 10 s.
  [[nodiscard]] std::string line();
  [[nodiscard]] pid_t pid() const { return pid_; }

private:
  pid_t pid_ = -1;
  int out_ = -1;
  std::string unread_;
};

/// A private sshd on 127.0.0.1, with keys of its own.
class Sshd {
public:
  /// `extra` is added to its configuration; `home` is the HOME of its sessions.
  explicit Sshd(const Scratch& scratch, std::string_view extra = {}, std::string_view bashrc = {});
  ~Sshd();
  Sshd(const Sshd&) = delete;
  Sshd& operator=(const Sshd&) = delete;

  [[nodiscard]] model::SshSettings settings() const;
  [[nodiscard]] unsigned port() const { return port_; }
  [[nodiscard]] std::string address() const { return "127.0.0.1"; }
  /// The processes that serve connections, not the one that listens.
  [[nodiscard]] std::vector<pid_t> sessions() const;
  /// What it has logged.
  [[nodiscard]] std::string log() const { return read_file(scratch_.path("sshd_log")); }
  [[nodiscard]] pid_t listener() const { return process_->pid(); }

private:
  const Scratch& scratch_;
  unsigned port_;
  std::unique_ptr<Process> process_;
};

[[nodiscard]] model::Node peer_at(const std::string& address);
/// A port of 127.0.0.1 on which nobody listens.
[[nodiscard]] unsigned free_port();
/// The processes whose parent is `parent`.
[[nodiscard]] std::vector<pid_t> children_of(pid_t parent);
[[nodiscard]] bool is_alive(pid_t pid);
/// The processes that have `word` among their arguments.
[[nodiscard]] std::vector<pid_t> processes_with(std::string_view word);

/// The two kinds of host, for tests that must hold for both.
class Ground {
public:
  explicit Ground(bool over_ssh);
  [[nodiscard]] std::unique_ptr<Host> open(const Tuning& tuning = {});
  [[nodiscard]] Result<std::unique_ptr<Host>> try_open(const Tuning& tuning = {});
  [[nodiscard]] std::string run_directory() const { return scratch_.path("run"); }
  [[nodiscard]] std::string path(std::string_view name) const { return scratch_.path(name); }
  /// A host_probe on this kind of host.
  [[nodiscard]] std::unique_ptr<Process> probe(Milliseconds silence, const std::vector<std::string>& words);
  /// Directories of workers that are still there.
  [[nodiscard]] std::size_t worker_directories() const;
  /// The worker of the one host that is open.
  [[nodiscard]] pid_t worker_pid() const;
  [[nodiscard]] const Scratch& scratch() const { return scratch_; }

private:
  Scratch scratch_;
  std::unique_ptr<Sshd> sshd_;
};

inline Outcome ask_one(Host& host, std::vector<std::string> argv, Milliseconds timeout = Milliseconds{10'000}) {
  return host.ask({{.argv = std::move(argv), .timeout = timeout}}).at(0);
}

inline Outcome act_sh(Host& host, const std::string& script, Milliseconds timeout = Milliseconds{10'000}) {
  return host.act({.argv = {"sh", "-c", script}, .timeout = timeout});
}

} // namespace xen_drbd::host::test
