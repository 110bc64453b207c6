#pragma once
// What a function writes to stdout and stderr, by descriptor: nothing that goes around the seam escapes it.

#include <array>
#include <cstdio>
#include <functional>
#include <stdexcept>
#include <string>
#include <unistd.h>

namespace xen_drbd::cli::test {

struct Written {
  std::string out;
  std::string err;
};

class Captured {
public:
  explicit Captured(int fd) : fd_(fd), kept_(::dup(fd)), file_(std::tmpfile()) {
    if (kept_ < 0 || file_ == nullptr || ::dup2(::fileno(file_), fd) < 0) throw std::runtime_error("cannot capture");
  }
  Captured(const Captured&) = delete;
  Captured& operator=(const Captured&) = delete;
  ~Captured() {
    put_back();
    std::fclose(file_);
  }
  std::string text() {
    put_back();
    std::rewind(file_);
    std::string all;
    std::array<char, 4096> block{};
    for (std::size_t count = 0; (count = std::fread(block.data(), 1, block.size(), file_)) > 0;)
      all.append(block.data(), count);
    return all;
  }

private:
  void put_back() {
    if (kept_ < 0) return;
    ::dup2(kept_, fd_);
    ::close(kept_);
    kept_ = -1;
  }
  int fd_;
  int kept_;
  std::FILE* file_;
};

/// Whatever the test program itself has not written yet is written before.
inline Written written_by(const std::function<void()>& work) {
  std::fflush(nullptr);
  Captured out(STDOUT_FILENO);
  Captured err(STDERR_FILENO);
  work();
  std::fflush(nullptr);
  Written written;
  written.out = out.text();
  written.err = err.text();
  return written;
}

} // namespace xen_drbd::cli::test
