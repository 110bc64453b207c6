"""A node loses power."""

from stories import assert_runs, assert_settled, document, status, tool


def test_a_guest_of_a_node_without_power_starts_here_only_when_somebody_vouches_for_it(running):
    """dns runs on node 1, which goes dark; node 2 is asked."""
    before = running.last_beat(1, "dns")
    running.crash(1)
    told = tool(running, 2, "start dns", 5)
    told.says("cannot be reached, so dns may be running there", "nothing was changed")

    # DRBD takes a while to notice, and until then says that a live kernel is at its other end
    running.wait_for(lambda: running.on(2, "drbdadm cstate dns").stdout != "Connected\n", 60, "DRBD to notice")
    tool(running, 2, "start dns --peer-is-dead --yes")
    running.goes_on(2, "dns", before)
    assert running.boots("dns") == 2

    running.boot(1)
    running.wait_until_in_sync()
    assert_settled(running, dns=2)
    assert tool(running, 1, "start dns", 4).says("nothing was changed")
    tool(running, 1, "migrate-in dns")
    assert_settled(running, dns=1)
    assert running.boots("dns") == 2    # the way home was no boot


def test_a_node_that_loses_power_in_the_copy_leaves_the_guest_running(running):
    before = running.last_beat(1, "dns")
    with running.running(1, "exec xen-drbd --json migrate-out dns > /root/said 2> /root/errors") as run:
        running.wait_for(lambda: "dns--incoming" in running.rows(2), 60, "the copy")
        running.crash(2)
        assert run.wait(600) == 6
    assert "dns runs on at dom0" in running.read(1, "/root/errors")
    one = status(running, 1, 5, "dns")
    assert (one["state"], one["running_on"]) == ("running", ["dom0"])
    here = running.goes_on(1, "dns", before)
    running.assert_counts("dns", here, nodes=(1,))
    running.boot(2)
    running.wait_until_in_sync()
    tool(running, 1, "recover")
    assert_settled(running, dns=1)
    assert running.boots("dns") == 1    # it never stopped


def test_a_node_that_is_back_is_asked_and_what_ran_there_is_started_where_it_is_wanted(running):
    before = running.last_beat(1, "dns")
    running.crash(1)
    one = status(running, 2, 5, "dns")
    assert (one["state"], one["running_on"], one["disks"][0]["peer_role"]) == ("unknown", [], "Unknown")
    running.boot(1)
    running.wait_until_in_sync()
    assert document(running, 2, "start-my-domains", 4).results == {"samba": "started", "mail": "skipped"}
    tool(running, 2, "start dns")
    running.goes_on(2, "dns", before)
    assert_settled(running, dns=2, samba=2)


def test_peer_is_dead_is_refused_while_the_peer_lives(running):
    running.stop_sshd(1)
    tool(running, 2, "start dns", 5).says("cannot be reached")
    tool(running, 2, "start dns --peer-is-dead --yes", 4).says("nothing was changed")
    running.start_sshd(1)
    assert_runs(running, dns=1)
