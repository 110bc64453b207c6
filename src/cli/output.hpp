#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace xen_drbd::cli {

// The one place that writes. A run never ends because nobody reads what it says: output that cannot be written is
// remembered, and told at the end.

/// Opens /dev/null in place of every standard stream that the caller closed. Call it before anything else is opened.
/// The accident it prevents: with stdout closed, the next file to be opened (the lock, the connection to the peer)
/// becomes descriptor 1, and the report is written into it.
void open_missing_streams();

/// Writes the whole of it, however slowly it is read. Returns 0, or the error number with which writing ended.
[[nodiscard]] int write_all(int fd, std::string_view text);

/// Writes a part of the answer to stdout.
void write_answer(std::string_view text);

/// Writes diagnostics to stderr.
void write_message(std::string_view text);

/// While one lives (never two), all that write_answer and write_message are given goes through it, in its order, from
/// any thread, and keeps nobody waiting longer than a moment: a terminal that stands still (Ctrl-S, a serial console)
/// or a reader that does not read must neither stop a migration whose guest is suspended, nor keep the cluster lock
/// with a run that has yet to show its plan. What was not taken is written later, by the destructor at the latest,
/// however long that takes; of diagnostics no more than `most_waiting` waits, the rest is dropped.
class Aside {
public:
  static constexpr std::size_t most_waiting = std::size_t{64} * 1024; ///< Units: bytes
  Aside();
  ~Aside();
  Aside(const Aside&) = delete;
  Aside& operator=(const Aside&) = delete;
  void write(int fd, std::string_view text);

private:
  struct Piece {
    int fd;
    std::string text;
  };

  void write_on();

  std::mutex mutex_;
  std::condition_variable news_;
  std::vector<Piece> waiting_;
  std::size_t diagnostics_ = 0; ///< Units: bytes that wait for stderr
  bool writing_ = false;
  bool stuck_ = false;
  bool ends_ = false;
  std::thread writer_{[this] { write_on(); }};
};

/// Whether a file descriptor is a terminal on which the cursor can be moved: one that is not dumb.
[[nodiscard]] bool has_cursor(int fd);

/// Whether a part of the answer could not be written, its reader being gone or for another reason.
[[nodiscard]] bool answer_is_lost();

/// The exit code of a run that would end with `code`: 6 in place of 0 when the answer could not be written, which is
/// told on stderr. A reader that has gone away (`| head -1`) has read what it wanted: that changes nothing.
[[nodiscard]] int finish_answer(int code);

} // namespace xen_drbd::cli
