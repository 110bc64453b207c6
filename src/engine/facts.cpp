#include "xen_drbd/engine/facts.hpp"

#include "xen_drbd/base/text.hpp"

#include "commands.hpp"
#include "ssh_words.hpp"

#include <charconv>
#include <future>
#include <set>

namespace xen_drbd::engine {
namespace {

using model::NodeFacts;
using model::NodeId;

constexpr Milliseconds quick{10'000};

// Arguments: the topology file, names, "--", network devices. One fact a line, its free text last.
constexpr const char* facts_script = R"sh(
rights=$(stat -L -c '%u %a' -- "$1" 2>/dev/null) && echo "topology $rights"
shift
while [ "$1" != -- ]; do
  echo "name $1 $(timeout 5 getent ahosts "$1" | while read -r address _; do echo "$address"; done | sort -u | tr '\n' ' ')"
  shift
done
shift
for device; do
  about=$(ip -o -d link show dev "$device" 2>/dev/null) || continue
  case $about in
  *' bridge forward_delay '*) echo "device $device bridge" ;;
  *) echo "device $device other" ;;
  esac
done
setting() { # FILE KEY
  sed -n "s/^[[:space:]]*$2[[:space:]]*=[[:space:]]*//p" "$1" 2>/dev/null | tail -n 1 | tr -d "\"'"
}
auto=$(setting /etc/default/xendomains XENDOMAINS_AUTO)
auto=${auto%%[[:space:]]*}
for file in "${auto:-/etc/xen/auto}"/*; do
  [ -f "$file" ] || continue
  name=$(sed -n 's/^[[:space:]]*name[[:space:]]*=[[:space:]]*["'\'']\([^"'\'']*\)["'\''].*/\1/p' "$file" | head -n 1)
  echo "auto ${name:-?} $file"
done
echo "saves $(setting /etc/default/xendomains XENDOMAINS_SAVE)"
echo "autoballoon $(setting /etc/xen/xl.conf autoballoon)"
[ "$(cat /sys/module/drbd/parameters/disable_sendpage 2>/dev/null)" = N ] && echo sendpage
if [ -d /run/systemd/system ]; then
  enabled() { [ "$(systemctl is-enabled "$1" 2>/dev/null)" = enabled ]; }
  enabled xendomains.service && echo xendomains
  enabled drbd.service && echo drbd
  for unit in /etc/systemd/system/*.wants/drbd@*; do [ -L "$unit" ] && echo drbd; done
  if enabled xen-drbd.service; then
    echo boot
    [ "$(systemctl show -p LoadState --value drbd.service 2>/dev/null)" = loaded ] &&
      case " $(systemctl show -p Wants --value xen-drbd.service 2>/dev/null) " in *' drbd.service '*) echo drbd ;; esac
  fi
  echo "state $(systemctl is-active xen-drbd.service 2>/dev/null)"
  for unit in $(systemctl show -p After --value xen-drbd.service 2>/dev/null); do echo "after ${unit%.service}"; done
else
  earlier=
  for script in /etc/rc2.d/S[0-9][0-9]*; do
    name=${script##*/S??}
    case $name in
    xendomains) echo xendomains ;;
    drbd) echo drbd ;;
    xen-drbd) printf 'boot\n%s' "$earlier" ;;
    esac
    earlier="${earlier}after $name
"
  done
fi
echo end
)sh";

/// The network devices that bridges of the topology and of the guests' files need.
std::vector<std::string> devices_of(const model::Topology& topology, const model::ClusterState& state) {
  std::set<std::string> devices;
  for (const model::Bridge& bridge : topology.bridges) devices.insert(bridge.name.str());
  for (NodeId id : model::both_nodes)
    if (const model::NodeState* node = state.node(id))
      for (const auto& [domain, config] : node->configs) devices.insert(config.bridges.begin(), config.bridges.end());
  return {devices.begin(), devices.end()};
}

std::set<Address> addresses_of(const model::Node& node) { return {node.address, node.migration_address}; }

Milliseconds since_epoch() {
  return std::chrono::duration_cast<Milliseconds>(std::chrono::system_clock::now().time_since_epoch());
}

std::optional<unsigned> number(std::string_view text, int base) {
  unsigned value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (problem != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<NodeFacts::Rights> parse_rights(std::string_view owner, std::string_view mode) {
  const auto uid = number(owner, 10);
  const auto bits = number(mode, 8);
  if (!uid || !bits) return std::nullopt;
  return NodeFacts::Rights{.owner = *uid, .mode = *bits};
}

/// The last line of what ssh said: its verdict stands below warnings and banners. What is wrong with a host key,
/// unknown or changed, stands in the line above.
std::string why_not(const host::Outcome& outcome) {
  if (outcome.ok()) return {};
  auto said = lines(trimmed(outcome.err));
  if (outcome.end != host::End::exited || said.empty()) return host::describe(outcome);
  if (said.size() > 1 && trimmed(said.back()) == "Host key verification failed." &&
      said[said.size() - 2].find("ost key") != std::string_view::npos)
    said.pop_back();
  return printable(trimmed(said.back()));
}

std::optional<NodeFacts> facts_of(const Cluster& cluster, NodeId node, const std::vector<std::string>& devices) {
  host::Host* host = cluster.host(node);
  if (host == nullptr || host->lost()) return std::nullopt;
  const Milliseconds before = since_epoch();
  const host::Outcome date = host->ask({clock_command()}).front();
  const Milliseconds after = since_epoch();

  std::vector<host::Command> questions{facts_command(*cluster.topology, devices)};
  std::map<std::string, std::string> logins;
  std::vector<std::string> asked;
  for (const Address& address : addresses_of(cluster.topology->node(other(node)))) {
    auto words = ssh_words(cluster, node, address, "true");
    if (!words) {
      logins[address.str()] = words.error().because;
      continue;
    }
    // at boot there is no agent of an administrator
    if (node == cluster.this_node) words->insert(words->begin(), {"env", "-u", "SSH_AUTH_SOCK"});
    questions.push_back({*std::move(words), cluster.topology->ssh.connect_timeout * 2 + quick});
    asked.push_back(address.str());
  }
  const auto answers = host->ask(questions);
  auto facts = parse_facts(answers.front());
  if (host->lost() || !facts) return std::nullopt;
  for (std::size_t i = 0; i < asked.size(); ++i) logins[asked[i]] = why_not(answers[i + 1]);
  facts->logins = std::move(logins);
  if (node != cluster.this_node) facts->clock = clock_offset(date, before, after);
  return *std::move(facts);
}

} // namespace

host::Command clock_command() { return {{"date", "+%s.%N"}, quick}; }

host::Command facts_command(const model::Topology& topology, const std::vector<std::string>& devices) {
  std::set<std::string> names;
  for (const model::Node& node : topology.nodes) {
    names.insert(node.name.str());
    for (const Address& address : addresses_of(node)) names.insert(address.str());
  }
  host::Command command{.argv = {"sh", "-c", facts_script, "sh"}, .timeout = quick * 3};
  command.argv.push_back(topology.path);
  command.argv.insert(command.argv.end(), names.begin(), names.end());
  command.argv.emplace_back("--");
  command.argv.insert(command.argv.end(), devices.begin(), devices.end());
  return command;
}

Result<NodeFacts> parse_facts(const host::Outcome& outcome) {
  NodeFacts facts;
  bool ended = false;
  for (std::string_view line : lines(outcome.out)) {
    const auto parts = words(line);
    if (parts.empty()) continue;
    const std::string_view key = parts[0];
    const std::string first(parts.size() > 1 ? parts[1] : "");
    if (key == "name" && parts.size() > 1)
      facts.names[first] = {parts.begin() + 2, parts.end()};
    else if (key == "topology" && parts.size() == 3)
      facts.topology_file = parse_rights(parts[1], parts[2]);
    else if (key == "device" && parts.size() == 3)
      facts.devices[first] = parts[2] == "bridge";
    else if (key == "auto" && parts.size() > 2)
      facts.autostarts.push_back({first, std::string(parts[2])});
    else if (key == "saves")
      facts.xendomains_save = first;
    else if (key == "autoballoon")
      facts.autoballoon = first;
    else if (key == "xendomains")
      facts.xendomains = true;
    else if (key == "sendpage")
      facts.sendpage = true;
    else if (key == "drbd")
      facts.drbd_at_boot = true;
    else if (key == "boot")
      facts.boot_script = true;
    else if (key == "state")
      facts.boot_state = first;
    else if (key == "after")
      facts.boot_after.insert(first);
    else if (key == "end")
      ended = true;
  }
  if (outcome.ok() && ended) return facts;
  return Error{.kind = ErrorKind::failed,
               .what = "the node did not say how it is set up",
               .because = outcome.ok() ? "its answer is not whole" : host::describe(outcome),
               .while_doing = {},
               .changed = Changed::no,
               .hint = {}};
}

std::optional<NodeFacts::ClockOffset> clock_offset(const host::Outcome& outcome, Milliseconds before,
                                                   Milliseconds after) {
  const std::string_view text = trimmed(outcome.out);
  double seconds = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (!outcome.ok() || problem != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  const Milliseconds there(static_cast<std::int64_t>(seconds * 1000));
  return NodeFacts::ClockOffset{.least = there - after, .most = there - before};
}

model::FactsOfBoth gather_facts(const Cluster& cluster, const model::ClusterState& state) {
  const auto devices = devices_of(*cluster.topology, state);
  auto peer = std::async(std::launch::async, [&] { return facts_of(cluster, cluster.peer(), devices); });
  model::FactsOfBoth facts;
  facts[index(cluster.this_node)] = facts_of(cluster, cluster.this_node, devices);
  facts[index(cluster.peer())] = peer.get();
  return facts;
}

} // namespace xen_drbd::engine
