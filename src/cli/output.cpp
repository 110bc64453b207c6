#include "output.hpp"

#include "render.hpp"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include <utility>

namespace xen_drbd::cli {
namespace {

std::atomic<int> answer_problem{0};
std::atomic<Aside*> way_aside{nullptr};

void write_now(int fd, std::string_view text) {
  if (fd == STDOUT_FILENO && answer_is_lost()) return;
  const int problem = write_all(fd, text);
  if (fd == STDOUT_FILENO && problem != 0) answer_problem = problem;
}

void write_somehow(int fd, std::string_view text) {
  if (Aside* aside = way_aside)
    aside->write(fd, text);
  else
    write_now(fd, text);
}

} // namespace

int write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count >= 0) {
      text.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN) {
      pollfd ready{.fd = fd, .events = POLLOUT, .revents = 0};
      ::poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

void open_missing_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(fd, F_GETFD) < 0 && errno == EBADF && ::open("/dev/null", O_RDWR) != fd) return;
}

void write_answer(std::string_view text) { write_somehow(STDOUT_FILENO, text); }

void write_message(std::string_view text) { write_somehow(STDERR_FILENO, text); }

Aside::Aside() { way_aside = this; }

Aside::~Aside() {
  way_aside = nullptr;
  {
    const std::scoped_lock guard(mutex_);
    ends_ = true;
  }
  news_.notify_all();
  writer_.join();
}

void Aside::write(int fd, std::string_view text) {
  constexpr std::chrono::milliseconds moment{50};
  std::unique_lock guard(mutex_);
  if (text.empty()) return;
  if (fd == STDERR_FILENO) {
    if (diagnostics_ + text.size() > most_waiting) return;
    diagnostics_ += text.size();
  }
  if (waiting_.empty() || waiting_.back().fd != fd) waiting_.push_back({.fd = fd, .text = {}});
  waiting_.back().text += text;
  news_.notify_all();
  if (!stuck_) stuck_ = !news_.wait_for(guard, moment, [&] { return waiting_.empty() && !writing_; });
}

void Aside::write_on() {
  std::unique_lock guard(mutex_);
  for (;;) {
    news_.wait(guard, [&] { return ends_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    const std::vector<Piece> pieces = std::exchange(waiting_, {});
    diagnostics_ = 0;
    writing_ = true;
    guard.unlock();
    for (const Piece& piece : pieces) write_now(piece.fd, piece.text);
    guard.lock();
    writing_ = false;
    stuck_ = stuck_ && !waiting_.empty();
    news_.notify_all();
  }
}

bool has_cursor(int fd) {
  const char* term = std::getenv("TERM");
  return isatty(fd) == 1 && term != nullptr && std::string_view(term) != "dumb";
}

bool answer_is_lost() { return answer_problem != 0; }

int finish_answer(int code) {
  const int problem = answer_problem;
  if (problem == 0 || problem == EPIPE) return code;
  write_message(error_text({.kind = ErrorKind::failed,
                            .what = "the answer could not be written",
                            .because = std::string("stdout: ") + std::strerror(problem),
                            .while_doing = {},
                            .changed = Changed::unknown,
                            .hint = "xen-drbd status shows how things are"}));
  return code == 0 ? exit_code(ErrorKind::failed) : code;
}

} // namespace xen_drbd::cli
