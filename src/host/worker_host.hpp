#pragma once

#include "xen_drbd/host/connect.hpp"

#include "exchange.hpp"

#include <thread>

namespace xen_drbd::host {

/// A host whose worker is behind a link, of either kind.
class WorkerHost final : public Host {
public:
  /// Opens the link and the worker on a thread of its own. When that takes longer than `timeout` (a name server or an
  /// SSH agent that hangs cannot be interrupted), the thread is left behind, and ends when it can.
  [[nodiscard]] static Result<std::unique_ptr<Host>> open(std::string name, const Settings& settings,
                                                          const Tuning& tuning, Exchange::OpenLink open_link,
                                                          Milliseconds timeout);
  ~WorkerHost() override;

  [[nodiscard]] const std::string& name() const override { return exchange_->name(); }
  std::vector<Outcome> ask(const std::vector<Command>& questions) override;
  Outcome act(const Command& command) override;
  Result<std::unique_ptr<Stream>> hold(const std::vector<std::string>& argv) override;
  Result<std::optional<LockHolder>> try_lock(const std::string& holder) override;
  void unlock() override;
  [[nodiscard]] bool answered_within(Milliseconds age) const override { return exchange_->answered_within(age); }
  [[nodiscard]] std::optional<Error> lost() const override { return exchange_->lost(); }

  WorkerHost(std::shared_ptr<Exchange> exchange, std::thread thread)
      : exchange_(std::move(exchange)), thread_(std::move(thread)) {}

private:
  std::shared_ptr<Exchange> exchange_;
  std::thread thread_;
};

/// `open_local` and `open_ssh` with other times of the heartbeat or another shell.
[[nodiscard]] Result<std::unique_ptr<Host>> open_local_tuned(std::string name, const Settings& settings,
                                                             const Tuning& tuning);
[[nodiscard]] Result<VerifiedPeer> open_ssh_tuned(const model::Node& node, const model::SshSettings& ssh,
                                                  const Settings& settings, const Tuning& tuning);

} // namespace xen_drbd::host
