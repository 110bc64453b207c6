#pragma once

#include "xen_drbd/model/state.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace xen_drbd::model {

// The actions of a plan. Each is one thing that an administrator could type; `execute` knows how to do it and what it
// must prove at the last moment (rule 5.2, 5.4, 5.5): a plan cannot leave the proof out.

/// `drbdadm primary RESOURCE`; verified by reading the role back.
struct Promote {
  NodeId node{};
  ResourceName resource;
  bool beside_source = false; ///< a migration: the other node is Primary still; else it must be Secondary
  bool operator==(const Promote&) const = default;
};
/// `drbdadm secondary RESOURCE`, only where the domain is proved absent; retried while the device is held open.
struct Demote {
  NodeId node{};
  ResourceName resource;
  bool operator==(const Demote&) const = default;
};
/// `xl create CONFIG`, after proof of absence on both nodes; then the domain and its disks are looked at.
struct Create {
  NodeId node{};
  std::string config;
  std::string sha256 = {}; ///< of its bytes when the plan was made: another file is not what was judged
  bool operator==(const Create&) const = default;
};
/// `drbdadm net-options --allow-two-primaries=yes RESOURCE` on both nodes, read back.
struct OpenWindow {
  ResourceName resource;
  bool operator==(const OpenWindow&) const = default;
};
/// The same with `=no`. Where the link is gone and only one node allows two Primaries, on that one: DRBD never connects
/// again with settings that differ.
struct CloseWindow {
  ResourceName resource;
  bool operator==(const CloseWindow&) const = default;
};
/// `xl migrate` through the transport, up to the moment when it holds the last record.
struct CopyMemory {
  NodeId from{};
  bool operator==(const CopyMemory&) const = default;
};
/// The last record is released, "ready" is passed on, the domain changes sides; then both nodes are looked at.
struct HandOver {
  NodeId from{};
  bool operator==(const HandOver&) const = default;
};
/// `xl migrate` over plain ssh, from start to end (--plain-ssh: the target was promoted before).
struct MigratePlain {
  NodeId from{};
  bool operator==(const MigratePlain&) const = default;
};
/// `xl shutdown`, waited for with our own deadline; the domain is gone from the list when it succeeds.
struct Shutdown {
  NodeId node{};
  Milliseconds timeout{};
  bool destroy_after = false;
  bool only_ask = false; ///< without the lock: the question, and nothing that a guest could not do by itself
  bool operator==(const Shutdown&) const = default;
};
/// `xl destroy` of a row of that exact name (the domain's or a half-name).
struct Destroy {
  NodeId node{};
  std::string row;
  std::optional<Create> for_create = {}; ///< what is to come in its place: destroyed only if that may be created
  bool operator==(const Destroy&) const = default;
};
/// `xl unpause` of a domain that a migration brought there, if nothing was written to its disks since they were seen
/// so, and it has them.
struct Unpause {
  NodeId node{};
  std::map<Minor, std::uint64_t> written = {}; ///< to each disk, when it was looked at. Units: KiB
  bool operator==(const Unpause&) const = default;
};
/// `xl resume` (Xen 4.20 and later), if nothing was written to the disks there since they were seen so.
struct Resume {
  NodeId node{};
  std::string row;
  std::map<Minor, std::uint64_t> written; ///< to each disk, when the guest was suspended or was looked at. Units: KiB
  bool operator==(const Resume&) const = default;
};
/// End the one `xl migrate-receive` that belongs to the copy of this domain.
struct EndReceiver {
  NodeId node{};
  bool operator==(const EndReceiver&) const = default;
};
/// `drbdadm connect --discard-my-data RESOURCE` on the target and `connect` on the source (rule 5.12), once the target
/// is Secondary and has still written no more by itself than the record says, as counters tell that go on since.
struct Reconnect {
  NodeId discard_on{};
  ResourceName resource;
  std::map<Minor, std::uint64_t> own_writes; ///< of the target, by the record. Units: KiB
  std::map<Minor, std::uint64_t> received;   ///< by the target until then, by the record. Units: KiB
  bool operator==(const Reconnect&) const = default;
};

/// `drbdadm connect RESOURCE` on both nodes; nobody's data are given up: DRBD refuses a true split brain by itself.
struct Connect {
  ResourceName resource;
  bool operator==(const Connect&) const = default;
};
/// The record of an earlier migration goes (rule 5.11): what it proves is over as soon as the domain does something
/// else.
struct RemoveRecord {
  NodeId node{};
  bool operator==(const RemoveRecord&) const = default;
};

using Action = std::variant<Promote, Demote, Create, OpenWindow, CloseWindow, CopyMemory, HandOver, MigratePlain,
                            Shutdown, Destroy, Unpause, Resume, EndReceiver, Reconnect, Connect, RemoveRecord>;

/// When a step is carried out.
enum class When {
  next,       ///< only if every step of its domain before it succeeded
  on_failure, ///< only if one before it failed: undoes what this run did
  always,     ///< whatever happened before: closes the two-primaries window
};

struct Step {
  Action action;
  std::string why; ///< one clause for the reader: "its peer must not be Primary while the domain starts here"
  When when = When::next;
  bool operator==(const Step&) const = default;
};

/// What a command is to do with one domain, or why not.
enum class Verdict { start, migrate, stop, recover, already, skipped, refused };

struct DomainPlan {
  DomainName domain;
  Verdict verdict = Verdict::already;
  NodeId node{};              ///< where it ends up (start, migrate, already) or is stopped
  std::string reason;         ///< for already and skipped: one clause; for refused: error->because
  std::optional<Error> error; ///< for refused; its kind decides the exit code (refused 4, unreachable 5, failed 6)
  std::vector<Step> steps;    ///< in order
  std::vector<DomainName> waits_for; ///< domains of this plan that must run first (`after`)
  std::vector<DomainName>
      follows;           ///< domains of this plan whose steps must have ended, in any way, before (memory, order)
  Milliseconds delay{0}; ///< pause after its start before what waits for it
  std::vector<std::string> warnings; ///< to be printed whatever happens
  bool operator==(const DomainPlan&) const = default;
};

struct Plan {
  std::vector<DomainPlan> domains; ///< in the order of the topology
  std::vector<std::string> warnings;
  bool operator==(const Plan&) const = default;
};

/// The command line (or what comes nearest to it) that a step stands for, without the node: "drbdadm primary samba".
[[nodiscard]] std::string describe(const Action& action, const DomainName& domain, const Topology& topology);
/// The short word of a step in JSON plans: "promote", "create", "copy-memory", ...
[[nodiscard]] std::string_view name_of(const Action& action);
/// The node on which the step acts; for steps that act on both, the one named first in its description.
[[nodiscard]] NodeId node_of(const Action& action, NodeId this_node);

} // namespace xen_drbd::model
