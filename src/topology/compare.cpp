#include "xen_drbd/topology/compare.hpp"

#include "xen_drbd/base/text.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <functional>
#include <span>

namespace xen_drbd::topology {
namespace {

using model::Bridge;
using model::Disk;
using model::Domain;
using model::Node;
using model::NodeId;

std::string shown(const std::string& text) { return text.empty() ? "none" : text; }
std::string shown(unsigned number) { return std::to_string(number); }
std::string shown(Milliseconds duration) { return to_string(duration); }
std::string shown(const std::vector<std::string>& words) {
  return words.empty() ? "none" : fmt::format("{}", fmt::join(words, " "));
}
template <class Grammar> std::string shown(const Name<Grammar>& name) { return name.str(); }
template <class T> std::string shown(const std::optional<T>& value) { return value ? shown(*value) : "none"; }

template <class T> std::string key_of(const T& thing) { return thing.name.str(); }
template <> std::string key_of(const Disk& disk) { return disk.link.str(); }

std::vector<std::string> sorted_names(const std::vector<DomainName>& names) {
  std::vector<std::string> words;
  for (const DomainName& name : names) words.push_back(name.str());
  std::ranges::sort(words);
  return words;
}

class Comparison {
public:
  explicit Comparison(std::string_view there) : there_(there) {}

  /// One value of both files; `where` ends with the key.
  template <class T> void value(const std::string& where, const T& here, const T& there) {
    if (here != there)
      differences_.push_back(fmt::format("{} {} here, {} on {}", where, shown(here), shown(there), there_));
  }

  /// Lists of named things: what only one has, then each that both have, then the order where it matters.
  template <class T>
  void each(const std::string& where, const std::vector<T>& here, const std::vector<T>& there, bool ordered,
            const std::function<void(const std::string&, const T&, const T&)>& compare) {
    const auto find = [](const std::vector<T>& in, const T& wanted) {
      return std::ranges::find_if(in, [&](const T& one) { return key_of(one) == key_of(wanted); });
    };
    bool same_things = here.size() == there.size();
    for (const T& ours : here) {
      const auto theirs = find(there, ours);
      const std::string named = fmt::format("{}: {}", where, key_of(ours));
      if (theirs != there.end())
        compare(named, ours, *theirs);
      else
        differences_.push_back(fmt::format("{} is here, not on {}", named, there_));
      same_things = same_things && theirs != there.end();
    }
    for (const T& theirs : there)
      if (find(here, theirs) == here.end())
        differences_.push_back(fmt::format("{}: {} is on {}, not here", where, key_of(theirs), there_));
    if (ordered && same_things) value(where + ": order", keys(here), keys(there));
  }

  std::vector<std::string> take() && { return std::move(differences_); }

private:
  template <class T> static std::vector<std::string> keys(const std::vector<T>& things) {
    std::vector<std::string> names;
    for (const T& thing : things) names.push_back(key_of(thing));
    return names;
  }

  std::string there_;
  std::vector<std::string> differences_;
};

void compare_nodes(Comparison& comparison, const model::Topology& here, const model::Topology& there) {
  for (NodeId id : model::both_nodes) {
    const std::string where = id == NodeId::node1 ? "node1: " : "node2: ";
    const Node& ours = here.node(id);
    const Node& theirs = there.node(id);
    comparison.value(where + "name", ours.name, theirs.name);
    comparison.value(where + "address", ours.address, theirs.address);
    comparison.value(where + "migration_address", ours.migration_address, theirs.migration_address);
    comparison.value(where + "fence", ours.fence, theirs.fence);
  }
}

void compare_ssh(Comparison& comparison, const model::SshSettings& here, const model::SshSettings& there) {
  comparison.value("ssh: user", here.user, there.user);
  comparison.value("ssh: port", here.port, there.port);
  comparison.value("ssh: identity_file", here.identity_file, there.identity_file);
  comparison.value("ssh: known_hosts_file", here.known_hosts_file, there.known_hosts_file);
  comparison.value("ssh: config_file", here.config_file, there.config_file);
  comparison.value("ssh: connect_timeout", here.connect_timeout, there.connect_timeout);
}

void compare_domains(Comparison& comparison, const model::Topology& here, const model::Topology& there) {
  comparison.each<Domain>(
      "domains", here.domains, there.domains, true,
      [&](const std::string& where, const Domain& ours, const Domain& theirs) {
        comparison.value(where + ": config", ours.config_candidates, theirs.config_candidates);
        comparison.each<Disk>(where + ": disks", ours.disks, theirs.disks, false,
                              [&](const std::string& disk, const Disk& our_disk, const Disk& their_disk) {
                                comparison.value(disk + ": minor", our_disk.minor.number, their_disk.minor.number);
                                comparison.value(disk + ": resource", our_disk.resource, their_disk.resource);
                              });
        comparison.value(where + ": after", sorted_names(ours.after), sorted_names(theirs.after));
        comparison.value(where + ": delay", ours.delay, theirs.delay);
        comparison.value(where + ": shutdown_timeout", ours.shutdown_timeout, theirs.shutdown_timeout);
        comparison.value("domain_home: " + where.substr(where.rfind(' ') + 1) + ":", here.node(ours.home).name,
                         there.node(theirs.home).name);
      });
}

std::vector<std::string> addresses_of(const Bridge& bridge, NodeId id) {
  const auto found = bridge.addresses.find(id);
  std::vector<std::string> addresses = found == bridge.addresses.end() ? std::vector<std::string>{} : found->second;
  std::ranges::sort(addresses);
  return addresses;
}

void compare_bridges(Comparison& comparison, const model::Topology& here, const model::Topology& there) {
  comparison.each<Bridge>("bridges", here.bridges, there.bridges, true,
                          [&](const std::string& where, const Bridge& ours, const Bridge& theirs) {
                            comparison.value(where + ": interface", ours.interface, theirs.interface);
                            comparison.value(where + ": vlan", ours.vlan, theirs.vlan);
                            for (NodeId id : model::both_nodes)
                              comparison.value(where + ": address: " + here.node(id).name.str() + ":",
                                               addresses_of(ours, id), addresses_of(theirs, id));
                            comparison.value(where + ": mtu", ours.mtu, theirs.mtu);
                          });
}

Error not_the_same(std::string what, std::string because, std::string_view there) {
  return Error{.kind = ErrorKind::refused,
               .what = std::move(what),
               .because = std::move(because),
               .while_doing = {},
               .changed = Changed::no,
               .hint = fmt::format("make the file the same on this node and on {}, but for `i_am`", there)};
}

} // namespace

std::vector<std::string> differences(const model::Topology& here, const model::Topology& there,
                                     std::string_view there_name) {
  Comparison comparison(there_name);
  compare_nodes(comparison, here, there);
  compare_ssh(comparison, here.ssh, there.ssh);
  compare_domains(comparison, here, there);
  compare_bridges(comparison, here, there);
  comparison.value("jobs", here.jobs, there.jobs);
  comparison.value("lock_wait", here.lock_wait, there.lock_wait);
  comparison.value("migrate_timeout", here.migrate_timeout, there.migrate_timeout);
  comparison.value("migrate_ssh_options", here.migrate_ssh_options, there.migrate_ssh_options);
  return std::move(comparison).take();
}

bool still_means(const model::Topology& loaded, std::string_view text_here) {
  const Parsed now = parse_topology(text_here, {"topology", "here"});
  return now && differences(loaded, *now, "here").empty();
}

Result<> same_meaning(std::string_view text_here, std::string_view text_there, std::string_view there_name) {
  constexpr std::size_t most_shown = 5;
  if (text_there.empty())
    return not_the_same(fmt::format("{} has no topology file", there_name),
                        "it is missing there, or it is empty or cannot be read", there_name);
  const Parsed here = parse_topology(text_here, {"topology", "here"});
  if (!here) return as_error("here", here.error());
  const Parsed there = parse_topology(text_there, {"topology", std::string(there_name)});
  if (!there)
    return not_the_same(fmt::format("the topology file on {} is wrong", there_name),
                        as_error(std::string(there_name), there.error()).because, there_name);
  std::vector<std::string> found = differences(*here, *there, there_name);
  if (!there->i_am.empty() && there->i_am != there_name)
    found.insert(found.begin(), fmt::format("i_am is {} on {}", there->i_am, there_name));
  if (found.empty()) return {};
  const std::size_t count = std::min(found.size(), most_shown);
  std::string because = fmt::format("{}", fmt::join(std::span(found).first(count), "\n"));
  if (count < found.size()) because += fmt::format("\nand {} more", found.size() - count);
  return not_the_same(fmt::format("the topology file on {} does not say the same as the one here", there_name),
                      std::move(because), there_name);
}

} // namespace xen_drbd::topology
