#include "ground.hpp"

#include "support/catch.hpp"

#include <arpa/inet.h>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <poll.h>
#include <pwd.h>
#include <spawn.h>
#include <sstream>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace fs = std::filesystem;

namespace xen_drbd::host::test {

Scratch::Scratch() {
  std::string pattern = (fs::temp_directory_path() / "xen-drbd-host-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) std::abort();
  root_ = pattern;
}

Scratch::~Scratch() {
  std::error_code ignored;
  fs::remove_all(root_, ignored);
}

void Scratch::write(std::string_view name, std::string_view text, fs::perms mode) const {
  fs::create_directories(fs::path(path(name)).parent_path());
  std::ofstream(path(name)) << text;
  fs::permissions(path(name), mode);
}

std::string read_file(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::string run(const std::vector<std::string>& argv) {
  Process process(argv);
  std::string printed;
  for (std::string line = process.line(); !line.empty(); line = process.line()) printed += line + '\n';
  INFO(argv.front() << " printed " << printed);
  REQUIRE(process.wait() == 0);
  return printed;
}

bool soon(Milliseconds time, const std::function<bool()>& condition) {
  const Deadline deadline(time);
  while (!condition()) {
    if (deadline.passed()) return condition();
    std::this_thread::sleep_for(Milliseconds{5});
  }
  return true;
}

Process::Process(const std::vector<std::string>& argv) {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  std::vector<char*> words;
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, ends[1], 1);
  posix_spawn_file_actions_adddup2(&files, ends[1], 2);
  const int problem = ::posix_spawnp(&pid_, words.front(), &files, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  ::close(ends[1]);
  out_ = ends[0];
  INFO("starting " << argv.front());
  REQUIRE(problem == 0);
}

Process::~Process() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  ::close(out_);
}

void Process::signal(int number) const { REQUIRE(::kill(pid_, number) == 0); }

int Process::wait() {
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::string Process::line() {
  const Deadline deadline(Milliseconds{10'000});
  for (;;) {
    if (const auto end = unread_.find('\n'); end != std::string::npos) {
      std::string line = unread_.substr(0, end);
      unread_.erase(0, end + 1);
      return line;
    }
    pollfd polled{.fd = out_, .events = POLLIN, .revents = 0};
    if (::poll(&polled, 1, static_cast<int>(deadline.left().count())) <= 0) return {};
    char buffer[4096];
    const auto got = ::read(out_, buffer, sizeof buffer);
    if (got <= 0) return std::exchange(unread_, {});
    unread_.append(buffer, static_cast<std::size_t>(got));
  }
}

unsigned free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  socklen_t size = sizeof address;
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(socket);
  return ntohs(address.sin_port);
}

Sshd::Sshd(const Scratch& scratch, std::string_view extra, std::string_view bashrc)
    : scratch_(scratch), port_(free_port()) {
  for (const char* name : {"host_key", "user_key"})
    run({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", scratch.path(name)});
  scratch.write("authorized_keys", read_file(scratch.path("user_key.pub")));
  scratch.write("known_hosts", "[127.0.0.1]:" + std::to_string(port_) + " " + read_file(scratch.path("host_key.pub")));
  scratch.write("home/.bashrc", bashrc);
  if (::geteuid() == 0) fs::create_directories("/run/sshd"); // sshd's, for its privilege separation
  scratch.write("sshd_config", "ListenAddress 127.0.0.1\nPort " + std::to_string(port_) +
                                   "\nUsePAM no\nStrictModes no\nPidFile none\nPasswordAuthentication no"
                                   "\nKbdInteractiveAuthentication no\nHostKey " +
                                   scratch.path("host_key") + "\nAuthorizedKeysFile " +
                                   scratch.path("authorized_keys") + "\nSetEnv HOME=" + scratch.path("home") + "\n" +
                                   std::string(extra));
  process_ = std::make_unique<Process>(std::vector<std::string>{"/usr/sbin/sshd", "-D", "-E", scratch.path("sshd_log"),
                                                                "-f", scratch.path("sshd_config")});
  const auto listening = [&] { return log().find("Server listening") != std::string::npos; };
  (void)soon(Milliseconds{10'000}, [&] { return listening() || !is_alive(listener()); });
  INFO(log());
  REQUIRE(listening());
}

Sshd::~Sshd() {
  for (const pid_t pid : sessions()) {
    ::kill(pid, SIGCONT);
    ::kill(pid, SIGKILL);
  }
}

std::vector<pid_t> Sshd::sessions() const { return children_of(process_->pid()); }

model::SshSettings Sshd::settings() const {
  return {.user = ::getpwuid(::geteuid())->pw_name,
          .port = port_,
          .identity_file = scratch_.path("user_key"),
          .known_hosts_file = scratch_.path("known_hosts"),
          .config_file = std::nullopt};
}

model::Node peer_at(const std::string& address) {
  return {.name = *NodeName::parse("peer"),
          .address = *Address::parse(address),
          .migration_address = *Address::parse(address),
          .fence = {}};
}

std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> children;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const std::string stat = read_file(entry.path() / "stat");
    const auto paren = stat.rfind(')');
    if (paren == std::string::npos || paren + 4 > stat.size()) continue;
    if (std::atoi(stat.c_str() + paren + 4) == parent) children.push_back(std::atoi(name.c_str()));
  }
  return children;
}

bool is_alive(pid_t pid) {
  const std::string stat = read_file("/proc/" + std::to_string(pid) + "/stat");
  const auto paren = stat.rfind(')');
  return paren != std::string::npos && stat.at(paren + 2) != 'Z';
}

std::vector<pid_t> processes_with(std::string_view word) {
  std::vector<pid_t> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const std::string line = read_file(entry.path() / "cmdline");
    const std::string wanted = std::string(word) + '\0';
    if (line.find(wanted) != std::string::npos) found.push_back(std::atoi(name.c_str()));
  }
  return found;
}

Ground::Ground(bool over_ssh) {
  if (over_ssh) sshd_ = std::make_unique<Sshd>(scratch_);
}

Result<std::unique_ptr<Host>> Ground::try_open(const Tuning& tuning) {
  const Settings settings{.run_directory = run_directory()};
  if (!sshd_) return open_local_tuned("here", settings, tuning);
  auto peer = open_ssh_tuned(peer_at(sshd_->address()), sshd_->settings(), settings, tuning);
  if (!peer) return std::move(peer).error();
  return std::move(peer->host);
}

std::unique_ptr<Host> Ground::open(const Tuning& tuning) {
  auto host = try_open(tuning);
  if (!host) FAIL(render(host.error()));
  return std::move(*host);
}

std::unique_ptr<Process> Ground::probe(Milliseconds silence, const std::vector<std::string>& words) {
  std::vector<std::string> argv{HOST_PROBE, run_directory(), std::to_string(silence.count())};
  if (sshd_)
    argv.insert(argv.end(),
                {"ssh", std::to_string(sshd_->port()), scratch_.path("user_key"), scratch_.path("known_hosts")});
  else
    argv.emplace_back("local");
  argv.insert(argv.end(), words.begin(), words.end());
  auto process = std::make_unique<Process>(argv);
  REQUIRE(process->line() == "ready");
  return process;
}

pid_t Ground::worker_pid() const {
  // the first generation that runs the worker: its watchdog and its jobs have the same arguments
  for (std::vector<pid_t> generation = children_of(::getpid()); !generation.empty();) {
    std::vector<pid_t> next;
    for (const pid_t pid : generation) {
      const std::string arguments = read_file("/proc/" + std::to_string(pid) + "/cmdline");
      if (arguments.starts_with("sh") && arguments.find("\n# the worker of xen-drbd\n") != std::string::npos)
        return pid;
      for (const pid_t child : children_of(pid)) next.push_back(child);
    }
    generation = std::move(next);
  }
  FAIL("no worker runs");
  return -1;
}

std::size_t Ground::worker_directories() const {
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator(run_directory()))
    if (entry.path().filename().string().starts_with("worker.")) ++count;
  return count;
}

} // namespace xen_drbd::host::test
