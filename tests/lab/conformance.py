#!/usr/bin/env python3
"""The same commands on the simulated pair and on the real one: do they print the same?   tests/lab/conformance.py

Both pairs stand as after a start: DRBD Connected and UpToDate, nothing runs. Each step is run on both, one after the
other, and its stdout, stderr and exit code are compared once numbers, times and ids are replaced (normal() of
tests/scenarios/conversations.py). For each step a line; for each difference both texts; exit 1 if there was one.
    --simulated FILE   no lab: what the simulated pair says is written to FILE
"""

import argparse
import difflib
import signal
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "scenarios")]
import conversations    # noqa: E402
import harness    # noqa: E402

# (node, command, two processes write so that the order of lines is chance)
STEPS = [
    (1, "xl list", False),
    (1, "xl list nobody", False),
    (1, "xl list 77", False),
    (1, "xl domid nobody", False),
    (1, "xl create -n -q /etc/xen/nothing.cfg", False),
    (1, "xl shutdown nobody", False),
    (1, "xl destroy nobody", False),
    (1, "xl block-list nobody", False),
    (1, "xl migrate nobody mirror", False),
    (1, "drbdadm role dns", False),
    (1, "drbdadm cstate dns", False),
    (1, "drbdadm dstate samba", False),
    (1, "drbdadm status", False),
    (1, "drbdadm role nothing", False),
    (1, "drbdadm dump nothing", False),
    (1, "drbdadm dump dns", False),
    (1, "drbdsetup status --verbose --statistics", False),
    (1, "drbdsetup status --json", False),
    (1, "drbdsetup show", False),
    (1, "drbdadm dump-xml", False),
    (1, "drbdsetup events2 --now --statistics", False),
    (2, "drbdadm disconnect mail", False),
    (2, "drbdadm cstate mail", False),
    (2, "drbdadm dstate mail", False),
    (2, "drbdadm connect mail", False),
    (1, "drbdadm primary dns", False),
    (2, "drbdadm primary dns", False),
    (2, "drbdadm status dns", False),
    (1, "drbdadm net-options --allow-two-primaries=yes dns", False),
    (2, "drbdadm net-options --allow-two-primaries=yes dns", False),
    (2, "drbdadm primary dns", False),
    (1, "drbdsetup show dns", False),
    (1, "drbdadm net-options --allow-two-primaries=no dns", False),
    (2, "drbdadm secondary dns", False),
    (1, "drbdadm net-options --allow-two-primaries=no dns", False),
    (2, "drbdadm net-options --allow-two-primaries=no dns", False),
    (1, "xl create -q /etc/xen/dns.cfg", False),
    (1, "xl list", False),
    (1, "xl domid dns", False),
    (1, "sleep 3; xl block-list dns", False),
    (1, "xl resume dns", False),
    (1, "xl create -q /etc/xen/dns.cfg", False),
    (1, "drbdadm secondary dns", False),
    (1, "xl pause dns && xl list dns", False),
    (1, "xl unpause dns", False),
    (1, "xl rename dns dns--migratedaway && xl list && xl rename dns--migratedaway dns", False),
    (2, "drbdadm net-options --allow-two-primaries=yes dns", False),
    (1, "drbdadm net-options --allow-two-primaries=yes dns", False),
    (2, "drbdadm primary dns", False),
    (1, "xl migrate dns mirror", True),
    (1, "drbdadm secondary dns", False),
    (1, "xl list", False),
    (2, "xl list", False),
    (2, "xl shutdown dns", False),
    (2, "while xl list dns > /dev/null 2>&1; do sleep 0.5; done; xl list", False),
    (2, "drbdadm role dns", False),
    (2, "xl create -q /etc/xen/dns.cfg", False),
    (2, "xl destroy dns", False),
    (2, "drbdadm secondary dns", False),
]


def spoken(world):
    """What a pair answers: [(node, command, Result), ...]."""
    return [(node, command, world.on(node, ["bash", "-c", command], timeout=120)) for node, command, _ in STEPS]


def text_of(result, either_order):
    """An answer as it is compared."""
    return (f"{conversations.normal(result.stdout)}\n--- stderr\n{conversations.normal(result.stderr, either_order)}\n"
            f"--- exit: {result.code}")


def compare(simulated, real):
    """Prints a line for each step, and what differs; returns how many steps do."""
    different = 0
    for (node, command, either_order), (_, _, one), (_, _, other) in zip(STEPS, simulated, real):
        said, should = text_of(one, either_order), text_of(other, either_order)
        print(f"{'same     ' if said == should else 'DIFFERENT'} node {node}: {command}")
        if said != should:
            different += 1
            print("\n".join(f"          {line}" for line in difflib.unified_diff(
                should.splitlines(), said.splitlines(), "real", "simulated", lineterm="", n=1)))
    print(f"{len(STEPS) - different} of {len(STEPS)} steps are the same")
    return different


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulated", metavar="FILE")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)    # no simulated node is left behind, either
    with tempfile.TemporaryDirectory() as folder, harness.simulated(f"{folder}/pair") as world:
        simulated = spoken(world)
    if arguments.simulated:
        Path(arguments.simulated).write_text("".join(
            f"[node{node}] $ {command}\n{text_of(result, False)}\n\n" for node, command, result in simulated))
        return 0
    import lab_world    # pylint: disable=import-outside-toplevel # needs pytest and the images
    with lab_world.real() as world:
        real = spoken(world)
    return 1 if compare(simulated, real) else 0


if __name__ == "__main__":
    sys.exit(main())
