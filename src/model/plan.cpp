#include "xen_drbd/model/plan.hpp"

#include <type_traits>

namespace xen_drbd::model {
namespace {

template <class... Bodies> struct Overloaded : Bodies... { using Bodies::operator()...; };
template <class... Bodies> Overloaded(Bodies...) -> Overloaded<Bodies...>;

} // namespace

std::string describe(const Action& action, const DomainName& domain, const Topology& topology) {
  const auto target = [&](NodeId from) { return topology.node(other(from)).migration_address.str(); };
  const std::string& name = domain.str();
  return std::visit(
      Overloaded{
          [](const Promote& step) { return "drbdadm primary " + step.resource.str(); },
          [](const Demote& step) { return "drbdadm secondary " + step.resource.str(); },
          [](const Create& step) { return "xl create " + step.config; },
          [](const OpenWindow& step) {
            return "drbdadm net-options --allow-two-primaries=yes " + step.resource.str() + " on both nodes";
          },
          [](const CloseWindow& step) {
            return "drbdadm net-options --allow-two-primaries=no " + step.resource.str() + " on both nodes";
          },
          [&](const CopyMemory& step) {
            return "xl migrate " + name + " " + target(step.from) + ", up to its last record";
          },
          [&](const HandOver&) { return "let xl migrate end: " + name + " changes sides"; },
          [&](const MigratePlain& step) { return "xl migrate " + name + " " + target(step.from) + " over plain ssh"; },
          [&](const Shutdown& step) {
            return "xl shutdown " + name + ", at most " + xen_drbd::to_string(step.timeout) +
                   (step.destroy_after ? ", then xl destroy" : "");
          },
          [](const Destroy& step) { return "xl destroy " + step.row; },
          [&](const Unpause&) { return "xl unpause " + name; },
          [](const Resume& step) { return "xl resume " + step.row; },
          [&](const EndReceiver&) { return "end the xl migrate-receive of " + name; },
          [](const Reconnect& step) {
            return "drbdadm connect --discard-my-data " + step.resource.str() + ", then connect on the other node";
          },
          [](const Connect& step) { return "drbdadm connect " + step.resource.str() + " on both nodes"; },
          [&](const RemoveRecord&) { return "rm /var/lib/xen-drbd/" + name + ".migration"; },
      },
      action);
}

std::string_view name_of(const Action& action) {
  return std::visit(Overloaded{
                        [](const Promote&) { return "promote"; },
                        [](const Demote&) { return "demote"; },
                        [](const Create&) { return "create"; },
                        [](const OpenWindow&) { return "open-window"; },
                        [](const CloseWindow&) { return "close-window"; },
                        [](const CopyMemory&) { return "copy-memory"; },
                        [](const HandOver&) { return "hand-over"; },
                        [](const MigratePlain&) { return "migrate-plain"; },
                        [](const Shutdown&) { return "shutdown"; },
                        [](const Destroy&) { return "destroy"; },
                        [](const Unpause&) { return "unpause"; },
                        [](const Resume&) { return "resume"; },
                        [](const EndReceiver&) { return "end-receiver"; },
                        [](const Reconnect&) { return "reconnect"; },
                        [](const Connect&) { return "connect"; },
                        [](const RemoveRecord&) { return "remove-record"; },
                    },
                    action);
}

NodeId node_of(const Action& action, NodeId this_node) {
  return std::visit(
      [&](const auto& step) -> NodeId {
        if constexpr (requires { step.node; })
          return step.node;
        else if constexpr (requires { step.from; })
          return step.from;
        else if constexpr (requires { step.discard_on; })
          return step.discard_on;
        else
          return this_node;
      },
      action);
}

} // namespace xen_drbd::model
