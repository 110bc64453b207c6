#pragma once

#include "xen_drbd/host/host.hpp"

#include "wake.hpp"

#include <condition_variable>
#include <mutex>

namespace xen_drbd::host {

/// What passes between the user of a held command (any thread) and the link that serves it (the I/O thread).
class Conversation {
public:
  explicit Conversation(std::shared_ptr<Wake> wake) : wake_(std::move(wake)) {}

  // The user's side.
  [[nodiscard]] Result<> wait_started(Milliseconds timeout);
  [[nodiscard]] Result<> write_line(std::string_view line);
  [[nodiscard]] std::optional<std::string> read_line(Milliseconds timeout);
  [[nodiscard]] bool at_end() const;
  void close();
  void abandon(); ///< nobody reads any more: the link may drop it

  // The link's side.
  void started();
  void failed(Error error);
  void received(std::string_view bytes);
  void ended(std::string_view how);
  [[nodiscard]] std::string take_outgoing();
  [[nodiscard]] bool close_wanted() const;
  [[nodiscard]] bool abandoned() const;

private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<Wake> wake_;
  std::string incoming_;
  std::string outgoing_;
  bool started_ = false;
  bool close_wanted_ = false;
  bool abandoned_ = false;
  bool ended_ = false;
  std::string how_it_ended_;
  std::optional<Error> problem_;
};

/// Lines that are gathered from bytes and written to the log.
class LogLines {
public:
  explicit LogLines(std::string prefix) : prefix_(std::move(prefix)) {}
  void add(std::string_view bytes);

private:
  std::string prefix_;
  std::string unfinished_;
};

} // namespace xen_drbd::host
