#pragma once

#include "xen_drbd/base/units.hpp"

#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace xen_drbd::model {

/// What only `check` asks of a node, beyond a look (NodeState). No rule about a domain reads it.
struct NodeFacts {
  struct Autostart {
    std::string name; ///< of the domain, as the file has it
    std::string file; ///< below /etc/xen/auto
    bool operator==(const Autostart&) const = default;
  };
  /// By how much a clock is ahead of this node's (negative: behind): the true value lies between the two.
  struct ClockOffset {
    Milliseconds least{0};
    Milliseconds most{0};
    bool operator==(const ClockOffset&) const = default;
  };

  /// Who may change a file: its owner, and the bits of its mode.
  struct Rights {
    unsigned owner = 0;
    unsigned mode = 0;
    bool operator==(const Rights&) const = default;
  };

  std::optional<Rights> topology_file; ///< of the file that a run on that node reads; nothing: there is none
  /// Names and addresses of both nodes -> the addresses they resolve to here; none: it does not resolve.
  std::map<std::string, std::vector<std::string>> names;
  /// Addresses of the other node -> why the ssh of a migration does not get in there; empty: it does.
  std::map<std::string, std::string> logins;
  std::map<std::string, bool> devices; ///< network devices that exist, of those asked for -> whether it is a bridge
  std::vector<Autostart> autostarts;   ///< what xendomains starts at boot
  bool xendomains = false;             ///< the service is enabled
  std::string xendomains_save;         ///< its XENDOMAINS_SAVE; empty: it saves nothing at shutdown
  std::string autoballoon;             ///< as xl.conf has it; empty: not set, which is "auto"
  bool sendpage = false;               ///< DRBD gives a guest's own pages to TCP: disable_sendpage is N
  bool drbd_at_boot = false;           ///< an enabled service brings DRBD up, or the enabled xen-drbd pulls one in
  bool boot_script = false;            ///< the service xen-drbd is enabled
  std::string boot_state;              ///< what `systemctl is-active` says of it; empty: systemd does not run there
  std::set<std::string> boot_after;    ///< services it is ordered after, without ".service"
  std::optional<ClockOffset> clock;    ///< nothing for this node, whose clock is the measure
  bool operator==(const NodeFacts&) const = default;
};

/// By NodeId; nothing for a node that could not be asked.
using FactsOfBoth = std::array<std::optional<NodeFacts>, 2>;

} // namespace xen_drbd::model
