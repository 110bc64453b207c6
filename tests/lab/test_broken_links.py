"""The link, the peer's sshd or its connections go away while a guest is copied. The guest runs on; DRBD finds together."""

import pytest
from guests import goes_on, last_beat
from settled import assert_settled, windows_open
from stories import seen, tool

MIGRATE = "exec xen-drbd --json migrate-out dns > /tmp/said 2> /tmp/errors"


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
    "changing-sides": lambda world: world.role(2, "dns") == "Primary",
}


def said(world):
    return "\n".join(world.on(1, f"cat /tmp/{name}").stdout for name in ("said", "errors"))


def ends_whole(world, before):
    """After `recover`, which finds nothing to do or does it, dns runs on one node, and goes on counting."""
    tool(world, 1, "recover")
    where = 1 if "dns" in seen(world, 1)[0] else 2
    goes_on(world, where, "dns", before)
    assert_settled(world, dns=where)
    return where


@pytest.mark.parametrize("point", ["begun", "copying", "nearly-copied"])
def test_a_link_cut_in_the_copy_leaves_the_guest_running_and_drbd_reconnects(running, point):
    before = last_beat(running, 1, "dns")
    with running.running(1, MIGRATE) as run:
        running.wait_for(lambda: POINTS[point](running), 60, point)
        running.cut()
        assert run.wait(600) == 6, said(running)
    goes_on(running, 1, "dns", before)
    running.mend()
    running.lab.wait_until_in_sync()    # by itself: no recover, no split brain
    assert ends_whole(running, before) == 1


@pytest.mark.parametrize("point", ["window-open", "changing-sides"])
def test_a_link_cut_in_the_window_ends_in_one_guest_and_no_lost_write(running, point):
    before = last_beat(running, 1, "dns")
    with running.running(1, MIGRATE) as run:
        running.wait_for(lambda: POINTS[point](running), 120, point)
        running.cut()
        assert run.wait(600) in (0, 6), said(running)
    running.mend()
    running.wait_for(lambda: tool(running, 1, "status", None).code != 5, 30, "the nodes to see each other")
    ends_whole(running, before)


def test_a_link_that_is_back_before_anybody_gives_up_does_no_harm(running):
    before = last_beat(running, 1, "dns")
    with running.running(1, MIGRATE) as run:
        running.wait_for(lambda: POINTS["copying"](running), 60, "the copy")
        running.cut()
        running.mend()
        assert run.wait(600) in (0, 6), said(running)
    ends_whole(running, before)


def test_an_sshd_that_stops_in_the_copy_takes_no_new_connection_and_breaks_no_old_one(running):
    before = last_beat(running, 1, "dns")
    with running.running(1, MIGRATE) as run:
        running.wait_for(lambda: POINTS["begun"](running), 60, "the copy")
        running.stop_sshd(2)
        assert run.wait(600) == 0, said(running)
    tool(running, 1, "start samba", 5).says("Connection refused")
    running.start_sshd(2)
    goes_on(running, 2, "dns", before)
    assert_settled(running, dns=2)


def test_a_target_that_stands_still_in_the_copy_leaves_the_guest_running(running):
    """Its connections stay half open: nothing answers, nothing is reset."""
    before = last_beat(running, 1, "dns")
    with running.running(1, MIGRATE) as run:
        running.wait_for(lambda: POINTS["copying"](running), 60, "the copy")
        running.freeze(2)
        assert run.wait(600) == 6, said(running)
    goes_on(running, 1, "dns", before)
    running.thaw(2)
    running.lab.wait_until_in_sync()
    assert ends_whole(running, before) == 1


def test_connections_that_break_off_in_the_copy_leave_the_guest_running(running):
    before = last_beat(running, 1, "dns")
    with running.running(1, MIGRATE) as run:
        running.wait_for(lambda: POINTS["copying"](running), 60, "the copy")
        running.end_sessions(2)
        running.start_sshd(2)
        assert run.wait(600) == 6, said(running)
    goes_on(running, 1, "dns", before)
    assert ends_whole(running, before) == 1
