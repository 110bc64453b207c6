#pragma once

#include "classify.hpp"
#include "relay.hpp"
#include "xen_drbd/engine/execute.hpp"

#include <future>

namespace xen_drbd::engine {

/// One `xl migrate` of one domain, from its first byte to its end.
///
/// xl itself is never ended. A copy that must not go on is cancelled by ending its transport: xl then sees the end of
/// its stream and resumes the guest (spec 5.7); `xl migrate` killed after the suspend would leave the guest suspended.
class Migration {
public:
  Migration(const Cluster& cluster, const DomainName& domain, model::NodeId from, const Execution& execution,
            Clock& clock, Progress& progress)
      : cluster_(cluster), domain_(domain), from_(from), execution_(execution), clock_(clock), progress_(progress) {}
  ~Migration() { abandon("the run ended"); }
  Migration(const Migration&) = delete;
  Migration& operator=(const Migration&) = delete;

  /// Copies the memory through the transport; returns when it holds the last record.
  /// Fails: after the copy was cancelled and xl has ended; the guest was looked at.
  Result<> copy(std::shared_ptr<Relay> relay);

  /// Releases the last record; at the target's "ready" asks `last_look` for the last time, then lets it pass. Returns
  /// when xl has ended and the domain was seen on the target, and not on the source.
  /// Fails: ErrorKind::failed when it runs on at the source; ErrorKind::unknown when neither can be told.
  Result<> hand_over(const std::function<Result<>()>& last_look);

  /// The whole of it over plain ssh.
  Result<> copy_plainly();

  /// Cancels what can still be cancelled and waits for xl to end. Nothing to do when it has ended.
  void abandon(const std::string& why);

  /// Whether the guest was ever given into xl's hands.
  [[nodiscard]] bool begun() const { return begun_; }
  /// Where the last look saw it.
  [[nodiscard]] const std::optional<Whereabouts>& whereabouts() const { return whereabouts_; }

private:
  void start(const std::vector<std::string>& transport);
  bool xl_ended() const;
  Result<> settle(const transport::Hello& hello);
  /// Tells the transport to end, once. False when it cannot be told.
  bool cancel(const std::string& why);
  void note(const transport::TransportMessage& message);
  /// Waits for xl to end, up to a bound: an xl that hangs is left alone and reported.
  void await_end();
  Error verdict();
  [[nodiscard]] bool interrupted() const { return execution_.stop && execution_.stop(); }
  Result<std::vector<std::string>> ssh_words(const std::string& far_command) const;
  void tell(std::string phase, std::uint64_t bytes);
  [[nodiscard]] bool out_of_time() const { return clock_.now() >= deadline_; }

  const Cluster& cluster_;
  DomainName domain_;
  model::NodeId from_;
  const Execution& execution_;
  Clock& clock_;
  Progress& progress_;
  std::shared_ptr<Relay> relay_;
  std::future<host::Outcome> xl_;
  std::optional<host::Outcome> xl_outcome_;
  std::optional<transport::Ended> ended_;
  std::optional<Whereabouts> whereabouts_;
  std::chrono::steady_clock::time_point deadline_;
  std::string cancelled_; ///< why the copy was cancelled; empty: it was not
  std::uint64_t expected_bytes_ = 0;
  std::uint64_t copied_bytes_ = 0;
  bool begun_ = false;
  bool passed_ = false;
};

} // namespace xen_drbd::engine
