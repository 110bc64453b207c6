"""The link, the peer's sshd or its connections go away while a guest is copied. The guest runs on; DRBD finds together."""

import contextlib
import json
import time

import pytest
from stories import assert_settled, seen, status, tool, windows_open

MIGRATE = "exec xen-drbd --json migrate-out dns > /root/said 2> /root/errors"


def incoming_memory(world):
    """How much of the guest has a place on the target: MiB, -1 when it is not in the list."""
    for line in world.on(2, ["xl", "list"], check=True).stdout.splitlines():
        if line.startswith("dns--incoming "):
            return int(line.split()[2])
    return -1


POINTS = {
    "begun": lambda world: incoming_memory(world) >= 0,
    "copying": lambda world: incoming_memory(world) >= 12,
    "nearly-copied": lambda world: incoming_memory(world) >= 28,
    "window-open": lambda world: (1, "dns") in windows_open(world),
    "changing-sides": lambda world: world.role(2, "dns") == world.role(1, "dns") == "Primary",
}


@contextlib.contextmanager
def migration_at(world, point):
    """A migration of dns to node 2 that has come so far."""
    with world.running(1, MIGRATE) as run:
        world.wait_for(lambda: POINTS[point](world), 120, point)
        yield run


def said(world):
    return "\n".join(world.on(1, f"cat /root/{name}").stdout for name in ("said", "errors"))


def failed_and_runs_on(world, peer_answers=False):
    """What the run said, and what status shows on the way: dns never left node 1."""
    report = json.loads(world.read(1, "/root/said"))
    (one,) = report["domains"]
    assert (report["exit_code"], one["result"], one["node"]) == (6, "failed", "dom0"), said(world)
    assert "dns runs on at dom0" in report["error"]["hint"], said(world)
    if not peer_answers:
        shown = status(world, 1, 5, "dns")
        assert (shown["state"], shown["running_on"]) == ("running", ["dom0"])


def ends_whole(world, before):
    """After `recover`, which finds nothing to do or does it, dns runs on one node, goes on counting, and was not started
    again. A window that two nodes opened is closed once DRBD has found together."""
    if "can be closed only once it is Connected again" in str(tool(world, 1, "recover")):
        world.wait_until_in_sync()
        tool(world, 1, "recover")
    where = 1 if "dns" in seen(world, 1)[0] else 2
    world.goes_on(where, "dns", before)
    assert_settled(world, dns=where)
    assert world.boots("dns") == 1
    return where


@pytest.mark.parametrize("point", ["begun", "copying", "nearly-copied"])
def test_a_link_cut_in_the_copy_leaves_the_guest_running_and_drbd_reconnects(running, point):
    before = running.last_beat(1, "dns")
    with migration_at(running, point) as run:
        running.cut()
        assert run.wait(600) == 6, said(running)
    failed_and_runs_on(running)
    running.goes_on(1, "dns", before)
    running.mend()
    running.wait_until_in_sync()    # by itself: no recover, no split brain
    assert ends_whole(running, before) == 1


@pytest.mark.parametrize("point", ["window-open", "changing-sides"])
def test_a_link_cut_in_the_window_ends_in_one_guest_and_no_lost_write(running, point):
    before = running.last_beat(1, "dns")
    running.slow_down()
    with migration_at(running, point) as run:
        running.cut()
        assert run.wait(600) in (0, 6), said(running)
    for node in (1, 2):    # neither knows of the other, and each tells what it has
        assert status(running, node, 5, "dns")["running_on"] in ([], [running.names[node - 1]])
    running.mend()
    running.wait_for(lambda: tool(running, 1, "status", None).code != 5, 30, "the nodes to see each other")
    ends_whole(running, before)


def test_a_link_that_is_back_before_anybody_gives_up_does_no_harm(running):
    before = running.last_beat(1, "dns")
    with migration_at(running, "copying") as run:
        running.cut()
        time.sleep(0.5)
        running.mend()
        assert run.wait(600) in (0, 6), said(running)
    ends_whole(running, before)


def test_an_sshd_that_stops_in_the_copy_takes_no_new_connection_and_breaks_no_old_one(running):
    before = running.last_beat(1, "dns")
    with migration_at(running, "begun") as run:
        running.stop_sshd(2)
        assert run.wait(600) == 0, said(running)
    tool(running, 1, "start samba", 5).says("Connection refused")
    running.start_sshd(2)
    running.goes_on(2, "dns", before)
    assert_settled(running, dns=2)


def test_a_target_that_stands_still_in_the_copy_leaves_the_guest_running(running):
    """Its connections stay half open: nothing answers, nothing is reset."""
    before = running.last_beat(1, "dns")
    with migration_at(running, "copying") as run:
        running.freeze(2)
        assert run.wait(600) == 6, said(running)
    failed_and_runs_on(running)
    running.goes_on(1, "dns", before)
    running.thaw(2)
    running.wait_until_in_sync()
    assert ends_whole(running, before) == 1


def test_connections_that_break_off_in_the_copy_leave_the_guest_running(running):
    before = running.last_beat(1, "dns")
    with migration_at(running, "copying") as run:
        running.end_sessions(2)
        assert run.wait(600) == 6, said(running)
    failed_and_runs_on(running, peer_answers=True)
    running.goes_on(1, "dns", before)
    assert ends_whole(running, before) == 1
