#include "xen_drbd/host/gate.hpp"

#include "xen_drbd/base/quote.hpp"
#include "xen_drbd/base/text.hpp"

#include "wire.hpp"
#include "worker_script.hpp"

#include <utility>

namespace xen_drbd::host {
namespace {

bool only(std::string_view text, std::string_view allowed) {
  return !text.empty() && text.find_first_not_of(allowed) == text.npos;
}
bool is_token(std::string_view text) { return text.size() == 32 && only(text, "0123456789abcdef"); }
bool is_number(std::string_view text) { return only(text, "0123456789"); }
bool is_duration(std::string_view text) { return only(text, "0123456789.") && text.size() < 16; }

std::vector<std::string> held_argv(const HeldCommand& command) {
  // the same search path as in the worker
  std::vector<std::string> words{
      "sh", "-c", "PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin; echo " + command.mark + "; exec \"$@\"", "sh"};
  words.insert(words.end(), command.argv.begin(), command.argv.end());
  return words;
}

} // namespace

Error not_permitted(std::string because) {
  return {.kind = ErrorKind::refused,
          .what = "not permitted to this key",
          .because = std::move(because),
          .while_doing = {},
          .changed = Changed::no,
          .hint = {}};
}

std::vector<std::string> worker_argv(std::vector<std::string> shell) {
  shell.emplace_back("-c");
  shell.emplace_back(worker_script);
  return shell;
}

std::string worker_command(const std::vector<std::string>& shell) { return "exec " + shell_join(worker_argv(shell)); }

std::string held_command(const HeldCommand& command) { return "exec " + shell_join(held_argv(command)); }

std::optional<HeldCommand> parse_held_command(std::string_view text) {
  const auto words = shell_split(text);
  constexpr std::size_t before_command = 5; // exec sh -c SCRIPT sh
  if (!words || words->size() <= before_command) return std::nullopt;
  const std::string& script = (*words)[3];
  const std::size_t echo = script.find("echo ");
  if (echo == std::string::npos) return std::nullopt;
  HeldCommand command{.mark = script.substr(echo + 5, 32), .argv = {words->begin() + before_command, words->end()}};
  if (!is_token(command.mark) || held_command(command) != text) return std::nullopt;
  return command;
}

WorkerLines::WorkerLines(std::string run_directory, Permits permits)
    : run_directory_(std::move(run_directory)), permits_(std::move(permits)) {}

Result<> WorkerLines::check(std::string_view line) {
  const auto words = shell_split(line, "\"$nl\"");
  if (!words || wire_line(*words) != std::string(line) + '\n')
    return not_permitted("a line that xen-drbd does not send: " + printable(line.substr(0, 200)));
  if (std::exchange(first_, false)) return check_first(*words);
  const std::string& verb = words->front();
  if (words->size() < 2 || !is_number((*words)[1])) return not_permitted("'" + printable(verb) + "' without a number");
  if ((verb == "beat" || verb == "unlock") && words->size() == 2) return {};
  if (verb == "lock" && words->size() == 3) return {};
  if (verb == "act" && words->size() == 3) return check_change((*words)[2]);
  if (verb != "ask" || words->size() % 2 != 0)
    return not_permitted("'" + printable(verb) + "' is no word of the worker's");
  for (std::size_t at = 2; at < words->size(); at += 2) {
    if (!is_duration((*words)[at])) return not_permitted("'" + printable((*words)[at]) + "' is no time");
    XEN_DRBD_CHECK(check_command((*words)[at + 1]));
  }
  return {};
}

Result<> WorkerLines::check_first(const std::vector<std::string>& words) const {
  constexpr std::string_view own = "worker.";
  if (words.size() == 5 && is_token(words[0]) && is_token(words[1]) && words[2] == run_directory_ &&
      words[3].starts_with(own) && is_token(std::string_view(words[3]).substr(own.size())) && is_duration(words[4]))
    return {};
  return not_permitted("not the first line of a run of xen-drbd");
}

Result<> WorkerLines::check_change(std::string_view how) const {
  for (const std::string_view word : {"exec ", "scope "})
    if (how.starts_with(word)) return check_command(std::string(how.substr(word.size())));
  return not_permitted("a change that is neither exec nor scope: " + printable(how.substr(0, 200)));
}

Result<> WorkerLines::check_command(const std::string& command_line) const {
  const auto argv = shell_split(command_line, "\"$nl\"");
  if (!argv)
    return not_permitted("a command line that xen-drbd does not send: " + printable(command_line.substr(0, 200)));
  std::string again = wire_line(*argv);
  again.pop_back();
  const bool permitted = again == command_line && permits_(*argv);
  if (!permitted && argv->size() == 3 && (*argv)[0] == "cat") // a run asks so for its topology file and nothing else
    return not_permitted(std::string(another_topology) + printable((*argv)[2]));
  if (!permitted) return not_permitted("the command " + printable(shell_join(*argv).substr(0, 200)));
  return {};
}

} // namespace xen_drbd::host
