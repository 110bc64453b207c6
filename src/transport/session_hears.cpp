#include "xen_drbd/base/text.hpp"

#include "session.hpp"

#include <fmt/core.h>

// What a session hears: signals, the tool, the target; and what it tells xl of it.

namespace xen_drbd::transport {

namespace {

constexpr std::size_t answer_bytes = 4096;

} // namespace

void Session::hear_signals() {
  while (const auto name = signals_.next()) end(EndCause::signalled, *name);
}

void Session::hear_tool() {
  if (tool_.closed()) return;
  tool_.receive();
  while (const auto line = tool_.next_line()) {
    heard_ = now_;
    const auto message = parse_tool_message(*line);
    if (message)
      hear(*message);
    else
      end(EndCause::contradicted, message.error().what + ": " + message.error().because);
  }
  if (tool_.closed()) end(EndCause::tool_gone, "xen-drbd, which this migration belongs to, is gone");
}

void Session::hear(const ToolMessage& message) {
  if (ending_) return;
  if (const auto* settings = std::get_if<Settings>(&message)) return take_settings(*settings);
  if (std::holds_alternative<Release>(message)) return take_release();
  if (std::holds_alternative<Pass>(message)) return take_pass();
  if (const auto* end_request = std::get_if<End>(&message)) end(EndCause::asked, end_request->reason);
}

void Session::take_settings(const Settings& settings) {
  if (settings_) return end(EndCause::contradicted, "the settings came twice");
  if (settings.version != arguments_.version)
    return end(EndCause::contradicted, fmt::format("xen-drbd here is {}, the one that asks is {}", arguments_.version,
                                                   printable(settings.version)));
  settings_ = settings;
  auto started = Child::start(settings.argv);
  if (!started) return end(EndCause::ssh_ended, started.error().what + ": " + started.error().because);
  ssh_ = std::move(*started);
  pump_.connect(std::move(ssh_->stdin_end));
  target_ = std::move(ssh_->stdout_end);
}

void Session::take_release() {
  if (offers_passthrough_ && phase_ == Phase::nothing_sent) {
    to_xl_ += std::exchange(kept_, {});
    target_spoke_ = !banner_seen_;
    pump_.release();
    pump_.pass_all();
    return enter(Phase::plain);
  }
  if (phase_ != Phase::held || !held_said_)
    return end(EndCause::contradicted, "the tool released a record that is not held");
  pump_.release();
  enter(Phase::released);
}

void Session::take_pass() {
  if (phase_ != Phase::ready) return end(EndCause::contradicted, "the tool passed an answer that is not held");
  if (!target_) return end(EndCause::ssh_ended, "the target is gone");
  if (pump_.in_closed()) return end(EndCause::xl_closed, "xl closed its stream early");
  to_xl_ += std::exchange(kept_, {});
  pump_.pass_all();
  enter(Phase::passed);
  give_xl();
}

void Session::hear_target() {
  if (target_) {
    std::string bytes;
    const Flow flow = read_some(target_.number(), bytes, answer_bytes);
    answers_.feed(bytes);
    while (const auto answer = answers_.next()) take_answer(*answer);
    if (flow == Flow::closed) {
      if (phase_ >= Phase::passed)
        to_xl_ += answers_.take_rest();
      else if (!ending_)
        patience_ = now_ + ssh_patience;
      target_.close();
    }
  }
  give_xl();
}

void Session::take_answer(const Answer& answer) {
  if (ending_) return;
  if (answer.kind == Answer::Kind::banner) {
    banner_seen_ = true;
    to_xl_ += answer.bytes;
  } else if (phase_ >= Phase::passed) {
    target_spoke_ = true;
    to_xl_ += answer.bytes;
    if (answer.kind != Answer::Kind::report) return;
    target_result_ = answer.status;
    tool_.send(to_line(TransportMessage(TargetResult{answer.status})));
  } else if (answer.kind == Answer::Kind::ready && phase_ == Phase::released) {
    kept_ = answer.bytes;
    enter(Phase::ready);
    tool_.send(to_line(TransportMessage(Ready{})));
  } else if (!banner_seen_) {
    kept_ += answer.bytes;
    if (!offers_passthrough_)
      offer_passthrough("the far end does not greet as xl does: " +
                        printable(trimmed(std::string_view(answer.bytes).substr(0, 60))));
  } else {
    end(EndCause::unknown_stream, "the target said what was not expected in this phase: " +
                                      printable(trimmed(std::string_view(answer.bytes).substr(0, 60))));
  }
}

void Session::give_xl() {
  if (!out_) return to_xl_.clear();
  if (!to_xl_.empty() && write_some(out_.number(), to_xl_) == Flow::closed) {
    to_xl_.clear();
    out_.close();
    if (phase_ < Phase::passed) end(EndCause::xl_closed, "xl reads no more answers");
    return;
  }
  if (ssh_ && !target_ && kept_.empty()) out_.close();
}

} // namespace xen_drbd::transport
