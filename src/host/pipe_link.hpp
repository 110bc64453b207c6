#pragma once

#include "link.hpp"
#include "spawn.hpp"

#include <memory>
#include <string>
#include <vector>

namespace xen_drbd::host {

/// The link to a worker on this node: a child of our own behind pipes.
class PipeLink final : public Link {
public:
  /// Fails: ErrorKind::failed when the shell cannot be started.
  [[nodiscard]] static Result<std::unique_ptr<Link>>
  open(const std::string& name, const std::vector<std::string>& shell, std::shared_ptr<Wake> wake);
  PipeLink(std::string name, Child worker, std::shared_ptr<Wake> wake);
  ~PipeLink() override;

  void send(std::string_view bytes) override { worker_.outgoing += bytes; }
  void turn(Milliseconds at_most) override;
  [[nodiscard]] std::string take_output() override { return std::exchange(output_, {}); }
  [[nodiscard]] std::optional<std::string> ended() const override { return ended_; }
  void hold(std::shared_ptr<Conversation> conversation, const std::vector<std::string>& argv) override;
  void say_goodbye(Milliseconds at_most) override;

private:
  struct Party {
    Child child;
    std::string outgoing;
    LogLines log;
    std::shared_ptr<Conversation> conversation; ///< none for the worker
  };

  void serve(Party& party);
  void serve_held();
  [[nodiscard]] bool reap(Party& party, std::string& how);

  std::string name_;
  std::shared_ptr<Wake> wake_;
  Party worker_;
  Fd worker_gone_; ///< readable once the worker has ended: its jobs may hold its output open after it
  std::string output_;
  std::optional<std::string> ended_;
  std::vector<std::unique_ptr<Party>> held_;
  std::vector<pid_t> orphans_; ///< held commands that nobody speaks to any more and that still run
};

} // namespace xen_drbd::host
