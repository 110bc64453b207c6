#include "session.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <fmt/core.h>
#include <poll.h>
#include <unistd.h>

namespace xen_drbd::transport {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds progress_every{200};
constexpr milliseconds drain_look{10};
constexpr milliseconds kill_patience{1000}; // between SIGTERM and SIGKILL
constexpr milliseconds farewell_time{1000};
constexpr std::size_t error_bytes_at_once = 4096;
constexpr std::size_t error_bytes = 65536;

std::string describe(const Exit& exit) {
  if (exit.signal) return fmt::format("ssh was ended by signal {}", *exit.signal);
  return fmt::format("ssh ended with exit status {}", exit.status.value_or(-1));
}

} // namespace

Session::Session(const TransportArguments& arguments, SignalScope& signals, LineSocket tool)
    : arguments_(arguments),
      signals_(signals),
      tool_(std::move(tool)),
      pump_(arguments.in),
      out_(arguments.out),
      err_(independent_writer(arguments.err)) {
  widen(arguments.in);
  set_nonblocking(arguments.in, true);
  set_nonblocking(arguments.out, true);
}

int Session::run() {
  tool_.send(to_line(
      TransportMessage(Hello{arguments_.version, arguments_.domain, ::getpid(), arguments_.host, arguments_.words})));
  while (!done_) {
    wait();
    hear_signals();
    copy_errors();
    hear_target();
    look_at_ssh(); // before the tool is heard: it may ask to go on
    hear_tool();
    move_stream();
    look_at_clock();
    tell_progress();
    tool_.flush();
  }
  farewell();
  return exit_status();
}

void Session::wait() {
  enum Slot { signals, tool, in, ssh_in, ssh_out, ssh_err, ssh_end, out, err, count };
  std::array<pollfd, count> fds{};
  fds[signals] = {signals_.number(), POLLIN, 0};
  fds[tool] = {tool_.closed() ? -1 : tool_.number(), static_cast<short>(tool_.has_unsent() ? POLLIN | POLLOUT : POLLIN),
               0};
  fds[in] = {pump_.in(), pump_.in_events(), 0};
  fds[ssh_in] = {pump_.out(), pump_.out_events(), 0};
  fds[ssh_out] = {target_.number(), POLLIN, 0};
  fds[ssh_err] = {ssh_ ? ssh_->stderr_end.number() : -1, POLLIN, 0};
  fds[ssh_end] = {ssh_ && !ssh_exit_ ? ssh_->exited.number() : -1, POLLIN, 0};
  fds[out] = {to_xl_.empty() ? -1 : out_.number(), POLLOUT, 0};
  fds[err] = {to_err_.empty() ? -1 : err_.number(), POLLOUT, 0};
  ::poll(fds.data(), fds.size(), poll_timeout());
  now_ = Clock::now();
  pump_.polled(fds[in].revents, fds[ssh_in].revents);
}

int Session::poll_timeout() const {
  auto until = now_ + milliseconds(60'000);
  const auto at = [&until](Clock::time_point when) { until = std::min(until, when); };
  if (!settings_)
    at(heard_ + arguments_.first_answer);
  else if (may_end() && !ending_)
    at(heard_ + settings_->silence);
  if (patience_) at(*patience_);
  if (phase_ == Phase::held && !held_said_) at(now_ + drain_look);
  if (pump_.sent() != progress_bytes_) at(progress_said_ + progress_every);
  const auto left = std::chrono::ceil<milliseconds>(until - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

void Session::copy_errors() {
  if (ssh_ && ssh_->stderr_end) {
    std::string text;
    const Flow flow = read_some(ssh_->stderr_end.number(), text, error_bytes_at_once);
    if (flow == Flow::closed) ssh_->stderr_end.close();
    ssh_said_.add(text);
    if (to_err_.size() < error_bytes) to_err_ += text;
  }
  if (!to_err_.empty() && write_some(err_.number(), to_err_) == Flow::closed) to_err_.clear();
}

void Session::move_stream() {
  if (ending_) return;
  if (offers_passthrough_ && phase_ != Phase::plain) return watch_stream_end();
  const std::uint64_t before = pump_.sent();
  pump_.pump();
  if (pump_.sent() > before && phase_ == Phase::nothing_sent) enter(Phase::copying);
  if (pump_.sent() > before && phase_ == Phase::passed) {
    enter(Phase::gone);
    tool_.send(to_line(TransportMessage(Go{})));
  }
  const StreamParser& parser = pump_.parser();
  if (phase_ <= Phase::copying && parser.state() == StreamParser::State::unknown)
    return offer_passthrough(parser.objection());
  if (phase_ == Phase::copying && parser.state() == StreamParser::State::end_held) enter(Phase::held);
  if (phase_ == Phase::held && !held_said_ && pump_.drained()) {
    held_said_ = true;
    if (pump_.sent() != progress_bytes_) enter(phase_);
    tool_.send(to_line(TransportMessage(Held{})));
  }
  watch_stream_end();
}

void Session::watch_stream_end() {
  if (phase_ >= Phase::held && phase_ <= Phase::ready && pump_.unwanted())
    return end(EndCause::unknown_stream, "xl sends more after the last record");
  if (pump_.in_closed() && phase_ < Phase::passed) return end(EndCause::xl_closed, "xl closed its stream early");
  pump_.pass_on_the_end();
  if (!pump_.out_closed()) return;
  pump_.close_in();
  if (phase_ < Phase::passed && !patience_) patience_ = now_ + ssh_patience;
}

void Session::offer_passthrough(const std::string& why) {
  if (ending_) return;
  if (phase_ == Phase::nothing_sent) tool_.send(to_line(TransportMessage(UnknownStream{why})));
  if (phase_ != Phase::nothing_sent || !settings_->allow_passthrough) return end(EndCause::unknown_stream, why);
  offers_passthrough_ = true;
}

void Session::look_at_ssh() {
  if (!ssh_) {
    done_ = ending_;
    return;
  }
  if (!ssh_exit_ && (ssh_exit_ = ssh_->reap())) {
    while (ssh_->stderr_end && waiting_bytes(ssh_->stderr_end.number()) > 0) copy_errors();
    while (target_ && waiting_bytes(target_.number()) > 0) hear_target();
    if (target_ && phase_ >= Phase::passed) to_xl_ += answers_.take_rest();
    target_.close();
    give_xl();
    if (phase_ < Phase::passed) end(EndCause::ssh_ended, describe(*ssh_exit_));
  }
  if (ssh_exit_ && (ending_ || to_xl_.empty())) finish();
}

void Session::look_at_clock() {
  if (done_) return;
  if (!settings_ && now_ - heard_ > arguments_.first_answer)
    end(EndCause::tool_silent, "xen-drbd, which this migration belongs to, does not answer");
  else if (settings_ && now_ - heard_ > settings_->silence)
    end(EndCause::tool_silent, "xen-drbd, which this migration belongs to, is silent");
  if (!patience_ || now_ < *patience_) return;
  patience_.reset();
  if (ending_)
    ssh_->signal(SIGKILL);
  else if (phase_ < Phase::passed)
    end(EndCause::ssh_ended, "ssh closed the target's side and did not end");
}

void Session::tell_progress() {
  if (pump_.sent() == progress_bytes_ || now_ - progress_said_ < progress_every || tool_.has_unsent()) return;
  enter(phase_);
}

void Session::enter(Phase phase) {
  phase_ = phase;
  progress_said_ = now_;
  progress_bytes_ = pump_.sent();
  tool_.send(to_line(TransportMessage(Progress{phase, pump_.sent(), pump_.parser().page_bytes()})));
}

bool Session::may_end() const { return phase_ < Phase::passed || (phase_ == Phase::plain && !target_spoke_); }

void Session::end(EndCause cause, const std::string& reason) {
  if (ending_ || done_ || !may_end()) return;
  ending_ = true;
  cause_ = cause;
  reason_ = reason;
  say("the migration of " + arguments_.domain + " ends: " + reason);
  if (ssh_) { // first: what it would still make of the end of its input must not be its own end
    ssh_->signal(SIGTERM);
    patience_ = now_ + kill_patience;
  }
  pump_.close_in();
  pump_.close_out();
  out_.close();
}

void Session::finish() {
  done_ = true;
  if (ending_) return;
  const bool good = ssh_exit_->status == 0;
  if (phase_ == Phase::passed && pump_.in_closed())
    cause_ = EndCause::xl_closed;
  else
    cause_ = good && phase_ != Phase::passed ? EndCause::finished : EndCause::ssh_ended;
  reason_ = describe(*ssh_exit_);
}

void Session::say(const std::string& text) { to_err_ += "xen-drbd transport: " + text + "\n"; }

void Session::farewell() {
  Ended ended{
      cause_, phase_, reason_, {}, {}, target_result_, ssh_said_.lines(), pump_.sent(), pump_.parser().page_bytes()};
  if (ssh_exit_) {
    ended.ssh_status = ssh_exit_->status;
    ended.ssh_signal = ssh_exit_->signal;
  }
  tool_.send(to_line(TransportMessage(ended)));
  pump_.close_in();
  pump_.close_out();
  out_.close();
  const auto until = Clock::now() + farewell_time;
  while (Clock::now() < until && (tool_.has_unsent() || !to_err_.empty())) {
    std::array<pollfd, 2> fds{pollfd{tool_.has_unsent() ? tool_.number() : -1, POLLOUT, 0},
                              pollfd{to_err_.empty() ? -1 : err_.number(), POLLOUT, 0}};
    ::poll(fds.data(), fds.size(), 100);
    tool_.flush();
    copy_errors();
  }
}

int Session::exit_status() const {
  if (!ssh_exit_ || (ending_ && cause_ != EndCause::ssh_ended)) return 1;
  const int status = ssh_exit_->signal ? 128 + *ssh_exit_->signal : ssh_exit_->status.value_or(1);
  return ending_ ? std::max(1, status) : status;
}

} // namespace xen_drbd::transport
