#include "stream_pump.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <poll.h>

namespace xen_drbd::transport {

namespace {
constexpr std::uint64_t splice_max = 1U << 20;
constexpr std::uint64_t read_max = 1U << 16;
constexpr int steps_max = 64;
} // namespace

StreamParser::Want StreamPump::want() const {
  if (plain_) return {StreamParser::Want::Kind::payload, splice_max};
  return parser_.want();
}

bool StreamPump::waits_for_out() const { return out_ && in_ready_ && !out_ready_ && !out_closed_ && !wants_nothing(); }

short StreamPump::in_events() const {
  // what xl sends of an unknown stream, or before there is an ssh, stays in its pipe
  const bool left_alone = !out_ || (!plain_ && parser_.state() == StreamParser::State::unknown);
  return static_cast<short>(in_ready_ || left_alone ? 0 : POLLIN);
}

short StreamPump::out_events() const {
  return static_cast<short>(waits_for_out() || (!pending_.empty() && !out_ready_) ? POLLOUT : 0);
}

void StreamPump::polled(short in_revents, short out_revents) {
  if (!out_ || wants_nothing()) {
    const bool at_end = (in_revents & POLLIN) != 0 && waiting_bytes(in_.number()) == 0;
    if (at_end || (in_revents & (POLLHUP | POLLERR)) != 0) in_closed_ = true;
  } else if (in_revents != 0) {
    in_ready_ = true;
  }
  if ((out_revents & POLLOUT) != 0) out_ready_ = true;
  if ((out_revents & (POLLERR | POLLHUP)) != 0) out_closed_ = true;
}

void StreamPump::pump() {
  for (int steps = 0; steps < steps_max && step(); ++steps) {}
  if (wants_nothing()) in_ready_ = false;
}

bool StreamPump::step() {
  if (!out_ || out_closed_) return false;
  if (!pending_.empty()) return out_ready_ && write_pending();
  const StreamParser::Want next = want();
  if (!in_ready_ || in_closed_ || next.kind == StreamParser::Want::Kind::nothing) return false;
  if (next.kind == StreamParser::Want::Kind::framing) return read_framing(std::min(next.bytes, read_max));
  return out_ready_ && (splices_ ? move_payload(next.bytes) : copy_payload(next.bytes));
}

bool StreamPump::write_pending() {
  const std::size_t before = pending_.size();
  const Flow flow = write_some(out_.number(), pending_);
  sent_ += before - pending_.size();
  if (flow == Flow::blocked) out_ready_ = false;
  if (flow == Flow::closed) out_closed_ = true;
  return flow == Flow::moved;
}

bool StreamPump::read_framing(std::uint64_t most) {
  std::string framing;
  const Flow flow = read_some(in_.number(), framing, most);
  if (flow == Flow::blocked) in_ready_ = false;
  if (flow == Flow::closed) in_closed_ = true;
  if (flow != Flow::moved) return false;
  parser_.feed(framing);
  pending_ += parser_.take();
  return true;
}

bool StreamPump::move_payload(std::uint64_t most) {
  const ssize_t moved = ::splice(in_.number(), nullptr, out_.number(), nullptr, std::min(most, splice_max),
                                 SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  if (moved > 0) return count_payload(static_cast<std::uint64_t>(moved)), true;
  const int error = moved < 0 ? errno : 0;
  if (error == EAGAIN || error == EINTR)
    in_ready_ = out_ready_ = false; // which of the two, poll will tell
  else if (error == EINVAL)
    return splices_ = false, true; // not a pipe
  else if (error == EPIPE)
    out_closed_ = true;
  else
    in_closed_ = true;
  return false;
}

bool StreamPump::copy_payload(std::uint64_t most) {
  const Flow flow = read_some(in_.number(), pending_, std::min(most, read_max));
  if (flow == Flow::blocked) in_ready_ = false;
  if (flow == Flow::closed) in_closed_ = true;
  if (flow != Flow::moved) return false;
  if (!plain_) parser_.passed(pending_.size());
  return true;
}

void StreamPump::count_payload(std::uint64_t bytes) {
  sent_ += bytes;
  if (!plain_) parser_.passed(bytes);
}

void StreamPump::pass_on_the_end() {
  if (in_closed_ && pending_.empty()) out_.close();
}

} // namespace xen_drbd::transport
