#pragma once

#include "session.hpp"

#include <optional>
#include <string>

namespace xen_drbd::cli {

// The leaving mark of this node (rule 5.10): a file that `evacuate` sets, and that the other node reads.

/// The path of the leaving mark of this node (rule 5.10).
[[nodiscard]] std::string leaving_mark(const Session& session);
/// Which evacuation has set this node's mark: every one sets another. Nothing while the node is not leaving.
[[nodiscard]] std::optional<std::string> leaving_by(const Session& session);
/// Sets the leaving mark anew, and keeps the older one by, or takes both away. Fails: when /run/xen-drbd cannot be
/// written.
[[nodiscard]] Result<> set_leaving(Session& session, bool leaving);

/// Takes the mark back that this run has set, unless another evacuation has set its own since. Where this node was
/// leaving already when the run began, the mark of then is there again. Accident: shown possible: an evacuation that
/// was interrupted while it waited for the lock said that nothing was changed, the node went on leaving, and the boot
/// script gave up starting its domains. Fails: when /run/xen-drbd cannot be written.
[[nodiscard]] Result<> take_leaving_back(const Session& session);

/// Whether this node is leaving, by an evacuation that is older than what was asked for: the one that was there when
/// the run began. With XEN_DRBD_UNLESS_LEAVING in the environment only the one that is named there, as leaving_by()
/// names it: what the boot script tries again was asked for when it began, and an evacuation since then is newer.
[[nodiscard]] bool leaves_as_before(const Session& session);

/// Takes the mark away for a command that brings domains here, if it is that of an older evacuation. One that was typed
/// since is newer than that command, which is refused. Accident: shown possible: a start waited half an hour for the
/// lock, took away the mark of an evacuation that had meanwhile said that the node was empty, and started its guests on
/// a node whose power was about to go. To be asked with the lock: an evacuation sets its mark before it waits for that.
[[nodiscard]] Result<> end_leaving(const Session& session);

} // namespace xen_drbd::cli
