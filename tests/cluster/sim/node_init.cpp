#include "node_init.hpp"

#include <array>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <string>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

namespace sim {

namespace {

int listen_for_syslog() {
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = "/dev/log";
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  ::unlink(path.c_str());
  if (::bind(fd, static_cast<const sockaddr*>(static_cast<const void*>(&address)), sizeof(address)) != 0) { return -1; }
  ::chmod(path.c_str(), 0666);
  return fd;
}

void log_message(int socket) {
  std::array<char, 65536> buffer{};
  const ssize_t size = ::recv(socket, buffer.data(), buffer.size() - 1, 0);
  if (size <= 0) { return; }
  std::string line(buffer.data(), static_cast<std::size_t>(size));
  while (!line.empty() && (line.back() == '\n' || line.back() == '\0')) { line.pop_back(); }
  line += "\n";
  const int log = ::open("/var/log/syslog", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
  if (log >= 0) {
    if (::write(log, line.data(), line.size()) < 0) { line.clear(); }
    ::close(log);
  }
}

} // namespace

void node_init() {
  sigset_t children;
  ::sigemptyset(&children);
  ::sigaddset(&children, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &children, nullptr);
  const int signals = ::signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
  const int syslog = listen_for_syslog();
  for (;;) {
    std::array<pollfd, 2> waiting{pollfd{signals, POLLIN, 0}, pollfd{syslog, POLLIN, 0}};
    ::poll(waiting.data(), waiting.size(), -1);
    signalfd_siginfo info{};
    while (::read(signals, &info, sizeof(info)) > 0) {}
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {}
    if ((waiting[1].revents & POLLIN) != 0) { log_message(syslog); }
  }
}

} // namespace sim
