#include "pipe_link.hpp"

#include "moment.hpp"
#include "worker_script.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>

namespace xen_drbd::host {
namespace {

constexpr Milliseconds reap_interval{20};

/// Reads what is there; false at the end of the stream.
template <class Sink> bool drain(const Fd& fd, Sink sink) {
  std::array<char, 65536> buffer{};
  for (;;) {
    const auto got = ::read(fd.number(), buffer.data(), buffer.size());
    if (got > 0)
      sink(std::string_view(buffer.data(), static_cast<std::size_t>(got)));
    else if (got == 0)
      return false;
    else if (errno != EINTR)
      return errno == EAGAIN;
  }
}

std::string how_it_ended(int status) {
  if (WIFSIGNALED(status))
    return fmt::format("was killed by signal {} ({})", WTERMSIG(status), ::strsignal(WTERMSIG(status)));
  return fmt::format("ended with exit status {}", WEXITSTATUS(status));
}

} // namespace

Result<std::unique_ptr<Link>> PipeLink::open(const std::string& name, const std::vector<std::string>& shell,
                                             std::shared_ptr<Wake> wake) {
  std::vector<std::string> argv = shell;
  argv.emplace_back("-c");
  argv.emplace_back(worker_script);
  XEN_DRBD_TRY(Child worker, spawn(argv));
  return std::unique_ptr<Link>(std::make_unique<PipeLink>(name, std::move(worker), std::move(wake)));
}

PipeLink::PipeLink(std::string name, Child worker, std::shared_ptr<Wake> wake)
    : name_(std::move(name)),
      wake_(std::move(wake)),
      worker_{.child = std::move(worker), .outgoing = {}, .log = LogLines(name_ + ": "), .conversation = nullptr},
      worker_gone_(static_cast<int>(::syscall(SYS_pidfd_open, worker_.child.pid, 0))) {}

PipeLink::~PipeLink() {
  for (const auto& party : held_) party->conversation->ended("the host was closed");
}

void PipeLink::serve(Party& party) {
  Child& child = party.child;
  const auto take = [&](std::string_view bytes) {
    if (party.conversation)
      party.conversation->received(bytes);
    else
      output_ += bytes;
  };
  while (child.in && !party.outgoing.empty()) {
    const auto written = ::write(child.in.number(), party.outgoing.data(), party.outgoing.size());
    if (written > 0)
      party.outgoing.erase(0, static_cast<std::size_t>(written));
    else if (errno == EAGAIN)
      break;
    else if (errno != EINTR)
      child.in.reset();
  }
  if (child.out && !drain(child.out, take)) child.out.reset();
  if (child.err && !drain(child.err, [&](std::string_view bytes) { party.log.add(bytes); })) child.err.reset();
}

bool PipeLink::reap(Party& party, std::string& how) {
  int status = 0;
  if (party.child.pid < 0 || ::waitpid(party.child.pid, &status, WNOHANG) != party.child.pid) return false;
  party.child.pid = -1;
  how = how_it_ended(status);
  return true;
}

void PipeLink::serve_held() {
  for (const auto& party : held_) {
    party->outgoing += party->conversation->take_outgoing();
    serve(*party);
    if (party->conversation->close_wanted() && party->outgoing.empty()) party->child.in.reset();
    std::string how;
    if (!party->child.out) {
      const bool reaped = reap(*party, how);
      party->conversation->ended(reaped ? "it " + how : "it closed its output");
    }
  }
  std::erase_if(held_, [&](const std::unique_ptr<Party>& party) {
    if (!party->conversation->abandoned() && party->child.out) return false;
    if (!party->conversation->abandoned() && !party->conversation->at_end()) return false;
    if (party->child.pid >= 0) orphans_.push_back(party->child.pid);
    return true;
  });
  std::erase_if(orphans_, [](pid_t pid) { return ::waitpid(pid, nullptr, WNOHANG) != 0; });
}

void PipeLink::turn(Milliseconds at_most) {
  serve(worker_);
  serve_held();
  std::vector<pollfd> polled{{.fd = wake_->fd(), .events = POLLIN, .revents = 0}};
  const auto add = [&](const Party& party) {
    const Child& child = party.child;
    if (child.in && !party.outgoing.empty())
      polled.push_back({.fd = child.in.number(), .events = POLLOUT, .revents = 0});
    if (child.out) polled.push_back({.fd = child.out.number(), .events = POLLIN, .revents = 0});
    if (child.err) polled.push_back({.fd = child.err.number(), .events = POLLIN, .revents = 0});
  };
  add(worker_);
  if (worker_gone_) polled.push_back({.fd = worker_gone_.number(), .events = POLLIN, .revents = 0});
  for (const auto& party : held_) add(*party);
  if (!output_.empty() || ended_)
    at_most = Milliseconds::zero();
  else if (!orphans_.empty())
    at_most = std::min(at_most, reap_interval);
  ::poll(polled.data(), polled.size(), static_cast<int>(at_most.count()));
  wake_->clear();
  serve(worker_);
  serve_held();
  // its jobs may hold the output open after the worker has gone
  if (std::string how; !ended_ && reap(worker_, how)) {
    serve(worker_);
    worker_gone_.reset();
    ended_ = "the worker " + how;
  }
}

void PipeLink::hold(std::shared_ptr<Conversation> conversation, const std::vector<std::string>& argv) {
  auto child = spawn(argv);
  if (!child) {
    conversation->failed(std::move(child).error());
    return;
  }
  conversation->started();
  held_.push_back(std::make_unique<Party>(Party{.child = std::move(*child),
                                                .outgoing = {},
                                                .log = LogLines(name_ + ": " + argv.front() + ": "),
                                                .conversation = std::move(conversation)}));
}

void PipeLink::say_goodbye(Milliseconds at_most) {
  worker_.child.in.reset();
  const Deadline deadline(at_most);
  while (!ended_ && !deadline.passed()) turn(std::min(deadline.left(), Milliseconds{2}));
}

} // namespace xen_drbd::host
