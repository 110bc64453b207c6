#pragma once

#include "xen_drbd/model/topology.hpp"

#include <string>
#include <string_view>

namespace xen_drbd::cli {

/// The options without which a command of xen-drbd would mean another topology than this run, where it is typed next,
/// on either node: "-t NAME", or "-t FILE" where no name leads to it; empty for the one that is meant without options.
/// `defaults` is the text of /etc/default/xen-drbd. XEN_DRBD_TOPOLOGY does not count: the other node has not got it.
[[nodiscard]] std::string topology_words(const model::Topology& topology, const std::string& defaults);

/// Every advice() from now on has these words behind the program's name. To be said once, before there are threads.
void advise_with(std::string words);

/// A text for the terminal or a document, printable, in which each command of xen-drbd ("xen-drbd recover samba") is
/// one that means the topology of this run. Accident: the hint of a run with `-t lan` was typed as it stood, and moved
/// the guest of that name in another topology.
[[nodiscard]] std::string advice(std::string_view text);

} // namespace xen_drbd::cli
