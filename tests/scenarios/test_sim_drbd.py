"""DRBD decides whose data are good: what it says on both nodes must allow the step, in both its dialects."""

import pytest
from harness import demo
from stories import (assert_runs, document, log_of, nothing_changes, refusal, seen, status, time_of, tool, windows_closed)


@pytest.fixture(params=["8.4", "9"])
def pair(request, make_world):
    return make_world(dialect=request.param)


def connection(world, node, resource="dns"):
    return world.simulation.resource(node, resource)["connection"]


def test_a_domain_moves_there_and_back_in_both_dialects(pair):
    tool(pair, 1, "start samba dns")
    tool(pair, 1, "migrate-all-out")
    assert_runs(pair, samba=2, dns=2)
    tool(pair, 1, "migrate-in samba")
    assert_runs(pair, samba=1, dns=2)
    disks = status(pair, 2, domain="samba")["disks"]
    assert [(d["minor"], d["resource"], d["role"], d["peer_role"], d["disk"], d["peer_disk"], d["connection"],
             d["two_primaries"]) for d in disks] == [
        (minor, "samba", "Secondary", "Primary", "UpToDate", "UpToDate", "Connected", "off") for minor in (2, 3)]
    tool(pair, 2, "stop-all")
    tool(pair, 1, "stop-all")
    assert_runs(pair)


def test_a_resource_that_waits_for_its_peer_is_not_promoted(pair):
    pair.on(2, ["drbdadm", "disconnect", "dns"], check=True)
    pair.wait_for(lambda: connection(pair, 1) == "Connecting", 10, "the loss")
    refusal(pair, 1, "start dns", 4, "the DRBD resource dns is not Connected", "older")
    assert document(pair, 1, "start-all", 4).results == {"dns": "refused", "samba": "started", "mail": "skipped"}


def test_a_resource_that_stands_alone_is_not_promoted(pair):
    pair.on(1, ["drbdadm", "disconnect", "dns"], check=True)
    way_out = "on dom0: drbdadm connect dns; only if it returns to StandAlone"
    refusal(pair, 1, "start dns", 4, "StandAlone", way_out)
    refusal(pair, 2, "start dns", 4, "the DRBD resource dns is not Connected", way_out)
    pair.on(1, ["drbdadm", "connect", "dns"], check=True)
    pair.wait_for(lambda: connection(pair, 1) == "Connected", 10, "the connection")
    tool(pair, 1, "start dns")


def test_a_split_brain_is_left_to_the_administrator(pair):
    pair.simulation.split_brain("dns")
    for node in (1, 2):
        refusal(pair, node, "start dns", 4, "StandAlone")
        with nothing_changes(pair):
            tool(pair, node, "recover dns", 4).says("dns stands alone", "only you can tell", "--discard-my-data dns")


@pytest.mark.parametrize("state", ["Inconsistent", "Outdated", "Diskless", "Failed", "Consistent"])
def test_only_up_to_date_data_are_used(pair, state):
    pair.simulation.set_disk(1, "dns", state)
    refusal(pair, 1, "start dns", 4, f"/dev/drbd1 of the DRBD resource dns is {state} on dom0, not UpToDate")
    pair.simulation.set_disk(1, "dns", "UpToDate")
    tool(pair, 1, "start dns")
    pair.simulation.set_disk(2, "dns", state)
    refusal(pair, 1, "migrate-out dns", 4, f"is {state} on mirror, not UpToDate")
    assert_runs(pair, dns=1)


def test_a_start_needs_good_data_here_only(pair):
    pair.simulation.set_disk(2, "dns", "Inconsistent")
    tool(pair, 1, "start dns")
    assert set(seen(pair, 1)[0]) == {"dns"}


def test_a_node_that_receives_a_resync_does_not_start_and_does_after_it(make_world):
    world = make_world(settings={"resync_seconds": 4.0})
    tool(world, 1, "start dns")
    world.on(2, ["drbdadm", "disconnect", "dns"], check=True)
    world.wait_for(lambda: connection(world, 1) != "Connected", 10, "the loss")
    world.on(1, ["xl", "destroy", "dns"], check=True)
    world.on(1, ["drbdadm", "secondary", "dns"], check=True)
    world.on(2, ["drbdadm", "connect", "dns"], check=True)
    world.wait_for(lambda: world.simulation.resource(2, "dns")["replication"] == "SyncTarget", 10, "the resync")
    with nothing_changes(world):
        told = tool(world, 2, "start dns", 4)
        assert "SyncTarget" in told.stderr or "not UpToDate" in told.stderr, told
    world.simulation.wait_connected("dns")
    tool(world, 2, "start dns")
    assert_runs(world, dns=2)


def test_a_resource_that_is_down_is_named(pair):
    pair.on(2, ["drbdadm", "down", "dns"], check=True)
    refusal(pair, 1, "start dns", 4, "dns is down on mirror", "drbdadm up dns")
    pair.on(1, ["drbdadm", "down", "dns"], check=True)
    refusal(pair, 1, "start dns", 4, "dns is down on dom0")
    tool(pair, 1, "status").says("dns-disk")


def test_a_peer_that_is_primary_without_the_domain_is_demoted_first(pair):
    pair.on(2, ["drbdadm", "primary", "dns"], check=True)
    rehearsed = tool(pair, 1, "-n start dns")
    assert "mirror  drbdadm secondary dns" in rehearsed.stdout
    tool(pair, 1, "start dns")
    assert_runs(pair, dns=1)
    assert time_of(pair, "demote", node="mirror", resource="dns") < time_of(pair, "promote", node="dom0", resource="dns")


@pytest.mark.parametrize("user", [1, 2])
def test_a_disk_that_is_held_open_on_either_node_is_not_started_on(pair, user):
    pair.on(user, "drbdadm primary dns && sed 's/\"dns\"/\"other\"/' /etc/xen/dns.cfg > /tmp/other.cfg && "
                  "xl create -q /tmp/other.cfg", check=True)
    told = document(pair, 1, "start dns", 4)
    assert told.results["dns"] == "refused" and told.json["error"]["changed"] is False, told
    told.says("dns", ("dom0", "mirror")[user - 1], "held open")
    assert seen(pair, 3 - user) == ({}, set())
    assert set(seen(pair, user)[0]) == {"other"} and seen(pair, user)[1] == {"dns"}


def test_a_primary_that_nobody_needs_is_demoted_by_the_node_it_is_on(pair):
    pair.on(1, ["drbdadm", "primary", "samba"], check=True)
    assert document(pair, 1, "stop samba").results == {"samba": "already"}
    assert_runs(pair)


# -- the window --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("command, where", [("start dns", 1), ("migrate-out dns", 2), ("recover dns", 1)])
def test_a_window_that_was_left_open_is_closed(pair, command, where):
    if not command.startswith("start"):
        tool(pair, 1, "start dns")
    pair.open_window("dns")
    assert status(pair, 1, domain="dns")["disks"][0]["two_primaries"] == "open"
    tool(pair, 2, "status").says("wo Primaries", "xen-drbd recover dns")
    tool(pair, 1, command)
    assert windows_closed(pair, "dns")
    assert_runs(pair, dns=where)
    assert status(pair, 1, domain="dns")["disks"][0]["two_primaries"] == "off"


def test_a_window_that_is_open_on_one_side_only_is_closed(pair):
    pair.on(2, ["drbdadm", "net-options", "--allow-two-primaries=yes", "dns"], check=True)
    tool(pair, 1, "start dns")
    assert windows_closed(pair, "dns")
    assert_runs(pair, dns=1)


def configure_window(world, nodes):
    for node in nodes:
        world.edit(node, "/etc/drbd.d/dns.res", lambda text: text.replace(
            "resource dns {\n", "resource dns {\n  net { allow-two-primaries yes; }\n"))
        world.on(node, ["drbdadm", "adjust", "dns"], check=True)


def test_a_window_that_is_configured_on_both_nodes_is_left_as_it_is(pair):
    configure_window(pair, (1, 2))
    tool(pair, 1, "start dns")
    assert status(pair, 1, domain="dns")["disks"][0]["two_primaries"] == "configured"
    before = len(log_of(pair, "window"))
    tool(pair, 1, "migrate-out dns")
    assert_runs(pair, dns=2)
    assert len(log_of(pair, "window")) == before
    assert not windows_closed(pair, "dns")


def test_a_window_that_is_configured_on_one_node_only_is_refused(pair):
    tool(pair, 1, "start samba")
    configure_window(pair, (2,))
    refusal(pair, 1, "start dns", 4, "allow-two-primaries", "configured on one node only")
    pair.edit(2, "/etc/drbd.d/samba.res", lambda text: text.replace(
        "resource samba {\n", "resource samba {\n  net { allow-two-primaries yes; }\n"))
    refusal(pair, 1, "migrate-out samba", 4, "configured on one node only")


# -- resources ---------------------------------------------------------------------------------------------------------

def test_a_resource_with_a_volume_that_is_not_declared_is_refused(make_world):
    world = make_world()
    for node in (1, 2):
        world.edit(node, "/etc/xen/topology.yaml", lambda text: text.replace("      - {link: samba-1, minor: 3}\n", ""))
        world.edit(node, "/etc/xen/samba.cfg", lambda text: text.replace(', "phy:/dev/drbd3,xvdb,w"', ""))
    refusal(world, 1, "start samba", 4, "resource samba has a volume that samba does not declare", "/dev/drbd3")


def test_a_resource_that_two_domains_share_is_refused(make_world):
    shared = [demo.Domain("one", "dom0", [demo.Disk("one-disk", 1, "shared", 0)]),
              demo.Domain("two", "dom0", [demo.Disk("two-disk", 2, "shared", 1)])]
    world = make_world(domains=shared)
    for name in ("one", "two"):
        refusal(world, 1, f"start {name}", 4, "shared")


def test_a_minor_that_nobody_configures_is_refused(world):
    for node in (1, 2):
        world.edit(node, "/etc/xen/topology.yaml", lambda text: text.replace("minor: 1}", "minor: 99}"))
        world.edit(node, "/etc/xen/dns.cfg", lambda text: text.replace("drbd1", "drbd99"))
    refusal(world, 1, "start dns", 4, "/dev/drbd99")


def test_a_resource_whose_protocol_is_not_c_is_not_migrated(make_world):
    world = make_world()
    tool(world, 1, "start dns")
    for node in (1, 2):
        world.edit(node, "/etc/drbd.d/dns.res", lambda text: text.replace(
            "resource dns {\n", "resource dns {\n  net { protocol A; }\n"))
    refusal(world, 1, "migrate-out dns", 4, "protocol")


def test_a_disk_given_by_the_block_script_is_promoted_verified_and_demoted_all_the_same(make_world):
    world = make_world(domains=[demo.domain("dns", "dom0", 1, kind="drbd")])
    tool(world, 1, "start dns")
    assert_runs(world, dns=1)
    tool(world, 1, "migrate-out dns")
    assert_runs(world, dns=2)
    tool(world, 2, "stop dns")
    assert_runs(world)
