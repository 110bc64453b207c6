#pragma once

#include "xen_drbd/engine/clock.hpp"
#include "xen_drbd/host/host.hpp"
#include "xen_drbd/transport/protocol.hpp"

#include <deque>
#include <optional>

namespace xen_drbd::engine {

/// All that a run hears of one `xl migrate`: the messages of its transport, and its end. Filled by other threads.
class Inbox {
public:
  void put(transport::TransportMessage message);
  void transport_gone();
  void xl_returned(host::Outcome outcome);

  /// The oldest message that was not taken yet. Without one, waits at most `longest` for anything new.
  std::optional<transport::TransportMessage> next(Milliseconds longest, Clock& clock);
  /// Whether the transport will say nothing more: it is gone, and everything it said was taken.
  [[nodiscard]] bool silent() const;
  /// What came of the command, once it has ended or can be followed no longer.
  [[nodiscard]] std::optional<host::Outcome> xl() const;

private:
  mutable std::mutex mutex_;
  std::condition_variable news_;
  std::deque<transport::TransportMessage> messages_;
  std::optional<host::Outcome> xl_;
  bool gone_ = false;
  bool fresh_ = false; ///< something came since `next` last returned
};

} // namespace xen_drbd::engine
