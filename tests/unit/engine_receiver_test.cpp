#include "commands.hpp"
#include "support/catch.hpp"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <spawn.h>
#include <sstream>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

// The script that ends the receiver of a copy, on processes of this machine.

using namespace xen_drbd;

namespace {

pid_t spawn(std::vector<std::string> words) {
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t pid = 0;
  REQUIRE(posix_spawnp(&pid, argv.front(), nullptr, nullptr, argv.data(), environ) == 0);
  return pid;
}

int status_of(pid_t pid) {
  int status = 0;
  REQUIRE(waitpid(pid, &status, 0) == pid);
  return status;
}

/// A process that lives for a minute unless it is ended, and is cleared away as soon as it has.
class Sleeper {
public:
  Sleeper()
      : pid(spawn({"sleep", "60"})), reaper_([this] {
          waitpid(pid, &status_, 0);
          over_ = true;
        }) {}
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;
  ~Sleeper() { end(SIGKILL); }

  /// The signal that ended it; `last` is sent first, for one that lives.
  int end(int last) {
    if (reaper_.joinable()) {
      if (!over_) kill(pid, last);
      reaper_.join();
    }
    return WTERMSIG(status_);
  }
  [[nodiscard]] std::string start_time() const {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::ostringstream text;
    text << file.rdbuf();
    std::istringstream fields(text.str().substr(text.str().rfind(')') + 1));
    std::string field;
    for (int number = 3; number <= 22; ++number) fields >> field;
    return field;
  }

  const pid_t pid;

private:
  int status_ = 0;
  std::atomic<bool> over_{false};
  std::thread reaper_;
};

/// What ends the receiver of samba whose record holds `text`.
int end_receiver(const std::optional<std::string>& text) {
  std::string folder = (std::filesystem::temp_directory_path() / "receiver-XXXXXX").string();
  REQUIRE(mkdtemp(folder.data()) != nullptr);
  if (text) std::ofstream(folder + "/receive-samba") << *text;
  const int status = status_of(spawn(engine::end_receiver_command(folder, *DomainName::parse("samba")).argv));
  std::filesystem::remove_all(folder);
  return status;
}

} // namespace

TEST_CASE("The receiver that was recorded is ended") {
  Sleeper receiver;
  CHECK(end_receiver(std::to_string(receiver.pid) + " " + receiver.start_time() + "\n") == 0);
  CHECK(receiver.end(SIGKILL) == SIGTERM);
}

TEST_CASE("A later process with the pid of a receiver is left alone") {
  Sleeper stranger;
  CHECK(end_receiver(std::to_string(stranger.pid) + " 1\n") == 0);
  CHECK(end_receiver(std::to_string(stranger.pid) + "\n") == 0);
  CHECK(stranger.end(SIGKILL) == SIGKILL);
}

TEST_CASE("A receiver that was never recorded, or has gone, needs no end") {
  CHECK(end_receiver(std::nullopt) == 0);
  CHECK(end_receiver("") == 0);
  pid_t gone = 0;
  {
    const Sleeper receiver;
    gone = receiver.pid;
  }
  CHECK(end_receiver(std::to_string(gone) + " 12345\n") == 0);
}
