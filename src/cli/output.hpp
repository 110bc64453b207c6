#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

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

/// Writes diagnostics to stderr for a run that acts, and never keeps it waiting longer than a moment: a terminal that
/// stands still (Ctrl-S, a serial console) or a reader that does not read must not stop a migration whose guest is
/// suspended. What was not taken is written later, by the destructor at the latest, however long that takes; beyond
/// `most_waiting` it is dropped.
class Aside {
public:
  static constexpr std::size_t most_waiting = std::size_t{64} * 1024; ///< Units: bytes
  Aside() = default;
  ~Aside();
  Aside(const Aside&) = delete;
  Aside& operator=(const Aside&) = delete;
  void write(std::string_view text);

private:
  void write_on();

  std::mutex mutex_;
  std::condition_variable news_;
  std::string waiting_;
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
