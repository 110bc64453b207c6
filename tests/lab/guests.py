"""What the guests of the lab tell about themselves (image/guest.cpp), and what their disks tell about them."""

import re

CONSOLES = "cd /var/log/xen/console && cat guest-{0}.log guest-{0}--incoming.log 2> /dev/null; true"
BEAT = re.compile(r"^HB (\S+) (\d+) up=\d+\.\d+(.*)$", re.MULTILINE)
TROUBLE = "WRITE-ERROR|FOREIGN-WRITE|PATTERN-BAD|GUEST {} has no disk"
RECORD = re.compile(r"HB (\d+) (\S+) (\d+)")
RING_BEGIN = 2048       # blocks of 4096 bytes, as in image/guest.cpp
RING_BLOCKS = 8192


def console(world, node, name):
    """Everything a guest has said on a node; under the name that its domain had while it arrived, too."""
    return world.on(node, CONSOLES.format(name), check=True).stdout.replace("\r", "")


def last_beat(world, node, name):
    """How far a guest had counted when it was last heard on a node; 0 if it never was."""
    return max((int(count) for _, count, _ in BEAT.findall(console(world, node, name))), default=0)


def goes_on(world, node, name, beyond=0, beats=3):
    """Returns the count of a guest once it has counted on this node, some beats beyond what it had."""
    return world.wait_for(lambda: (now := last_beat(world, node, name)) >= beyond + beats and now, 30,
                          f"{name} to count beyond {beyond + beats} on {world.names[node - 1]}")


def assert_no_trouble(world, name, nodes=(1, 2)):
    """On no node did the guest see a failed write, a write that was not its own, or a pattern that has changed."""
    trouble = re.compile(TROUBLE.format(re.escape(name)))
    for node in nodes:
        found = [line for line in console(world, node, name).splitlines() if trouble.search(line)]
        assert found == [], f"{name} on {world.names[node - 1]}"


def records(world, node, name):
    """The ring of a guest as it stands on a node's own volume, below DRBD: [(count, boots), ...] in the order of counts."""
    volume = world.lab.volume(name)
    megabytes = RING_BLOCKS * 4096 >> 20
    text = world.on(node, f"dd if=/dev/vg0/{volume} bs=1M skip={RING_BEGIN * 4096 >> 20} count={megabytes} iflag=direct "
                          "2> /dev/null | tr -s '\\000' '\\n'", check=True).stdout
    found = RECORD.findall(text)
    assert all(owner == name for _, owner, _ in found), f"{volume} holds records of another guest"
    return sorted((int(count), int(boots)) for count, _, boots in found)


def assert_every_write_once(world, name, last, nodes=(1, 2)):
    """On the volumes of these nodes stands every count from 1 to at least `last` and no count is missing, and the boots
    only ever go up: no write was lost, none was made twice, and no second guest wrote between them."""
    for node in nodes:
        found = records(world, node, name)
        counts = [count for count, _ in found]
        assert counts == list(range(1, len(counts) + 1)), (world.names[node - 1], counts)
        assert len(counts) >= last, f"{world.names[node - 1]} has {len(counts)} of {last} counts of {name}"
        boots = [boot for _, boot in found]
        assert boots == sorted(boots), (world.names[node - 1], found)
