"""What a killed xl, a lost node or an administrator leaves behind: status names it, recover leads out of it."""

from stories import assert_runs, assert_settled, refusal, seen, status, tool

# Debian's xl is a script that becomes the one of the running Xen: /usr/lib/xen-4.17/bin/xl
MIGRATE = "exec xen-drbd migrate-out dns > /root/said 2>&1"
KILL = "pkill -KILL -f '^(([^ ]*/)?xl migrate |xen-drbd migrate-out)'"    # at once: each ends soon after the other
RECEIVERS = "^([^ ]*/)?xl migrate-receive"
RECEIVER = ["pgrep", "-f", RECEIVERS]


def test_a_copy_whose_source_lost_power_is_cleared_away_and_the_guest_started(running):
    before = running.last_beat(1, "dns")
    with running.running(1, MIGRATE) as run:
        running.wait_for(lambda: "dns--incoming" in running.rows(2), 60, "the copy")
        running.stands_still(2, "receiver stopped", RECEIVERS)    # it may hear of the loss, or wait for ever
        running.crash(1)
        run.wait(60)
    assert status(running, 2, 5, "dns")["running_on"] == []
    tool(running, 2, "recover dns", 5)
    running.boot(1)
    running.wait_until_in_sync()
    assert running.on(2, RECEIVER).ok and "dns--incoming" in running.rows(2)
    refusal(running, 2, "start dns", 4, "dns--incoming")
    tool(running, 2, "recover")
    assert_runs(running)
    assert not running.on(2, RECEIVER).ok
    tool(running, 2, "start dns")
    running.goes_on(2, "dns", before)
    assert_settled(running, dns=2)


def test_a_copy_whose_receiver_stands_still_is_ended_and_the_guest_runs_on(running):
    before = running.last_beat(1, "dns")
    with running.running(1, MIGRATE) as run:
        running.wait_for(lambda: "dns--incoming" in running.rows(2), 60, "the copy")
        running.stands_still(2, "receiver stopped", RECEIVERS)
        running.breaks(1, "xl killed in the copy", KILL)
        run.wait(60)
    assert "dns--incoming" in running.rows(2)
    assert status(running, domain="dns")["state"] == "half-migrated"
    tool(running, 1, "recover dns")
    assert not running.on(2, RECEIVER).ok
    running.goes_on(1, "dns", before)
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
    before = pair.goes_on(1, "dns")
    pair.breaks(1, "watcher of a guest killed", "pkill -KILL -f '^([^ ]*/)?xl create.*dns.cfg'")
    tool(pair, 1, "status").says("has lost its xl watcher")
    tool(pair, 1, "recover dns")
    pair.goes_on(1, "dns", before)
    pair.on(1, ["xl", "shutdown", "dns"], check=True)
    pair.wait_for(lambda: pair.rows(1).get("dns", "").strip("-") == "s", 30, "the guest to power off")
    refusal(pair, 2, "start dns", 4, "dns")
    tool(pair, 1, "recover dns")
    assert seen(pair, 1) == ({}, set())
    tool(pair, 2, "start dns")
    pair.goes_on(2, "dns", before)
    assert_settled(pair, dns=2)
