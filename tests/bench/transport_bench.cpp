// How fast a migration stream goes through the transport, against the same far end fed directly, in one run:
//
//   transport_bench [-g GIB] [-r ROUNDS] [-- WORD...]
//
// The far end is `WORD... 'printf BANNER; cat >/dev/null'` (WORD... defaults to `sh -c`; with `ssh HOST` the
// stream goes through ssh). Three ways, round by round: `direct` (xl to far end, as `xl migrate` does by itself), `cat`
// (a cat in between, that copies), `transport`.

#include "xen_drbd/transport/protocol.hpp"
#include "xen_drbd/transport/run.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

using namespace xen_drbd::transport;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::size_t page_body = (4U << 20U) + (8U << 10U) + 8; // 1024 pages and their frame numbers, as libxc writes
const std::string banner = "xl migration receiver ready, send binary domain data.\n";

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

std::string little(std::uint32_t value) { return {reinterpret_cast<const char*>(&value), sizeof value}; }
std::string big(std::uint32_t value) {
  const std::string bytes = little(value);
  return {bytes.rbegin(), bytes.rend()};
}

std::string preamble() {
  return std::string("Xen saved domain, xl format\n \0 \r", 32) + little(0x01020304) + little(3) + little(0) +
         little(0) + "LibxlFmt" + big(2) + big(0) + little(1) + little(0) + std::string(8, '\xff') + "XENF" + big(3) +
         big(0) + big(0) + std::string(16, '\0');
}

void write_all(int fd, const char* bytes, std::size_t count) {
  while (count > 0) {
    const ssize_t put = ::write(fd, bytes, count);
    if (put <= 0) std::_Exit(1);
    bytes += put;
    count -= static_cast<std::size_t>(put);
  }
}

struct Ends {
  int read_end;
  int write_end;
};
Ends make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) die("pipe");
  return {ends[0], ends[1]};
}

template <class Work> pid_t in_child(Work work) {
  std::fflush(stdout);
  const pid_t pid = ::fork();
  if (pid < 0) die("fork");
  if (pid == 0) {
    work();
    std::_Exit(127);
  }
  return pid;
}

pid_t run(const std::vector<std::string>& argv, int in, int out) {
  return in_child([&] {
    ::dup2(in, 0);
    ::dup2(out, 1);
    std::vector<char*> pointers;
    for (const std::string& word : argv) pointers.push_back(const_cast<char*>(word.c_str()));
    pointers.push_back(nullptr);
    ::execvp(pointers[0], pointers.data());
  });
}

// Plays xl: waits for the banner, says when, sends `gib` of stream, and closes it at its end or at that of the answers.
pid_t xl(std::uint64_t gib, Ends stream, Ends answers, int began, bool closes_first) {
  return in_child([=] {
    ::close(stream.read_end);
    ::close(answers.write_end);
    std::string got(banner.size(), '\0');
    for (std::size_t at = 0; at < got.size();) {
      const ssize_t n = ::read(answers.read_end, got.data() + at, got.size() - at);
      if (n <= 0) std::_Exit(1);
      at += static_cast<std::size_t>(n);
    }
    const auto now = Clock::now().time_since_epoch().count();
    write_all(began, reinterpret_cast<const char*>(&now), sizeof now);
    const std::string page = little(1) + little(page_body) + std::string(page_body, 'p');
    const std::string front = preamble(), end = std::string(16, '\0');
    write_all(stream.write_end, front.data(), front.size());
    for (std::uint64_t sent = 0; sent < gib << 30U; sent += page.size())
      write_all(stream.write_end, page.data(), page.size());
    write_all(stream.write_end, end.data(), end.size());
    if (closes_first) ::close(stream.write_end);
    char last = 0;
    while (::read(answers.read_end, &last, 1) > 0) {}
    std::_Exit(0);
  });
}

double seconds_since(int began) {
  Clock::rep ticks = 0;
  if (::read(began, &ticks, sizeof ticks) != static_cast<ssize_t>(sizeof ticks)) die("the far end gave no banner");
  return std::chrono::duration<double>(Clock::now().time_since_epoch() - Clock::duration(ticks)).count();
}

double directly(std::uint64_t gib, const std::vector<std::string>& far, bool through_cat) {
  const Ends stream = make_pipe(), answers = make_pipe(), began = make_pipe();
  const pid_t sender = xl(gib, stream, answers, began.write_end, true);
  const Ends middle = make_pipe(); // after xl's fork: it must not hold an end of it
  const pid_t cat = through_cat ? run({"cat"}, stream.read_end, middle.write_end) : -1;
  const pid_t target = run(far, through_cat ? middle.read_end : stream.read_end, answers.write_end);
  for (const Ends& ends : {stream, answers, middle}) ::close(ends.read_end), ::close(ends.write_end);
  ::close(began.write_end);
  ::waitpid(target, nullptr, 0);
  const double seconds = seconds_since(began.read_end);
  ::close(began.read_end);
  if (cat > 0) ::waitpid(cat, nullptr, 0);
  ::waitpid(sender, nullptr, 0);
  return seconds;
}

std::string line_of(int fd) {
  std::string line;
  for (char byte = 0; ::read(fd, &byte, 1) == 1 && byte != '\n';) line += byte;
  return line;
}

// Plays the tool; the time is up when all but the last record is with the far end.
double through_transport(std::uint64_t gib, const std::vector<std::string>& far) {
  std::string directory = "/tmp/transport-bench-XXXXXX";
  if (::mkdtemp(directory.data()) == nullptr) die("mkdtemp");
  const std::string path = directory + "/bench.sock";
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || ::listen(listener, 1) != 0)
    die("socket");

  const Ends stream = make_pipe(), answers = make_pipe(), began = make_pipe();
  const pid_t sender = xl(gib, stream, answers, began.write_end, false);
  const pid_t transport = in_child([&] {
    ::close(stream.write_end);
    ::close(answers.read_end);
    std::_Exit(run_transport({"bench", "bench", "far", {"xl"}, directory, stream.read_end, answers.write_end}));
  });
  for (const Ends& ends : {stream, answers}) ::close(ends.read_end), ::close(ends.write_end);
  ::close(began.write_end);
  const int tool = ::accept(listener, nullptr, nullptr);
  Settings settings;
  settings.argv = far;
  settings.silence = std::chrono::hours(1);
  const std::string said = to_line(ToolMessage(settings)) + "\n";
  write_all(tool, said.data(), said.size());
  double seconds = 0;
  std::string line;
  while (seconds == 0 && !(line = line_of(tool)).empty()) {
    const auto message = parse_transport_message(line);
    if (message && std::holds_alternative<Held>(*message)) seconds = seconds_since(began.read_end);
    if (message && std::holds_alternative<Ended>(*message)) std::fprintf(stderr, "%s\n", line.c_str());
  }
  ::close(tool);
  ::close(listener);
  ::close(began.read_end);
  ::waitpid(transport, nullptr, 0);
  ::waitpid(sender, nullptr, 0);
  ::unlink(path.c_str());
  ::rmdir(directory.c_str());
  if (seconds == 0) std::exit(1);
  return seconds;
}

} // namespace

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  std::uint64_t gib = 4;
  int rounds = 3;
  for (int option = ::getopt(argc, argv, "g:r:"); option != -1; option = ::getopt(argc, argv, "g:r:")) {
    if (option == 'g')
      gib = std::strtoull(optarg, nullptr, 10);
    else if (option == 'r')
      rounds = std::atoi(optarg);
    else
      return 2;
  }
  std::vector<std::string> far(argv + optind, argv + argc);
  if (far.empty()) far = {"sh", "-c"};
  far.push_back("printf 'xl migration receiver ready, send binary domain data.\\n'; cat >/dev/null");

  double direct = 1e9, cat = 1e9, transport = 1e9;
  for (int round = 0; round < rounds; ++round) {
    direct = std::min(direct, directly(gib, far, false));
    cat = std::min(cat, directly(gib, far, true));
    transport = std::min(transport, through_transport(gib, far));
  }
  const double bytes = static_cast<double>(gib << 30U) / 1e9;
  std::printf("best of %d, GB/s: direct %.2f, with cat in between %.2f, through the transport %.2f\n", rounds,
              bytes / direct, bytes / cat, bytes / transport);
  std::printf("transport to direct: %.2f, transport to cat: %.2f\n", direct / transport, cat / transport);
  return 0;
}
