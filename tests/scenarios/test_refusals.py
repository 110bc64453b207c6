"""What cannot go well is refused before anything is changed, with what real xl and DRBD say."""

import time

from stories import assert_settled, refusal, tool

HOG = """name = "hog"
type = "pvh"
kernel = "/srv/xen/guest-vmlinux"
ramdisk = "/srv/xen/guest-initrd.gz"
extra = "console=hvc0 quiet name=hog"
memory = {}
"""


def free_memory(world, node):
    (line,) = [line for line in world.on(node, ["xl", "info"], check=True).stdout.splitlines()
               if line.startswith("free_memory")]
    return int(line.split(":")[1])


def test_a_guest_that_does_not_fit_on_the_target_stays_where_it_is(running):
    running.write(2, "/root/hog.cfg", HOG.format(free_memory(running, 2) - 30))
    running.breaks(2, "no memory on the target", ["xl", "create", "-p", "-q", "/root/hog.cfg"])
    refusal(running, 1, "migrate-out dns", 4, "MiB")
    running.on(2, ["xl", "destroy", "hog"], check=True)
    assert_settled(running, dns=1)
    tool(running, 1, "migrate-out dns")
    assert_settled(running, dns=2)


def test_a_guest_whose_configuration_is_missing_on_the_target_stays_where_it_is(running):
    running.breaks(2, "no configuration on the target", ["mv", "/etc/xen/dns.cfg", "/root/"])
    refusal(running, 1, "migrate-out dns", 4, "/etc/xen/dns.cfg")
    running.goes_on(1, "dns")
    running.on(2, ["mv", "/root/dns.cfg", "/etc/xen/"], check=True)
    tool(running, 1, "migrate-out dns")
    assert_settled(running, dns=2)


def test_an_sshd_that_stands_still_ends_the_wait_for_it(running):
    """The kernel of the peer takes the connection, and nobody answers on it."""
    running.freeze_sshd(1)
    began = time.monotonic()
    told = tool(running, 2, "start samba", 5)
    told.says("nothing was changed")
    assert time.monotonic() - began < 60
    running.thaw_sshd(1)
    assert_settled(running, dns=1)


def test_a_peer_that_stands_still_is_not_taken_for_an_empty_one(running):
    running.freeze(1)
    told = tool(running, 2, "start dns", 5)
    told.says("nothing was changed")
    running.thaw(1)
    assert_settled(running, dns=1)
