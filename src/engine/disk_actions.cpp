#include "xen_drbd/drbd/act.hpp"
#include "xen_drbd/engine/observe.hpp"

#include "actions.hpp"
#include "proof.hpp"

#include <algorithm>
#include <future>

namespace xen_drbd::engine {
namespace {

using model::Connection;
using model::NodeId;
using model::Resource;
using model::Role;
using model::TwoPrimaries;

constexpr Milliseconds drbd_interval{500};
constexpr Milliseconds reconnecting{15'000};
constexpr Milliseconds handshake{3000}; // after which DRBD has told its peer, or refused it

TwoPrimaries setting(bool open) { return open ? TwoPrimaries::yes : TwoPrimaries::no; }

std::string two_primaries_word(TwoPrimaries setting) {
  return setting == TwoPrimaries::yes ? "yes" : setting == TwoPrimaries::no ? "no" : "unknown";
}

std::string or_else(const std::string& text, const std::string& substitute) { return text.empty() ? substitute : text; }

std::string devices_of(const Resource& resource) {
  std::string devices;
  for (const model::Volume& volume : resource.volumes) devices += " /dev/drbd" + std::to_string(volume.minor.number);
  return devices;
}

std::string window_of(const ResourceName& name, bool open) {
  return "the two-primaries window of " + name.str() + " was not " + (open ? "opened" : "closed");
}

} // namespace

Result<std::optional<Resource>> Actions::find_resource(NodeId node, const ResourceName& name) {
  XEN_DRBD_TRY(const std::vector<Resource> all, observe_drbd(cluster_, node));
  const auto found = std::find_if(all.begin(), all.end(), [&](const Resource& r) { return r.name == name; });
  return found == all.end() ? std::nullopt : std::optional(*found);
}

Result<Resource> Actions::resource(NodeId node, const ResourceName& name) {
  XEN_DRBD_TRY(std::optional<Resource> found, find_resource(node, name));
  if (!found)
    return failed(name.str() + " is not up on " + cluster_.name(node),
                  "DRBD on " + cluster_.name(node) + " does not list it",
                  "on " + cluster_.name(node) + ": drbdadm up " + name.str());
  return *std::move(found);
}

Result<std::array<Resource, 2>> Actions::resource_on_both(const ResourceName& name) {
  auto second = std::async(std::launch::async, [&] { return resource(model::both_nodes[1], name); });
  auto first = resource(model::both_nodes[0], name);
  auto seen_second = second.get();
  if (!first) return std::move(first).error();
  if (!seen_second) return std::move(seen_second).error();
  return std::array{*std::move(first), *std::move(seen_second)};
}

/// The resource, once the demotion of the other node that may just have been done is known here too: DRBD tells its
/// peer of it afterwards (drbd 8.4 drbd_state.c after_state_ch).
Result<Resource> Actions::settled(const model::Promote& step) {
  const auto deadline = clock_.now() + handshake;
  for (;;) {
    XEN_DRBD_TRY(Resource seen, resource(step.node, step.resource));
    if (step.beside_source || seen.peer_role != Role::primary || clock_.now() >= deadline) return seen;
    clock_.sleep(drbd_interval);
  }
}

/// DRBD promotes a node that has lost its peer just as well, and its data may be the older (rule 5.4); and one that is
/// still fetching them from its peer. Long may have passed since the plan was made: a pause, the copy of a guest's
/// memory. Accident: found by the model: DRBD's link was cut and came back after the look, the guest was started on
/// data that were being fetched, the link was cut once more, and the guest was without its disk.
/// And where two Primaries are configured, it promotes beside a Primary. Accident: shown possible: while a start waited
/// for what it comes after, somebody promoted the disk on the peer and mounted it there.
Result<Role> Actions::may_promote(const model::Promote& step) {
  XEN_DRBD_TRY(const Resource seen, settled(step));
  const auto refused = [&](std::string because, const std::string& hint) {
    return Error{.kind = ErrorKind::refused,
                 .what = step.resource.str() + " was not promoted on " + cluster_.name(step.node),
                 .because = std::move(because),
                 .while_doing = {},
                 .changed = Changed::no,
                 .hint = hint + ", then repeat; drbdadm status " + step.resource.str() + " on both nodes says more"};
  };
  if (!execution_.peer_is_dead && seen.connection != Connection::connected)
    return refused("it is " + std::string(to_string(seen.connection)) + " there now, not Connected",
                   "mend the link of DRBD between the nodes");
  if (!execution_.peer_is_dead && !step.beside_source && seen.peer_role != Role::secondary)
    return refused("it is " + std::string(to_string(seen.peer_role)) + " on " + cluster_.name(other(step.node)) +
                       " now, not Secondary",
                   "see what uses it on " + cluster_.name(other(step.node)));
  for (const model::Volume& volume : seen.volumes) {
    const std::string device = "its /dev/drbd" + std::to_string(volume.minor.number) + " is ";
    if (volume.disk != model::DiskState::up_to_date)
      return refused(device + std::string(to_string(volume.disk)) + " there now, not UpToDate", "wait for its resync");
    if (model::receives(volume.replication))
      return refused(device + std::string(to_string(volume.replication)) + " there now", "wait for its resync");
  }
  // the plan has demoted what it found; and a recovery knows whose promotion it is
  if (seen.role == Role::primary && plan_.verdict != model::Verdict::recover)
    return refused("it is Primary there by somebody else since this run has looked",
                   "see what uses it on " + cluster_.name(step.node));
  XEN_DRBD_CHECK(in_command(step.node));
  return seen.role;
}

Result<> Actions::perform(const model::Promote& step) {
  XEN_DRBD_TRY(const Role before, may_promote(step));
  if (before == Role::primary) return {};
  promoted_.insert({step.node, step.resource});
  const host::Outcome outcome = act(step.node, drbd::primary_command(step.resource));
  XEN_DRBD_TRY(const Resource seen, resource(step.node, step.resource));
  if (seen.role == Role::primary) return {};
  return failed(step.resource.str() + " was not promoted on " + cluster_.name(step.node),
                or_else(drbd::explain(outcome).text, "its role is " + std::string(to_string(seen.role))),
                "drbdadm status " + step.resource.str() + " on both nodes says more");
}

Result<> Actions::perform(const model::Demote& step) {
  const auto deadline = clock_.now() + execution_.demote_patience;
  for (;;) {
    XEN_DRBD_TRY(const std::optional<Resource> before, find_resource(step.node, step.resource));
    if (!before || before->role == Role::secondary) return {}; // what is not up is not Primary
    const auto left = std::chrono::ceil<Milliseconds>(deadline - clock_.now());
    bool again = left.count() > 0;
    if (auto demoted = try_to_demote(step, std::max(Milliseconds(0), left), again); demoted || !again) return demoted;
    clock_.sleep(drbd_interval);
  }
}

Result<> Actions::try_to_demote(const model::Demote& step, Milliseconds patience, bool& again) {
  const bool in_time = std::exchange(again, false);
  XEN_DRBD_CHECK(prove_absent(cluster_, domain_, {step.node}, patience, clock_));
  XEN_DRBD_CHECK(in_command(step.node));
  const bool untouched = !changed_;
  const host::Outcome outcome = act(step.node, drbd::secondary_command(step.resource));
  XEN_DRBD_TRY(const std::optional<Resource> after, find_resource(step.node, step.resource));
  if (!after || after->role == Role::secondary) return {};
  const drbd::Explanation why = drbd::explain(outcome);
  again = in_time && drbd::retry_is_sensible(why.refusal);
  const bool refused = why.refusal == drbd::Refusal::held_open && untouched; // by DRBD, which then has changed nothing
  if (refused) changed_ = false;
  const std::string& node = cluster_.name(step.node);
  const std::string secondary = "drbdadm secondary " + step.resource.str();
  Error error =
      failed(step.resource.str() + " was not demoted on " + node,
             or_else(why.text, "its role is " + std::string(to_string(after->role))),
             why.refusal == drbd::Refusal::held_open ? "see what has its device open on " + node + " (fuser -v" +
                                                           devices_of(*after) + "), then " + secondary
                                                     : secondary + " on " + node + " says more");
  if (refused && plan_.verdict == model::Verdict::start) error.kind = ErrorKind::refused;
  return error;
}

Result<> Actions::may_set_window(const ResourceName& name, bool open, const std::array<Resource, 2>& seen) {
  for (const NodeId node : model::both_nodes)
    if (const Connection connection = seen[index(node)].connection; connection != Connection::connected)
      return failed(window_of(name, open),
                    cluster_.name(node) + " is " + std::string(to_string(connection)) +
                        ": settings that differ would keep DRBD from reconnecting",
                    open ? ""
                         : "once it is Connected again, any changing run of xen-drbd or xen-drbd recover closes it");
  return still_in_command(cluster_);
}

Result<> Actions::set_window_on(NodeId node, const ResourceName& name, bool open) {
  const host::Outcome outcome = act(node, drbd::two_primaries_command(name, open));
  auto seen = resource(node, name);
  if (!seen) seen = resource(node, name); // an answer that is missing here may leave the nodes unequal
  if (!seen) return std::move(seen).error();
  if (seen->two_primaries == setting(open)) return {};
  return failed(
      window_of(name, open),
      cluster_.name(node) + ": " +
          or_else(drbd::explain(outcome).text, "allow-two-primaries is " + two_primaries_word(seen->two_primaries)),
      "xen-drbd status shows it; xen-drbd recover closes it");
}

/// The peer first: it is the one that may be lost in between, and then nothing was changed here. What cannot be done on
/// both is undone: DRBD never connects again with settings that differ.
Result<> Actions::set_window(const ResourceName& name, bool open, const std::array<Resource, 2>& before) {
  XEN_DRBD_CHECK(may_set_window(name, open, before));
  XEN_DRBD_CHECK(set_window_on(cluster_.peer(), name, open));
  auto here = set_window_on(cluster_.this_node, name, open);
  if (here) return {};
  const auto seen = resource(cluster_.this_node, name);
  if (!seen || seen->two_primaries != setting(!open)) return here;
  if (auto back = set_window_on(cluster_.peer(), name, !open); !back)
    return std::move(here).error().during("making both nodes equal again: " + back.error().because);
  return here;
}

/// A plan that only closes behind its own opening has nothing to close when it came to its end before that. One that
/// begins with closing, what an earlier run left, closes in any case.
bool Actions::window_was_never_touched(const ResourceName& name) const {
  if (opened_window(name)) return false;
  for (const model::Step& step : plan_.steps) {
    if (const auto* open = std::get_if<model::OpenWindow>(&step.action); open != nullptr && open->resource == name)
      return true;
    if (const auto* close = std::get_if<model::CloseWindow>(&step.action); close != nullptr && close->resource == name)
      return false;
  }
  return false;
}

Result<> Actions::perform(const model::OpenWindow& step) {
  windows_touched_.push_back(step.resource);
  XEN_DRBD_TRY(const auto seen, resource_on_both(step.resource));
  return set_window(step.resource, true, seen);
}

Result<> Actions::perform(const model::CloseWindow& step) {
  if (window_was_never_touched(step.resource)) return {};
  auto seen = resource_on_both(step.resource);
  if (!seen) return std::move(seen).error().during("closing the two-primaries window of " + step.resource.str());
  const auto& [first, second] = *seen;
  const std::array allowed{first.two_primaries, second.two_primaries};
  if (allowed == std::array{TwoPrimaries::no, TwoPrimaries::no}) return {};
  const bool linked = first.connection == Connection::connected || second.connection == Connection::connected;
  const bool one_sided = allowed == std::array{TwoPrimaries::yes, TwoPrimaries::no} ||
                         allowed == std::array{TwoPrimaries::no, TwoPrimaries::yes};
  return one_sided && !linked ? make_equal(step.resource) : set_window(step.resource, false, *seen);
}

/// The link is gone and comes back only when both nodes have the same setting: closed, on both.
Result<> Actions::make_equal(const ResourceName& name) {
  XEN_DRBD_CHECK(still_in_command(cluster_));
  for (const NodeId node : model::both_nodes) XEN_DRBD_CHECK(set_window_on(node, name, false));
  return {};
}

Result<> Actions::may_connect(const ResourceName& name) {
  if (auto seen = resource_on_both(name); !seen) return std::move(seen).error();
  return still_in_command(cluster_);
}

/// A Secondary cannot be written by anybody: what is seen of it now holds until it connects.
Result<> Actions::wrote_nothing_since(const model::Reconnect& step) {
  XEN_DRBD_TRY(const Resource target, resource(step.discard_on, step.resource));
  const bool same = target.wrote_just(step.own_writes) && target.counts_on_since(step.received);
  if (same && target.role == Role::secondary) return {};
  return failed(step.resource.str() + " was not reconnected",
                "it is " + std::string(to_string(target.role)) + " on " + cluster_.name(step.discard_on) +
                    (same ? "" : " and was written there since the migration failed"),
                "only you can tell whose data are to be kept: see who uses the disk on " +
                    cluster_.name(step.discard_on));
}

/// Before a resume the peer is Secondary and the window closed, so nobody can write there any more; before an unpause
/// only the moment until the command is left. Accident: found by a review: somebody mounted the disk that a failed
/// migration had left Primary on its target, and wrote; the guest was resumed at its source, and its memory knew
/// nothing of that.
Result<> Actions::disks_are_as_they_were(NodeId node, const std::map<Minor, std::uint64_t>& written,
                                         const std::string& not_done) {
  if (written.empty()) return {};
  XEN_DRBD_TRY(const std::vector<Resource> all, observe_drbd(cluster_, node));
  std::size_t found = 0;
  for (const Resource& seen : all)
    for (const model::Volume& volume : seen.volumes) {
      const auto then = written.find(volume.minor);
      if (then == written.end()) continue;
      ++found;
      if (volume.written_kib != then->second)
        return failed(not_done,
                      "its /dev/drbd" + std::to_string(volume.minor.number) + " was written since it was looked at",
                      "see what writes there; what it may still do is said by xen-drbd recover " + domain_.str());
    }
  if (found == written.size()) return {};
  return failed(not_done, "not all of its disks are up there now", "look with xen-drbd status");
}

Result<> Actions::perform(const model::Reconnect& step) {
  XEN_DRBD_CHECK(may_connect(step.resource));
  XEN_DRBD_CHECK(wrote_nothing_since(step));
  host::Outcome discarding = act(step.discard_on, drbd::connect_discarding_command(step.resource));
  host::Outcome connecting = act(other(step.discard_on), drbd::connect_command(step.resource));
  return connected(step.resource, {std::move(discarding), std::move(connecting)});
}

Result<> Actions::perform(const model::Connect& step) {
  XEN_DRBD_CHECK(may_connect(step.resource));
  host::Outcome there = act(cluster_.peer(), drbd::connect_command(step.resource));
  host::Outcome here = act(cluster_.this_node, drbd::connect_command(step.resource));
  return connected(step.resource, {std::move(there), std::move(here)});
}

/// Waits until it is Connected; `asked` is what came of asking the two nodes to connect.
Result<> Actions::connected(const ResourceName& name, const std::array<host::Outcome, 2>& asked) {
  const auto begin = clock_.now();
  for (;;) {
    XEN_DRBD_TRY(const Resource seen, resource(cluster_.this_node, name));
    if (seen.connection == Connection::connected) return {};
    const bool gave_up = seen.connection == Connection::stand_alone && clock_.now() - begin >= handshake;
    if (gave_up || clock_.now() - begin >= reconnecting) {
      const std::string first = drbd::explain(asked[0]).text;
      const std::string second = drbd::explain(asked[1]).text;
      return failed(name.str() + " did not reconnect",
                    first + (first.empty() || second.empty() ? "" : "; ") +
                        or_else(second, first.empty() ? "it is " + std::string(to_string(seen.connection)) : ""),
                    "see what the kernel log says of " + name.str() +
                        " on both nodes; after a split brain only you can tell whose data are to be kept: on the node "
                        "whose data are given up, where it must not be Primary (shut its guest down first): drbdadm "
                        "disconnect " +
                        name.str() + "; drbdadm connect --discard-my-data " + name.str() +
                        "; on the other: drbdadm connect " + name.str());
    }
    clock_.sleep(drbd_interval);
  }
}

} // namespace xen_drbd::engine
