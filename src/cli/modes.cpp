#include "modes.hpp"

#include "xen_drbd/transport/run.hpp"

#include "completion.hpp"
#include "gate.hpp"
#include "output.hpp"
#include "wait.hpp"

#include <fmt/format.h>
#include <map>

namespace xen_drbd::cli {
namespace {

constexpr int wrong_usage = 2;

int transport_mode(const std::vector<std::string>& arguments) {
  if (arguments.size() < 7 || arguments[1] != "--run-directory") {
    fmt::print(stderr,
               "usage: xen-drbd transport --run-directory DIRECTORY RUN DOMAIN HOST WORDS... (xl migrate starts it)\n");
    return wrong_usage;
  }
  transport::TransportArguments wanted;
  wanted.run_directory = arguments[2];
  wanted.run = arguments[3];
  wanted.domain = arguments[4];
  wanted.host = arguments[5];
  wanted.words.assign(arguments.begin() + 6, arguments.end());
  return transport::run_transport(wanted);
}

int relay_mode(const std::vector<std::string>& arguments) {
  if (arguments.size() != 3) {
    fmt::print(stderr, "usage: xen-drbd relay RUN DIRECTORY (a run of xen-drbd starts it)\n");
    return wrong_usage;
  }
  transport::RelayArguments wanted;
  wanted.run = arguments[1];
  wanted.run_directory = arguments[2];
  return transport::run_relay(wanted);
}

int wait_mode(const std::vector<std::string>& arguments) {
  if (arguments.size() == 2) return run_wait(arguments[1]);
  fmt::print(stderr, "usage: xen-drbd wait-for-peer DURATION (the boot scripts start it)\n");
  return wrong_usage;
}

int completion_mode(const std::vector<std::string>& arguments) {
  static const std::map<std::string_view, Shell> shells{
      {"bash", Shell::bash}, {"zsh", Shell::zsh}, {"fish", Shell::fish}};
  const auto shell = arguments.size() == 2 ? shells.find(arguments[1]) : shells.end();
  if (shell == shells.end()) {
    fmt::print(stderr, "usage: xen-drbd completion bash|zsh|fish\n");
    return wrong_usage;
  }
  write_answer(completion_script(completion_tree(), shell->second));
  return finish_answer(0);
}

int complete_mode(const std::vector<std::string>& arguments) {
  if (arguments.size() > 1) write_answer(completion_names(arguments[1], {arguments.begin() + 2, arguments.end()}));
  return 0;
}

} // namespace

std::optional<int> run_mode(const std::vector<std::string>& arguments) {
  if (arguments.empty()) return std::nullopt;
  if (arguments.front() == "transport") return transport_mode(arguments);
  if (arguments.front() == "relay") return relay_mode(arguments);
  if (arguments.front() == "wait-for-peer") return wait_mode(arguments);
  if (arguments.front() == "completion") return completion_mode(arguments);
  if (arguments.front() == "__complete") return complete_mode(arguments);
  if (arguments.front() == "ssh-gate") return run_gate(arguments);
  return std::nullopt;
}

} // namespace xen_drbd::cli
