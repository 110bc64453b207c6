#pragma once

#include "xen_drbd/host/host.hpp"

#include "link.hpp"
#include "moment.hpp"
#include "tuning.hpp"
#include "wire.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>

namespace xen_drbd::host {

/// How a request ended.
struct Reply {
  enum class State { answered, timed_out, lost } state = State::lost;
  std::string text; ///< the rest of the note; for lost and timed_out: how
  std::vector<Captured> captured;
};

/// The requests of many threads against the answers of one worker. One thread runs `serve`, which owns the link; all
/// else may be called from any thread.
class Exchange {
public:
  using OpenLink = std::function<Result<std::unique_ptr<Link>>(std::shared_ptr<Wake>)>;

  Exchange(std::string name, std::string run_directory, Tuning tuning);

  /// The body of the I/O thread: opens the link, then serves until `stop`, or until the worker is lost.
  void serve(const OpenLink& open_link);
  /// Waits until the worker has answered for the first time. Fails with the error of `open_link` or the worker's own.
  [[nodiscard]] Result<> wait_open(Milliseconds timeout);
  void stop();

  /// Sends `VERB ID words...` and waits for the note that answers it.
  [[nodiscard]] Reply request(const std::string& verb, std::vector<std::string> words, Milliseconds timeout);
  [[nodiscard]] std::shared_ptr<Conversation> hold(const std::vector<std::string>& argv);
  [[nodiscard]] bool answered_within(Milliseconds age) const;
  [[nodiscard]] std::optional<Error> lost() const;
  [[nodiscard]] const std::string& name() const { return name_; }

private:
  struct Held {
    std::shared_ptr<Conversation> conversation;
    std::vector<std::string> argv;
  };

  void greet(Link& link);
  void run(Link& link);
  void beat(Link& link);
  void hand_over(Link& link);
  void take(Note note);
  void lose(const std::string& because);
  [[nodiscard]] Milliseconds until_next_beat() const;

  const std::string name_;
  const std::string run_directory_;
  const Tuning tuning_;
  const std::shared_ptr<Wake> wake_ = std::make_shared<Wake>();

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint64_t, std::optional<Reply>> pending_;
  std::string outgoing_;
  std::vector<Held> to_hold_;
  std::uint64_t last_id_ = 0;
  std::optional<Error> lost_;
  std::optional<Moment> answered_; ///< when the last beat that was answered had been sent
  bool open_ = false;
  bool stopping_ = false;

  // the I/O thread's own
  std::deque<std::pair<std::uint64_t, Moment>> unanswered_; ///< beats
  std::uint64_t last_beat_ = 0;
  Moment next_beat_{};
  std::optional<Reader> reader_;
};

} // namespace xen_drbd::host
