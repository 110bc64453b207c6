"""What cannot go well is refused before anything is changed, with what real xl and DRBD say."""

import time

from guests import goes_on
from settled import assert_settled
from stories import refusal, tool

SSHD = "$(cat /sys/fs/cgroup/system.slice/ssh.service/cgroup.procs)"
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
    running.write(2, "/tmp/hog.cfg", HOG.format(free_memory(running, 2) - 30))
    running.breaks(2, "no memory on the target", ["xl", "create", "-p", "-q", "/tmp/hog.cfg"])
    refusal(running, 1, "migrate-out dns", 4, "MiB")
    running.on(2, ["xl", "destroy", "hog"], check=True)
    assert_settled(running, dns=1)
    tool(running, 1, "migrate-out dns")
    assert_settled(running, dns=2)


def test_a_guest_whose_configuration_is_missing_on_the_target_stays_where_it_is(running):
    running.breaks(2, "no configuration on the target", ["mv", "/etc/xen/dns.cfg", "/root/"])
    refusal(running, 1, "migrate-out dns", 4, "/etc/xen/dns.cfg")
    goes_on(running, 1, "dns")
    running.on(2, ["mv", "/root/dns.cfg", "/etc/xen/"], check=True)
    tool(running, 1, "migrate-out dns")
    assert_settled(running, dns=2)


def test_a_guest_with_a_disk_of_another_is_not_moved(running):
    """Attached by hand: its own disk alone would be promoted on the target, and xl would take both along."""
    device = running.on(1, ["drbdadm", "sh-dev", "mail"], check=True).stdout.split()[0]
    running.breaks(1, "a disk of another guest attached", f"drbdadm primary mail && xl block-attach dns phy:{device},xvdz,w")
    refusal(running, 1, "migrate-out dns", 4, f"it uses {device}")
    goes_on(running, 1, "dns")
    running.on(1, "xl block-detach dns xvdz && sleep 2 && drbdadm secondary mail", check=True)
    tool(running, 1, "migrate-out dns")
    assert_settled(running, dns=2)


def test_an_sshd_that_stands_still_ends_the_wait_for_it(running):
    """The kernel of the peer takes the connection, and nobody answers on it."""
    running.breaks(1, "sshd stands still", f"kill -STOP {SSHD}")
    began = time.monotonic()
    told = tool(running, 2, "start samba", 5)
    told.says("nothing was changed")
    assert time.monotonic() - began < 60
    running.on(1, f"kill -CONT {SSHD}", check=True)
    assert_settled(running, dns=1)


def test_a_peer_that_stands_still_is_not_taken_for_an_empty_one(running):
    running.freeze(1)
    told = tool(running, 2, "start dns", 5)
    told.says("nothing was changed")
    running.thaw(1)
    assert_settled(running, dns=1)
