#pragma once

#include "xen_drbd/engine/cluster.hpp"
#include "xen_drbd/transport/protocol.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

namespace xen_drbd::engine {

/// The tool's end of the control socket on one node: a relay held open there, one conversation for each migrating domain.
/// While it lives every transport that it knows hears a beat every 2 s.
class Relay {
public:
  /// What a conversation brought: a message, or that the transport is gone, or neither within the time.
  struct Heard {
    std::optional<transport::TransportMessage> message;
    bool gone = false;
  };

  static Result<std::shared_ptr<Relay>> open(const Cluster& cluster, model::NodeId node, const std::string& run);
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  /// From now on the transport of this domain is listened to. Before `xl migrate` is started.
  void expect(const DomainName& domain);
  /// The next message of its transport. Nothing within `timeout`, or ever again: `gone`.
  Heard listen(const DomainName& domain, Milliseconds timeout);
  /// Fails when there is no transport of that domain (yet, or any more).
  Result<> say(const DomainName& domain, const transport::ToolMessage& message);

private:
  struct Conversation {
    std::optional<std::uint64_t> connection;
    std::deque<transport::TransportMessage> heard;
    bool gone = false;
  };

  explicit Relay(std::unique_ptr<host::Stream> stream) : stream_(std::move(stream)) {}
  void serve();
  void take(const transport::RelayEvent& event);
  void take_line(const transport::RelayLine& line);
  void beat();
  Conversation* of(std::uint64_t connection);

  std::unique_ptr<host::Stream> stream_;
  std::mutex mutex_;
  std::condition_variable news_;
  std::map<std::string, Conversation> conversations_;
  std::atomic<bool> ending_{false};
  std::jthread server_;
};

} // namespace xen_drbd::engine
