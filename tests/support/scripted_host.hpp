#pragma once
// A host that answers given command lines with given outcomes and records what it was asked.

#include "xen_drbd/host/host.hpp"

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace xen_drbd::test {

[[nodiscard]] inline host::Outcome exited(int status, std::string out = {}, std::string err = {}) {
  return {.end = host::End::exited, .status = status, .out = std::move(out), .err = std::move(err), .lost_because = {}};
}

/// Answers come in the order in which they were given for the same argv; the last one is repeated. An argv that nobody
/// scripted is answered like a program that is not there (127), and is recorded like any other.
class ScriptedHost : public host::Host {
public:
  explicit ScriptedHost(std::string name = "dom0") : name_(std::move(name)) {}

  ScriptedHost& answer(const std::vector<std::string>& argv, host::Outcome outcome) {
    script_[argv].push_back(std::move(outcome));
    return *this;
  }

  std::vector<host::Command> asked; ///< by `ask`, in order
  std::vector<host::Command> acted; ///< by `act`, in order
  std::size_t round_trips = 0;      ///< calls of `ask`

  [[nodiscard]] const std::string& name() const override { return name_; }
  std::vector<host::Outcome> ask(const std::vector<host::Command>& questions) override {
    ++round_trips;
    std::vector<host::Outcome> answers;
    for (const auto& question : questions) {
      asked.push_back(question);
      answers.push_back(next(question.argv));
    }
    return answers;
  }
  host::Outcome act(const host::Command& command) override {
    acted.push_back(command);
    return next(command.argv);
  }
  Result<std::unique_ptr<host::Stream>> hold(const std::vector<std::string>& argv) override {
    return refusal(argv.empty() ? std::string("nothing") : argv.front());
  }
  Result<std::optional<host::LockHolder>> try_lock(const std::string&) override {
    return std::optional<host::LockHolder>{};
  }
  void unlock() override {}
  [[nodiscard]] bool answered_within(Milliseconds) const override { return true; }
  [[nodiscard]] std::optional<Error> lost() const override { return std::nullopt; }

private:
  static Error refusal(const std::string& program) {
    return Error{.kind = ErrorKind::failed,
                 .what = program + " was not started",
                 .because = "a scripted host holds no streams",
                 .while_doing = {},
                 .changed = Changed::no,
                 .hint = {}};
  }
  host::Outcome next(const std::vector<std::string>& argv) {
    auto found = script_.find(argv);
    if (found == script_.end()) return exited(127, {}, "not found");
    auto& answers = found->second;
    host::Outcome outcome = answers.front();
    if (answers.size() > 1) answers.erase(answers.begin());
    return outcome;
  }

  std::string name_;
  std::map<std::vector<std::string>, std::vector<host::Outcome>> script_;
};

} // namespace xen_drbd::test
