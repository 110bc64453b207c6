"""DRBD is disconnected, resyncing, or split: nothing is moved onto data that may be the older."""

from guests import goes_on, last_beat
from settled import assert_settled
from stories import document, refusal, status, tool


def drbd(world, node, text):
    """Whether /proc/drbd on a node says so of the disk of dns, minor 1."""
    return any(line.startswith(" 1:") and text in line for line in world.read(node, "/proc/drbd").splitlines())


def test_a_disconnected_disk_is_neither_moved_nor_started_until_it_is_connected(running):
    running.breaks(2, "DRBD disconnected", ["drbdadm", "disconnect", "dns"])
    running.wait_for(lambda: drbd(running, 1, "cs:WFConnection"), 30, "DRBD to notice")
    assert status(running, 1, domain="dns")["disks"][0]["connection"] == "Connecting"
    assert status(running, 2, domain="dns")["disks"][0]["connection"] == "StandAlone"
    refusal(running, 1, "migrate-out dns", 4, "is not Connected on")
    before = goes_on(running, 1, "dns")
    tool(running, 1, "stop dns")
    for node in (1, 2):    # the older data as well as the newer
        refusal(running, node, "start dns", 4, "its data may be the older")
    running.on(2, ["drbdadm", "connect", "dns"], check=True)
    running.lab.wait_until_in_sync()
    tool(running, 2, "start dns")
    goes_on(running, 2, "dns", before)
    assert_settled(running, dns=2)


def test_a_disk_that_resyncs_is_not_moved_onto_and_not_started_on(running):
    for node in (1, 2):
        running.on(node, ["drbdadm", "disk-options", "--c-plan-ahead=0", "--resync-rate=200K", "dns"], check=True)
    running.breaks(2, "DRBD resyncs", ["drbdadm", "invalidate", "dns"])
    running.wait_for(lambda: drbd(running, 2, "cs:SyncTarget"), 30, "the resync")
    disk = status(running, 1, domain="dns")["disks"][0]
    assert (disk["disk"], disk["peer_disk"], disk["connection"]) == ("UpToDate", "Inconsistent", "Connected")
    refusal(running, 1, "migrate-out dns", 4, "is SyncSource on dom0, not Established")
    before = goes_on(running, 1, "dns")
    tool(running, 1, "stop dns")
    refusal(running, 2, "start dns", 4, "Inconsistent on mirror, not UpToDate")
    tool(running, 1, "start dns")    # whose data are the good ones
    goes_on(running, 1, "dns", before)
    for node in (1, 2):
        running.on(node, ["drbdadm", "adjust", "dns"], check=True)
    running.lab.wait_until_in_sync()
    tool(running, 1, "migrate-out dns")
    assert_settled(running, dns=2)


def test_a_true_split_brain_is_explained_and_left_to_the_administrator(running):
    before = last_beat(running, 1, "dns")
    running.cut()
    for node in (1, 2):
        running.wait_for(lambda node=node: drbd(running, node, "cs:WFConnection"), 60, "DRBD to notice")
    # what nobody should do: the other side is written, past the last block of the guest
    running.breaks(2, "split brain", "drbdadm primary dns && dd if=/dev/urandom of=/dev/drbd1 bs=4096 seek=15000 count=8 "
                                     "oflag=direct && drbdadm secondary dns")
    before = goes_on(running, 1, "dns", before)
    running.mend()
    running.wait_for(lambda: all(drbd(running, node, "cs:StandAlone") for node in (1, 2)), 60, "the split brain")
    one = status(running, 1, domain="dns")
    assert (one["state"], one["disks"][0]["connection"]) == ("running", "StandAlone")
    refusal(running, 1, "migrate-out dns", 4, "is not Connected on")
    for node in (1, 2):
        refusal(running, node, "recover dns", 4, "both nodes may have written", "--discard-my-data")
    assert all(drbd(running, node, "cs:StandAlone") for node in (1, 2))

    running.on(2, ["drbdadm", "connect", "--discard-my-data", "dns"], check=True)
    running.on(1, ["drbdadm", "connect", "dns"], check=True)
    running.lab.wait_until_in_sync()
    goes_on(running, 1, "dns", before)
    assert document(running, 1, "recover dns").results == {"dns": "already"}
    tool(running, 1, "migrate-out dns")
    assert_settled(running, dns=2)


def test_a_disk_that_somebody_has_open_is_not_started_on_and_as_soon_as_he_ends_it_is(running):
    before = last_beat(running, 1, "dns")
    tool(running, 1, "stop dns")
    running.breaks(1, "disk open in dom0", "drbdadm primary dns && { exec setsid sleep 1000 < /dev/drbd1 > /dev/null 2>&1 & "
                                           "echo $! > /tmp/reader; }")
    refusal(running, 1, "start dns", 4, "dns was not demoted on dom0", "held open")
    refusal(running, 2, "start dns", 4, "dns was not demoted on dom0", "held open")
    assert "dns" not in running.rows(1) and running.role(1, "dns") == "Primary"
    running.on(1, "kill $(cat /tmp/reader)", check=True)
    tool(running, 1, "start dns")
    goes_on(running, 1, "dns", before)
    assert_settled(running, dns=1)
