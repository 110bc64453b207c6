#pragma once

#include "xen_drbd/engine/cluster.hpp"

#include "inbox.hpp"

#include <atomic>
#include <map>
#include <thread>

namespace xen_drbd::engine {

/// The tool's end of the control socket on one node: a relay held open there, one conversation for each migrating
/// domain. While it lives every transport that it knows hears a beat every 2 s.
class Relay {
public:
  /// Fails: ErrorKind::refused when there is no xen-drbd on the node that serves the socket.
  static Result<std::shared_ptr<Relay>> open(const Cluster& cluster, model::NodeId node, const std::string& run,
                                             Clock& clock);
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  /// Whether the relay itself has ended; it serves no one any more.
  [[nodiscard]] bool ended() const { return ended_; }
  /// From now on what the transport of this domain says goes to `inbox`. Before `xl migrate` is started.
  void expect(const DomainName& domain, std::shared_ptr<Inbox> inbox);
  /// Nobody speaks with the transport of this domain any more: it gets no more beats, and one that still comes is told
  /// to end.
  void forget(const DomainName& domain);
  /// Fails when there is no transport of that domain (yet, or any more).
  Result<> say(const DomainName& domain, const transport::ToolMessage& message);

private:
  struct Conversation {
    std::shared_ptr<Inbox> inbox;
    std::optional<std::uint64_t> connection;
    bool gone = false;
  };

  Relay(std::unique_ptr<host::Stream> stream, Clock& clock) : stream_(std::move(stream)), clock_(clock) {}
  void serve();
  void take(const transport::RelayEvent& event);
  void take_line(const transport::RelayLine& line);
  void begin(std::uint64_t connection, const std::string& domain);
  void beat();
  static void end(Conversation& conversation);
  Conversation* of(std::uint64_t connection);

  std::unique_ptr<host::Stream> stream_;
  Clock& clock_;
  std::mutex mutex_;
  std::map<std::string, Conversation> conversations_;
  std::atomic<bool> ending_{false};
  std::atomic<bool> ended_{false};
  std::jthread server_;
};

} // namespace xen_drbd::engine
