#include "worker_host.hpp"

#include "xen_drbd/base/log.hpp"
#include "xen_drbd/base/quote.hpp"
#include "xen_drbd/base/text.hpp"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <fmt/format.h>

namespace xen_drbd::host {
namespace {

constexpr Milliseconds margin{2'000}; // for the second signal of timeout(1), and for the way there and back
constexpr Milliseconds lock_time{10'000};
constexpr Milliseconds hold_time{10'000};
constexpr int killed = 128 + SIGKILL;
constexpr int timed_out_status = 124; // timeout(1)

class HeldStream final : public Stream {
public:
  explicit HeldStream(std::shared_ptr<Conversation> conversation) : conversation_(std::move(conversation)) {}
  [[nodiscard]] Result<> wait_started(Milliseconds timeout) { return conversation_->wait_started(timeout); }
  ~HeldStream() override { conversation_->abandon(); }
  HeldStream(const HeldStream&) = delete;
  HeldStream& operator=(const HeldStream&) = delete;
  Result<> write_line(std::string_view line) override { return conversation_->write_line(line); }
  std::optional<std::string> read_line(Milliseconds timeout) override { return conversation_->read_line(timeout); }
  [[nodiscard]] bool at_end() const override { return conversation_->at_end(); }
  void close() override { conversation_->close(); }

private:
  std::shared_ptr<Conversation> conversation_;
};

void log_command(const std::string& name, const std::vector<std::string>& argv) {
  if (log::shows(log::Level::commands)) log::command(name + ": " + shell_join(argv));
}

/// A command line for `eval` in the worker.
std::string command_line(const std::vector<std::string>& argv) {
  std::string line;
  for (const std::string& word : argv) line += (line.empty() ? "" : " ") + wire_word(word);
  return line;
}

/// For timeout(1). Units: seconds.
std::string limit(Milliseconds timeout) {
  if (timeout.count() % 1000 == 0) return std::to_string(timeout.count() / 1000);
  return fmt::format("{:.3f}", static_cast<double>(timeout.count()) / 1000);
}

Outcome lost_outcome(std::string because) {
  return {.end = End::lost, .status = 0, .out = {}, .err = {}, .lost_because = std::move(because)};
}

Outcome timed_out_outcome(Milliseconds timeout) {
  return {.end = End::timed_out,
          .status = 0,
          .out = {},
          .err = {},
          .lost_because = "no answer within " + to_string(timeout)};
}

/// What sh says of a command: 128 and more for a signal. Statuses above those of the signals (ssh's 255) are statuses.
Outcome outcome_of(std::string_view code, Captured captured) {
  int status = 0;
  const auto [end, problem] = std::from_chars(code.data(), code.data() + code.size(), status);
  if (problem != std::errc{} || end != code.data() + code.size())
    return lost_outcome("it was not run: there is no room for its output");
  Outcome outcome{.end = End::exited,
                  .status = status,
                  .out = std::move(captured.out),
                  .err = std::move(captured.err),
                  .lost_because = {}};
  if (status > 128 && status <= 128 + SIGRTMAX) {
    outcome.end = End::signalled;
    outcome.status = status - 128;
  }
  return outcome;
}

Outcome answer_of(const Command& question, std::string_view code, Captured captured, Milliseconds took) {
  const std::string killed_code = std::to_string(killed);
  if (code == std::to_string(timed_out_status) || (code == killed_code && took >= question.timeout))
    return timed_out_outcome(question.timeout);
  const bool whole = captured.whole;
  Outcome outcome = outcome_of(code, std::move(captured));
  if (outcome.end != End::lost && !whole) return lost_outcome("not all of its output could be stored");
  return outcome;
}

Error lock_error(const std::string& name, std::string because) {
  return {.kind = ErrorKind::failed,
          .what = "the cluster lock on " + name + " cannot be taken",
          .because = std::move(because),
          .while_doing = {},
          .changed = Changed::no,
          .hint = {}};
}

} // namespace

Result<std::unique_ptr<Host>> WorkerHost::open(std::string name, const Settings& settings, const Tuning& tuning,
                                               Exchange::OpenLink open_link, Milliseconds timeout) {
  auto exchange = std::make_shared<Exchange>(std::move(name), settings.run_directory, tuning);
  std::thread thread([exchange, open_link = std::move(open_link)] { exchange->serve(open_link); });
  auto opened = exchange->wait_open(timeout);
  if (!opened) {
    const bool over = exchange->lost().has_value();
    exchange->stop();
    if (over)
      thread.join();
    else
      thread.detach();
    return std::move(opened).error();
  }
  return std::unique_ptr<Host>(std::make_unique<WorkerHost>(std::move(exchange), std::move(thread)));
}

WorkerHost::~WorkerHost() {
  exchange_->stop();
  thread_.join();
}

std::vector<Outcome> WorkerHost::ask(const std::vector<Command>& questions) {
  std::vector<Outcome> outcomes;
  if (questions.empty()) return outcomes;
  std::vector<std::string> words;
  Milliseconds longest{0};
  for (const Command& question : questions) {
    log_command(name(), question.argv);
    words.push_back(limit(question.timeout));
    words.push_back(command_line(question.argv));
    longest = std::max(longest, question.timeout);
  }
  const Moment begin = BootClock::now();
  Reply reply = exchange_->request("ask", std::move(words), longest + margin);
  const auto took = std::chrono::floor<Milliseconds>(BootClock::now() - begin);
  const auto codes = xen_drbd::words(reply.text);
  for (std::size_t i = 0; i < questions.size(); ++i) {
    if (reply.state == Reply::State::timed_out)
      outcomes.push_back(timed_out_outcome(questions[i].timeout));
    else if (reply.state == Reply::State::lost)
      outcomes.push_back(lost_outcome(reply.text));
    else if (i >= codes.size())
      outcomes.push_back(lost_outcome("the worker answered too few questions"));
    else
      outcomes.push_back(answer_of(questions[i], codes[i], std::move(reply.captured[i]), took));
  }
  return outcomes;
}

Outcome WorkerHost::act(const Command& command) {
  log_command(name(), command.argv);
  const std::string how = command.leaves_a_watcher ? "scope " : "exec ";
  Reply reply = exchange_->request("act", {how + command_line(command.argv)}, command.timeout);
  if (reply.state == Reply::State::timed_out) return timed_out_outcome(command.timeout);
  const auto codes = words(reply.text);
  if (reply.state == Reply::State::lost) return lost_outcome(std::move(reply.text));
  if (codes.empty()) return lost_outcome("the worker's answer has no exit status");
  return outcome_of(codes.front(), std::move(reply.captured.front()));
}

Result<std::unique_ptr<Stream>> WorkerHost::hold(const std::vector<std::string>& argv) {
  log_command(name(), argv);
  auto stream = std::make_unique<HeldStream>(exchange_->hold(argv));
  XEN_DRBD_CHECK(stream->wait_started(hold_time));
  return std::unique_ptr<Stream>(std::move(stream));
}

Result<std::optional<LockHolder>> WorkerHost::try_lock(const std::string& holder) {
  const Reply reply = exchange_->request("lock", {holder}, lock_time);
  if (reply.state != Reply::State::answered) return lock_error(name(), reply.text);
  const std::string_view text = reply.text;
  if (text == "taken") return std::optional<LockHolder>{};
  if (text.starts_with("busy")) return std::optional(LockHolder{printable(trimmed(text.substr(4)))});
  return lock_error(name(), printable(text.substr(std::min(text.size(), text.find(' ') + 1))));
}

void WorkerHost::unlock() {
  if (const Reply reply = exchange_->request("unlock", {}, lock_time); reply.state != Reply::State::answered)
    log::warn("the cluster lock on " + name() + " goes when its worker ends: " + reply.text);
}

} // namespace xen_drbd::host
