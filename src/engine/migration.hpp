#pragma once

#include "xen_drbd/engine/execute.hpp"

#include "classify.hpp"
#include "relay.hpp"

#include <functional>

namespace xen_drbd::engine {

/// One `xl migrate` of one domain, from its first byte to its end.
///
/// xl itself is never ended. A copy that must not go on is cancelled by ending its transport: xl then sees the end of
/// its stream and resumes the guest (rule 5.7); `xl migrate` killed after the suspend would leave the guest suspended.
class Migration {
public:
  Migration(const Cluster& cluster, const DomainName& domain, model::NodeId from, const Execution& execution,
            Clock& clock, Progress& progress)
      : cluster_(cluster), domain_(domain), from_(from), execution_(execution), clock_(clock), progress_(progress) {}
  ~Migration();
  Migration(const Migration&) = delete;
  Migration& operator=(const Migration&) = delete;

  /// Copies the guest's memory, `memory` of it, through the transport; returns when it holds the last record.
  /// Fails: after the copy was cancelled and xl has ended, or could be waited for no longer; the guest was looked at.
  Result<> copy(std::shared_ptr<Relay> relay, MiB memory);

  /// Releases the last record; at the target's "ready" asks `last_look` for the last time, then lets it pass. Returns
  /// when xl has ended and the domain was seen on the target, and not on the source.
  /// Fails: ErrorKind::failed when it is clear where it is; ErrorKind::unknown when that cannot be told, or xl goes on;
  /// ErrorKind::interrupted when it runs on at the source because the run was interrupted.
  Result<> hand_over(const std::function<Result<>()>& last_look);

  /// The whole of it over plain ssh. Fails: as hand_over.
  Result<> copy_plainly(MiB memory);

  /// Cancels what can still be cancelled, waits for xl to end and looks. Nothing when that was done already; else what
  /// was seen, as an error: ErrorKind::unknown when the domain may still be on its way.
  std::optional<Error> abandon(const std::string& why);

  /// What takes away the copy of a migration that is over, while its domain runs on at the source: its receiver may
  /// wait for ever behind a link that is gone, and hold the disk and with it the window.
  void clear_copies_with(std::function<void()> clear_copy) { clear_copy_ = std::move(clear_copy); }

  /// Where the last look saw it.
  [[nodiscard]] const std::optional<Whereabouts>& whereabouts() const { return whereabouts_; }

private:
  void start(const std::vector<std::string>& transport, MiB memory);
  void answer(const transport::Hello& hello);
  Result<transport::Settings> settings_for(const transport::Hello& hello) const;
  void decide(const std::function<Result<>()>& last_look);
  /// The next message that is not dealt with here; nothing when there is none now.
  std::optional<transport::TransportMessage> hear();
  /// Whether the transport has ended, xl has, or both were waited for long enough.
  [[nodiscard]] bool over() const;
  [[nodiscard]] bool xl_ended() const;
  void cancel_when_due();
  void cancel(const std::string& why, ErrorKind kind);
  void say(const transport::ToolMessage& message);
  void wait_at_most(Milliseconds duration);
  /// Waits for xl to end, up to a bound: an xl that hangs is left alone and reported. Then looks at both nodes.
  Error verdict();
  [[nodiscard]] std::string cause() const;
  [[nodiscard]] Error explained(std::string because) const;
  Result<std::vector<std::string>> ssh_words(const std::string& far_command) const;
  void tell(transport::Phase phase, std::uint64_t bytes);

  const Cluster& cluster_;
  DomainName domain_;
  model::NodeId from_;
  const Execution& execution_;
  Clock& clock_;
  Progress& progress_;
  std::shared_ptr<Relay> relay_;
  std::shared_ptr<Inbox> inbox_; ///< null until xl was started
  std::function<void()> clear_copy_;
  std::optional<transport::Ended> ended_;
  std::optional<Whereabouts> whereabouts_;
  std::chrono::steady_clock::time_point deadline_;
  std::optional<std::chrono::steady_clock::time_point> give_up_; ///< when what is under way is waited for no longer
  std::optional<ErrorKind> cancelled_;
  std::string cancelled_because_;
  std::uint64_t memory_bytes_ = 0;
  std::uint64_t copied_bytes_ = 0;
  bool passed_ = false;
};

} // namespace xen_drbd::engine
