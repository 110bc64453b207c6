"""A guest ends, crashes or reboots by itself, or a stranger has its name: what is left is seen for what it is."""

import json

import pytest
from stories import assert_runs, assert_settled, document, refusal, status, tool

STRANGER = """name = "dns"
type = "pvh"
kernel = "/srv/xen/guest-vmlinux"
ramdisk = "/srv/xen/guest-initrd.gz"
extra = "console=hvc0 quiet name=stranger"
memory = 36
"""
MIGRATE = "exec xen-drbd --json migrate-out dns > /root/said 2> /root/errors"


def gone(world, node):
    world.wait_for(lambda: world.rows(node) == {}, 30, "the guest to be cleared away")


def lost_watchers(world):
    return "has lost its xl watcher" in tool(world, 1, "status dns", None).stdout


def test_a_guest_that_shuts_itself_down_leaves_a_primary_and_is_started_on_the_other_node(running):
    before = running.last_beat(1, "dns")
    running.breaks(1, "guest shuts down", ["xl", "shutdown", "dns"])
    gone(running, 1)
    one = status(running, domain="dns")
    assert (one["state"], one["running_on"], one["disks"][0]["role"]) == ("absent", [], "Primary")
    assert document(running, 2, "start dns").results == {"dns": "started"}
    running.goes_on(2, "dns", before)
    assert_settled(running, dns=2)


def test_a_guest_that_crashes_is_gone_or_kept_as_its_configuration_says(running):
    running.breaks(1, "guest crashes", ["xl", "sysrq", "dns", "c"])
    gone(running, 1)
    assert status(running, domain="dns")["state"] == "absent"

    for node in (1, 2):
        running.edit(node, "/etc/xen/dns.cfg", lambda text: text.replace('on_crash = "destroy"', 'on_crash = "preserve"'))
    before = running.last_beat(1, "dns")
    tool(running, 1, "start dns")
    before = running.goes_on(1, "dns", before)
    running.breaks(1, "guest crashes", ["xl", "sysrq", "dns", "c"])
    running.wait_for(lambda: "c" in running.rows(1).get("dns", ""), 30, "the crash")
    one = status(running, domain="dns")
    assert (one["state"], one["running_on"]) == ("crashed", [])
    refusal(running, 2, "start dns", 4, "has crashed on dom0", "recover dns --yes")
    document(running, 1, "recover dns", 4)
    document(running, 1, "recover dns --yes")
    assert_runs(running)
    tool(running, 2, "start dns")
    running.goes_on(2, "dns", before)
    assert_settled(running, dns=2)


@pytest.mark.parametrize("how", ["reboot", "shutdown"])
def test_a_guest_that_ends_in_the_middle_of_its_copy_is_not_on_the_target(running, how):
    before = running.last_beat(1, "dns")
    with running.running(1, MIGRATE) as run:
        running.wait_for(lambda: "dns--incoming" in running.rows(2), 60, "the copy")
        running.breaks(1, f"guest ends in its copy: {how}", ["xl", how, "dns"])
        assert run.wait(600) == 6, running.read(1, "/root/errors")
    tool(running, 1, "recover", None)
    if how == "reboot":
        running.goes_on(1, "dns", before)
        assert_settled(running, dns=1)
    else:
        gone(running, 1)
        tool(running, 1, "recover")
        assert_runs(running)
        tool(running, 2, "start dns")
        running.goes_on(2, "dns", before)
        assert_settled(running, dns=2)


def test_a_stranger_that_takes_the_name_during_the_copy_keeps_the_guest_from_moving(running):
    before = running.last_beat(1, "dns")
    running.write(2, "/root/stranger.cfg", STRANGER)
    with running.running(1, MIGRATE) as run:
        running.wait_for(lambda: "dns--incoming" in running.rows(2), 60, "the copy")
        running.breaks(2, "stranger with a guest's name", ["xl", "create", "-p", "-q", "/root/stranger.cfg"])
        assert run.wait(600) == 6, running.read(1, "/root/errors")
    assert json.loads(running.read(1, "/root/said"))["domains"][0]["result"] in ("failed", "unknown")
    assert tool(running, 1, "--json status dns", 6).json["domains"][0]["state"] == "double-run"
    running.on(2, ["xl", "destroy", "dns"], check=True)
    running.goes_on(1, "dns", before)
    tool(running, 1, "recover")
    assert_settled(running, dns=1)
    tool(running, 1, "migrate-out dns")    # which gives it a watcher, had it lost its own
    assert not lost_watchers(running)
    running.goes_on(2, "dns", before)
    assert_settled(running, dns=2)
