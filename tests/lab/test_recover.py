"""What a killed xl, a lost node or an administrator leaves behind: status names it, recover leads out of it."""

from guests import goes_on, last_beat
from settled import assert_settled
from stories import assert_runs, document, refusal, seen, status, tool
from test_boot import booted_again

# Debian's xl is a script that becomes the one of the running Xen: /usr/lib/xen-4.17/bin/xl
MIGRATE = "exec xen-drbd migrate-out dns > /tmp/said 2>&1"
KILL = "pkill -KILL -f '^([^ ]*/xl migrate |xen-drbd migrate-out)'"    # at once: each ends soon after the other
STOP_RECEIVER = r"pkill -STOP -f '^[^ ]*/xl migrate-receive'"
RECEIVER = r"pgrep -f '^[^ ]*/xl migrate-receive'"


# the last record of the copy is held back: the guest is suspended
WINDOW_OPEN = "drbdsetup show dns | grep -q allow-two-primaries"
RENAMED = "[ \"$(xenstore-read /local/domain/$id/name)\" = dns--migratedaway ]"


def killed_when(world, what, condition):
    """A migration of dns to node 2, in which xen-drbd and xl are killed on node 1 once something is so there."""
    with world.running(1, MIGRATE) as run:
        world.wait_for(lambda: "dns--incoming" in world.rows(2) or run.poll() is not None, 60, "the copy")
        found = world.on(1, f"id=$(xl domid dns); until {condition}; do "
                            f"pgrep -f '^[^ ]*/xl migrate ' > /dev/null || exit; done; {KILL}")
        assert found.ok, f"xl ended too early:\n{world.read(1, '/tmp/said')}"
        world.accidents.append(f"xl killed {what}")
        run.wait(60)


def goes_on_or_is_started_again(world, node, before):
    """dns stands suspended on node 1. Where xl can resume it (from 4.20 on), recover does; else it takes --yes."""
    resumes = world.on(1, "xl help | grep -q '^ resume '").ok
    told = document(world, node, "recover dns", 0 if resumes else 4)
    assert told.results == {"dns": "already" if resumes else "refused"}
    if not resumes:
        tool(world, node, "recover dns --yes")
    goes_on(world, 1, "dns", before)
    assert booted_again(world, "dns") is not resumes
    assert_settled(world, dns=1)


def test_a_guest_that_was_left_suspended_is_resumed_or_with_yes_alone_started_again(running):
    before = last_beat(running, 1, "dns")
    killed_when(running, "with the guest suspended", WINDOW_OPEN)
    one = status(running, domain="dns")    # the copy on the target may be there still, with its receiver
    assert one["state"] in ("suspended", "half-migrated") and one["running_on"] == []
    refusal(running, 2, "start dns", 4, "dns")
    goes_on_or_is_started_again(running, 1, before)


def test_a_guest_stuck_before_the_last_word_is_resumed_or_with_yes_alone_started_again(running):
    """As if xl had been killed between its rename and its last word, which leaves the copy paused for ever."""
    before = last_beat(running, 1, "dns")
    with running.running(1, MIGRATE) as run:
        running.wait_for(lambda: "dns--incoming" in running.rows(2) or run.poll() is not None, 60, "the copy")
        held = running.on(1, f"until {WINDOW_OPEN}; do pgrep -f '^[^ ]*/xl migrate ' > /dev/null || exit; done; "
                             "pkill -STOP -f '^[^ ]*(xl migrate |xen-drbd )'")
        assert held.ok, running.read(1, "/tmp/said")
        running.breaks(2, "receiver stopped", STOP_RECEIVER)
        running.breaks(1, "xl killed with the guest suspended", KILL)
        run.wait(60)
    running.breaks(1, "source renamed by hand", ["xl", "rename", "dns", "dns--migratedaway"])
    assert set(running.rows(1)) == {"dns--migratedaway"} and set(running.rows(2)) == {"dns--incoming"}
    assert status(running, domain="dns")["state"] == "half-migrated"
    refusal(running, 2, "start dns", 4, "dns")
    goes_on_or_is_started_again(running, 2, before)
    assert not running.on(2, RECEIVER).ok


def test_a_source_that_was_renamed_is_cleared_away_and_the_guest_runs_once(running):
    """The last word of xl may have reached the target, or not: what is there decides."""
    before = last_beat(running, 1, "dns")
    killed_when(running, "after it renamed the source", RENAMED)
    moved = "dns" in running.rows(2)
    assert status(running, domain="dns")["state"] == "half-migrated"
    if not moved:    # whether it ever ran there is not known to anybody
        document(running, 1, "recover dns", 4)
    tool(running, 1, "recover dns" if moved else "recover dns --yes")
    where = 2 if moved else 1
    goes_on(running, where, "dns", before)
    assert_settled(running, dns=where)


def test_a_copy_whose_source_lost_power_is_cleared_away_and_the_guest_started(running):
    before = last_beat(running, 1, "dns")
    with running.running(1, MIGRATE) as run:
        running.wait_for(lambda: "dns--incoming" in running.rows(2), 60, "the copy")
        running.breaks(2, "receiver stopped", STOP_RECEIVER)    # it may hear of the loss, or wait for ever
        running.crash(1)
        run.wait(60)
    assert status(running, 2, 5, "dns")["running_on"] == []
    tool(running, 2, "recover dns", 5)
    running.boot(1)
    running.lab.wait_until_in_sync()
    assert running.on(2, RECEIVER).ok and "dns--incoming" in running.rows(2)
    refusal(running, 2, "start dns", 4, "dns--incoming")
    tool(running, 2, "recover")
    assert_runs(running)
    assert not running.on(2, RECEIVER).ok
    tool(running, 2, "start dns")
    goes_on(running, 2, "dns", before)
    assert_settled(running, dns=2)


def test_a_copy_whose_receiver_stands_still_is_ended_and_the_guest_runs_on(running):
    before = last_beat(running, 1, "dns")
    with running.running(1, MIGRATE) as run:
        running.wait_for(lambda: "dns--incoming" in running.rows(2), 60, "the copy")
        running.breaks(2, "receiver stopped", STOP_RECEIVER)
        running.breaks(1, "xl killed in the copy", KILL)
        run.wait(60)
    assert "dns--incoming" in running.rows(2)
    assert status(running, domain="dns")["state"] == "half-migrated"
    tool(running, 1, "recover dns")
    assert not running.on(2, RECEIVER).ok
    goes_on(running, 1, "dns", before)
    assert_settled(running, dns=1)


def test_a_primary_a_window_and_a_guest_without_a_watcher_are_cleared_away(pair):
    pair.open_window("dns")
    for node in (1, 2):
        pair.breaks(node, "Primary left behind", ["drbdadm", "primary", "dns"])
    disk = status(pair, domain="dns")["disks"][0]
    assert (disk["role"], disk["peer_role"], disk["two_primaries"]) == ("Primary", "Primary", "open")
    tool(pair, 1, "recover")
    assert_settled(pair)

    tool(pair, 1, "start dns")
    before = goes_on(pair, 1, "dns")
    pair.breaks(1, "watcher of a guest killed", "pkill -KILL -f '^[^ ]*/xl create.*dns.cfg'")
    tool(pair, 1, "status").says("has lost its xl watcher")
    tool(pair, 1, "recover dns")
    goes_on(pair, 1, "dns", before)
    pair.on(1, ["xl", "shutdown", "dns"], check=True)
    pair.wait_for(lambda: pair.rows(1).get("dns", "").strip("-") == "s", 30, "the guest to power off")
    refusal(pair, 2, "start dns", 4, "dns")
    tool(pair, 1, "recover dns")
    assert seen(pair, 1) == ({}, set())
    tool(pair, 2, "start dns")
    goes_on(pair, 2, "dns", before)
    assert_settled(pair, dns=2)
