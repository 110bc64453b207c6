#pragma once

#include <string_view>

namespace xen_drbd::host {

/// The worker: the POSIX sh program (dash, bash, busybox) that runs on a node for the life of one run. It is passed as
/// the argument of `sh -c`, so nothing is installed there.
///
/// Its first line of input says what it needs: FRAME BEAT RUN_DIRECTORY OWN_DIRECTORY TICK. The tokens come that way,
/// not as arguments, because /proc shows arguments to every user and a known token could be forged in an output.
/// Each later line is shell words:
///
///     beat ID                            answered at once
///     ask ID TIMEOUT COMMAND ...         questions, one after the other, each killed after TIMEOUT
///     act ID COMMAND                     a changing command; keeps the lock until it has ended, is never killed
///     lock ID HOLDER, unlock ID          the lock, without waiting
///
/// It answers with notes, single lines `BEAT VERB ID ...` that may stand anywhere in its output, and with captured
/// output, `FRAME out ID N` or `FRAME err ID N`, then bytes, then `FRAME cut`, which only notes can interrupt.
/// What stands outside of both (a login shell's greeting) means nothing.
extern const std::string_view worker_script;

} // namespace xen_drbd::host
