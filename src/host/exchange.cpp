#include "exchange.hpp"

#include "xen_drbd/base/log.hpp"
#include "xen_drbd/base/text.hpp"
#include "xen_drbd/host/gate.hpp"

#include <csignal>
#include <fmt/format.h>

namespace xen_drbd::host {
namespace {

constexpr Milliseconds goodbye_time{250};
constexpr int ticks_of_silence = 15; // of worker_script.cpp

} // namespace

Exchange::Exchange(std::string name, std::string run_directory, Tuning tuning)
    : name_(std::move(name)), run_directory_(std::move(run_directory)), tuning_(std::move(tuning)) {}

void Exchange::serve(const OpenLink& open_link) {
  // signals are the business of the other threads; SIGPIPE stays pending here for ever
  sigset_t signals;
  sigfillset(&signals);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  auto link = open_link(wake_);
  if (!link) {
    const std::lock_guard lock(mutex_);
    lost_ = std::move(link).error();
    changed_.notify_all();
    return;
  }
  greet(**link);
  run(**link);
}

void Exchange::greet(Link& link) {
  const std::string frame = random_token();
  const std::string beat = random_token();
  reader_.emplace(frame, beat);
  const double tick = static_cast<double>(tuning_.silence.count()) / 1000 / ticks_of_silence;
  link.send(wire_line(
      std::vector<std::string>{frame, beat, run_directory_, "worker." + random_token(), fmt::format("{:.3f}", tick)}));
  const Moment now = BootClock::now();
  unanswered_.emplace_back(0, now);
  next_beat_ = now + tuning_.beat_every;
}

void Exchange::run(Link& link) {
  for (;;) {
    hand_over(link);
    link.turn(until_next_beat());
    for (Note& note : reader_->read(link.take_output())) take(std::move(note));
    {
      const std::lock_guard lock(mutex_);
      if (lost_) return;
      if (stopping_) break;
    }
    if (auto how = link.ended()) return lose(*how);
    if (!unanswered_.empty() && BootClock::now() - unanswered_.front().second > tuning_.lost_after)
      return lose("no answer for " + to_string(tuning_.lost_after));
    beat(link);
  }
  lose("the host was closed");
  hand_over(link);
  link.say_goodbye(goodbye_time);
}

Milliseconds Exchange::until_next_beat() const {
  return std::max(Milliseconds::zero(), std::chrono::ceil<Milliseconds>(next_beat_ - BootClock::now()));
}

void Exchange::beat(Link& link) {
  const Moment now = BootClock::now();
  if (now < next_beat_) return;
  const auto id = ++last_beat_;
  link.send(fmt::format("beat {}\n", id));
  unanswered_.emplace_back(id, now);
  next_beat_ = now + tuning_.beat_every;
}

void Exchange::hand_over(Link& link) {
  std::string outgoing;
  std::vector<Held> to_hold;
  {
    const std::lock_guard lock(mutex_);
    outgoing.swap(outgoing_);
    to_hold.swap(to_hold_);
  }
  link.send(outgoing);
  for (Held& held : to_hold) link.hold(std::move(held.conversation), held.argv);
}

void Exchange::take(Note note) {
  const std::lock_guard lock(mutex_);
  if (note.verb == "beat" || note.verb == "hello") {
    while (!unanswered_.empty() && unanswered_.front().first <= note.id) {
      answered_ = unanswered_.front().second;
      unanswered_.pop_front();
    }
    open_ = true;
  } else if (note.verb == "failed") {
    lost_ = Error{.kind = ErrorKind::unreachable,
                  .what = name_ + " cannot be asked",
                  .because = "the worker cannot use " + run_directory_ + ": " + printable(note.rest),
                  .while_doing = {},
                  .changed = Changed::no,
                  .hint = {}};
  } else if (const auto found = pending_.find(note.id); found != pending_.end()) {
    found->second =
        Reply{.state = Reply::State::answered, .text = std::move(note.rest), .captured = std::move(note.captured)};
  }
  changed_.notify_all();
}

void Exchange::lose(const std::string& because) {
  const std::lock_guard lock(mutex_);
  lost_ = Error{.kind = ErrorKind::unreachable,
                .what = open_ ? "the connection to " + name_ + " was lost" : name_ + " cannot be asked",
                .because = printable(because),
                .while_doing = {},
                .changed = Changed::unknown,
                .hint = {}};
  if (!open_) lost_->changed = Changed::no;
  if (because.find(another_topology) != std::string::npos)
    lost_->hint = "to let the key in for this topology instead: xen-drbd make-keys --restrict | sh, and on " + name_ +
                  " what that prints";
  for (const Held& held : to_hold_) held.conversation->failed(*lost_);
  to_hold_.clear();
  changed_.notify_all();
}

Result<> Exchange::wait_open(Milliseconds timeout) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, timeout, [&] { return open_ || lost_; });
  if (lost_) return *lost_;
  if (open_) return {};
  return Error{.kind = ErrorKind::unreachable,
               .what = name_ + " cannot be asked",
               .because = "no answer within " + to_string(timeout),
               .while_doing = {},
               .changed = Changed::no,
               .hint = {}};
}

void Exchange::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_->ring();
}

Reply Exchange::request(const std::string& verb, std::vector<std::string> words, Milliseconds timeout) {
  std::unique_lock lock(mutex_);
  const auto id = ++last_id_;
  words.insert(words.begin(), {verb, std::to_string(id)});
  const auto entry = pending_.emplace(id, std::nullopt).first;
  if (!lost_) {
    outgoing_ += wire_line(words);
    wake_->ring();
    changed_.wait_for(lock, timeout, [&] { return entry->second || lost_; });
  }
  Reply reply;
  if (entry->second)
    reply = std::move(*entry->second);
  else if (lost_)
    reply = {.state = Reply::State::lost, .text = lost_->because, .captured = {}};
  else
    reply = {.state = Reply::State::timed_out, .text = "no answer within " + to_string(timeout), .captured = {}};
  pending_.erase(entry);
  return reply;
}

std::shared_ptr<Conversation> Exchange::hold(const std::vector<std::string>& argv) {
  auto conversation = std::make_shared<Conversation>(wake_);
  const std::lock_guard lock(mutex_);
  if (lost_)
    conversation->failed(*lost_);
  else
    to_hold_.push_back({.conversation = conversation, .argv = argv});
  wake_->ring();
  return conversation;
}

bool Exchange::answered_within(Milliseconds age) const {
  const std::lock_guard lock(mutex_);
  return !lost_ && answered_ && BootClock::now() - *answered_ <= age;
}

std::optional<Error> Exchange::lost() const {
  const std::lock_guard lock(mutex_);
  return lost_;
}

} // namespace xen_drbd::host
