#include "gate.hpp"

#include "xen_drbd/base/log.hpp"
#include "xen_drbd/base/text.hpp"
#include "xen_drbd/engine/permitted.hpp"
#include "xen_drbd/host/gate.hpp"
#include "xen_drbd/topology/choose.hpp"
#include "xen_drbd/topology/load.hpp"
#include "xen_drbd/transport/protocol.hpp"
#include "xen_drbd/transport/ssh.hpp"

#include "output.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fmt/format.h>
#include <functional>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace xen_drbd::cli {
namespace {

using Check = std::function<Result<>(std::string_view line)>;

constexpr const char* run_directory = "/run/xen-drbd";
constexpr std::size_t longest_line = std::size_t{4} << 20U;

int refuse(const Error& why) {
  const std::string text = "ssh-gate: " + printable(why.what) + (why.because.empty() ? "" : ": " + why.because);
  const char* client = std::getenv("SSH_CONNECTION");
  log::audit(text + (client != nullptr ? " (from " + printable(client) + ")" : ""));
  fmt::print(stderr, "xen-drbd {}\n", text);
  return 1;
}

/// Starts a program whose stdin is a pipe; its output goes where ours goes.
Result<std::pair<pid_t, int>> start(const std::vector<std::string>& argv) {
  std::array<int, 2> ends{-1, -1};
  std::vector<char*> words;
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_t attributes; // what is run for the peer, hotplug scripts for instance, gets SIGPIPE as usual
  posix_spawnattr_init(&attributes);
  sigset_t ignored;
  sigemptyset(&ignored);
  sigaddset(&ignored, SIGPIPE);
  posix_spawnattr_setsigdefault(&attributes, &ignored);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  pid_t child = -1;
  int problem = ::pipe2(ends.data(), O_CLOEXEC) == 0 ? 0 : errno;
  if (problem == 0) {
    posix_spawn_file_actions_adddup2(&files, ends[0], STDIN_FILENO);
    problem = ::posix_spawnp(&child, words.front(), &files, &attributes, words.data(), environ);
    ::close(ends[0]);
  }
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (problem != 0) return host::not_permitted(argv.front() + " could not be started");
  return std::pair(child, ends[1]);
}

/// Passes lines on from stdin, each after its check, until stdin or the reader ends.
Result<> pass_lines(int to, int reader_gone, const Check& check) {
  std::string heard;
  std::array<char, 65536> buffer{};
  for (;;) {
    std::array<pollfd, 2> polled{{{STDIN_FILENO, POLLIN, 0}, {reader_gone, POLLIN, 0}}};
    if (::poll(polled.data(), polled.size(), -1) < 0 && errno != EINTR) return {};
    if (polled[1].revents != 0) return {};
    if (polled[0].revents == 0) continue;
    const auto got = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (got <= 0) return {};
    heard.append(buffer.data(), static_cast<std::size_t>(got));
    for (std::size_t end = heard.find('\n'); end != std::string::npos; end = heard.find('\n')) {
      XEN_DRBD_CHECK(check(std::string_view(heard).substr(0, end)));
      if (write_all(to, std::string_view(heard).substr(0, end + 1)) != 0) return {};
      heard.erase(0, end + 1);
    }
    if (heard.size() > longest_line) return host::not_permitted("a line without end");
  }
}

/// Runs a program that is told nothing but lines that were checked.
int supervise(const std::vector<std::string>& argv, const Check& check) {
  std::signal(SIGPIPE, SIG_IGN);
  const auto started = start(argv);
  if (!started) return refuse(started.error());
  const auto [child, to] = *started;
  const int gone = static_cast<int>(::syscall(SYS_pidfd_open, child, 0));
  const auto passed = pass_lines(to, gone, check);
  ::close(to); // its end of file: a worker lets go of the lock as soon as nothing that it started still runs
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  if (!passed) return refuse(passed.error());
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// "N LINE" for a relay: only the settings say what is to be run.
Result<> check_relay_line(const engine::Permitted& permitted, std::string_view line) {
  const std::size_t space = line.find(' ');
  const auto message = transport::parse_tool_message(line.substr(space == line.npos ? line.size() : space + 1));
  if (!message || line.substr(0, space).find_first_not_of("0123456789") != line.npos)
    return host::not_permitted("a line that xen-drbd does not send to a relay");
  const auto* settings = std::get_if<transport::Settings>(&*message);
  if (settings != nullptr && !permitted.ssh(settings->argv))
    return host::not_permitted("another ssh than that of a migration");
  return {};
}

int serve(const std::string& command, const model::Topology& topology, const engine::Permitted& permitted) {
  if (command == "true") return 0;
  if (command == host::worker_command({"sh"})) {
    host::WorkerLines lines(run_directory, [&](const auto& argv) { return permitted.command(argv); });
    return supervise(host::worker_argv(), [&](std::string_view line) { return lines.check(line); });
  }
  if (const auto held = host::parse_held_command(command); held && permitted.relay(held->argv)) {
    std::vector<std::string> argv = held->argv;
    argv.front() = "/proc/self/exe";
    if (write_all(STDOUT_FILENO, held->mark + "\n") != 0) return 1;
    return supervise(argv, [&](std::string_view line) { return check_relay_line(permitted, line); });
  }
  if (const auto far = transport::parse_far_command(command); far && far->run_directory == run_directory &&
                                                              topology.find(far->domain) != nullptr &&
                                                              transport::is_receiver(far->words)) {
    ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
    return refuse(host::not_permitted("/bin/sh could not be started"));
  }
  const bool ours = command.find("# the worker of xen-drbd") != std::string::npos;
  return refuse(host::not_permitted(ours ? "the xen-drbd that asks has another version than this one"
                                         : "the command " + printable(command.substr(0, 200))));
}

} // namespace

int run_gate(const std::vector<std::string>& arguments) {
  if (arguments.size() != 2) {
    fmt::print(stderr, "usage: xen-drbd ssh-gate TOPOLOGY_FILE (sshd starts it, see xen-drbd make-keys --restrict)\n");
    return 2;
  }
  const char* command = std::getenv("SSH_ORIGINAL_COMMAND");
  if (command == nullptr)
    return refuse(host::not_permitted("no command was given, and there is no shell for this key"));
  const auto file = topology::find_topology_file(
      {.option = arguments[1], .environment = {}, .defaults = {}, .working_directory = "/"});
  if (!file) return refuse(file.error());
  const auto topology = topology::load_topology(*file);
  if (!topology) return refuse(topology.error());
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  const auto this_node = topology::who_am_i(*topology, std::nullopt, name.data());
  if (!this_node) return refuse(this_node.error());
  return serve(command, *topology, engine::Permitted(*topology, *this_node, run_directory));
}

} // namespace xen_drbd::cli
