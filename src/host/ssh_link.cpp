#include "ssh_link.hpp"

#include "xen_drbd/base/text.hpp"
#include "xen_drbd/host/gate.hpp"

#include "wire.hpp"

#include <fmt/format.h>

namespace xen_drbd::host {
namespace {

constexpr std::size_t last_words_size = 300;
constexpr Milliseconds for_last_words{1000};

int on_wake(socket_t, int, void* wake) {
  static_cast<Wake*>(wake)->clear();
  return 0;
}

std::string why_disconnected(ssh_session session) {
  const std::string text = printable(ssh_get_error(session));
  return text.empty() ? "the connection was closed" : text;
}

} // namespace

Channel::Channel(const Session& session, std::string command)
    : session_(session.get()), channel_(ssh_channel_new(session.get())), command_(std::move(command)) {
  callbacks_.userdata = this;
  callbacks_.channel_data_function = on_data;
  callbacks_.channel_exit_status_function = on_exit_status;
  callbacks_.channel_exit_signal_function = on_exit_signal;
  callbacks_.channel_eof_function = on_eof;
  callbacks_.channel_close_function = on_close;
  ssh_callbacks_init(&callbacks_);
  ssh_set_channel_callbacks(channel_, &callbacks_);
}

Channel::~Channel() {
  ssh_remove_channel_callbacks(channel_, &callbacks_);
  ssh_channel_free(channel_);
}

int Channel::on_data(ssh_session, ssh_channel, void* data, std::uint32_t size, int is_stderr, void* self) {
  Channel& channel = *static_cast<Channel*>(self);
  (is_stderr != 0 ? channel.err_ : channel.out_).append(static_cast<const char*>(data), size);
  return static_cast<int>(size);
}

void Channel::end(std::string how) {
  if (ended_) return;
  ended_ = std::move(how);
  last_words_ = Deadline(for_last_words);
}

void Channel::on_exit_status(ssh_session, ssh_channel, int status, void* self) {
  static_cast<Channel*>(self)->end(fmt::format("ended with exit status {}", status));
}

void Channel::on_exit_signal(ssh_session, ssh_channel, const char* signal, int, const char*, const char*, void* self) {
  static_cast<Channel*>(self)->end(fmt::format("was killed by signal {}", printable(signal)));
}

void Channel::on_eof(ssh_session, ssh_channel, void* self) { static_cast<Channel*>(self)->all_heard_ = true; }

void Channel::on_close(ssh_session, ssh_channel, void* self) {
  Channel& channel = *static_cast<Channel*>(self);
  channel.all_heard_ = true;
  channel.end("ended without an exit status");
}

void Channel::fail() {
  state_ = State::broken;
  problem_ = printable(ssh_get_error(session_));
}

void Channel::advance() {
  if (state_ == State::opening) {
    const int result = ssh_channel_open_session(channel_);
    if (result == SSH_ERROR) return fail();
    if (result == SSH_OK) state_ = State::requesting;
  }
  if (state_ == State::requesting) {
    const int result = ssh_channel_request_exec(channel_, command_.c_str());
    if (result == SSH_ERROR) return fail();
    if (result == SSH_OK) state_ = State::running;
  }
  if (state_ == State::running) flush();
}

void Channel::flush() {
  while (!outgoing_.empty() && !ended_) {
    const int written = ssh_channel_write(channel_, outgoing_.data(),
                                          static_cast<std::uint32_t>(std::min(outgoing_.size(), std::size_t{32768})));
    if (written == SSH_ERROR) return fail();
    if (written <= 0) return;
    outgoing_.erase(0, static_cast<std::size_t>(written));
  }
  if (close_wanted_ && !eof_sent_ && outgoing_.empty()) {
    eof_sent_ = true;
    ssh_channel_send_eof(channel_);
  }
}

SshLink::SshLink(Session session, std::string name, const Tuning& tuning, std::shared_ptr<Wake> wake)
    : session_(std::move(session)),
      name_(std::move(name)),
      wake_(std::move(wake)),
      event_(ssh_event_new()),
      log_(name_ + ": ") {
  worker_ = std::make_unique<Channel>(session_, worker_command(tuning.shell));
  ssh_event_add_session(event_, session_.get());
  ssh_event_add_fd(event_, wake_->fd(), POLLIN, on_wake, wake_.get());
}

SshLink::~SshLink() {
  for (const auto& held : held_) held->conversation->ended(ended_.value_or("the host was closed"));
  held_.clear();
  worker_.reset();
  ssh_event_remove_fd(event_, wake_->fd());
  ssh_event_remove_session(event_, session_.get());
  ssh_event_free(event_);
}

bool SshLink::has_work() const {
  if (ended_ || !output_.empty() || worker_->has_bytes()) return true;
  return std::any_of(held_.begin(), held_.end(), [](const auto& held) { return held->channel->has_bytes(); });
}

void SshLink::turn(Milliseconds at_most) {
  serve();
  if (has_work()) at_most = Milliseconds::zero();
  acknowledge_at_once(ssh_get_fd(session_.get()));
  const int result = ssh_event_dopoll(event_, static_cast<int>(at_most.count()));
  serve();
  if (!ended_ && (result == SSH_ERROR || ssh_is_connected(session_.get()) == 0))
    ended_ = why_disconnected(session_.get());
}

void SshLink::serve() {
  worker_->advance();
  output_ += worker_->take_out();
  const std::string err = worker_->take_err();
  log_.add(err);
  last_words_ = (last_words_ + err).substr(0, last_words_size);
  if (!ended_ && !worker_->problem().empty()) ended_ = worker_->problem();
  if (!ended_ && worker_->ended()) {
    ended_ = "the worker " + *worker_->ended();
    if (const auto words = trimmed(last_words_); !words.empty()) *ended_ += ": " + std::string(lines(words).front());
  }
  for (const auto& held : held_) serve_held(*held);
  std::erase_if(held_, [](const auto& held) {
    return held->conversation->abandoned() || !held->channel->problem().empty() ||
           (held->channel->drained() && held->conversation->at_end());
  });
}

void SshLink::pass_on(Held& held, const std::string& bytes) {
  if (held.mark.empty()) return held.conversation->received(bytes);
  held.early += bytes;
  const auto at = held.early.find(held.mark);
  if (at == std::string::npos) return;
  held.conversation->received(std::string_view(held.early).substr(at + held.mark.size()));
  held.mark.clear();
  held.early.clear();
}

void SshLink::serve_held(Held& held) {
  Channel& channel = *held.channel;
  channel.write(held.conversation->take_outgoing());
  if (held.conversation->close_wanted()) channel.close_input();
  channel.advance();
  if (const std::string bytes = channel.take_out(); !bytes.empty()) pass_on(held, bytes);
  held.log.add(channel.take_err());
  if (channel.started() && !held.announced) {
    held.announced = true;
    held.conversation->started();
  }
  if (!channel.problem().empty())
    held.conversation->failed({.kind = ErrorKind::failed,
                               .what = "a command could not be started on " + name_,
                               .because = channel.problem(),
                               .while_doing = {},
                               .changed = Changed::no,
                               .hint = {}});
  else if (channel.drained())
    held.conversation->ended("it " + *channel.ended());
}

void SshLink::hold(std::shared_ptr<Conversation> conversation, const std::vector<std::string>& argv) {
  const std::string mark = random_token();
  held_.push_back(std::make_unique<Held>(
      Held{.channel = std::make_unique<Channel>(session_, held_command({.mark = mark, .argv = argv})),
           .conversation = std::move(conversation),
           .log = LogLines(name_ + ": " + argv.front() + ": "),
           .mark = mark + '\n',
           .early = {},
           .announced = false}));
}

void SshLink::say_goodbye(Milliseconds at_most) {
  worker_->close_input();
  const Deadline deadline(at_most);
  while (!ended_ && !deadline.passed()) turn(deadline.left());
}

} // namespace xen_drbd::host
