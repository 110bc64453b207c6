#include "xen_drbd/engine/observe.hpp"
#include "xen_drbd/xen/act.hpp"
#include "xen_drbd/xen/look.hpp"

#include "actions.hpp"
#include "commands.hpp"
#include "proof.hpp"

#include <algorithm>

namespace xen_drbd::engine {
namespace {

using model::DomainPresence;
using model::DomainRow;
using model::NodeId;
using model::Presence;

constexpr Milliseconds xl_look_interval{300};
constexpr Milliseconds clearing_patience{5000}; // what xl's watcher takes to clear a domain away that has shut down
constexpr Milliseconds xl_quick{60'000};
constexpr Milliseconds telling_patience{20'000}; // how long what was done is looked for where xl does not tell

/// Ends the one process that a far command recorded: $1 the record ("PID STARTTIME"). A later process with that pid has
/// another start time (field 22 of /proc/PID/stat) and is left alone. One that stands still dies of the signal once it
/// is continued, before it does anything else.
constexpr const char* end_receiver_script = R"sh(
[ -s "$1" ] || exit 0
read -r pid start < "$1" || exit 0
stat=$(cat "/proc/$pid/stat" 2> /dev/null) || exit 0
set -- "$1" ${stat##*)}
[ "${21}" = "$start" ] || exit 0
kill -TERM "$pid" && kill -CONT "$pid"
for i in 1 2 3 4 5 6 7 8 9 10; do
  [ -e "/proc/$pid/stat" ] || exit 0
  sleep 0.5
done
echo "process $pid did not end" >&2
exit 1
)sh";

bool executes(const DomainRow& row) { return !row.shut_down && !row.paused && !row.dying; }

/// Looks at what was changed on a node, again while it is not `told`: on a busy node xl may be late, and what is done
/// is done. A node that is lost is not waited for. Accident: a look that took longer than its 10 s, right after the
/// create, was an unknown outcome (the lab).
template <class Look, class Told>
auto look_until(const Cluster& cluster, NodeId node, Clock& clock, const Look& look, const Told& told) {
  const auto deadline = clock.now() + telling_patience;
  auto seen = look();
  for (; !told(seen) && clock.now() < deadline; seen = look()) {
    const host::Host* host = cluster.host(node);
    if (host == nullptr || host->lost()) break;
    clock.sleep(xl_look_interval);
  }
  return seen;
}

DomainPresence look_after_change(const Cluster& cluster, NodeId node, const DomainName& domain, Clock& clock) {
  return look_until(
      cluster, node, clock, [&] { return presence_of(domain, observe_domains(cluster, node)); },
      [](const DomainPresence& found) { return found.presence != Presence::unknown; });
}

} // namespace

host::Command end_receiver_command(const std::string& run_directory, const DomainName& domain) {
  return {{"sh", "-c", end_receiver_script, "sh", run_directory + "/receive-" + domain.str()}, Milliseconds(15'000)};
}

host::Command rename_command(const std::string& row, const DomainName& domain) {
  return {{"xl", "rename", row, domain.str()}, xl_quick};
}

Result<> Actions::disks_are_open(NodeId node, bool runs) {
  const auto not_told = [&](std::string because) {
    return not_known("whether " + domain_.str() + " has its disks on " + cluster_.name(node) + " cannot be told",
                     std::move(because), "on " + cluster_.name(node) + ": xl block-list " + domain_.str());
  };
  host::Host* host = cluster_.host(node);
  if (host == nullptr) return not_told("there is no connection to " + cluster_.name(node));
  const auto devices = look_until(
      cluster_, node, clock_,
      [&] { return xen::parse_block_list(host->ask({xen::block_list_command(domain_)}).front()); },
      [](const auto& read) { return read.has_value(); });
  if (!devices) return not_told(devices.error().because);
  for (const xen::BlockDevice& device : *devices)
    if (xen::is_closed(device))
      return failed(
          domain_.str() + (runs ? " runs on " : " is paused on ") + cluster_.name(node) + " without a disk",
          "its block device " + std::to_string(device.vdev) + " is closed (" + device.backend_path + ")",
          "see that its DRBD is Primary there; then on " + cluster_.name(node) + ": xl destroy " + domain_.str() +
              (runs ? "; xen-drbd start " + domain_.str() : "; xen-drbd recover " + domain_.str() + " --yes"));
  return {};
}

/// Accident: shown possible: an xl list that hung between the promotion and the create made an unknown outcome of a
/// start that had created nothing, and its disk stayed Primary.
Result<> Actions::absent_so_far(const std::vector<NodeId>& nodes, Milliseconds patience) {
  auto absent = prove_absent(cluster_, domain_, nodes, patience, clock_);
  if (absent || absent.error().kind != ErrorKind::unknown) return absent;
  Error error = std::move(absent).error();
  error.kind = ErrorKind::refused;
  return error;
}

/// The plan judged a file by its bytes: its name, its disks. Long may have passed since: other domains, a pause.
Result<> Actions::config_is_unchanged(const model::Create& step) {
  if (step.sha256.empty()) return {};
  const auto changed = [&](const std::string& because) {
    return Error{.kind = ErrorKind::refused,
                 .what = domain_.str() + " was not started on " + cluster_.name(step.node),
                 .because = because,
                 .while_doing = {},
                 .changed = Changed::no,
                 .hint = "repeat: the configuration is then looked at anew"};
  };
  const std::vector<xen::ConfigQuestion> questions{{domain_, {step.config}}};
  const auto answers = cluster_.host(step.node)->ask({xen::config_command(questions, xen::Reading::hash_only)});
  const auto reports = xen::parse_configs(answers.front(), questions);
  if (!reports) return changed(step.config + " could not be read once more: " + reports.error().because);
  if (reports->at(domain_).sha256 == step.sha256) return {};
  return changed(step.config + " has changed since it was looked at");
}

Result<> Actions::perform(const model::Create& step) {
  std::vector<NodeId> nodes;
  for (const NodeId node : model::both_nodes)
    if (cluster_.host(node) != nullptr || !execution_.peer_is_dead) nodes.push_back(node);
  XEN_DRBD_CHECK(config_is_unchanged(step));
  XEN_DRBD_CHECK(absent_so_far(nodes));
  // last: where watchers cannot be listed the proof takes long enough for an evacuation to begin and to end
  XEN_DRBD_CHECK(may_arrive_on(cluster_, step.node, execution_.left_before));
  XEN_DRBD_CHECK(in_command(step.node));
  host::Command command = xen::create_command(step.config);
  command.timeout = execution_.create_timeout;
  return started(step, act(step.node, command));
}

/// What came of `xl create`: what is seen decides, as soon as xl has ended.
Result<> Actions::started(const model::Create& step, const host::Outcome& outcome) {
  const std::string& node = cluster_.name(step.node);
  const bool ended = outcome.end == host::End::exited || outcome.end == host::End::signalled;
  const DomainPresence found = look_after_change(cluster_, step.node, domain_, clock_);
  if (!ended || found.presence == Presence::unknown)
    return not_known("whether " + domain_.str() + " was started on " + node + " is not known",
                     ended ? found.why : "xl create: " + host::describe(outcome),
                     "look with xen-drbd status, then run xen-drbd recover " + domain_.str());
  if (found.presence == Presence::running && outcome.ok()) return disks_are_open(step.node, true);
  if (outcome.ok())
    return failed(domain_.str() + " did not stay up on " + node,
                  "xl create succeeded, and now it is " + std::string(to_string(found.presence)),
                  "see /var/log/xen/xl-" + domain_.str() + ".log and its console log on " + node);
  if (found.presence != Presence::absent)
    return failed(domain_.str() + " is on " + node + ", but xl create failed",
                  xen::explain(outcome) + "; it is " + std::string(to_string(found.presence)),
                  "before it is started again, on " + node + ": xl list, and xl destroy " + domain_.str() +
                      " where it is listed");
  return failed(domain_.str() + " was not started on " + node, xen::explain(outcome),
                "correct the cause: on " + node + ", `xl create -n " + step.config +
                    "` checks the file, and /var/log/xen/xl-" + domain_.str() + ".log may tell more; then on " + node +
                    ": xen-drbd start " + domain_.str());
}

Result<> Actions::perform(const model::Shutdown& step) {
  XEN_DRBD_CHECK(in_command(step.node));
  const host::Outcome asked = act(step.node, xen::shutdown_command(domain_));
  const bool refused = asked.end == host::End::exited && !asked.ok();
  const auto begin = clock_.now();
  auto cleared_away_until = begin;
  for (;;) {
    const model::Observation observed = observe_domains(cluster_, step.node);
    if (std::holds_alternative<model::Unreachable>(observed)) return not_shut_down(step, observed);
    const DomainPresence found = presence_of(domain_, observed);
    if (found.presence == Presence::absent)
      return found.watchers_known ? Result<>() : prove_absent(cluster_, domain_, {step.node}, Milliseconds(0), clock_);
    const auto now = clock_.now();
    // powered off, and nobody is there to clear it away: it would hold its disks for ever
    const bool left_behind = found.presence == Presence::shut_down && !found.has_watcher && found.watchers_known;
    if (!left_behind) cleared_away_until = now;
    if (!step.only_ask && now - cleared_away_until >= clearing_patience) return end_after_shutdown(step.node);
    const bool in_vain = refused && found.presence == Presence::running && now - begin >= clearing_patience;
    const auto patience = step.timeout + (found.presence == Presence::shut_down ? xl_quick : Milliseconds(0));
    if (now - begin >= patience || in_vain) {
      if (step.destroy_after) return end_after_shutdown(step.node);
      return in_vain ? failed(domain_.str() + " was not shut down on " + cluster_.name(step.node), xen::explain(asked),
                              "repeat with --destroy to end it without asking the guest")
                     : not_shut_down(step, observed);
    }
    clock_.sleep(xl_look_interval);
  }
}

Error Actions::not_shut_down(const model::Shutdown& step, const model::Observation& observed) const {
  const std::string& node = cluster_.name(step.node);
  const DomainPresence found = presence_of(domain_, observed);
  if (found.presence == Presence::unknown)
    return not_known("whether " + domain_.str() + " has shut down on " + node + " is not known", found.why,
                     "on " + node + ": xl list");
  const model::Domain* declared = cluster_.topology->find(domain_);
  const bool hurried = declared != nullptr && step.timeout < declared->shutdown_timeout;
  return failed(domain_.str() + " did not shut down on " + node,
                "it was asked, and after " + xen_drbd::to_string(step.timeout) + " it is " +
                    std::string(to_string(found.presence)),
                std::string("look at its console, wait longer (") + (hurried ? "--deadline" : "shutdown_timeout") +
                    "), or repeat with --destroy");
}

/// What would not go by itself is destroyed; its watcher sees that and ends. One that reboots at that moment has no row
/// for two seconds and then another one: it is destroyed once it is back.
Result<> Actions::end_after_shutdown(NodeId node) {
  const auto deadline = clock_.now() + clearing_patience;
  for (;;) {
    XEN_DRBD_TRY(const std::optional<DomainRow> row, find_row(node, domain_.str()));
    if (row) XEN_DRBD_CHECK(destroy(node, *row));
    auto gone = prove_absent(cluster_, domain_, {node}, Milliseconds(0), clock_);
    if (gone) return {};
    if (clock_.now() >= deadline)
      return failed(domain_.str() + " did not stay down on " + cluster_.name(node), gone.error().because,
                    "look with xen-drbd status, then repeat");
    clock_.sleep(xl_look_interval);
  }
}

Result<std::optional<DomainRow>> Actions::find_row(NodeId node, const std::string& name) {
  const model::Observation observed = observe_domains(cluster_, node);
  if (const auto* gone = std::get_if<model::Unreachable>(&observed)) return gone->error;
  const auto& state = std::get<model::NodeState>(observed);
  if (!state.rows)
    return not_known("whether " + name + " is on " + cluster_.name(node) + " cannot be told", state.rows_problem,
                     "on " + cluster_.name(node) + ": xl list");
  const auto found =
      std::find_if(state.rows->begin(), state.rows->end(), [&](const DomainRow& row) { return row.name == name; });
  return found == state.rows->end() ? std::nullopt : std::optional(*found);
}

Result<> Actions::perform(const model::Destroy& step) {
  XEN_DRBD_TRY(const std::optional<DomainRow> row, find_row(step.node, step.row));
  if (!row) return {};
  // under the domain's own name only what has stopped is destroyed: a paused one may be on its way up
  if (executes(*row) || (step.row == domain_.str() && !row->shut_down && !row->dying))
    return Error{.kind = ErrorKind::refused,
                 .what = step.row + " was not destroyed on " + cluster_.name(step.node),
                 .because = "it " + std::string(executes(*row) ? "runs" : "is paused") + " on " +
                            cluster_.name(step.node) + " now",
                 .while_doing = {},
                 .changed = Changed::no,
                 .hint = "look with xen-drbd status"};
  if (step.for_create) XEN_DRBD_CHECK(may_be_created_in_place(*step.for_create));
  return destroy(step.node, *row);
}

/// What the create will be refused for is asked before what stands in its place is destroyed.
Result<> Actions::may_be_created_in_place(const model::Create& step) {
  XEN_DRBD_CHECK(config_is_unchanged(step));
  if (cluster_.host(other(step.node)) != nullptr || !execution_.peer_is_dead)
    XEN_DRBD_CHECK(absent_so_far({other(step.node)}));
  return may_arrive_on(cluster_, step.node, execution_.left_before);
}

Result<> Actions::destroy(NodeId node, const DomainRow& row) {
  XEN_DRBD_CHECK(in_command(node));
  XEN_DRBD_TRY(const host::Command command, xen::destroy_command(row.name));
  const host::Outcome outcome = act(node, command);
  const auto deadline = clock_.now() + execution_.demote_patience;
  for (;;) {
    const model::Observation seen = observe_domains(cluster_, node);
    const auto* state = std::get_if<model::NodeState>(&seen);
    const bool read = state != nullptr && state->rows;
    // by its domid: a dying domain loses its name first, and still holds its disks
    const auto is_it = [&](const DomainRow& each) { return each.domid == row.domid; };
    if (read && std::none_of(state->rows->begin(), state->rows->end(), is_it)) return {};
    const std::string look = "on " + cluster_.name(node) + ": xl list";
    if (state == nullptr || (!read && clock_.now() >= deadline))
      return not_known("whether " + row.name + " was destroyed on " + cluster_.name(node) + " is not known",
                       state == nullptr ? std::get<model::Unreachable>(seen).error.because : state->rows_problem, look);
    if (clock_.now() >= deadline)
      return failed(row.name + " was not destroyed on " + cluster_.name(node),
                    outcome.ok() ? "domid " + std::to_string(row.domid) + " is still listed" : xen::explain(outcome),
                    look);
    clock_.sleep(xl_look_interval);
  }
}

/// Nothing of the domain can execute there: it is absent, or only the copy that a migration leaves at its source, which
/// stays suspended unless somebody resumes it.
Result<> Actions::cannot_run_on(NodeId node) {
  const DomainPresence found = presence_of(domain_, observe_domains(cluster_, node));
  if (found.presence == Presence::migrated_away && found.rows.size() == 1 && found.rows.front().shut_down) return {};
  return absent_so_far({node}, clearing_patience);
}

Result<> Actions::seen_running(NodeId node, const std::string& done, const host::Outcome& outcome) {
  const DomainPresence found = look_after_change(cluster_, node, domain_, clock_);
  const std::string look = "on " + cluster_.name(node) + ": xl list";
  if (found.presence == Presence::running) return {};
  if (found.presence == Presence::unknown)
    return not_known("whether " + domain_.str() + " was " + done + " on " + cluster_.name(node) + " is not known",
                     found.why, look);
  return failed(domain_.str() + " was not " + done + " on " + cluster_.name(node),
                outcome.ok() ? "it is " + std::string(to_string(found.presence)) : xen::explain(outcome), look);
}

Result<> Actions::perform(const model::Unpause& step) {
  XEN_DRBD_CHECK(cannot_run_on(other(step.node)));
  // while the copy at the source is still there: what has no disk must not run, and must not be all that is left
  XEN_DRBD_CHECK(disks_are_open(step.node, false));
  XEN_DRBD_CHECK(in_command(step.node));
  XEN_DRBD_CHECK(disks_are_as_they_were(step.node, step.written,
                                        domain_.str() + " was not unpaused on " + cluster_.name(step.node)));
  const host::Outcome outcome = act(step.node, xen::unpause_command(domain_));
  return seen_running(step.node, "unpaused", outcome);
}

Result<> Actions::perform(const model::Resume& step) {
  if (!execution_.peer_is_dead) XEN_DRBD_CHECK(absent_so_far({other(step.node)}, clearing_patience));
  XEN_DRBD_CHECK(in_command(step.node));
  const std::string& node = cluster_.name(step.node);
  XEN_DRBD_CHECK(disks_are_as_they_were(step.node, step.written, step.row + " was not resumed on " + node));
  if (step.row != domain_.str()) { // xl resume does not give a source copy its name back
    const host::Outcome renamed = act(step.node, rename_command(step.row, domain_));
    if (!renamed.ok())
      return failed(step.row + " was not resumed on " + node, "it was not renamed: " + xen::explain(renamed),
                    "on " + node + ": xl rename " + step.row + " " + domain_.str() + "; then repeat");
  }
  XEN_DRBD_TRY(const host::Command command, xen::resume_command(domain_.str()));
  XEN_DRBD_CHECK(seen_running(step.node, "resumed", act(step.node, command)));
  return disks_are_open(step.node, true);
}

Result<> Actions::perform(const model::EndReceiver& step) {
  XEN_DRBD_CHECK(in_command(step.node));
  const host::Outcome outcome = act(step.node, end_receiver_command(cluster_.run_directory, domain_));
  if (outcome.ok()) return {};
  return failed("the receiver of " + domain_.str() + " did not end on " + cluster_.name(step.node),
                host::describe(outcome), "look for xl migrate-receive among its processes");
}

} // namespace xen_drbd::engine
