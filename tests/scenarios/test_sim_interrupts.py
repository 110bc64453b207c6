"""A run that is interrupted, whose terminal is closed, or whose reader has gone, ends in order. Interrupts in the copy of
a migration are in test_sim_migration."""

import contextlib
import os
import pty
import signal
import subprocess
import termios
import time

import pytest
from stories import assert_runs, log_of, nothing_changes, seen, status, tool, windows_closed
from test_sim_leftovers import FULL_LOG, syslog

HALF = 900_000  # bytes of the stream of dns


def test_a_reader_of_stdout_that_has_gone_does_not_stop_a_run_half_way(world):
    world.on(1, "(xen-drbd -v start dns samba 2>&1; echo $? > /tmp/code) | head -c 1 > /dev/null", check=True)
    assert world.on(1, "cat /tmp/code").stdout == "0\n"
    assert_runs(world, dns=1, samba=1)


def all_of(terminal):
    """What is written to a terminal until everybody has closed it."""
    text = b""
    with contextlib.suppress(OSError):
        while more := os.read(terminal, 65536):
            text += more
    os.close(terminal)
    return text.decode()


@pytest.mark.parametrize("command", ["migrate-out dns", "evacuate --deadline 1m"])
@pytest.mark.parametrize("shows", ["everything", "diagnostics"])
def test_a_terminal_that_stands_still_stops_neither_a_migration_nor_its_lock(world, command, shows):
    tool(world, 1, "start dns")
    master, slave = pty.openpty()
    termios.tcflow(slave, termios.TCOOFF)   # Ctrl-S
    process = world.popen(1, ["xen-drbd", *command.split()], stdin=subprocess.DEVNULL, stderr=slave,
                          stdout=slave if shows == "everything" else subprocess.DEVNULL)
    world.wait_for(lambda: "dns" in seen(world, 2)[0] and windows_closed(world, "dns"), 30,
                   "the guest on the other node")
    tool(world, 2, "start mail --lock-wait 10s")
    assert process.poll() is None           # it still has something to say
    termios.tcflow(slave, termios.TCOON)
    os.close(slave)
    said = all_of(master)
    assert process.wait(20) == 0
    wanted = ["plan:", "last record held", "migrated to mirror"] if shows == "everything" else ["last record held"]
    places = [said.find(one) for one in wanted]
    assert -1 < places[0] and places == sorted(places), said
    assert_runs(world, dns=2, mail=2)


def test_a_terminal_that_is_closed_during_the_copy_lets_the_guest_run_on(world):
    tool(world, 1, "start dns")
    held = world.simulation.hold("xl migrate *", "migrate-stream", node=1, at_byte=HALF)
    master, slave = pty.openpty()
    process = world.popen(1, ["setsid", "--ctty", "xen-drbd", "migrate-out", "dns"],
                          stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    world.simulation.wait_held(held)
    os.close(master)
    world.wait_for(lambda: not world.on(1, "pgrep -f '^(/usr/sbin/)?xen-drbd transport'").ok, 20, "the end of the copy")
    world.simulation.release(held)
    assert process.wait(60) == 128 + signal.SIGTERM
    world.wait_for(lambda: seen(world, 2) == ({}, set()), 20, "the target to be clear")
    assert_runs(world, dns=1)
    assert windows_closed(world, "dns") and not log_of(world, "migrate", phase="go")
    tool(world, 2, "start mail --lock-wait 20s")


@pytest.mark.parametrize("name, code", [("INT", 130), ("TERM", 143)])
def test_an_interrupt_while_another_run_has_the_lock_ends_the_waiting_at_once(world, name, code):
    held = world.simulation.hold("xl create -q *dns.cfg", "create-built", node=1)
    with world.running(1, "exec xen-drbd start dns > /tmp/said 2>&1") as other:
        world.simulation.wait_held(held)
        with nothing_changes(world):
            process = world.popen(2, "exec xen-drbd start samba > /tmp/said 2>&1")
            world.wait_for(lambda: "waiting for the cluster lock" in world.on(2, "cat /tmp/said").stdout, 10, "the wait")
            world.on(2, f"kill -{name} $(pgrep -o -x xen-drbd)", check=True)
            assert process.wait(10) == code    # the lock is waited for much longer
        world.simulation.release(held)
        assert other.wait(20) == 0
    assert "nothing was changed" in world.on(2, "cat /tmp/said").stdout
    assert_runs(world, dns=1)


def evacuation_interrupted_in(world, held):
    """What an evacuation of the first node says that gets SIGINT where it is held, and the exit code."""
    with world.running(1, "exec xen-drbd -v evacuate > /tmp/said 2>&1") as evacuation:
        world.simulation.wait_held(held)
        world.on(1, "kill -INT $(pgrep -o -x xen-drbd)", check=True)
        time.sleep(0.5)
        world.simulation.release(held)
        code = evacuation.wait(60)
    return world.on(1, "cat /tmp/said").stdout, code


@pytest.mark.parametrize("before", [False, True])
def test_an_evacuation_that_is_interrupted_while_it_looks_leaves_no_mark(world, before):
    if before:
        tool(world, 1, "evacuate")
    tool(world, 2, "start dns")
    world.start_by_hand(1, "samba")
    with nothing_changes(world):
        said, code = evacuation_interrupted_in(world, world.simulation.hold("xl list", "after", node=2, count=1))
    assert code == 130 and "the cluster lock is taken" in said, said
    assert status(world, 2)["nodes"][0]["leaving"] is before
    assert ("xen-drbd evacuate --cancel" in said) is before, said


def test_an_evacuation_that_is_interrupted_after_it_changed_something_says_that_its_node_is_leaving(world):
    tool(world, 1, "start dns samba")
    held = world.simulation.hold("xl migrate *", "migrate-stream", node=1, at_byte=HALF)
    said, code = evacuation_interrupted_in(world, held)
    assert code == 130, said
    assert "dom0 is leaving all the same" in said and "xen-drbd evacuate --cancel" in said, said
    assert status(world, 2)["nodes"][0]["leaving"]
    assert_runs(world, dns=1, samba=1)


def start_that_is_interrupted_twice(world):
    """A start that gets SIGTERM and SIGINT in the middle of its xl create: (process, id of the hold)."""
    held = world.simulation.hold("xl create -q *dns.cfg", "create-built", node=1)
    process = world.popen(1, "exec xen-drbd start dns > /tmp/said 2>&1", stdout=subprocess.DEVNULL)
    world.simulation.wait_held(held)
    world.on(1, "kill -TERM $(pgrep -o -x xen-drbd)", check=True)
    world.wait_for(lambda: "interrupted: copies" in world.on(1, "cat /tmp/said").stdout, 20, "the answer to the first")
    world.on(1, "kill -INT $(pgrep -o -x xen-drbd)", check=True)
    return process, held


def test_the_second_interrupt_leaves_the_lock_to_the_command_that_still_runs(world):
    process, held = start_that_is_interrupted_twice(world)
    assert process.wait(10) == 130
    said = world.on(1, "cat /tmp/said").stdout
    assert "dns: dom0: xl create /etc/xen/dns.cfg" in said.split("ended at once")[1], said
    assert "start dns by uid 0 on dom0: exit 130, ended at once" in syslog(world, 1)
    assert "start dns by" not in syslog(world, 2)
    tool(world, 2, "start samba --lock-wait 500ms", 75).says("start dns")
    world.simulation.release(held)
    tool(world, 2, "start samba --lock-wait 20s")
    assert_runs(world, dns=1, samba=2)


def test_a_syslog_that_takes_nothing_keeps_the_second_interrupt_from_nothing(world):
    full = world.popen(1, ["python3", "-c", FULL_LOG], stdout=subprocess.PIPE, text=True)
    assert full.stdout.readline() == "full\n"
    process, held = start_that_is_interrupted_twice(world)
    assert process.wait(5) == 130
    world.simulation.release(held)
