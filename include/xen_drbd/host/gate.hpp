#pragma once
// The other end of what a host says over SSH: what a node whose peer holds a restricted key lets in. All pure.

#include "xen_drbd/base/result.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xen_drbd::host {

/// The remote command that starts the worker.
[[nodiscard]] std::string worker_command(const std::vector<std::string>& shell);
/// What a gate starts instead: the worker that it has itself.
[[nodiscard]] std::vector<std::string> worker_argv(std::vector<std::string> shell = {"sh"});

/// A command that is held open, and the line that is printed before its own output.
struct HeldCommand {
  std::string mark;
  std::vector<std::string> argv;
  bool operator==(const HeldCommand&) const = default;
};
/// The remote command that holds one open.
[[nodiscard]] std::string held_command(const HeldCommand& command);
/// The inverse: nothing unless held_command would make exactly this text.
[[nodiscard]] std::optional<HeldCommand> parse_held_command(std::string_view text);

/// What the gate says of a question about another topology file than the one that the key is for; a run that hears it
/// knows the way out.
inline constexpr std::string_view another_topology = "it is let in for another topology than ";
/// The refusal of everything that the key is not for.
[[nodiscard]] Error not_permitted(std::string because);

/// The lines that a host sends to a worker, checked one by one.
/// Safety: a line passes only if it is, byte for byte, the line that this version would send for its words, so that the
/// worker's sh reads nothing else than was checked here.
class WorkerLines {
public:
  using Permits = std::function<bool(const std::vector<std::string>& argv)>;
  /// `permits` is asked for every command, questions and changing ones alike.
  WorkerLines(std::string run_directory, Permits permits);

  /// The next line, without its newline. Fails: ErrorKind::refused with why.
  [[nodiscard]] Result<> check(std::string_view line);

private:
  [[nodiscard]] Result<> check_first(const std::vector<std::string>& words) const;
  [[nodiscard]] Result<> check_change(std::string_view how) const;
  [[nodiscard]] Result<> check_command(const std::string& command_line) const;

  std::string run_directory_;
  Permits permits_;
  bool first_ = true;
};

} // namespace xen_drbd::host
