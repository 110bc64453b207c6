#pragma once

#include "link.hpp"
#include "moment.hpp"
#include "session.hpp"
#include "tuning.hpp"

#include <libssh/callbacks.h>

namespace xen_drbd::host {

/// A channel of a session that runs one command. Its callbacks are there from its first byte to its end, since a signal
/// that ended the command is told by no other way.
class Channel {
public:
  Channel(const Session& session, std::string command);
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  /// Opens it and starts the command, as far as the network has got; `started` and `problem` tell.
  void advance();
  void write(std::string_view bytes) { outgoing_ += bytes; }
  void close_input() { close_wanted_ = true; }

  [[nodiscard]] bool started() const { return state_ == State::running; }
  [[nodiscard]] const std::string& problem() const { return problem_; }
  [[nodiscard]] bool has_bytes() const { return !out_.empty() || !err_.empty(); }
  [[nodiscard]] bool all_sent() const { return outgoing_.empty(); }
  [[nodiscard]] std::string take_out() { return std::exchange(out_, {}); }
  [[nodiscard]] std::string take_err() { return std::exchange(err_, {}); }
  /// How the command ended, once it is known.
  [[nodiscard]] const std::optional<std::string>& ended() const { return ended_; }
  /// Whether it has ended and all it said was heard. sshd tells the end as soon as it knows of it, before the rest of
  /// the output (RFC 4254, 6.10); something that it left behind may hold its output open for ever, and is not waited
  /// for.
  [[nodiscard]] bool drained() const { return ended_ && (all_heard_ || last_words_.passed()); }

private:
  enum class State { opening, requesting, running, broken };

  static int on_data(ssh_session, ssh_channel, void* data, std::uint32_t size, int is_stderr, void* self);
  static void on_exit_status(ssh_session, ssh_channel, int status, void* self);
  static void on_exit_signal(ssh_session, ssh_channel, const char* signal, int, const char*, const char*, void* self);
  static void on_eof(ssh_session, ssh_channel, void* self);
  static void on_close(ssh_session, ssh_channel, void* self);
  void end(std::string how);
  void flush();
  void fail();

  ssh_session session_;
  ssh_channel channel_;
  std::string command_;
  ssh_channel_callbacks_struct callbacks_{};
  State state_ = State::opening;
  std::string problem_;
  std::string outgoing_;
  std::string out_;
  std::string err_;
  std::optional<std::string> ended_;
  Deadline last_words_{Milliseconds(0)};
  bool all_heard_ = false;
  bool close_wanted_ = false;
  bool eof_sent_ = false;
};

/// The link to a worker on the peer: channels of one SSH session, which is logged in already.
class SshLink final : public Link {
public:
  SshLink(Session session, std::string name, const Tuning& tuning, std::shared_ptr<Wake> wake);
  ~SshLink() override;

  void send(std::string_view bytes) override { worker_->write(bytes); }
  void turn(Milliseconds at_most) override;
  [[nodiscard]] std::string take_output() override { return std::exchange(output_, {}); }
  [[nodiscard]] std::optional<std::string> ended() const override { return ended_; }
  void hold(std::shared_ptr<Conversation> conversation, const std::vector<std::string>& argv) override;
  void say_goodbye(Milliseconds at_most) override;

private:
  struct Held {
    std::unique_ptr<Channel> channel;
    std::shared_ptr<Conversation> conversation;
    LogLines log;
    std::string mark;  ///< the line before which a login shell's greeting ends
    std::string early; ///< what came before the mark was complete
    bool announced = false;
  };

  void serve();
  void serve_held(Held& held);
  static void pass_on(Held& held, const std::string& bytes);
  [[nodiscard]] bool has_work() const;

  Session session_;
  std::string name_;
  std::shared_ptr<Wake> wake_;
  ssh_event event_;
  std::unique_ptr<Channel> worker_;
  LogLines log_;
  std::string last_words_; ///< the end of the worker's stderr, for the message when it cannot be started
  std::string output_;
  std::optional<std::string> ended_;
  std::vector<std::unique_ptr<Held>> held_;
};

} // namespace xen_drbd::host
