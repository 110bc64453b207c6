#include "xen_drbd/transport/run.hpp"

#include "child.hpp"
#include "line_socket.hpp"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <map>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace xen_drbd::transport {

namespace {

constexpr int backlog = 64;
constexpr std::size_t pipe_chunk = 4096; // what a pipe takes at once when poll calls it writable
constexpr std::size_t unread_max = 1U << 20;

class Relay {
public:
  Relay(const RelayArguments& arguments, SignalScope& signals)
      : signals_(signals), in_(arguments.in), out_(arguments.out) {}

  bool listen(const std::string& path);
  void run();
  void fail(const std::string& why) { say("failed " + why); }
  void write_out();

private:
  void wait(std::vector<pollfd>& fds);
  void accept();
  void hear_tool();
  void deliver(std::string_view line);
  void hear_transports();
  void say(std::string_view line) { unsaid_.append(line).push_back('\n'); }

  SignalScope& signals_;
  int in_;
  int out_;
  Fd listener_;
  std::map<std::uint64_t, LineSocket> transports_;
  std::uint64_t next_number_ = 1;
  std::string heard_;  // of the tool, up to an incomplete line
  std::string unsaid_; // to the tool
  bool done_ = false;
};

/// Takes away the socket of a relay that was killed: nobody accepts on it any more. The run's name is its own, and it
/// has one relay on a node at a time.
void remove_abandoned(const sockaddr_un& address) {
  const Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe) return;
  const bool refused = ::connect(probe.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
                       errno == ECONNREFUSED;
  if (refused) ::unlink(address.sun_path);
}

bool Relay::listen(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, path.size());
  remove_abandoned(address);
  listener_ = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // the mode is set before the name exists, so that nobody else can ever connect
  return listener_ && ::fchmod(listener_.number(), S_IRUSR | S_IWUSR) == 0 &&
         ::bind(listener_.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
         ::listen(listener_.number(), backlog) == 0;
}

void Relay::run() {
  say("listening");
  std::vector<pollfd> fds;
  while (!done_) {
    wait(fds);
    if (signals_.next()) done_ = true;
    if (fds[1].revents != 0) hear_tool();
    if ((fds[2].revents & (POLLERR | POLLHUP)) != 0) done_ = true;
    if ((fds[2].revents & POLLOUT) != 0) write_out();
    accept();
    hear_transports();
  }
}

void Relay::wait(std::vector<pollfd>& fds) {
  const bool full = unsaid_.size() > unread_max;
  fds.clear();
  fds.push_back({signals_.number(), POLLIN, 0});
  fds.push_back({in_, POLLIN, 0});
  fds.push_back({out_, static_cast<short>(unsaid_.empty() ? 0 : POLLOUT), 0});
  fds.push_back({full ? -1 : listener_.number(), POLLIN, 0});
  for (const auto& [number, transport] : transports_)
    fds.push_back(
        {transport.number(), static_cast<short>((full ? 0 : POLLIN) | (transport.has_unsent() ? POLLOUT : 0)), 0});
  ::poll(fds.data(), fds.size(), -1);
}

void Relay::accept() {
  for (;;) {
    Fd fd(::accept4(listener_.number(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd) return;
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (::getsockopt(fd.number(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0 || credentials.uid != ::geteuid())
      continue;
    transports_.emplace(next_number_++, LineSocket(std::move(fd)));
  }
}

void Relay::hear_tool() {
  if (read_some(in_, heard_, pipe_chunk) == Flow::closed || heard_.size() > unread_max) done_ = true;
  for (auto end = heard_.find('\n'); end != std::string::npos; end = heard_.find('\n')) {
    deliver(std::string_view(heard_).substr(0, end));
    heard_.erase(0, end + 1);
  }
}

void Relay::deliver(std::string_view line) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
  const auto at = static_cast<std::size_t>(end - line.data());
  if (error != std::errc{} || at >= line.size() || line[at] != ' ') return;
  if (const auto found = transports_.find(number); found != transports_.end()) found->second.send(line.substr(at + 1));
}

void Relay::hear_transports() {
  for (auto it = transports_.begin(); it != transports_.end();) {
    auto& [number, transport] = *it;
    transport.flush();
    if (unsaid_.size() <= unread_max) transport.receive();
    while (const auto line = transport.next_line()) say(std::to_string(number) + " " + *line);
    const bool gone = transport.closed() || transport.unsent_bytes() > unread_max;
    if (gone) say("closed " + std::to_string(number));
    it = gone ? transports_.erase(it) : std::next(it);
  }
}

void Relay::write_out() {
  std::string piece = unsaid_.substr(0, pipe_chunk);
  const std::size_t before = piece.size();
  if (write_some(out_, piece) == Flow::closed) done_ = true;
  unsaid_.erase(0, before - piece.size());
}

} // namespace

int run_relay(const RelayArguments& arguments) {
  SignalScope signals;
  Relay relay(arguments, signals);
  const auto path = socket_path(arguments.run_directory, arguments.run);
  if (path && relay.listen(*path)) {
    relay.run();
    ::unlink(path->c_str());
    return 0;
  }
  relay.fail(path ? *path + ": " + std::strerror(errno) : path.error().because);
  relay.write_out();
  return 1;
}

} // namespace xen_drbd::transport
