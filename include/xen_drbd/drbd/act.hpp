#pragma once

#include "xen_drbd/base/names.hpp"
#include "xen_drbd/host/host.hpp"

#include <string>

namespace xen_drbd::drbd {

// The changing commands, none of them ever with --force. Their exit status does not say what the state is: look again.

/// `drbdadm primary RESOURCE`. DRBD itself tries for some 6 s before it says no.
[[nodiscard]] host::Command primary_command(const ResourceName& resource);
/// `drbdadm secondary RESOURCE`.
[[nodiscard]] host::Command secondary_command(const ResourceName& resource);
/// `drbdadm net-options --allow-two-primaries=yes|no RESOURCE`, at run time; the configuration stays as it is.
[[nodiscard]] host::Command two_primaries_command(const ResourceName& resource, bool allow);
/// `drbdadm connect RESOURCE`.
[[nodiscard]] host::Command connect_command(const ResourceName& resource);
/// `drbdadm connect --discard-my-data RESOURCE`: this node's changes since the split are thrown away (rule 5.12).
[[nodiscard]] host::Command connect_discarding_command(const ResourceName& resource);

/// Why DRBD said no.
enum class Refusal {
  none,                ///< it did not
  held_open,           ///< (-12): something has the device open. Goes away when that closes it
  two_primaries,       ///< (-1): the peer is Primary and two are not allowed
  no_good_data,        ///< (-2), (-17): neither disk here nor over there is UpToDate
  still_two_primaries, ///< (164): the option cannot be cleared while both are Primary
  already_connecting,  ///< (102), (125), (173): there is a connection already, or one is being tried
  transient,           ///< a state change is under way, or lost a race with another
  unknown_resource,    ///< not configured for this host
  not_up,              ///< configured, but not up in the kernel, or no module
  bad_configuration,   ///< drbdadm cannot read its configuration
  other,               ///< something else; `text` has DRBD's own words
  outcome_unknown,     ///< no exit status: nobody knows what happened
};
struct Explanation {
  Refusal refusal = Refusal::none;
  std::string text; ///< DRBD's sentence, one printable line: "Device is held open by someone"; empty for none
  bool operator==(const Explanation&) const = default;
};
/// What the outcome of one of the commands above means.
/// Source: drbd-utils user/shared/drbd_strings.c; exit statuses and texts captured from DRBD 8.4.11.
[[nodiscard]] Explanation explain(const host::Outcome& outcome);
/// Whether the same command may succeed a moment later without anyone's doing: held_open and transient.
[[nodiscard]] bool retry_is_sensible(Refusal refusal);

} // namespace xen_drbd::drbd
