"""One changing run at a time, on the pair; and what a run that was killed began keeps the others away until it has ended."""

import os
import re
import signal
import subprocess
import time

import pytest
from stories import (add_to_topology, assert_runs, creations, document, log_of, nothing_changes, quick_to_give_up, seen,
                     status, time_of, tool, windows_closed)
from test_unreachable_peer import changed_key, frozen, refused_key, stopped, with_fence


def held_start(world, domain="dns", node=1, point="create-built"):
    """A start that stands in the middle of its xl create: (process, id of the hold)."""
    held = world.simulation.hold(f"xl create -q *{domain}.cfg", point, node=node)
    process = world.popen(node, f"exec xen-drbd --json start {domain} > /tmp/said 2> /tmp/errors")
    world.simulation.wait_held(held)
    return process, held


@pytest.mark.parametrize("other", [1, 2], ids=["on the same node", "on the peer"])
def test_a_second_run_waits_for_the_first_and_names_it_when_it_gives_up(world, other):
    process, held = held_start(world)
    holder = r"dom0 pid \d+ start dns since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    with nothing_changes(world):
        begun = time.monotonic()
        told = tool(world, other, "start samba --lock-wait 500ms", 75)
        assert 0.5 <= time.monotonic() - begun < 20
        assert re.search(holder, told.stderr) and "nothing was changed" in told.stderr, told
        told = tool(world, other, "--json migrate-out dns --lock-wait 0s", 75)
        assert told.json["exit_code"] == 75 and re.search(holder, told.json["error"]["because"]), told
        tool(world, other, "status")
        assert document(world, other, "-n start samba").results == {"samba": "started"}
    with world.running(other, "exec xen-drbd start samba --lock-wait 20s > /tmp/second 2>&1") as second:
        world.wait_for(lambda: "waiting for the cluster lock" in world.on(other, "cat /tmp/second").stdout, 20, "it to wait")
        world.simulation.release(held)
        assert second.wait(20) == 0
    assert process.wait(10) == 0
    assert_runs(world, dns=1, samba=other)
    assert time_of(world, "created", domain="dns") < time_of(world, "created", domain="samba")


def test_lock_wait_of_the_topology_holds_where_none_is_typed(world):
    add_to_topology(world, "lock_wait: 300ms\n")
    process, held = held_start(world)
    begun = time.monotonic()
    tool(world, 2, "start samba", 75)
    assert time.monotonic() - begun < 20
    world.simulation.release(held)
    assert process.wait(10) == 0


@pytest.mark.parametrize("node", [1, 2], ids=["typed on node1", "typed on node2"])
@pytest.mark.parametrize("name", ["KILL", "KILL to its group"])
def test_what_a_killed_run_began_keeps_the_lock_until_it_has_ended(world, node, name):
    process, held = held_start(world, node=node)
    if name == "KILL":
        world.on(node, "kill -9 $(pidof xen-drbd)", check=True)
    else:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)
    other = 3 - node
    for where in (other, node):
        told = tool(world, where, "start samba --lock-wait 1s", 75)
        assert f"{world.names[node - 1]} pid" in told.stderr and "start dns" in told.stderr, told
    assert log_of(world, "created", domain="dns") == []
    world.simulation.release(held)
    world.wait_for(lambda: creations(world, "dns") == 1, 10, "the create to end")
    tool(world, other, "start samba --lock-wait 10s")
    tool(world, other, "start dns", 4).says(f"dns is running on {world.names[node - 1]}")
    assert_runs(world, **{"dns": node, "samba": other})


def test_a_killed_run_that_had_promoted_only_leaves_nothing_that_hinders(world):
    held = world.simulation.hold("drbdadm primary dns", "after", node=1)
    process = world.popen(1, "exec xen-drbd start dns > /tmp/said 2>&1")
    world.simulation.wait_held(held)
    world.on(1, "kill -9 $(pidof xen-drbd)", check=True)
    process.wait(10)
    tool(world, 2, "start dns --lock-wait 500ms", 75)
    world.simulation.release(held)
    tool(world, 2, "start dns --lock-wait 10s")
    assert_runs(world, dns=2)
    assert log_of(world, "created", domain="dns", node="dom0") == []


def test_a_run_on_the_peer_that_loses_its_tool_lets_the_lock_go(world):
    """The tool on dom0 moves a domain in; its xl migrate runs on mirror. Killed, the transport ends, the guest stays."""
    tool(world, 2, "start dns")
    held = world.simulation.hold("xl migrate *", "migrate-stream", node=2, at_byte=900_000)
    process = world.popen(1, "exec xen-drbd migrate-in dns > /tmp/said 2>&1")
    world.simulation.wait_held(held)
    world.on(1, "kill -9 $(pgrep -o -x xen-drbd)", check=True)
    process.wait(10)
    told = tool(world, 2, "start samba --lock-wait 500ms", 75)
    assert "dom0 pid" in told.stderr and "migrate-in dns" in told.stderr, told
    world.simulation.release(held)
    tool(world, 2, "start samba --lock-wait 40s")
    world.wait_for(lambda: seen(world, 1) == ({}, set()), 30, "the target to be clear")
    assert_runs(world, dns=2, samba=2)
    assert windows_closed(world, "dns") and not log_of(world, "stand-alone")


@pytest.mark.parametrize("point, node, command", [
    ("migrate-stream", 1, "xl migrate *"), ("migrate-suspended", 1, "xl migrate *"), ("receive-end", 2, "xl migrate-receive"),
    ("receive-ready", 2, "xl migrate-receive"), ("migrate-renamed", 1, "xl migrate *"), ("migrate-go", 1, "xl migrate *"),
    ("receive-running", 2, "xl migrate-receive")])
def test_a_migration_whose_tool_is_killed_ends_on_one_node_and_recover_tidies_up(world, point, node, command):
    tool(world, 1, "start dns")
    held = world.simulation.hold(command, point, node=node)
    process = world.popen(1, "exec xen-drbd migrate-out dns > /tmp/said 2>&1", stdout=subprocess.DEVNULL)
    world.simulation.wait_held(held)
    world.on(1, "kill -9 $(pgrep -o -x xen-drbd)", check=True)
    process.wait(10)
    if node == 1:  # xl migrate keeps the lock; its receiver, which cannot act by itself, need not
        told = tool(world, 2, "start samba --lock-wait 500ms", 75)
        assert "migrate-out dns" in told.stderr, told
    assert tool(world, 2, "start dns --lock-wait 500ms", None).code in (4, 75)
    world.simulation.release(held)
    tool(world, 2, "start samba --lock-wait 60s")
    world.wait_for(lambda: status(world, 1, None, "dns")["state"] in ("running", "half-migrated", "suspended"), 30, "xl")
    tool(world, 1, "recover dns", None)
    shown = status(world, 1, domain="dns")
    assert shown["state"] == "running", shown
    where = 1 if shown["running_on"] == ["dom0"] else 2
    assert_runs(world, **{"dns": where, "samba": 2})
    assert windows_closed(world, "dns")
    assert where == (2 if point in ("migrate-go", "receive-running") else where)


def test_a_holder_whose_node_lost_its_power_does_not_lock_the_survivor_out(world):
    quick_to_give_up(world)
    tool(world, 2, "start samba")
    process, _ = held_start(world)
    world.crash(1)
    process.wait(10)
    begun = time.monotonic()
    tool(world, 2, "stop samba --lock-wait 30s")
    assert time.monotonic() - begun < 25
    assert world.rows(2) == {}


def test_the_lock_directory_is_roots_and_the_file_is_never_removed(world):
    tool(world, 1, "start dns")
    for node in (1, 2):
        assert world.on(node, "stat -c '%a %U' /run/xen-drbd; test -f /run/xen-drbd/lock && echo there").stdout \
            == "700 root\nthere\n"
    before = world.on(1, "stat -c %i /run/xen-drbd/lock").stdout
    tool(world, 1, "stop dns")
    assert world.on(1, "stat -c %i /run/xen-drbd/lock").stdout == before
    world.on(1, "rm -rf /run/xen-drbd && ln -s /tmp /run/xen-drbd", check=True)
    with nothing_changes(world):
        told = tool(world, 1, "start samba", None)
        assert told.code not in (0, 70), told


def test_stop_needs_only_this_nodes_lock_when_the_peer_is_gone(world):
    tool(world, 1, "start dns")
    world.stop_sshd(2)
    process, held = None, world.simulation.hold("xl shutdown dns", "before", node=1)
    process = world.popen(1, "exec xen-drbd stop dns > /tmp/said 2>&1")
    world.simulation.wait_held(held)
    tool(world, 1, "stop-all --lock-wait 300ms", 75)
    world.simulation.release(held)
    assert process.wait(20) == 0
    assert world.rows(1) == {}


def test_a_run_directory_without_room_is_told_and_nothing_is_left_in_it(world):
    tool(world, 1, "status")
    world.on(2, "mount -t tmpfs -o size=16k tmpfs /run/xen-drbd; head -c 100k /dev/zero > /run/xen-drbd/all; true", check=True)
    with nothing_changes(world):
        told = tool(world, 1, "start dns", 5).says("the worker cannot use /run/xen-drbd: ")
    assert re.search(r"cannot use /run/xen-drbd: \S", told.stderr), told
    assert world.on(2, "ls /run/xen-drbd", check=True).stdout == "all\n"


@pytest.mark.parametrize("trouble, claim", [(refused_key, "--peer-is-dead --yes"), (stopped, "a fence agent"),
                                            (frozen, "--peer-is-dead --yes"), (changed_key, "a fence agent")])
def test_a_peer_that_this_very_run_has_heard_is_not_dead_when_the_links_are_cut_afterwards(world, trouble, claim):
    if claim == "a fence agent":
        with_fence(world, "echo 'Status: OFF'; exit 2\n")
    else:
        quick_to_give_up(world)
    held = world.simulation.hold("xl create -q *samba.cfg", "create-built", node=1)
    killed = world.popen(1, "exec xen-drbd start samba > /tmp/first 2>&1")
    world.simulation.wait_held(held)
    world.on(1, "kill -9 $(pidof xen-drbd)", check=True)
    killed.wait(10)  # its xl create keeps the lock
    with trouble(world) as cause:
        words = f"start dns --lock-wait 60s {claim if claim.startswith('--') else ''}"
        with world.running(1, f"exec xen-drbd {words} > /tmp/said 2>&1") as run:
            world.wait_for(lambda: "waiting for" in world.on(1, "cat /tmp/said").stdout, 20, "the wait for the lock")
            world.cut()
            world.wait_for(lambda: world.simulation.resource(1, "dns")["connection"] != "Connected", 10, "DRBD's notice")
            world.simulation.release(held)
            assert run.wait(60) == 4, world.on(1, "cat /tmp/said").stdout
    said = world.on(1, "cat /tmp/said").stdout
    assert "mirror is not dead" in said and cause in said, said
    assert set(seen(world, 1)[0]) <= {"samba"}


@pytest.mark.parametrize("leaving", [False, True])
def test_an_evacuation_that_is_interrupted_while_it_waits_for_the_lock_has_changed_nothing(world, leaving):
    if leaving:
        tool(world, 1, "evacuate")
    held = world.simulation.hold("xl create -q *samba.cfg", "create-built", node=2)
    with world.running(2, "exec xen-drbd start samba > /tmp/said 2>&1") as other:
        world.simulation.wait_held(held)
        with world.running(1, "exec xen-drbd evacuate > /tmp/said 2>&1") as waits:
            world.wait_for(lambda: "waiting for the cluster lock" in world.on(1, "cat /tmp/said").stdout, 10, "the wait")
            assert status(world, 2)["nodes"][0]["leaving"] is True
            world.on(1, "kill -INT $(pgrep -o -x xen-drbd)", check=True)
            assert waits.wait(10) == 130
        world.simulation.release(held)
        assert other.wait(20) == 0
    assert "nothing was changed" in world.on(1, "cat /tmp/said").stdout
    assert status(world, 2)["nodes"][0]["leaving"] is leaving
    tool(world, 2, "migrate-out samba", 4 if leaving else 0)
