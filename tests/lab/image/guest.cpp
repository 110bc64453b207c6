// The only program of a guest: it counts, once a second, on its console and on its disk, and checks its disk meanwhile.
// A second disk has the last count and the ring as well.
//
// A disk, in blocks of 4096 bytes:
//   0            "HB count name boots": the last count
//   1            checksum of the pattern
//   256 to 511   the pattern, written at the first boot, read again every 20 counts
//   2048 on      a ring of 8192 blocks; count n is in block 2048 + n % 8192 as "HB n name boots"
// The console says of each count "HB name count up=SECONDS", then what went wrong or was checked: WRITE-ERROR,
// FOREIGN-WRITE (block 0 is not what this guest wrote last), pattern-ok, PATTERN-BAD.
//
// Words of its kernel command line: name=NAME, noshutdown (ignores a shutdown), shutdown_delay=SECONDS.
//
// The kernel calls the same program as /sbin/poweroff and /sbin/reboot for `xl shutdown` and `xl reboot`. It is one
// process without a shell, because under emulation each fork would cost the node more than all the rest.
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <string>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

constexpr std::size_t block_size = 4096;
constexpr std::size_t pattern_size = 256 * block_size;
constexpr long pattern_begin = 256;
constexpr long ring_begin = 2048;
constexpr long ring_blocks = 8192;
constexpr long pattern_interval = 20;

alignas(block_size) char buffer[pattern_size]; // O_DIRECT wants it aligned: what is read is what the disk holds

std::string command_line() {
  const int file = open("/proc/cmdline", O_RDONLY);
  char text[2048] = {};
  if (file < 0 || read(file, text, sizeof text - 1) < 0) return {};
  close(file);
  text[std::strcspn(text, "\n")] = ' ';
  return std::string(" ") + text;
}

bool has_word(const std::string& words, const std::string& word) {
  return words.find(" " + word + " ") != std::string::npos;
}

std::string option(const std::string& words, const std::string& name) {
  const std::size_t at = words.find(" " + name + "=");
  if (at == std::string::npos) return {};
  const std::size_t begin = at + name.size() + 2;
  return words.substr(begin, words.find(' ', begin) - begin);
}

void say(const std::string& line) {
  const std::string text = line + "\n";
  if (write(STDOUT_FILENO, text.data(), text.size()) < 0) sync(); // a console that is full: nothing to be done about it
}

[[noreturn]] void end(int how) {
  sync();
  reboot(how);
  _exit(1);
}

int power(const std::string& called, const std::string& words) {
  const int console = open("/dev/console", O_WRONLY);
  dup2(console, STDOUT_FILENO);
  if (called == "reboot") end(RB_AUTOBOOT);
  if (has_word(words, "noshutdown")) {
    say("GUEST ignores shutdown");
    return 0;
  }
  say("GUEST powers off");
  sleep(static_cast<unsigned>(std::atoi(option(words, "shutdown_delay").c_str())));
  end(RB_POWER_OFF);
}

class Disk {
public:
  /// Waits for it to appear, for tenths of a second.
  bool open(const char* path, int tenths) {
    for (; tenths > 0; --tenths) {
      file_ = ::open(path, O_RDWR | O_DIRECT);
      if (file_ >= 0) return true;
      usleep(100'000);
    }
    return false;
  }

  [[nodiscard]] std::string read(long block) const {
    if (!read(block, block_size)) return "unreadable";
    return {buffer, strnlen(buffer, block_size)};
  }

  [[nodiscard]] bool write(long block, const std::string& text) const {
    std::memset(buffer, 0, block_size);
    text.copy(buffer, block_size - 1);
    return write(block, block_size);
  }

  [[nodiscard]] bool write_pattern() const {
    for (std::size_t at = 0; at < pattern_size; at += block_size)
      if (getrandom(buffer + at, block_size, 0) != long{block_size}) return false;
    return write(pattern_begin, pattern_size);
  }

  [[nodiscard]] std::string pattern() const {
    if (!read(pattern_begin, pattern_size)) return "unreadable";
    std::uint64_t sum = 14695981039346656037U; // FNV-1a over words of 8 bytes
    for (std::size_t at = 0; at < pattern_size; at += sizeof sum) {
      std::uint64_t word = 0;
      std::memcpy(&word, buffer + at, sizeof word);
      sum = (sum ^ word) * 1099511628211U;
    }
    char text[17];
    std::snprintf(text, sizeof text, "%016lx", sum);
    return text;
  }

  [[nodiscard]] bool flush() const { return fdatasync(file_) == 0; }

private:
  [[nodiscard]] bool read(long block, std::size_t size) const {
    return pread(file_, buffer, size, block * long{block_size}) == static_cast<ssize_t>(size);
  }
  [[nodiscard]] bool write(long block, std::size_t size) const {
    return pwrite(file_, buffer, size, block * long{block_size}) == static_cast<ssize_t>(size);
  }

  int file_ = -1;
};

std::string uptime() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  char text[32];
  std::snprintf(text, sizeof text, "%ld.%02ld", now.tv_sec, now.tv_nsec / 10'000'000);
  return text;
}

std::string record(long count, const std::string& name, int boots) {
  return "HB " + std::to_string(count) + " " + name + " " + std::to_string(boots);
}

[[noreturn]] void count_on_console(const std::string& name) {
  say("GUEST " + name + " has no disk");
  for (long count = 1;; ++count, sleep(1)) say("HB " + name + " " + std::to_string(count) + " up=" + uptime());
}

bool writes(const Disk& disk, long count, const std::string& text) {
  return disk.write(ring_begin + count % ring_blocks, text) && disk.write(0, text) && disk.flush();
}

/// The second disk is written first: the count goes on from the first disk, so what a power loss tears
/// apart is written again.
[[noreturn]] void count_on_disks(const Disk& disk, const Disk* second, const std::string& name) {
  long count = 0;
  int boots = 0;
  std::string last = disk.read(0);
  if (std::sscanf(last.c_str(), "HB %ld %*s %d", &count, &boots) != 2 &&
      !(disk.write_pattern() && disk.write(1, disk.pattern())))
    say("GUEST " + name + " WRITE-ERROR at its first boot");
  ++boots;
  const std::string wanted = disk.read(1);
  std::string last_of_second = second != nullptr ? second->read(0) : "";
  say("GUEST " + name + " disk start=" + std::to_string(count) + " boot=" + std::to_string(boots) +
      " pattern=" + wanted);
  for (;; sleep(1)) {
    std::string said;
    if (count > 0 && disk.read(0) != last) said += " FOREIGN-WRITE";
    if (second != nullptr && second->read(0) != last_of_second) said += " FOREIGN-WRITE on the second disk";
    ++count;
    last = last_of_second = record(count, name, boots);
    if (second != nullptr && !writes(*second, count, last)) said += " WRITE-ERROR on the second disk";
    if (!writes(disk, count, last)) said += " WRITE-ERROR";
    if (count % pattern_interval == 0) {
      const std::string now = disk.pattern();
      said += now == wanted ? " pattern-ok" : " PATTERN-BAD " + now;
    }
    say("HB " + name + " " + std::to_string(count) + " up=" + uptime() + said);
  }
}

} // namespace

int main(int, char** arguments) {
  const std::string called = std::strrchr(arguments[0], '/') + 1;
  for (const char* folder : {"/proc", "/dev"}) mkdir(folder, 0755);
  mount("proc", "/proc", "proc", 0, nullptr);
  const std::string words = command_line();
  if (called != "init") return power(called, words);
  mount("dev", "/dev", "devtmpfs", 0, nullptr);
  const std::string name = option(words, "name");
  say("GUEST " + name + " boots");
  Disk disk;
  if (!disk.open("/dev/xvda", 100)) count_on_console(name);
  Disk second;
  const bool two = second.open("/dev/xvdb", 10);
  count_on_disks(disk, two ? &second : nullptr, name);
}
