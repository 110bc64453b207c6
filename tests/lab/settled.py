"""What a pair must look like when xen-drbd is done with it, whatever happened before."""

from guests import assert_every_write_once, assert_no_trouble, goes_on
from stories import assert_runs


def windows_open(world):
    """The resources that two nodes may write at this moment, as DRBD says on either node: {(node, resource)}."""
    script = (f"for r in {' '.join(world.lab.resources())}; do s=$(drbdsetup show $r) || exit; "
              "case $s in *allow-two-primaries*) echo $r ;; esac; done")
    found = world.on_both(lambda node: world.on(node, script, check=True).stdout.split())
    return {(node, resource) for node, resources in found.items() for resource in resources}


def assert_settled(world, **where):
    """The domains run where it says and nowhere else, and go on counting without a fault; each disk is Primary there and
    Secondary on the other node; no window is open; DRBD is Connected and UpToDate on both nodes."""
    world.lab.wait_until_in_sync()
    assert_runs(world, **where)
    assert windows_open(world) == set()
    counts = {name: goes_on(world, node, name) for name, node in where.items()}
    for name, node in where.items():
        last = goes_on(world, node, name, counts[name])
        assert_no_trouble(world, name)
        assert_every_write_once(world, name, last)
