#pragma once
// DRBD's configuration files, as far as pairs of nodes need them: /etc/drbd.conf with its includes, else
// /etc/drbd.d/global_common.conf and /etc/drbd.d/*.res.
// Source: man drbd.conf; captured `drbdadm dump`.

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace sim {

/// Options of one section in the order of the file.
using Options = std::vector<std::pair<std::string, std::string>>;

struct ConfigVolume {
  int number = 0;
  bool implicit = true; ///< not written as `volume N { }`
  int minor = -1;
  std::string device;
  std::string disk;
  std::string meta_disk = "internal";
};

struct ConfigHost {
  std::string name;
  std::string family = "ipv4";
  std::string address;
  std::string port;
  int node_id = -1;
  std::vector<ConfigVolume> volumes;
};

struct ConfigResource {
  std::string name;
  std::string file;
  int line = 1;
  std::vector<ConfigHost> hosts;
  std::map<std::string, Options> sections; ///< net, disk, startup, options, handlers
};

struct DrbdConfig {
  Options global;
  std::map<std::string, Options> common;
  std::vector<std::string> common_order;
  std::vector<ConfigResource> resources;
  std::string error; ///< what drbdadm prints when a file cannot be parsed
};

/// Reads the configuration of this node.
[[nodiscard]] DrbdConfig load_drbd_config();

[[nodiscard]] const ConfigHost* host_named(const ConfigResource& resource, const std::string& name);
[[nodiscard]] const ConfigHost* host_other_than(const ConfigResource& resource, const std::string& name);

/// An option with the resource's own value before the common one; empty if it is set nowhere.
[[nodiscard]] std::string option_of(const DrbdConfig& config, const ConfigResource& resource,
                                    const std::string& section, const std::string& option);

/// All options of a section: the common ones, overridden and extended by the resource's.
[[nodiscard]] Options merged_options(const DrbdConfig& config, const ConfigResource& resource,
                                     const std::string& section);

} // namespace sim
