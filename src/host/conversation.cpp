#include "conversation.hpp"

#include "xen_drbd/base/log.hpp"
#include "xen_drbd/base/text.hpp"

namespace xen_drbd::host {
namespace {

Error gone(std::string because) {
  return {.kind = ErrorKind::unknown,
          .what = "a command that was held open cannot be spoken to",
          .because = std::move(because),
          .while_doing = {},
          .changed = Changed::unknown,
          .hint = {}};
}

} // namespace

Result<> Conversation::wait_started(Milliseconds timeout) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, timeout, [&] { return started_ || problem_ || ended_; });
  if (problem_) return *problem_;
  if (started_) return {};
  return gone(ended_ ? how_it_ended_ : "it did not start within " + to_string(timeout));
}

Result<> Conversation::write_line(std::string_view line) {
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return gone(how_it_ended_);
    if (close_wanted_) return gone("our side is closed");
    outgoing_ += line;
    outgoing_ += '\n';
  }
  wake_->ring();
  return {};
}

std::optional<std::string> Conversation::read_line(Milliseconds timeout) {
  std::unique_lock lock(mutex_);
  const auto complete = [&] { return incoming_.find('\n') != std::string::npos; };
  changed_.wait_for(lock, timeout, [&] { return complete() || ended_; });
  if (!complete()) return std::nullopt;
  const auto end = incoming_.find('\n');
  std::string line = incoming_.substr(0, end);
  incoming_.erase(0, end + 1);
  return line;
}

bool Conversation::at_end() const {
  const std::lock_guard lock(mutex_);
  return ended_ && incoming_.find('\n') == std::string::npos;
}

void Conversation::close() {
  {
    const std::lock_guard lock(mutex_);
    close_wanted_ = true;
  }
  wake_->ring();
}

void Conversation::abandon() {
  {
    const std::lock_guard lock(mutex_);
    close_wanted_ = true;
    abandoned_ = true;
  }
  wake_->ring();
}

void Conversation::started() {
  const std::lock_guard lock(mutex_);
  started_ = true;
  changed_.notify_all();
}

void Conversation::failed(Error error) {
  const std::lock_guard lock(mutex_);
  how_it_ended_ = error.because;
  problem_ = std::move(error);
  ended_ = true;
  changed_.notify_all();
}

void Conversation::received(std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  incoming_ += bytes;
  changed_.notify_all();
}

void Conversation::ended(std::string_view how) {
  const std::lock_guard lock(mutex_);
  if (ended_) return;
  ended_ = true;
  how_it_ended_ = how;
  changed_.notify_all();
}

std::string Conversation::take_outgoing() {
  const std::lock_guard lock(mutex_);
  return std::exchange(outgoing_, {});
}

bool Conversation::close_wanted() const {
  const std::lock_guard lock(mutex_);
  return close_wanted_;
}

bool Conversation::abandoned() const {
  const std::lock_guard lock(mutex_);
  return abandoned_;
}

void LogLines::add(std::string_view bytes) {
  unfinished_ += bytes;
  for (auto end = unfinished_.find('\n'); end != std::string::npos; end = unfinished_.find('\n')) {
    log::info(prefix_ + printable(std::string_view(unfinished_).substr(0, end)));
    unfinished_.erase(0, end + 1);
  }
}

} // namespace xen_drbd::host
