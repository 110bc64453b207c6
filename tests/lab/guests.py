"""What the guests of the lab tell about themselves (image/guest.cpp), and what their disks tell about them."""

import re

from lab import at_once

CONSOLES = "cd /var/log/xen/console && cat guest-{0}.log guest-{0}--incoming.log 2> /dev/null; true"
BEAT = re.compile(r"^HB (\S+) (\d+) up=\d+\.\d+(.*)$", re.MULTILINE)
BOOT = re.compile(r"boot=(\d+)")
TROUBLE = "WRITE-ERROR|FOREIGN-WRITE|PATTERN-BAD|GUEST {} has no disk"
RECORD = re.compile(r"HB (\d+) (\S+) (\d+)")
# The ring begins with the ninth of 40 megabytes (image/guest.cpp), and fills from its beginning: read up to the first
# megabyte without a record.
RING = ("set -e; test -b /dev/vg0/{0}; m=8; while [ $m -lt 40 ] && t=$(dd if=/dev/vg0/{0} bs=1M skip=$m count=1 iflag=direct 2> /dev/null | "
        "tr -s '\\000' '\\n') && [ \"$t\" ]; do echo \"$t\"; m=$((m + 1)); done")


def console(world, node, name):
    """Everything a guest has said on a node; under the name that its domain had while it arrived, too."""
    return world.on(node, CONSOLES.format(name), check=True).stdout.replace("\r", "")


def last_beat(world, node, name):
    """How far a guest had counted when it was last heard on a node; 0 if it never was."""
    return max(counts(console(world, node, name), name), default=0)


def counts(said, name):
    """The counts of a guest in what a console says; a stranger there is not it."""
    return {int(count) for who, count, _ in BEAT.findall(said) if who == name}


def boots(world, name, nodes):
    """How often a guest has booted, by what it said on these nodes."""
    said = "".join(at_once(lambda node: console(world, node, name), nodes))
    return max((int(boot) for boot in BOOT.findall(said)), default=0)


def assert_no_trouble(world, name, nodes=(1, 2)):
    """On no node did the guest see a failed write, a write that was not its own, or a pattern that has changed; no count was
    made on two nodes."""
    trouble = re.compile(TROUBLE.format(re.escape(name)))
    consoles = at_once(lambda node: console(world, node, name), nodes)
    for node, said in zip(nodes, consoles):
        found = [line for line in said.splitlines() if trouble.search(line)]
        assert found == [], f"{name} on {world.names[node - 1]}"
    if len(nodes) == 2:
        twice = counts(consoles[0], name) & counts(consoles[1], name)
        assert twice == set(), f"{name} counted on both nodes"


def records(world, node, name):
    """The rings of a guest as they stand on a node's own volumes, below DRBD: {volume: [(count, boots), ...] in the order of
    counts}."""
    rings = {}
    for volume in world.lab.volumes(name):
        found = RECORD.findall(world.on(node, RING.format(volume), check=True).stdout)
        assert all(owner == name for _, owner, _ in found), f"{volume} holds records of another guest"
        rings[volume] = sorted((int(count), int(boots)) for count, _, boots in found)
    return rings


def assert_every_write_once(world, name, last, nodes=(1, 2)):
    """On the volumes of these nodes stands every count from 1 to at least `last` and no count is missing, and the boots
    only ever go up: no write was lost, and no second guest wrote between them."""
    for node, rings in zip(nodes, at_once(lambda node: records(world, node, name), nodes)):
        for volume, found in rings.items():
            where = f"{volume} on {world.names[node - 1]}"
            counts_there = [count for count, _ in found]
            assert counts_there == list(range(1, len(found) + 1)), (where, counts_there)
            assert len(found) >= last, f"{where} has {len(found)} of {last} counts"
            boots_there = [boot for _, boot in found]
            assert boots_there == sorted(boots_there), (where, found)
