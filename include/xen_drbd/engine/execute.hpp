#pragma once

#include "xen_drbd/engine/cluster.hpp"
#include "xen_drbd/model/plan.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace xen_drbd::engine {

enum class ResultKind { started, migrated, stopped, recovered, already, skipped, refused, failed, unknown };
[[nodiscard]] std::string_view to_string(ResultKind kind);

/// Whether recover has destroyed the domain and created it anew.
enum class NewStart {
  none,   ///< not tried
  done,   ///< it was created, whatever came after that
  failed, ///< it may have been destroyed, and is not known to have been created
};

/// How one domain ended.
struct DomainReport {
  DomainName domain;
  ResultKind result = ResultKind::failed;
  model::NodeId node{};       ///< where it is now, or was refused
  std::string reason;         ///< one clause; empty when all went well
  std::optional<Error> error; ///< for refused, failed, unknown; for skipped the cause's kind
  double seconds = 0;
  NewStart new_start = NewStart::none;
  std::vector<std::string> notes; ///< what else the administrator must know: a window left open, a demotion left undone
};

struct Report {
  std::vector<DomainReport> domains; ///< in the plan's order
  [[nodiscard]] const DomainReport* find(const DomainName& domain) const;
};

/// How a domain ends if every step of its plan succeeds.
[[nodiscard]] DomainReport expected(const model::DomainPlan& plan);

/// How far a migration is, from the transport.
struct MigrationProgress {
  std::string phase; ///< "copying", "last record held", "changing sides"
  std::uint64_t bytes = 0;
  std::uint64_t expected =
      0; ///< the guest's memory: an estimate for a bar; more is sent when pages are dirtied. 0: unknown
};

/// Hears what happens, from several threads, one call at a time.
class Progress {
public:
  virtual ~Progress() = default;
  virtual void step_begins(const DomainName& domain, const model::Step& step) = 0;
  virtual void step_ended(const DomainName& domain, const model::Step& step, const std::optional<Error>& error) = 0;
  virtual void migration(const DomainName& domain, const MigrationProgress& progress) = 0;
  /// An xl migrate of the domain was started, or was seen to have ended: one that hangs outlives the run.
  virtual void xl_migrate(const DomainName& domain, bool lives) = 0;
  virtual void domain_ended(const DomainReport& report) = 0;
};

struct Execution {
  unsigned jobs = 2;               ///< domains at the same time, for the pair
  bool shuts_down_at_once = false; ///< a deadline presses: no shutdown waits for one of the `jobs`
  bool peer_is_dead = false;       ///< an accepted claim of rule 5.6: absence on the peer is not looked at
  std::function<bool()> stop;      ///< true once the run was interrupted: nothing new is begun, copies are cancelled
  /// When nothing new is begun either, copies are cancelled as failed, and an xl that does not end is waited for some
  /// seconds longer only: what is left of a deadline belongs to the shutdowns. Accident: shown possible: an xl
  /// hung in the middle of its migration, and the guest that was to come after it was asked to shut down a second
  /// before the power went.
  std::optional<std::chrono::steady_clock::time_point> moves_end;
  std::function<std::optional<Error>()> still_dead; ///< asked before each promote and create of a peer_is_dead run
  std::string run_id;                               ///< random, names the control sockets
  /// Whether this node leaves by an evacuation that is older than the run: what is asked for here comes here all the
  /// same. Asked before each arrival, from several threads: an evacuation may be typed since.
  std::function<bool()> left_before;
  std::array<std::string, 2> identities; ///< of the nodes' boots, as observed: the transport checks them at its far end
  Milliseconds create_timeout{120'000};
  Milliseconds demote_patience{20'000}; ///< how long a held device is waited for
};

/// Carries the plan out: up to `jobs` domains at once, each after those it waits for (`after` and its delay) and those
/// it follows. A domain that fails holds back only those that wait for it. Every step is verified by looking.
[[nodiscard]] Report execute(const model::Plan& plan, const Cluster& cluster, const Execution& execution, Clock& clock,
                             Progress& progress);

} // namespace xen_drbd::engine
