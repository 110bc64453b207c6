#include "xen_drbd/drbd/path.hpp"

#include "xen_drbd/base/text.hpp"

#include "answer.hpp"

#include <algorithm>
#include <deque>

namespace xen_drbd::drbd {
namespace {

/// The path with every link of the table followed, component by component; nothing for a relative path or a loop.
std::optional<std::string> follow(std::string_view path, const std::map<std::string, std::string>& links) {
  constexpr int most_hops = 40; // as many as Linux follows
  if (!path.starts_with('/')) return std::nullopt;
  std::deque<std::string> pending;
  for (auto part : split(path, '/')) pending.emplace_back(part);
  std::vector<std::string> done;
  for (int hops = 0; !pending.empty();) {
    std::string part = std::move(pending.front());
    pending.pop_front();
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (!done.empty()) done.pop_back();
      continue;
    }
    done.push_back(std::move(part));
    std::string here;
    for (const auto& name : done) here.append("/").append(name);
    const auto link = links.find(here);
    if (link == links.end()) continue;
    if (++hops > most_hops) return std::nullopt;
    if (link->second.starts_with('/'))
      done.clear();
    else
      done.pop_back();
    const auto parts = split(link->second, '/');
    pending.insert(pending.begin(), parts.begin(), parts.end());
  }
  std::string whole;
  for (const auto& name : done) whole.append("/").append(name);
  return whole;
}

std::optional<Minor> minor_of_device(std::string_view path) {
  constexpr std::string_view device = "/dev/drbd";
  if (!path.starts_with(device)) return std::nullopt;
  path.remove_prefix(device.size());
  if (path.size() > 1 && path.starts_with('0')) return std::nullopt;
  return read_minor(path);
}

/// What the configuration says of "RES", whose only volume is meant, or "RES/VOL".
std::optional<Minor> minor_of_resource(std::string_view text, const std::vector<model::ResourceConfig>& configs) {
  const auto parts = split(text, '/');
  if (parts.size() > 2) return std::nullopt;
  for (const auto& config : configs) {
    if (config.name.str() != parts[0]) continue;
    if (parts.size() == 1)
      return config.volumes.size() == 1 ? std::optional(config.volumes.front().minor) : std::nullopt;
    const auto wanted = number<unsigned>(parts[1]);
    for (const auto& volume : config.volumes)
      if (wanted == volume.number) return volume.minor;
  }
  return std::nullopt;
}

bool is_block_drbd(std::string_view script) {
  return script.substr(std::min(script.size(), script.find_last_of('/') + 1)) == "block-drbd";
}

} // namespace

std::optional<Minor> resolve_disk_path(const model::ConfigReport::ConfigDisk& disk,
                                       const std::map<std::string, std::string>& links,
                                       const std::vector<model::ResourceConfig>& configs) {
  constexpr std::string_view prefix = "drbd:";
  constexpr std::string_view by_resource = "/dev/drbd/by-res/";
  const std::string_view path = disk.path;
  if (path.starts_with(prefix)) return minor_of_resource(path.substr(prefix.size()), configs);
  if (is_block_drbd(disk.script)) return minor_of_resource(path, configs);

  const auto target = follow(path, links);
  const auto linked = target ? minor_of_device(*target) : std::nullopt;
  if (!path.starts_with(by_resource)) return linked;
  const auto configured = minor_of_resource(path.substr(by_resource.size()), configs);
  if (linked && configured && *linked != *configured) return std::nullopt;
  return linked ? linked : configured;
}

} // namespace xen_drbd::drbd
