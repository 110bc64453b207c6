#!/usr/bin/env python3
"""How long xen-drbd takes on the real pair beside the same done by hand, and how long a disk has two Primaries.

All in one run, because the emulated nodes are as fast as the machine of the day; so the ratios are what counts. By hand
means: what an administrator types on node 1, with ssh to the other node; "bare" is xl alone, as if disks needed nothing.
Each figure is the median of --times runs (default 3).
"""

import argparse
import signal
import statistics
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "scenarios")]
import lab_world    # noqa: E402
from lab import LabError    # noqa: E402

PEER = "ssh -o BatchMode=yes mirror"
WINDOW = "drbdadm net-options --allow-two-primaries={0} dns && " + PEER + " drbdadm net-options --allow-two-primaries={0} dns"
CREATE = "xl create -q /etc/xen/dns.cfg"
MIGRATE = "xl migrate dns mirror"
STATUS_BY_HAND = f"xl list && {PEER} xl list && drbdadm status && {PEER} drbdadm status"
START_BY_HAND = f"xl list && {PEER} xl list && drbdadm status dns && drbdadm primary dns && {CREATE}"
MIGRATE_BY_HAND = (f"xl list && {PEER} xl list && drbdadm status dns && {WINDOW.format('yes')} && {PEER} drbdadm primary dns"
                   f" && {MIGRATE} && drbdadm secondary dns && {WINDOW.format('no')}")
EVENTS = "exec drbdsetup events2 --timestamps dns > /tmp/events"


def seconds(world, command):
    """How long a command takes on node 1, by the node's own clock; it must succeed."""
    done = world.on(1, ["bash", "-c", f"a=$EPOCHREALTIME; {{ {command}; }} > /tmp/figure 2>&1; c=$?; "
                                      "echo $c $a $EPOCHREALTIME"], timeout=120, check=True)
    code, begin, end = done.stdout.split()
    if code != "0":
        raise LabError(f"{command}: exit {code}\n{world.read(1, '/tmp/figure')}")
    return float(end) - float(begin)


def stopped(world):
    """dns runs nowhere, and its disk is Secondary."""
    for node in (1, 2):
        world.on(node, "! xl domid dns 2> /dev/null || xl destroy dns", check=True)
        world.wait_for(lambda node=node: world.rows(node) == {}, 30, "dns to be gone")
        world.wait_for(lambda node=node: world.on(node, ["drbdadm", "secondary", "dns"]).ok, 30, "its disk")


def running(world):
    stopped(world)
    world.start_by_hand(1, "dns")
    world.goes_on(1, "dns")


def nothing(_world):
    pass


def primary(world):
    stopped(world)
    world.on(1, ["drbdadm", "primary", "dns"], check=True)


def both_primary(world):
    running(world)
    world.open_window("dns")
    world.on(2, ["drbdadm", "primary", "dns"], check=True)


def closed(world):
    """After a bare migration: as xen-drbd would leave it."""
    stopped(world)
    for node in (1, 2):
        world.on(node, ["drbdadm", "net-options", "--allow-two-primaries=no", "dns"], check=True)


# (what, who, what must be so before, the command, what is done afterwards)
MEASURED = [
    ("status", "xen-drbd", nothing, "xen-drbd status", nothing),
    ("status", "by hand", nothing, STATUS_BY_HAND, nothing),
    ("status", "bare", nothing, f"xl list && {PEER} xl list", nothing),
    ("start", "xen-drbd", stopped, "xen-drbd start dns", nothing),
    ("start", "by hand", stopped, START_BY_HAND, nothing),
    ("start", "bare", primary, CREATE, nothing),
    ("migrate-out", "xen-drbd", running, "xen-drbd migrate-out dns", nothing),
    ("migrate-out", "by hand", running, MIGRATE_BY_HAND, nothing),
    ("migrate-out", "bare", both_primary, MIGRATE, closed),
]


def measured(world, before, command, after):
    before(world)
    took = seconds(world, command)
    after(world)
    return took


def both_primaries_for(world, command):
    """For how many seconds both nodes were Primary while a command ran on node 1, by the events of DRBD on node 2."""
    running(world)
    world.on(2, ["rm", "-f", "/tmp/events"], check=True)    # of the time before
    with world.running(2, EVENTS) as events:
        world.wait_for(lambda: world.on(2, "grep -q 'exists -' /tmp/events").ok, 30, "the events")
        seconds(world, command)
        both = world.wait_for(lambda: overlap(world.read(2, "/tmp/events")), 10,
                              "events of DRBD on node 2 that tell of two Primaries and of their end")
        events.send_signal(signal.SIGTERM)
    return both


def overlap(events):
    """The seconds with two Primaries in what `drbdsetup events2 --timestamps` printed on one node; None if there were never
    two, or there still are: a migration is not told whole."""
    own = peer = "Secondary"
    since, total = None, 0.0
    for line in events.splitlines():
        stamp, _, rest = line.partition(" ")
        words = rest.split()
        role = next((word.removeprefix("role:") for word in words if word.startswith("role:")), None)
        if role is None or len(words) < 2:
            continue
        own, peer = (role, peer) if words[1] == "resource" else (own, role)
        both = own == peer == "Primary"
        now = instant(stamp)
        if both and since is None:
            since = now
        elif not both and since is not None:
            total, since = total + now - since, None
    return total if total and since is None else None


def instant(stamp):
    """2026-01-02T03:04:05.678901+00:00, as seconds of its day."""
    hours, minutes, rest = stamp.split("T")[1].split(":")[:3]
    return int(hours) * 3600 + int(minutes) * 60 + float(rest.partition("+")[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=3)
    times = parser.parse_args().times
    with lab_world.real() as world:
        took = {}
        for what, who, before, command, after in MEASURED:
            runs = [measured(world, before, command, after) for _ in range(times)]
            took[what, who] = statistics.median(runs)
            ratio = took[what, "xen-drbd"] / took[what, who]
            print(f"{what:12} {who:9} {took[what, who]:6.2f} s   xen-drbd takes {ratio:.2f} times that", flush=True)
        for who, command in (("by the transport", "xen-drbd migrate-out dns"),
                             ("promoted before the copy (--plain-ssh)", "xen-drbd migrate-out dns --plain-ssh")):
            print(f"two Primaries, {who}: {both_primaries_for(world, command):.2f} s", flush=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (AssertionError, LabError) as error:
        sys.exit(f"figures.py: {error}")
