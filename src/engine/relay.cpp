#include "relay.hpp"

#include "xen_drbd/base/log.hpp"
#include "xen_drbd/base/text.hpp"

namespace xen_drbd::engine {
namespace {

constexpr Milliseconds beat_interval{2000};
constexpr Milliseconds relay_slice{250};
constexpr Milliseconds relay_start{10'000};

Error relay_failed(const Cluster& cluster, model::NodeId node, std::string because, std::string hint) {
  return {.kind = ErrorKind::refused,
          .what = "the migration cannot be supervised on " + cluster.name(node),
          .because = std::move(because),
          .while_doing = {"starting " + cluster.tools[index(node)] + " relay on " + cluster.name(node)},
          .changed = Changed::no,
          .hint = std::move(hint)};
}

} // namespace

Result<std::shared_ptr<Relay>> Relay::open(const Cluster& cluster, model::NodeId node, const std::string& run,
                                           Clock& clock) {
  const std::string install =
      "install the same version of xen-drbd on " + cluster.name(node) + ", or repeat with --plain-ssh";
  host::Host* host = cluster.host(node);
  if (host == nullptr) return relay_failed(cluster, node, "there is no connection to " + cluster.name(node), {});
  auto stream = host->hold({cluster.tools[index(node)], "relay", run, cluster.run_directory});
  if (!stream) return std::move(stream).error();
  const auto first = (*stream)->read_line(relay_start);
  if (!first) return relay_failed(cluster, node, "the relay said nothing", install);
  const auto event = transport::parse_relay_event(*first);
  if (event)
    if (const auto* failed = std::get_if<transport::RelayFailed>(&*event))
      return relay_failed(cluster, node, printable(failed->why), "see what is wrong with " + cluster.run_directory);
  if (!event || !std::holds_alternative<transport::RelayListening>(*event))
    return relay_failed(cluster, node, "the relay said: " + printable(*first), install);
  std::shared_ptr<Relay> relay(new Relay(std::move(*stream), clock));
  relay->server_ = std::jthread([raw = relay.get()] { raw->serve(); });
  return relay;
}

Relay::~Relay() {
  ending_ = true;
  stream_->close();
  if (server_.joinable()) server_.join();
}

void Relay::expect(const DomainName& domain, std::shared_ptr<Inbox> inbox) {
  const std::scoped_lock guard(mutex_);
  Conversation& conversation = conversations_[domain.str()];
  conversation = {.inbox = std::move(inbox), .connection = {}, .gone = false};
  if (ended_) end(conversation);
}

void Relay::forget(const DomainName& domain) {
  const std::scoped_lock guard(mutex_);
  const auto conversation = conversations_.find(domain.str());
  if (conversation == conversations_.end()) return;
  end(conversation->second);
  conversations_.erase(conversation);
}

Result<> Relay::say(const DomainName& domain, const transport::ToolMessage& message) {
  const std::scoped_lock guard(mutex_);
  const auto conversation = conversations_.find(domain.str());
  if (conversation == conversations_.end() || !conversation->second.connection || conversation->second.gone)
    return Error{.kind = ErrorKind::failed,
                 .what = "the transport of " + domain.str() + " cannot be told anything",
                 .because = "the transport of " + domain.str() + " is gone",
                 .while_doing = {},
                 .changed = Changed::yes,
                 .hint = {}};
  return stream_->write_line(transport::to_relay_line(*conversation->second.connection, message));
}

void Relay::serve() {
  auto next_beat = clock_.now() + beat_interval;
  while (!ending_) {
    if (const auto line = stream_->read_line(relay_slice)) {
      if (const auto event = transport::parse_relay_event(*line))
        take(*event);
      else
        log::warn("the relay said: " + printable(*line));
    } else if (stream_->at_end()) {
      break;
    }
    if (clock_.now() >= next_beat) {
      beat();
      next_beat = clock_.now() + beat_interval;
    }
  }
  const std::scoped_lock guard(mutex_);
  ended_ = true;
  for (auto& [domain, conversation] : conversations_) end(conversation);
}

void Relay::take(const transport::RelayEvent& event) {
  const std::scoped_lock guard(mutex_);
  if (const auto* line = std::get_if<transport::RelayLine>(&event)) take_line(*line);
  if (const auto* closed = std::get_if<transport::RelayClosed>(&event))
    if (Conversation* conversation = of(closed->connection)) end(*conversation);
}

void Relay::take_line(const transport::RelayLine& line) {
  auto message = transport::parse_transport_message(line.line);
  if (!message) {
    log::warn("a transport said what this version does not understand: " + printable(line.line));
    return;
  }
  if (const auto* hello = std::get_if<transport::Hello>(&*message)) begin(line.connection, hello->domain);
  if (Conversation* conversation = of(line.connection)) conversation->inbox->put(std::move(*message));
}

void Relay::begin(std::uint64_t connection, const std::string& domain) {
  const auto known = conversations_.find(domain);
  if (known != conversations_.end() && !known->second.connection) {
    known->second.connection = connection;
    return;
  }
  const auto sent = stream_->write_line(
      transport::to_relay_line(connection, transport::End{"nobody waits for a migration of " + printable(domain)}));
  if (!sent) log::warn(sent.error().because);
}

void Relay::beat() {
  const std::scoped_lock guard(mutex_);
  for (auto& [domain, conversation] : conversations_)
    if (conversation.connection && !conversation.gone &&
        !stream_->write_line(transport::to_relay_line(*conversation.connection, transport::Beat{})))
      end(conversation);
}

void Relay::end(Conversation& conversation) {
  conversation.gone = true;
  conversation.inbox->transport_gone();
}

Relay::Conversation* Relay::of(std::uint64_t connection) {
  for (auto& [domain, conversation] : conversations_)
    if (conversation.connection == connection) return &conversation;
  return nullptr;
}

} // namespace xen_drbd::engine
