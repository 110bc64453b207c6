#pragma once
// Runs the scripts of the adapters with a real sh, in a directory of their own with made-up programs first on PATH.

#include "xen_drbd/base/quote.hpp"
#include "xen_drbd/host/host.hpp"

#include "support/data_file.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <sys/wait.h>

namespace xen_drbd::test {

class Workshop {
public:
  Workshop() {
    std::string pattern = std::filesystem::temp_directory_path() / "xen-drbd-test-XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary directory");
    path_ = pattern;
    std::filesystem::create_directory(path_ + "/bin");
  }
  ~Workshop() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Workshop(const Workshop&) = delete;
  Workshop& operator=(const Workshop&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }

  std::string file(const std::string& name, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(path_ + "/" + name).parent_path());
    std::ofstream(path_ + "/" + name, std::ios::binary) << text;
    return path_ + "/" + name;
  }

  /// A program on PATH, as a sh script.
  void program(const std::string& name, const std::string& body) {
    const std::string where = file("bin/" + name, "#!/bin/sh\n" + body);
    std::filesystem::permissions(where, std::filesystem::perms::owner_all);
  }

  /// Replaces a fixed path in the script of a `sh -c` command by one below this directory.
  [[nodiscard]] host::Command moved(host::Command command, const std::string& from, const std::string& to) const {
    std::string& script = command.argv.at(2);
    for (std::size_t at = script.find(from); at != script.npos; at = script.find(from, at + path_.size() + to.size()))
      script.replace(at, from.size(), path_ + to);
    return command;
  }

  /// Only the programs made here and the system's own are on PATH.
  [[nodiscard]] host::Outcome run(const host::Command& command) const {
    const std::string line = "PATH=" + shell_quote(path_ + "/bin:/usr/bin:/bin") + " " + shell_join(command.argv) +
                             " >" + shell_quote(path_ + "/.out") + " 2>" + shell_quote(path_ + "/.err") + " </dev/null";
    const int status = std::system(line.c_str());
    host::Outcome outcome{.end = WIFEXITED(status) ? host::End::exited : host::End::signalled,
                          .status = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status),
                          .out = read_file(path_ + "/.out"),
                          .err = read_file(path_ + "/.err"),
                          .lost_because = {}};
    return outcome;
  }

private:
  std::string path_;
};

} // namespace xen_drbd::test
