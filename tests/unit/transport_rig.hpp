#pragma once
// A whole migration for the tests of the transport room: the test plays xl and the tool, a shell script plays ssh and
// the far end, and run_transport runs in a process of its own between them.

#include "xen_drbd/transport/run.hpp"

#include "line_socket.hpp"
#include "support/catch.hpp"
#include "transport_stream.hpp"

#include <array>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <poll.h>
#include <sstream>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace test_rig {

using namespace xen_drbd;
using namespace xen_drbd::transport;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

inline constexpr auto patience = 20s; // for what must happen; a test that waits so long has failed

class Directory {
public:
  Directory() {
    std::string name = "/tmp/xen-drbd-test-XXXXXX";
    if (::mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~Directory() {
    std::error_code ignored; // the far end may still write into it
    std::filesystem::remove_all(path_, ignored);
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] const std::string& path() const { return path_; }

private:
  std::string path_;
};

inline std::string content(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

/// Whether a file that may still grow comes to hold exactly `expected`, and holds it for 100 ms.
inline bool settles(const std::string& path, const std::string& expected) {
  const auto until = Clock::now() + patience;
  for (auto since = Clock::now(); Clock::now() < until; std::this_thread::sleep_for(5ms)) {
    if (content(path) != expected)
      since = Clock::now();
    else if (Clock::now() - since > 100ms)
      return true;
  }
  return false;
}

/// The shell that plays the far end. It keeps the stream that it got in DIR/stream and GO in DIR/go.
/// `length` is the stream's, last record included.
inline std::string far_end(const Directory& dir, std::size_t length, const std::string& report = "\\0") {
  return "printf 'xl migration receiver ready, send binary domain data.\\n'; stdbuf -o0 head -c " +
         std::to_string(length) + " >" + dir.path() +
         "/stream; printf 'domain received, ready to unpause\\0'; head -c 44 >" + dir.path() + "/go; [ -s " +
         dir.path() + "/go ] || exit 3; printf 'my copy unpause results are as follows\\0" + report + "'; exec cat >" +
         dir.path() + "/rest";
}

class Rig {
public:
  /// What xl gives the transport as stdin and stdout: pipes, as it does, or sockets.
  enum class Side { pipes, sockets };

  explicit Rig(Milliseconds first_answer = Milliseconds(20'000), Side side = Side::pipes) {
    ::signal(SIGPIPE, SIG_IGN);
    listen();
    auto in = open_side(side), out = open_side(side), err = open_pipe();
    REQUIRE((in && out && err));
    pid_ = ::fork();
    if (pid_ == 0) {
      ::signal(SIGPIPE, SIG_DFL);
      listener_.close();
      in->write_end.close(), out->read_end.close(), err->read_end.close();
      TransportArguments arguments;
      arguments.run = "run1";
      arguments.domain = "vm1";
      arguments.host = "10.77.0.2";
      arguments.words = {"xl", "migrate-receive"};
      arguments.run_directory = dir.path();
      arguments.in = ::fcntl(in->read_end.number(), F_DUPFD, 3);
      arguments.out = ::fcntl(out->write_end.number(), F_DUPFD, 3);
      arguments.err = err->write_end.number();
      arguments.first_answer = first_answer;
      in->read_end.close(), out->write_end.close();
      ::_exit(run_transport(arguments));
    }
    to = std::move(in->write_end);
    from_ = std::move(out->read_end);
    err_ = std::move(err->read_end);
  }
  ~Rig() {
    if (pid_ > 0 && !reaped_) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }
  Rig(const Rig&) = delete;
  Rig& operator=(const Rig&) = delete;

  // --- the tool ---
  /// Takes the transport's connection and its hello.
  Hello accept() {
    pollfd fd{listener_.number(), POLLIN, 0};
    REQUIRE(::poll(&fd, 1, 20'000) == 1);
    tool = LineSocket(Fd(::accept4(listener_.number(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)));
    return wait_for<Hello>();
  }
  void say(const ToolMessage& message) { tool.send(to_line(message)); }
  /// Accepts, and starts `script` as the far end.
  void start(const std::string& script, Milliseconds silence = Milliseconds(20'000), bool passthrough = false) {
    accept();
    say(Settings{std::string(protocol_version()), {"sh", "-c", script}, silence, passthrough});
  }
  /// The next message that is no progress.
  std::optional<TransportMessage> next(std::chrono::milliseconds timeout = patience) {
    const auto until = Clock::now() + timeout;
    for (;;) {
      while (const auto line = tool.next_line()) {
        auto message = parse_transport_message(*line);
        REQUIRE(message);
        if (const auto* said = std::get_if<Progress>(&*message))
          progress.push_back(*said);
        else
          return std::move(*message);
      }
      if (tool.closed() || Clock::now() >= until) return std::nullopt;
      pollfd fd{tool.number(), POLLIN, 0};
      ::poll(&fd, 1, 20);
      tool.receive();
    }
  }
  template <class Message> Message wait_for() {
    const auto message = next();
    REQUIRE(message);
    INFO(to_line(*message));
    REQUIRE(std::holds_alternative<Message>(*message));
    return std::get<Message>(*message);
  }
  /// Waits until a progress message tells of `phase`.
  void wait_for_phase(Phase phase) {
    const auto until = Clock::now() + patience;
    while (Clock::now() < until) {
      if (!progress.empty() && progress.back().phase >= phase) return;
      CHECK_FALSE(next(20ms));
    }
    FAIL("the phase was never entered");
  }

  // --- xl ---
  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t put = ::write(to.number(), bytes.data(), bytes.size());
      if (put < 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(put));
    }
  }
  /// Reads exactly so many bytes of the answers, or up to their end.
  std::string answer(std::size_t bytes) { return read(from_, bytes); }
  /// What is left of the answers; the transport has to close them.
  std::string last_answers() { return read(from_, 1U << 20U); }
  std::string errors() { return read(err_, 1U << 20U); }
  /// Whether an answer is there to be read now.
  bool has_answer() {
    pollfd fd{from_.number(), POLLIN, 0};
    return ::poll(&fd, 1, 0) == 1;
  }
  /// xl takes the banner and sends `stream`.
  void begin(std::string_view stream) {
    REQUIRE(answer(target_banner.size()) == target_banner);
    send(stream);
  }

  void signal(int number) const { ::kill(pid_, number); }
  int exit_status() {
    const auto until = Clock::now() + patience;
    int status = 0;
    while (::waitpid(pid_, &status, WNOHANG) == 0) {
      REQUIRE(Clock::now() < until);
      std::this_thread::sleep_for(2ms);
    }
    reaped_ = true;
    REQUIRE(WIFEXITED(status));
    return WEXITSTATUS(status);
  }

  Directory dir;
  LineSocket tool;
  Fd to; // xl's stream
  std::vector<Progress> progress;

private:
  void listen() {
    listener_ = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    (dir / "run1.sock").copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(::bind(listener_.number(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener_.number(), 4) == 0);
  }
  static std::optional<Pipe> open_side(Side side) {
    std::array<int, 2> ends{};
    if (side == Side::pipes) return open_pipe();
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return std::nullopt;
    return Pipe{Fd(ends[0]), Fd(ends[1])};
  }
  static std::string read(Fd& fd, std::size_t bytes) {
    std::string all;
    const auto until = Clock::now() + patience;
    while (all.size() < bytes && Clock::now() < until) {
      pollfd poll_fd{fd.number(), POLLIN, 0};
      if (::poll(&poll_fd, 1, 100) == 1 && read_some(fd.number(), all, bytes - all.size()) == Flow::closed) return all;
    }
    return all;
  }

  pid_t pid_ = -1;
  bool reaped_ = false;
  Fd listener_;
  Fd from_;
  Fd err_;
};

} // namespace test_rig
