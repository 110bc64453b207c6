"""What an accident leaves, told by `status`, mended by the next run or by `recover`, and then gone for good."""

import json
import subprocess
import time

import pytest
from harness import demo
from stories import (assert_runs, creations, document, nothing_changes, over, quick_to_give_up, seen, status, tool,
                     windows_closed)
from test_unreachable_peer import with_fence

RECORD = "/var/lib/xen-drbd/dns.migration"


@pytest.fixture(params=["8.4", "9"])
def pair(request, make_world):
    return make_world(dialect=request.param)


def has_record(world, node=1):
    return world.on(node, ["test", "-e", RECORD]).ok


def syslog(world, node):
    """What has been sent to the syslog of a node so far; a mark behind it comes in last."""
    mark = f"mark-{time.monotonic_ns()}"
    world.on(node, ["logger", "-t", "test", mark], check=True)
    log = ["cat", "/var/log/syslog"]
    world.wait_for(lambda: mark in world.on(node, log).stdout, 10, mark)
    return world.on(node, log).stdout


# -- the window --------------------------------------------------------------------------------------------------------

def test_a_target_that_loses_its_power_in_the_window_and_boots_is_connected_again_by_recover(pair):
    quick_to_give_up(pair)
    tool(pair, 1, "start dns")
    held = pair.simulation.hold("drbdadm primary dns", "after", node=2)
    with pair.running(1, "exec xen-drbd migrate-out dns > /tmp/said 2>&1") as run:
        pair.simulation.wait_held(held)
        pair.crash(2)
        assert run.wait(180) == 6, pair.on(1, "cat /tmp/said").stdout
    assert pair.rows(1).get("dns") in ("-b----", "r-----")
    pair.boot(2)
    pair.wait_for(lambda: pair.simulation.resource(1, "dns")["connection"] in ("StandAlone", "Connected"), 30, "DRBD")
    told = tool(pair, 1, "recover dns")
    pair.simulation.wait_connected("dns")
    assert windows_closed(pair, "dns"), told
    assert_runs(pair, dns=1)
    assert not has_record(pair) and "did not come to its end" not in tool(pair, 1, "status").stdout
    tool(pair, 1, "migrate-out dns")
    assert_runs(pair, dns=2)


# -- the rounds of recover ---------------------------------------------------------------------------------------------

def test_a_peer_that_is_lost_in_a_later_round_of_recover_is_six_and_something_was_changed(world):
    quick_to_give_up(world)
    world.open_window("dns")
    closing = world.simulation.hold("drbdadm net-options --allow-two-primaries=no dns", "after", node=1)
    with world.running(1, "exec xen-drbd --json recover dns > /tmp/said 2> /tmp/errors") as run:
        world.simulation.wait_held(closing)
        looking = world.simulation.hold("xl list", "before", node=2)
        world.simulation.release(closing)
        world.simulation.wait_held(looking)
        world.crash(2)
        assert run.wait(60) == 6, world.on(1, "cat /tmp/errors").stdout
    said = json.loads(world.on(1, "cat /tmp/said").stdout)
    assert [one["result"] for one in said["domains"]] == ["failed"]
    assert said["exit_code"] == 6 and said["error"]["changed"] is True


def test_what_a_first_round_of_recover_changed_makes_a_refusal_of_the_next_a_failure(world):
    world.start_by_hand(1, "dns")
    world.simulation.split_brain("dns")
    world.on(2, ["drbdadm", "primary", "dns"], check=True)
    told = document(world, 1, "recover dns", 6)
    assert told.results == {"dns": "failed"} and told.json["error"]["changed"] is True, told
    assert "stands alone" in told.reasons["dns"]
    assert world.role(2, "dns") == "Secondary"
    with nothing_changes(world):
        tool(world, 1, "recover dns", 4).says("stands alone", "nothing was changed")


# -- the record --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("command, where", [("recover dns", 1), ("migrate-out dns", 2)])
def test_the_record_of_a_migration_does_not_outlive_what_it_is_good_for(world, command, where):
    tool(world, 1, "start dns")
    world.on(1, f"mkdir -p /var/lib/xen-drbd && echo 'what was' > {RECORD}", check=True)
    tool(world, 2, "status").says("a migration of dns from dom0 is not over")
    assert f"rm {RECORD}" in tool(world, 1, f"-n {command}").stdout and has_record(world)
    tool(world, 1, command)
    assert_runs(world, dns=where)
    assert not has_record(world)
    assert "did not come to its end" not in tool(world, 2, "status").stdout


def test_recover_removes_a_record_that_a_power_loss_left_half_written(world):
    world.on(1, f"mkdir -p /var/lib/xen-drbd && echo 'run 1' > {RECORD}.new", check=True)
    assert f"rm {RECORD}" in tool(world, 2, "-n recover dns").stdout
    tool(world, 2, "recover dns")
    assert world.on(1, "ls /var/lib/xen-drbd").stdout == ""


def test_a_start_removes_the_record_of_an_earlier_migration(world):
    world.on(2, f"mkdir -p /var/lib/xen-drbd && echo 'what was' > {RECORD}", check=True)
    tool(world, 1, "start dns")
    assert_runs(world, dns=1)
    assert not has_record(world, 2)


# -- what is on its way out --------------------------------------------------------------------------------------------

def test_recover_waits_for_what_is_dying(make_world):
    world = make_world(settings={"destroy_linger": 3.0})
    tool(world, 1, "start dns")
    world.on(1, "xl destroy dns & sleep 0.5", check=True)
    tool(world, 1, "recover dns")
    assert_runs(world)


# -- a scope for what stays behind -------------------------------------------------------------------------------------

SYSTEMD_RUN = """#!/bin/sh
echo "$@" >> /tmp/scopes
[ ! -e /proc/$$/fd/9 ] || echo 'the lock is held' >> /tmp/scopes
while [ "$1" != -- ]; do shift; done
shift
exec "$@"
"""


def with_systemd(world, node, script=SYSTEMD_RUN, runs=True):
    if runs:
        world.on(node, "mkdir -p /run/systemd/system", check=True)
    over(world, node, "/usr/bin/systemd-run", script)


def scopes(world, node):
    return world.on(node, "cat /tmp/scopes").stdout.splitlines()


def test_where_systemd_runs_what_xl_leaves_behind_gets_a_scope(world):
    for node in (1, 2):
        with_systemd(world, node)
    tool(world, 1, "start dns")
    scope = "--quiet --scope --slice=system.slice --property=Before=xen-drbd-guests.target -- "
    assert scopes(world, 1) == [scope + "xl create -q /etc/xen/dns.cfg"]
    assert "lost its xl watcher" not in tool(world, 2, "status").stdout
    tool(world, 2, "start mail --lock-wait 1s")  # the scope does not keep the lock
    tool(world, 1, "migrate-out dns --lock-wait 1s")
    moved = scopes(world, 2)[-1]
    assert moved.startswith(scope + "xl migrate-receive"), moved
    tool(world, 2, "stop dns --lock-wait 1s")
    assert_runs(world, mail=2)


def test_a_create_in_a_scope_keeps_its_exit_status_and_what_it_said(world):
    with_systemd(world, 1)
    world.simulation.fault("exit", command="xl create -q *dns.cfg", point="before", code=3, stderr="libxl: error: no luck\n")
    told = document(world, 1, "start dns", 6)
    told.says("no luck")
    with_systemd(world, 1, "#!/bin/sh\necho 'Failed to start transient scope unit: no luck' >&2\nexit 1\n")
    document(world, 1, "start dns", 6).says("Failed to start transient scope unit")
    assert seen(world, 1) == ({}, set())


def test_without_systemd_there_is_no_scope(world):
    with_systemd(world, 1, runs=False)
    tool(world, 1, "start dns")
    assert scopes(world, 1) == []


# -- audit -------------------------------------------------------------------------------------------------------------

def test_every_changing_run_leaves_one_line_in_the_syslog_of_both_nodes(world):
    tool(world, 1, "start dns")
    tool(world, 2, "migrate-in dns --plain-ssh")
    tool(world, 1, "start dns", 4)
    tool(world, 1, "-n start samba")
    tool(world, 1, "status")
    world.on(2, "touch /tmp/held", check=True)
    with world.running(2, "exec flock /run/xen-drbd/lock sh -c 'while [ -e /tmp/held ]; do sleep 0.1; done'"):
        world.wait_for(lambda: not world.on(2, "flock -n /run/xen-drbd/lock true").ok, 10, "the lock to be held")
        tool(world, 1, "start samba --lock-wait 0s", 75)
        world.on(2, "rm /tmp/held", check=True)
    tool(world, 2, "evacuate --cancel")
    for node in (1, 2):
        lines = [line for line in syslog(world, node).splitlines() if " by " in line and ": exit " in line]
        told = [line[line.index("xen-drbd"):] for line in lines]
        assert len(told) == 3 + node, told  # --cancel is a matter of its own node
        assert "start dns by" in told[0] and "on dom0: exit 0, dns started" in told[0], told
        assert "migrate-in dns by" in told[1] and "dns migrated, --plain-ssh" in told[1], told
        assert "exit 4" in told[2] and "start samba by" in told[3] and "on dom0: exit 75" in told[3], told
    assert "evacuate --cancel by" in told[4], told


FULL_LOG = """
import os, socket, time
os.unlink("/dev/log")
log, writer = (socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(2))
log.bind("/dev/log")
writer.setblocking(False)
try:
    while True: writer.sendto(b"x", "/dev/log")
except BlockingIOError:
    print("full", flush=True)
time.sleep(600)
"""


def test_a_syslog_that_takes_nothing_keeps_no_run_from_its_end(world):
    full = world.popen(1, ["python3", "-c", FULL_LOG], stdout=subprocess.PIPE, text=True)
    assert full.stdout.readline() == "full\n"
    tool(world, 1, "start dns", timeout=40).says("the audit line is not written")
    tool(world, 2, "start samba --lock-wait 1s")
    assert_runs(world, dns=1, samba=2)


# -- fencing -----------------------------------------------------------------------------------------------------------

def test_a_fence_agent_is_not_believed_while_anything_answers_at_the_peers_addresses(world):
    with_fence(world, "echo 'Status: OFF'; exit 2\n")
    world.stop_sshd(2)
    world.simulation.cut(net=False, drbd=True)
    world.wait_for(lambda: world.simulation.resource(1, "dns")["connection"] != "Connected", 10, "DRBD to notice")
    with nothing_changes(world):
        document(world, 1, "start dns", 4).says("mirror is not dead", "Connection refused")


@pytest.mark.parametrize("claim", ["", " --peer-is-dead --yes"])
def test_a_claim_that_is_refused_is_said_of_each_domain_that_needs_it_and_of_no_other(world, claim):
    tool(world, 1, "start samba")
    if not claim:
        with_fence(world, "echo 'Status: OFF'; exit 2\n")
    world.stop_sshd(2)
    with nothing_changes(world):
        told = document(world, 1, "start dns samba" + claim, 4)
        assert told.results == {"dns": "refused", "samba": "already"}, told
        told.says("dns was not started on dom0", "mirror is not dead", "Connection refused")
        assert document(world, 1, "start samba" + claim).results == {"samba": "already"}


@pytest.mark.parametrize("recorded", [False, True], ids=["left-by-hand", "left-by-a-migration-with-its-record"])
def test_a_guest_that_recover_has_started_anew_ends_the_leaving_of_its_node(make_world, recorded):
    world = make_world(domains=[demo.domain("dns", "dom0", 1, on_crash="preserve")])
    tool(world, 1, "start dns")
    if recorded:
        world.simulation.fault("signal", node=2, command="xl migrate-receive", point="receive-go", signal=9)
        tool(world, 1, "migrate-out dns", 6)
        world.simulation.write_by_hand(2, "dns")
        assert has_record(world)
    else:
        world.simulation.change_domain(1, "dns", "name", "dns--migratedaway")
        world.simulation.change_domain(1, "dns--migratedaway", "shutdown", "suspend")
    document(world, 1, "evacuate", None if recorded else 4)
    assert status(world, 2)["nodes"][0]["leaving"]
    assert document(world, 1, "recover dns --yes").results == {"dns": "started"}
    assert not status(world, 2)["nodes"][0]["leaving"]
    assert_runs(world, dns=1)


def test_a_new_start_that_fails_is_not_called_a_success_for_what_recover_tidies_up_after_it(make_world):
    world = make_world(domains=[demo.domain("dns", "dom0", 1, on_crash="preserve"), demo.domain("mail", "dom0", 2)])
    tool(world, 1, "start dns")
    world.simulation.fault("signal", node=2, command="xl migrate-receive", point="receive-go", signal=9)
    tool(world, 1, "migrate-out dns", 6)
    world.simulation.write_by_hand(2, "dns")
    document(world, 1, "evacuate", None)
    world.open_window("mail")    # what is mended in the first round, and brings the second
    world.simulation.fault("exit", command="xl create -q *dns.cfg", code=1)
    told = document(world, 1, "recover dns mail --yes", 6)
    assert told.results == {"dns": "failed", "mail": "already"}, told
    assert "exit status 1" in told.reasons["dns"] and windows_closed(world, "mail") and not has_record(world), told
    assert creations(world, "dns") == 1 and world.rows(1) == {}
    assert status(world, 2)["nodes"][0]["leaving"]


def test_a_recover_on_a_leaving_node_does_not_start_what_a_newer_evacuation_would_have_to_move(make_world):
    world = make_world(domains=[demo.domain("dns", "dom0", 1, on_crash="preserve"),
                                demo.domain("mail", "dom0", 2, on_crash="preserve")])
    tool(world, 1, "start dns mail")
    for name in ("dns", "mail"):
        world.simulation.change_domain(1, name, "name", f"{name}--migratedaway")
        world.simulation.change_domain(1, f"{name}--migratedaway", "shutdown", "suspend")
    tool(world, 1, "evacuate", None)
    assert status(world, 2)["nodes"][0]["leaving"]
    held = world.simulation.hold("xl create -q *dns.cfg", "create-built", node=1)
    with world.running(1, "exec xen-drbd --json recover dns mail --yes --jobs 1 > /tmp/said 2>&1") as recover:
        world.simulation.wait_held(held)
        with world.running(1, "exec xen-drbd evacuate > /tmp/evacuated 2>&1") as evacuation:
            world.wait_for(lambda: "waiting for" in world.on(1, "cat /tmp/evacuated").stdout, 20, "the evacuation")
            world.simulation.release(held)
            assert recover.wait(60) == 4, world.on(1, "cat /tmp/said").stdout
            assert evacuation.wait(60) == 4, world.on(1, "cat /tmp/evacuated").stdout
    assert "dom0 is leaving: it is being evacuated now" in world.on(1, "cat /tmp/said").stdout
    assert creations(world, "mail") == 1
    assert status(world, 2)["nodes"][0]["leaving"]
    assert set(world.rows(1)) == {"mail--migratedaway"} and "dns" in world.rows(2)


@pytest.mark.parametrize("command, where", [("migrate-all-out", [2]), ("stop-all", []), ("evacuate", [2])])
def test_a_guest_that_crashed_and_is_kept_does_not_hinder_those_that_run(make_world, command, where):
    world = make_world(domains=[demo.domain("dns", "dom0", 1, on_crash="preserve"), demo.domain("mail", "dom0", 2)])
    tool(world, 1, "start dns mail")
    world.simulation.change_domain(1, "dns", "shutdown", "crash")
    told = document(world, 1, command)
    assert told.results["dns"] == "skipped", told
    told.says("dns has crashed on dom0", "xen-drbd recover dns --yes")
    assert [node for node in (1, 2) if "mail" in world.rows(node)] == where
    document(world, 1, "stop dns", 4)


def test_an_agent_of_the_package_fence_agents_is_understood(world):
    with_fence(world, "exec /usr/sbin/fence_dummy --status-file=/root/power \"$2\"\n")
    world.crash(2)
    world.wait_for(lambda: status(world, 1, 5, "dns")["disks"][0]["connection"] == "Connecting", 30, "DRBD to notice")
    with nothing_changes(world, nodes=(1,)):
        world.write(1, "/root/power", "smoke")
        document(world, 1, "start dns", 5).says("the fence device does not say", "Unable to obtain correct plug status")
        world.write(1, "/root/power", "on")
        document(world, 1, "start dns", 5).says("the fence device does not say that mirror is off")
    world.write(1, "/root/power", "off")
    assert document(world, 1, "start dns").results == {"dns": "started"}
    assert "the word of the fence device" in syslog(world, 1)


def test_a_start_without_the_peer_says_since_when_its_disks_are_without_it(world):
    with_fence(world, "echo 'Status: OFF'; exit 2\n")
    world.write(1, "/root/dmesg", "#!/bin/sh\necho '2026-11-22T18:19:02,355115+00:00 drbd dns: peer( Secondary -> "
                "Unknown ) conn( Connected -> NetworkFailure ) pdsk( UpToDate -> DUnknown )'\n", 0o755)
    world.on(1, "mount --bind /root/dmesg $(command -v dmesg)", check=True)
    world.crash(2)
    world.wait_for(lambda: status(world, 1, 5, "dns")["disks"][0]["connection"] == "Connecting", 30, "DRBD to notice")
    told = document(world, 1, "start dns samba")
    told.says("dns is Connecting on dom0, disconnected since 2026-11-22T18:19:02",
              "samba is Connecting on dom0, and its kernel log does not say since when")
    assert "disconnected since" in told.reasons["dns"]


# -- the lock of a stop ------------------------------------------------------------------------------------------------

def test_a_stop_goes_on_when_the_peer_does_not_give_its_lock(world):
    tool(world, 1, "start dns")
    over(world, 2, "/usr/bin/flock", "#!/bin/sh\nexec sleep 60\n")
    told = document(world, 1, "stop dns")
    assert told.results == {"dns": "stopped"}
    assert world.rows(1) == {}
