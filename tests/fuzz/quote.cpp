// Shell quoting: a real sh reads every word as it was, and shell_split is the inverse of shell_join.
#include "xen_drbd/base/quote.hpp"

#include "fuzz.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <grp.h>
#include <unistd.h>
#include <vector>

using namespace xen_drbd;

namespace {

/// One sh for all inputs. It is nobody, in an empty place, and finds no program.
class Shell {
public:
  Shell() {
    std::array<int, 2> to{};
    std::array<int, 2> from{};
    fuzz::must(::pipe(to.data()) == 0 && ::pipe(from.data()) == 0, "there are pipes");
    if (::fork() == 0) {
      ::dup2(to[0], STDIN_FILENO);
      ::dup2(from[1], STDOUT_FILENO);
      for (int fd : {to[0], to[1], from[0], from[1]}) ::close(fd);
      if (::geteuid() == 0 && (::setgroups(0, nullptr) != 0 || ::setgid(65534) != 0 || ::setuid(65534) != 0))
        ::_exit(1);
      if (::chdir("/proc") != 0) ::_exit(1);
      ::execle("/bin/sh", "sh", nullptr, std::array<char*, 2>{const_cast<char*>("PATH=/nowhere"), nullptr}.data());
      ::_exit(1);
    }
    ::close(to[0]);
    ::close(from[1]);
    to_ = to[1];
    from_ = from[0];
  }

  /// What `printf '%s\0' WORD...` prints.
  std::string reads(const std::string& command_line, std::size_t expected) const {
    const std::string line = "printf '%s\\0' " + command_line + "\n";
    fuzz::must(::write(to_, line.data(), line.size()) == static_cast<ssize_t>(line.size()), "sh listens");
    std::string said;
    std::array<char, 65536> buffer{};
    while (said.size() < expected) {
      const ssize_t got = ::read(from_, buffer.data(), buffer.size());
      if (got < 0 && errno == EINTR) continue; // libFuzzer's own clock
      fuzz::must(got > 0, "sh answers");
      said.append(buffer.data(), static_cast<std::size_t>(got));
    }
    return said;
  }

private:
  int to_ = -1;
  int from_ = -1;
};

/// The input cut into words at NUL bytes.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('\0', begin), text.size());
    words.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Shell shell;
  const std::string_view text = fuzz::text(data, std::min<std::size_t>(size, 2000)); // fits into a pipe
  const std::vector<std::string> words = words_of(text);
  const std::string line = shell_join(words);
  std::string expected;
  for (const std::string& word : words) expected.append(word).push_back('\0');
  fuzz::must(shell.reads(line, expected.size()) == expected, "sh reads every word as it was");
  fuzz::must(shell_split(line) == words, "shell_split is the inverse of shell_join");
  if (words.size() > 1) return 0; // no word of a shell can hold a NUL
  if (const auto split = shell_split(text)) fuzz::must(shell_split(shell_join(*split)) == *split, "words stay words");
  return 0;
}
