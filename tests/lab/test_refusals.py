"""What cannot go well is refused before anything is changed, with what real xl and DRBD say."""

from guests import goes_on
from settled import assert_settled
from stories import refusal, tool

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
    running.on(2, ["xl", "create", "-p", "-q", "/tmp/hog.cfg"], check=True)
    refusal(running, 1, "migrate-out dns", 4, "MiB")
    running.on(2, ["xl", "destroy", "hog"], check=True)
    assert_settled(running, dns=1)
    tool(running, 1, "migrate-out dns")
    assert_settled(running, dns=2)


def test_a_guest_whose_configuration_is_missing_on_the_target_stays_where_it_is(running):
    running.on(2, ["mv", "/etc/xen/dns.cfg", "/root/"], check=True)
    refusal(running, 1, "migrate-out dns", 4, "/etc/xen/dns.cfg")
    goes_on(running, 1, "dns")
    running.on(2, ["mv", "/root/dns.cfg", "/etc/xen/"], check=True)
    tool(running, 1, "migrate-out dns")
    assert_settled(running, dns=2)


def test_a_peer_that_stands_still_is_not_taken_for_an_empty_one(running):
    running.freeze(1)
    told = tool(running, 2, "start dns", 5)
    told.says("nothing was changed")
    running.thaw(1)
    assert_settled(running, dns=1)
