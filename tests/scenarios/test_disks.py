"""DRBD is disconnected, resyncing, or split: nothing is moved onto data that may be the older."""

from stories import assert_settled, document, refusal, status, tool


def connection(world, node):
    """That of the disk of dns, as DRBD 8.4 calls it."""
    return world.on(node, ["drbdadm", "cstate", "dns"], check=True).stdout.strip()


def test_a_disconnected_disk_is_neither_moved_nor_started_until_it_is_connected(running):
    running.breaks(2, "DRBD disconnected", ["drbdadm", "disconnect", "dns"])
    running.wait_for(lambda: connection(running, 1) == "WFConnection", 30, "DRBD to notice")
    assert status(running, 1, domain="dns")["disks"][0]["connection"] == "Connecting"
    assert status(running, 2, domain="dns")["disks"][0]["connection"] == "StandAlone"
    refusal(running, 1, "migrate-out dns", 4, "is not Connected on")
    before = running.goes_on(1, "dns")
    tool(running, 1, "stop dns")
    for node in (1, 2):    # the older data as well as the newer
        refusal(running, node, "start dns", 4, "its data may be the older")
    running.on(2, ["drbdadm", "connect", "dns"], check=True)
    running.wait_until_in_sync()
    tool(running, 2, "start dns")
    running.goes_on(2, "dns", before)
    assert_settled(running, dns=2)


def test_a_disk_that_resyncs_is_not_moved_onto_and_not_started_on(running):
    running.accident("DRBD resyncs")
    running.resync_slowly(2, "dns")
    running.wait_for(lambda: connection(running, 2) == "SyncTarget", 30, "the resync")
    disk = status(running, 1, domain="dns")["disks"][0]
    assert (disk["disk"], disk["peer_disk"], disk["connection"]) == ("UpToDate", "Inconsistent", "Connected")
    refusal(running, 1, "migrate-out dns", 4, "is SyncSource on dom0, not Established")
    before = running.goes_on(1, "dns")
    tool(running, 1, "stop dns")
    refusal(running, 2, "start dns", 4, "Inconsistent on mirror, not UpToDate")
    tool(running, 1, "start dns")    # whose data are the good ones
    running.goes_on(1, "dns", before)
    for node in (1, 2):
        running.on(node, ["drbdadm", "adjust", "dns"], check=True)
    running.wait_until_in_sync()
    tool(running, 1, "migrate-out dns")
    assert_settled(running, dns=2)


def test_a_true_split_brain_is_explained_and_left_to_the_administrator(running):
    before = running.last_beat(1, "dns")
    running.cut()
    for node in (1, 2):
        running.wait_for(lambda node=node: connection(running, node) == "WFConnection", 60, "DRBD to notice")
    running.breaks(2, "split brain", ["drbdadm", "primary", "dns"])    # what nobody should do
    running.write_by_hand(2, "dns")
    running.on(2, ["drbdadm", "secondary", "dns"], check=True)
    before = running.goes_on(1, "dns", before)
    running.mend()
    running.wait_for(lambda: all(connection(running, node) == "StandAlone" for node in (1, 2)), 60, "the split brain")
    one = status(running, 1, domain="dns")
    assert (one["state"], one["disks"][0]["connection"]) == ("running", "StandAlone")
    refusal(running, 1, "migrate-out dns", 4, "is not Connected on")
    for node in (1, 2):
        refusal(running, node, "recover dns", 4, "both nodes may have written", "--discard-my-data")
    assert all(connection(running, node) == "StandAlone" for node in (1, 2))

    running.on(2, ["drbdadm", "connect", "--discard-my-data", "dns"], check=True)
    running.on(1, ["drbdadm", "connect", "dns"], check=True)
    running.wait_until_in_sync()
    running.goes_on(1, "dns", before)
    assert document(running, 1, "recover dns").results == {"dns": "already"}
    tool(running, 1, "migrate-out dns")
    assert_settled(running, dns=2)
