#pragma once
// One migration as its transport sees it: the state machine of protocol.hpp around one poll loop.

#include "xen_drbd/transport/protocol.hpp"
#include "xen_drbd/transport/run.hpp"

#include "answer_parser.hpp"
#include "child.hpp"
#include "fd.hpp"
#include "line_socket.hpp"
#include "stream_pump.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace xen_drbd::transport {

class Session {
public:
  Session(const TransportArguments& arguments, SignalScope& signals, LineSocket tool);
  /// From hello to ended; returns the exit status.
  int run();

private:
  using Clock = std::chrono::steady_clock;

  /// For an exit status of ssh, once the target's answers have ended.
  static constexpr std::chrono::milliseconds ssh_patience{3000};

  void wait();
  [[nodiscard]] int poll_timeout() const;

  // session_hears.cpp
  void hear_signals();
  void hear_tool();
  void hear(const ToolMessage& message);
  void take_settings(const Settings& settings);
  void take_release();
  void take_pass();

  void hear_target();
  void take_answer(const Answer& answer);
  void give_xl();

  void copy_errors();
  void move_stream();
  void watch_stream_end();
  void offer_passthrough(const std::string& why);
  void look_at_ssh();
  void look_at_clock();
  void tell_progress();

  void enter(Phase phase);
  [[nodiscard]] bool may_end() const;
  void end(EndCause cause, const std::string& reason);
  void finish();
  void say(const std::string& text);
  void farewell();
  [[nodiscard]] int exit_status() const;

  TransportArguments arguments_;
  SignalScope& signals_;
  LineSocket tool_;
  std::optional<Settings> settings_;
  std::optional<Child> ssh_;
  StreamPump pump_;
  AnswerParser answers_;
  Fd out_;
  Fd err_;
  Fd target_;         // ssh's stdout
  std::string to_xl_; // answers that may go to xl
  std::string kept_;  // answers that may not yet: "ready", or an unknown banner
  std::string to_err_;
  Tail ssh_said_;

  Phase phase_ = Phase::nothing_sent;
  bool held_said_ = false;
  bool offers_passthrough_ = false;
  bool banner_seen_ = false;
  bool target_spoke_ = false; // more than its banner was passed on to xl
  std::optional<int> target_result_;
  std::optional<Exit> ssh_exit_;

  bool ending_ = false;
  bool done_ = false;
  EndCause cause_ = EndCause::finished;
  std::string reason_;

  Clock::time_point now_ = Clock::now();
  Clock::time_point heard_ = now_;
  Clock::time_point progress_said_ = now_;
  std::uint64_t progress_bytes_ = 0;
  std::optional<Clock::time_point> patience_; // until then ssh may end by itself; then it is terminated or killed
};

} // namespace xen_drbd::transport
