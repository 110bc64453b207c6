"""Nodes boot and shut down under systemd, with all that is installed: nobody types anything."""

import pytest
from lab import LabError, at_once
from stories import add_to_topology, assert_runs, assert_settled, tool

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
    world.lab.set_clocks()
    assert tool(world, 1, "check").says("0 errors, 0 warnings")


def unit(world, node):
    return world.on(node, "systemctl is-enabled xen-drbd; systemctl is-active xen-drbd; readlink /dev/drbd/*").stdout.split()


LINKS = [f"/dev/drbd{minor}" for minor in (1, 4, 2, 3)]    # dns, mail, samba


def test_a_reboot_moves_the_guests_out_and_home_and_a_power_loss_is_made_good_by_the_next_boot(integrated):
    for node in (1, 2):
        integrated.on(node, ["systemctl", "start", "xen-drbd"], timeout=120, check=True)
    everything_at_home(integrated)
    before = integrated.last_beat(1, "dns")

    integrated.lab.reboot(1)
    before = integrated.goes_on(2, "dns", before)    # it was moved, not shut down
    everything_at_home(integrated)
    assert integrated.boots("dns") == 1
    for node in (1, 2):
        assert unit(integrated, node) == ["enabled", "active", *LINKS]

    before = integrated.goes_on(1, "dns", before)
    integrated.crash(1)
    integrated.lab.power_on(1)
    everything_at_home(integrated)
    integrated.goes_on(1, "dns", before)
    assert integrated.boots("samba") == integrated.boots("mail") == 1


def test_after_a_power_loss_of_both_nodes_every_domain_runs_once(integrated):
    before = integrated.last_beat(1, "dns")
    integrated.crash(1)
    integrated.crash(2)
    at_once(integrated.lab.power_on, (1, 2))
    everything_at_home(integrated)
    integrated.goes_on(1, "dns", before)
