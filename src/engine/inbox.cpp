#include "inbox.hpp"

namespace xen_drbd::engine {

void Inbox::put(transport::TransportMessage message) {
  const std::scoped_lock guard(mutex_);
  messages_.push_back(std::move(message));
  news_.notify_all();
}

void Inbox::transport_gone() {
  const std::scoped_lock guard(mutex_);
  fresh_ = fresh_ || !gone_;
  gone_ = true;
  news_.notify_all();
}

void Inbox::xl_returned(host::Outcome outcome) {
  const std::scoped_lock guard(mutex_);
  xl_ = std::move(outcome);
  fresh_ = true;
  news_.notify_all();
}

std::optional<transport::TransportMessage> Inbox::next(Milliseconds longest, Clock& clock) {
  std::unique_lock guard(mutex_);
  const auto until = clock.now() + longest;
  while (messages_.empty() && !fresh_) {
    const auto left = std::chrono::ceil<Milliseconds>(until - clock.now());
    if (left.count() <= 0) break;
    clock.wait(guard, news_, left);
  }
  fresh_ = false;
  if (messages_.empty()) return std::nullopt;
  transport::TransportMessage message = std::move(messages_.front());
  messages_.pop_front();
  return message;
}

bool Inbox::silent() const {
  const std::scoped_lock guard(mutex_);
  return gone_ && messages_.empty();
}

std::optional<host::Outcome> Inbox::xl() const {
  const std::scoped_lock guard(mutex_);
  return xl_;
}

} // namespace xen_drbd::engine
