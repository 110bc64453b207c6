"""Nodes boot and shut down under systemd, with all that is installed: nobody types anything."""

import pytest
from guests import goes_on, last_beat
from lab import LabError, at_once
from settled import assert_settled
from stories import add_to_topology, assert_runs, tool

DEFAULTS = "START_ACTION=migrate-and-start-all\nSTOP_ACTION=evacuate\nPEER_WAIT=60s\n"


@pytest.fixture
def integrated(running):
    """Both nodes as a boot-integrated pair: DRBD and xen-drbd are started by systemd. dns runs on node 1."""
    def integrate(node):
        running.edit(node, "/etc/default/xen-drbd", lambda text: text + DEFAULTS)
        running.on(node, ["systemctl", "-q", "enable", "drbd", "xen-drbd"], check=True)
        running.on(node, "systemctl start drbd && sync", check=True)

    add_to_topology(running, "ssh: {connect_timeout: 20s}\n")    # a node that boots under emulation is slow to answer
    running.on_both(integrate)
    return running


def everything_at_home(world):
    """Waits for what the boot scripts do. What they said is in the journal."""
    def all_run():
        try:
            assert_runs(world, dns=1, samba=2, mail=2)
        except (AssertionError, LabError):    # while a node boots, xl may not answer yet, and Domain-0 has no name
            return False
        return all(world.on_both(nothing_is_at_work).values())

    def nothing_is_at_work(node):
        return world.on(node, ["flock", "-n", "/run/xen-drbd/lock", "true"]).ok

    world.wait_for(all_run, 100, "every domain to run at home")
    assert_settled(world, dns=1, samba=2, mail=2)
    assert tool(world, 1, "check").says("0 errors, 0 warnings")


def unit(world, node):
    return world.on(node, "systemctl is-enabled xen-drbd; systemctl is-active xen-drbd; readlink /dev/drbd/*").stdout.split()


def booted_again(world, name):
    """Was the guest started a second time, which it says on its console?"""
    logs = f"cat /var/log/xen/console/guest-{name}.log /var/log/xen/console/guest-{name}--incoming.log 2> /dev/null"
    return any("boot=2" in world.on(node, logs).stdout for node in (1, 2))


LINKS = [f"/dev/drbd{minor}" for minor in (1, 4, 2, 3)]    # dns, mail, samba


def test_a_reboot_moves_the_guests_out_and_home_and_a_power_loss_is_made_good_by_the_next_boot(integrated):
    for node in (1, 2):
        integrated.on(node, ["systemctl", "start", "xen-drbd"], timeout=120, check=True)
    everything_at_home(integrated)
    before = last_beat(integrated, 1, "dns")

    integrated.lab.reboot(1)
    before = goes_on(integrated, 2, "dns", before)    # it was moved, not shut down
    everything_at_home(integrated)
    assert not booted_again(integrated, "dns")
    for node in (1, 2):
        assert unit(integrated, node) == ["enabled", "active", *LINKS]

    before = goes_on(integrated, 1, "dns", before)
    integrated.crash(1)
    integrated.lab.power_on(1)
    everything_at_home(integrated)
    goes_on(integrated, 1, "dns", before)
    assert not booted_again(integrated, "samba") and not booted_again(integrated, "mail")


def test_after_a_power_loss_of_both_nodes_every_domain_runs_once(integrated):
    before = last_beat(integrated, 1, "dns")
    integrated.crash(1)
    integrated.crash(2)
    at_once(integrated.lab.power_on, (1, 2))
    everything_at_home(integrated)
    goes_on(integrated, 1, "dns", before)
