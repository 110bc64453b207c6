"""xl is killed when the guest stands suspended. On a simulated pair a hold brings that about (test_sim_leftovers.py)."""

import re

from stories import assert_settled, document, refusal, status, tool
from test_recover import KILL, MIGRATE, RECEIVER, RECEIVERS

# the last record of the copy is held back: the guest is suspended
WINDOW_OPEN = "drbdsetup show dns | grep -q allow-two-primaries"
RENAMED = "[ \"$(xenstore-read /local/domain/$id/name)\" = dns--migratedaway ]"


def killed_when(world, what, condition):
    """A migration of dns to node 2, in which xen-drbd and xl are killed on node 1 once something is so there."""
    with world.running(1, MIGRATE) as run:
        world.wait_for(lambda: "dns--incoming" in world.rows(2) or run.poll() is not None, 60, "the copy")
        found = world.on(1, f"id=$(xl domid dns); until {condition}; do "
                            f"pgrep -f '^[^ ]*/xl migrate ' > /dev/null || exit; done; {KILL}")
        assert found.ok, f"xl ended too early:\n{world.read(1, '/root/said')}"
        world.accident(f"xl killed {what}")
        run.wait(60)


def starts_nowhere(world):
    """Whatever of it is seen first: the source, the copy, or the xl that still waits for the end of it."""
    told = refusal(world, 2, "start dns", 4, "dns was not started")
    assert re.search(r"dns is suspended on dom0|mirror has dns--incoming|xl migrate-receive of dns is at work", str(told)), told


def goes_on_or_is_started_again(world, node):
    """dns stands suspended on node 1. Where xl can resume it (from 4.20 on), recover does; else it takes --yes."""
    before = world.last_beat(1, "dns")
    resumes = world.on(1, "xl help | grep -q '^ resume '").ok
    told = document(world, node, "recover dns", 0 if resumes else 4)
    assert told.results == {"dns": "already" if resumes else "refused"}
    if not resumes:
        tool(world, node, "recover dns --yes")
    world.goes_on(1, "dns", before)
    assert world.boots("dns") == (1 if resumes else 2)
    assert_settled(world, dns=1)


def test_a_guest_that_was_left_suspended_is_resumed_or_with_yes_alone_started_again(running):
    killed_when(running, "with the guest suspended", WINDOW_OPEN)
    one = status(running, domain="dns")    # the copy on the target may be there still, with its receiver
    assert one["state"] in ("suspended", "half-migrated") and one["running_on"] == []
    starts_nowhere(running)
    goes_on_or_is_started_again(running, 1)


def test_a_guest_stuck_before_the_last_word_is_resumed_or_with_yes_alone_started_again(running):
    """As if xl had been killed between its rename and its last word, which leaves the copy paused for ever."""
    with running.running(1, MIGRATE) as run:
        running.wait_for(lambda: "dns--incoming" in running.rows(2) or run.poll() is not None, 60, "the copy")
        held = running.on(1, f"until {WINDOW_OPEN}; do pgrep -f '^[^ ]*/xl migrate ' > /dev/null || exit; done; "
                             "pkill -STOP -f '^[^ ]*(xl migrate |xen-drbd )'")
        assert held.ok, running.read(1, "/root/said")
        running.stands_still(2, "receiver stopped", RECEIVERS)
        running.breaks(1, "xl killed with the guest suspended", KILL)
        run.wait(60)
    running.breaks(1, "source renamed by hand", ["xl", "rename", "dns", "dns--migratedaway"])
    assert set(running.rows(1)) == {"dns--migratedaway"} and set(running.rows(2)) == {"dns--incoming"}
    assert status(running, domain="dns")["state"] == "half-migrated"
    starts_nowhere(running)
    goes_on_or_is_started_again(running, 2)
    assert not running.on(2, RECEIVER).ok


def test_a_source_that_was_renamed_is_cleared_away_and_the_guest_runs_once(running):
    """The last word of xl may have reached the target, or not: what is there decides."""
    before = running.last_beat(1, "dns")
    killed_when(running, "after it renamed the source", RENAMED)
    moved = "dns" in running.rows(2)
    assert status(running, domain="dns")["state"] == "half-migrated"
    if not moved:    # whether it ever ran there is not known to anybody
        document(running, 1, "recover dns", 4)
    tool(running, 1, "recover dns" if moved else "recover dns --yes")
    where = 2 if moved else 1
    running.goes_on(where, "dns", before)
    assert_settled(running, dns=where)
