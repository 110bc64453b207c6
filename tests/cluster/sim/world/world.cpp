#include "world/world.hpp"

#include "world/clockwork.hpp"

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fcntl.h>
#include <fnmatch.h>
#include <fstream>
#include <sstream>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sim {

namespace {

class Lock {
public:
  explicit Lock(const std::string& path) : fd_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    while (fd_ >= 0 && ::flock(fd_, LOCK_EX) != 0 && errno == EINTR) {}
  }
  ~Lock() {
    if (fd_ >= 0) { ::close(fd_); }
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

private:
  int fd_;
};

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) { continue; }
    if (n <= 0) { return; }
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

} // namespace

void Output::flush() {
  write_all(STDOUT_FILENO, out);
  write_all(STDERR_FILENO, err);
  out.clear();
  err.clear();
}

World::World(std::string directory, int index) : directory_(std::move(directory)), index_(index) {
  std::istringstream names(read_file(directory_ + "/names"));
  names >> names_[0] >> names_[1];
}

World World::here() {
  const char* directory = std::getenv("XEN_DRBD_SIM_WORLD");
  const char* node = std::getenv("XEN_DRBD_SIM_NODE");
  const std::string number = node != nullptr ? node : read_file("/etc/xen-drbd-sim-node");
  return World(directory != nullptr ? directory : "/var/lib/xen-drbd-sim", number.starts_with("2") ? 1 : 0);
}

void World::change(const std::function<void(State&)>& act) {
  const Lock lock(directory_ + "/lock");
  const std::string before = read_file(directory_ + "/state");
  State state = load(before);
  advance(*this, state, now());
  act(state);
  const std::string after = save(state);
  if (after != before) { write_file(directory_ + "/state", after); }
}

State World::look() {
  State copy;
  change([&](State& state) { copy = state; });
  return copy;
}

void World::event(std::string_view name, nlohmann::json details) { event_at(now(), index_, name, std::move(details)); }

void World::event_at(double time, int node, std::string_view name, nlohmann::json details) {
  std::string line =
      format("{\"t\":%.6f,\"node\":\"%s\",\"event\":\"", time, names_[static_cast<std::size_t>(node)].c_str());
  line.append(name).append("\"");
  const std::string rest = details.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  line += rest == "{}" ? "}\n" : "," + rest.substr(1) + "\n";
  const int fd = ::open((directory_ + "/events.log").c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (fd >= 0) {
    write_all(fd, line);
    ::close(fd);
  }
}

std::string World::bell(int node, unsigned domid) const {
  return format("%s/bells/%d-%u", directory_.c_str(), node, domid);
}

void World::ring(int node, unsigned domid) const {
  const int fd = ::open(bell(node, domid).c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd >= 0) {
    write_all(fd, "!");
    ::close(fd);
  }
}

std::string World::userdata(int node, unsigned domid) const {
  return format("%s/userdata/%d-%u.json", directory_.c_str(), node, domid);
}

double World::now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

std::string format(const char* pattern, ...) {
  va_list first;
  va_list second;
  va_start(first, pattern);
  va_copy(second, first);
  const int size = std::vsnprintf(nullptr, 0, pattern, first);
  va_end(first);
  std::string text(static_cast<std::size_t>(size), '\0');
  std::vsnprintf(text.data(), text.size() + 1, pattern, second);
  va_end(second);
  return text;
}

std::string read_file(const std::string& path) {
  std::string text;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) { return text; }
  std::array<char, 65536> buffer{};
  for (ssize_t n = 0; (n = ::read(fd, buffer.data(), buffer.size())) > 0;) {
    text.append(buffer.data(), static_cast<std::size_t>(n));
  }
  ::close(fd);
  return text;
}

void write_file(const std::string& path, std::string_view content) {
  const std::string temporary = format("%s.%d.new", path.c_str(), ::getpid());
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) { return; }
  write_all(fd, content);
  ::close(fd);
  if (::rename(temporary.c_str(), path.c_str()) != 0) { ::unlink(temporary.c_str()); }
}

bool glob_match(const std::string& pattern, const std::string& text) {
  return ::fnmatch(pattern.c_str(), text.c_str(), 0) == 0;
}

std::string new_uuid() {
  std::array<unsigned char, 16> b{};
  if (::getrandom(b.data(), b.size(), 0) != static_cast<ssize_t>(b.size())) { std::abort(); }
  b[6] = static_cast<unsigned char>((b[6] & 0x0f) | 0x40);
  b[8] = static_cast<unsigned char>((b[8] & 0x3f) | 0x80);
  std::string text;
  for (std::size_t i = 0; i < b.size(); ++i) {
    text += format(i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", static_cast<unsigned>(b[i]));
  }
  return text;
}

void pause_for(double seconds) {
  if (seconds <= 0) { return; }
  const auto whole = static_cast<time_t>(seconds);
  timespec left{whole, static_cast<long>((seconds - static_cast<double>(whole)) * 1e9)};
  while (::nanosleep(&left, &left) != 0 && errno == EINTR) {}
}

} // namespace sim
