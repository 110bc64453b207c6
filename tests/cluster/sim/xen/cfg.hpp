#pragma once
// The configuration of a guest: xl's own syntax as in /etc/xen/*.cfg, and the value it means.
// Source: man xl.cfg, man xl-disk-configuration.

#include "world/state.hpp"

#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace sim {

/// One disk of a configuration, in the words of libxl's JSON.
struct DiskSpec {
  std::string pdev_path, vdev, format = "raw", script, backendtype;
  bool readwrite = true;
  bool cdrom = false;
};

struct NicSpec {
  std::string mac, bridge, script, type, model, ip;
};

struct GuestConfig {
  std::string name, uuid, type = "pv", kernel, ramdisk, cmdline, bootloader, firmware;
  int memory = 0, maxmem = 0, vcpus = 1, maxvcpus = 1;
  std::vector<DiskSpec> disks;
  std::vector<NicSpec> nics;
  std::string on_poweroff = "destroy", on_reboot = "restart", on_watchdog = "destroy", on_crash = "destroy";
};

/// A parsed configuration, or what xl prints about it.
struct ParsedConfig {
  GuestConfig config;
  std::string error;
};

/// Parses the text of a file and the `key=value` arguments that follow it on the command line.
[[nodiscard]] ParsedConfig parse_config(const std::string& file, const std::string& text);

/// Parses one disk specification, positional or with key=value. Fails: an empty `vdev`.
[[nodiscard]] DiskSpec parse_disk(const std::string& specification);

/// The domain that this configuration describes, not yet in any list. The words `noshutdown` and
/// `shutdown_delay=SECONDS` of the guest's command line tell how it takes an `xl shutdown`.
[[nodiscard]] Domain domain_of(const GuestConfig& config);

} // namespace sim
