#include "relay.hpp"

#include "xen_drbd/base/log.hpp"

#include <chrono>

namespace xen_drbd::engine {
namespace {

constexpr Milliseconds beat_interval{2000};
constexpr Milliseconds listen_slice{250};
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

Result<std::shared_ptr<Relay>> Relay::open(const Cluster& cluster, model::NodeId node, const std::string& run) {
  const std::string install = "install the same version of xen-drbd on " + cluster.name(node) + ", or repeat with --plain-ssh";
  auto stream = cluster.host(node)->hold({cluster.tools[index(node)], "relay", run, cluster.run_directory});
  if (!stream) return std::move(stream).error();
  const auto first = (*stream)->read_line(relay_start);
  if (!first) return relay_failed(cluster, node, "the relay said nothing", install);
  const auto event = transport::parse_relay_event(*first);
  if (!event) return relay_failed(cluster, node, "the relay said: " + *first, install);
  if (const auto* failed = std::get_if<transport::RelayFailed>(&*event)) return relay_failed(cluster, node, failed->why, {});
  if (!std::holds_alternative<transport::RelayListening>(*event)) return relay_failed(cluster, node, "the relay said: " + *first, install);
  std::shared_ptr<Relay> relay(new Relay(std::move(*stream)));
  relay->server_ = std::jthread([raw = relay.get()] { raw->serve(); });
  return relay;
}

Relay::~Relay() {
  ending_ = true;
  stream_->close();
  if (server_.joinable()) server_.join();
}

void Relay::expect(const DomainName& domain) {
  const std::scoped_lock guard(mutex_);
  conversations_[domain.str()] = {};
}

Relay::Heard Relay::listen(const DomainName& domain, Milliseconds timeout) {
  std::unique_lock guard(mutex_);
  Conversation& conversation = conversations_[domain.str()];
  news_.wait_for(guard, timeout, [&] { return !conversation.heard.empty() || conversation.gone; });
  if (conversation.heard.empty()) return {std::nullopt, conversation.gone};
  Heard heard{std::move(conversation.heard.front()), false};
  conversation.heard.pop_front();
  return heard;
}

Result<> Relay::say(const DomainName& domain, const transport::ToolMessage& message) {
  const std::scoped_lock guard(mutex_);
  const Conversation& conversation = conversations_[domain.str()];
  if (!conversation.connection || conversation.gone)
    return Error{.kind = ErrorKind::failed, .what = "the transport of " + domain.str() + " cannot be told anything", .because = "it is gone", .while_doing = {}, .changed = Changed::yes, .hint = {}};
  return stream_->write_line(transport::to_relay_line(*conversation.connection, message));
}

void Relay::serve() {
  auto next_beat = std::chrono::steady_clock::now() + beat_interval;
  while (!ending_) {
    if (const auto line = stream_->read_line(listen_slice)) {
      if (const auto event = transport::parse_relay_event(*line)) take(*event);
      else log::warn("the relay said: " + *line);
    } else if (stream_->at_end()) {
      break;
    }
    if (std::chrono::steady_clock::now() >= next_beat) {
      beat();
      next_beat = std::chrono::steady_clock::now() + beat_interval;
    }
  }
  const std::scoped_lock guard(mutex_);
  for (auto& [domain, conversation] : conversations_) conversation.gone = true;
  news_.notify_all();
}

void Relay::take(const transport::RelayEvent& event) {
  const std::scoped_lock guard(mutex_);
  if (const auto* line = std::get_if<transport::RelayLine>(&event)) take_line(*line);
  if (const auto* closed = std::get_if<transport::RelayClosed>(&event))
    if (Conversation* conversation = of(closed->connection)) conversation->gone = true;
  news_.notify_all();
}

void Relay::take_line(const transport::RelayLine& line) {
  auto message = transport::parse_transport_message(line.line);
  if (!message) {
    log::warn("a transport said what this version does not understand: " + line.line);
    return;
  }
  if (const auto* hello = std::get_if<transport::Hello>(&*message)) {
    const auto known = conversations_.find(hello->domain);
    if (known == conversations_.end() || known->second.connection) {
      const auto sent = stream_->write_line(transport::to_relay_line(line.connection, transport::End{"nobody waits for " + hello->domain}));
      if (!sent) log::warn(sent.error().because);
      return;
    }
    known->second.connection = line.connection;
  }
  if (Conversation* conversation = of(line.connection)) conversation->heard.push_back(std::move(*message));
}

void Relay::beat() {
  const std::scoped_lock guard(mutex_);
  for (auto& [domain, conversation] : conversations_)
    if (conversation.connection && !conversation.gone && !stream_->write_line(transport::to_relay_line(*conversation.connection, transport::Beat{})))
      conversation.gone = true;
}

Relay::Conversation* Relay::of(std::uint64_t connection) {
  for (auto& [domain, conversation] : conversations_)
    if (conversation.connection == connection) return &conversation;
  return nullptr;
}

} // namespace xen_drbd::engine
