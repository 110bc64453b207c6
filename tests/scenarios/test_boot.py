"""A node boots and shuts down: the init script on two simulated nodes, as `cmake --install` or the package left it."""

import contextlib
import os
import re
import shutil
import subprocess
import textwrap
import time
from pathlib import Path

import pytest
from harness import binary_under_test
from stories import TOPOLOGY, assert_runs, changing, creations, over, quick_to_give_up, status, tool

INIT = "/etc/init.d/xen-drbd"
DEFAULTS = "/etc/default/xen-drbd"
NETWORK = "/etc/xen/scripts/network-xen-drbd"
RETRY_PAUSE = 1
SHELLS = {"dash": "/bin/dash", "busybox": "/bin/busybox sh"}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The root of what is tested: / where the package is installed, else a folder into which the build was."""
    binary = binary_under_test()
    if binary == Path("/usr/sbin/xen-drbd"):
        return Path("/")
    root = tmp_path_factory.mktemp("installed")
    subprocess.run(["cmake", "--install", str(binary.parent)], env={**os.environ, "DESTDIR": str(root)}, check=True,
                   stdout=subprocess.DEVNULL)
    return root


@pytest.fixture
def make_pair(make_world, installed):
    """Makes pairs with the boot files on both nodes; `defaults` is what their administrator wrote."""
    def make(defaults="", **options):
        if installed != Path("/"):
            options.setdefault("libexec", installed / "usr/libexec/xen-drbd")
        world = make_world(**options)
        for node in (1, 2):
            for name in (INIT, DEFAULTS, NETWORK):
                source = installed / name.lstrip("/")
                world.write(node, name, source.read_text(), source.stat().st_mode & 0o777)
            settle(world, node, f"PEER_WAIT=20s\nRETRY_PAUSE={RETRY_PAUSE}\n{defaults}")
        return world

    return make


def settle(world, node, text):
    world.edit(node, DEFAULTS, lambda before: before + text)


def init(world, node, action, code=0, timeout=120):
    done = world.on(node, [INIT, action], timeout=timeout)
    assert done.code == code, f"{action}: exit {done.code}, {code} was expected\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def at_once(world, action):
    """The init script on both nodes at the same moment; what it said and its exit code, by node."""
    runs = {node: world.popen(node, [INIT, action], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            for node in (1, 2)}
    return {node: (run.communicate(timeout=180)[0], run.returncode) for node, run in runs.items()}


def until_it_says(process, words):
    """Reads what a process says, line by line, until it has said the words."""
    said = ""
    for line in process.stdout:
        said += line
        if words in line:
            return
    raise AssertionError(said)


def retrying(world, node):
    return world.on(node, ["test", "-e", "/run/xen-drbd/retry.pid"]).ok


def running(world):
    return {name: node for node in (1, 2) for name, state in world.rows(node).items() if not set(state) & set("psd")}


def wait_until_runs(world, **where):
    world.wait_for(lambda: running(world) == where, 60, f"{where}")
    assert_runs(world, **where)


# -- the actions -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("action, where", [
    ("nothing", {"samba": 1}),
    ("start-all", {"dns": 1, "samba": 1, "mail": 1}),
    ("start-my-domains", {"dns": 1, "samba": 1}),
    ("migrate-my-domains-home --jobs 1", {"samba": 1}),
    ("migrate-and-start-all", {"dns": 1, "samba": 2, "mail": 2}),
])
def test_a_boot_makes_the_links_and_runs_the_start_action(make_pair, action, where):
    world = make_pair(f'START_ACTION="{action}"\n')
    tool(world, 1, "start samba")
    said = init(world, 1, "start")
    assert world.on(1, "readlink /dev/drbd/*").stdout.split() == [
        f"/dev/drbd{disk['minor']}" for domain in sorted(status(world)["domains"], key=lambda one: one["name"])
        for disk in domain["disks"]]
    assert f"xen-drbd: {action} --lock-wait 30m" in said
    assert_runs(world, **where)
    init(world, 1, "start")
    assert_runs(world, **where)
    assert "is started; START_ACTION ended with 0" in init(world, 1, "status")
    assert not retrying(world, 1)


@pytest.mark.parametrize("action, where", [
    ("nothing", {"dns": 1, "mail": 1}),
    ("evacuate --deadline 1m", {"dns": 2, "mail": 2}),
    ("migrate-all-out", {"dns": 2, "mail": 2}),
    ("stop-all", {}),
    ("stop-my-domains", {"mail": 1}),
    ("stop dns", {"mail": 1}),
])
def test_a_shutdown_runs_the_stop_action(make_pair, action, where):
    world = make_pair(f'STOP_ACTION="{action}"\n')
    tool(world, 1, "start dns mail")
    init(world, 1, "status", 3)
    said = init(world, 1, "stop")
    assert "--deadline does not bound" not in said
    assert_runs(world, **where)
    init(world, 1, "stop")
    init(world, 1, "status", 3)


def test_what_is_not_said_in_etc_default_is_bringing_home_and_evacuating(make_pair):
    world = make_pair()
    tool(world, 2, "start dns")
    init(world, 1, "start")
    assert_runs(world, dns=1)
    init(world, 1, "stop")
    assert_runs(world, dns=2)
    assert status(world)["nodes"][0]["leaving"]
    init(world, 1, "restart")
    assert_runs(world, dns=1)
    assert not status(world)["nodes"][0]["leaving"]
    init(world, 1, "try-restart")
    assert_runs(world, dns=1)


def test_a_reload_makes_the_links_and_leaves_the_domains_alone(make_pair):
    world = make_pair("START_ACTION=start-all\nSTOP_ACTION=evacuate\n")
    tool(world, 2, "start dns")
    for action in ("force-reload", "reload"):
        world.on(1, "rm -rf /dev/drbd/*")
        init(world, 1, action)
        assert len(world.on(1, "readlink /dev/drbd/*", check=True).stdout.split()) >= 3
    init(world, 1, "try-restart")
    assert_runs(world, dns=2)


# -- exit codes --------------------------------------------------------------------------------------------------------

def test_exit_codes_are_those_of_lsb(make_pair, installed):
    world = make_pair("START_ACTION=strat-all\n")
    for words in ("", "begin", "--help"):
        assert world.on(1, f"{INIT} {words}").code == 2
    assert "did you mean start-all?" in init(world, 1, "start", 1)
    world.write(1, "/etc/xen/topology.yaml", "node1: dom0\n")
    for action in ("start", "stop", "restart", "force-reload"):
        assert "topology.yaml" in init(world, 1, action, 1)
    settle(world, 1, "XEN_DRBD_PATH=/usr/sbin/elsewhere\n")
    for action in ("start", "stop", "restart", "force-reload"):
        assert "/usr/sbin/elsewhere is not there" in init(world, 1, action, 1)
    init(world, 1, "status", 4)
    assert world.on(1, [NETWORK, "status"]).code == 4
    for action in ("start", "stop"):
        assert world.on(1, [NETWORK, action]).code == 1


def test_a_wait_that_is_no_duration_is_said_and_does_not_keep_the_domains_from_starting(make_pair):
    world = make_pair("PEER_WAIT=120\n")
    for words in ("", "1s 2s"):
        assert world.on(1, f"xen-drbd wait-for-peer {words}").code == 2
    assert "120" in init(world, 1, "start")
    assert_runs(world, dns=1)


@pytest.mark.parametrize("shell", SHELLS)
def test_the_scripts_run_in_each_posix_shell(make_pair, installed, tmp_path, shell):
    libexec = tmp_path / "libexec"
    shutil.copytree(installed / "usr/libexec/xen-drbd", libexec)
    for script in libexec.iterdir():
        script.write_text(script.read_text().replace("#!/bin/sh", f"#!{SHELLS[shell]}", 1))
    world = make_pair(libexec=libexec, topology_extra="bridges:\n  - {name: xenbr1}\n")
    for script in (INIT, NETWORK):
        world.write(1, script, world.read(1, script).replace("#!/bin/sh", f"#!{SHELLS[shell]}", 1), 0o755)
        assert world.on(1, [script, "begin"]).code == 2
    assert world.on(1, [NETWORK, "status"]).code == 3
    world.on(1, [NETWORK, "start"], check=True)
    assert world.on(1, [NETWORK, "status"], check=True).stdout == "xenbr1 is there\n"
    world.on(1, [NETWORK, "stop"], check=True)
    init(world, 1, "status", 3)
    init(world, 1, "start")
    assert_runs(world, dns=1)
    init(world, 1, "status")
    init(world, 1, "reload")
    init(world, 1, "restart")
    init(world, 1, "try-restart")
    assert_runs(world, dns=1)
    init(world, 1, "stop")
    assert_runs(world, dns=2)


def test_a_boot_is_of_the_topology_that_etc_default_names(make_pair):
    world = make_pair("START_ACTION=start-my-domains\nTOPOLOGY_NAME=lan\n", topology_extra="bridges:\n  - {name: xenbr1}\n")
    for node in (1, 2):
        world.write(node, "/etc/xen/lan.yaml", world.read(node, TOPOLOGY))
        world.write(node, TOPOLOGY, "domains: [\n")
    world.on(1, [NETWORK, "start"], check=True)
    assert world.on(1, [NETWORK, "status"], check=True).stdout == "xenbr1 is there\n"
    init(world, 1, "start")
    assert "/dev/drbd1\n" in world.on(1, "readlink /dev/drbd/*").stdout
    assert_runs(world, dns=1)
    init(world, 1, "stop")
    assert_runs(world, dns=2)


# -- what is tried again -----------------------------------------------------------------------------------------------

def test_two_nodes_that_boot_at_once_after_a_power_loss_have_every_domain_running_once(make_pair):
    world = make_pair()
    tool(world, 1, "migrate-and-start-all")
    assert_runs(world, dns=1, samba=2, mail=2)
    for node in (1, 2):
        world.crash(node)
    for node in (1, 2):
        world.boot(node)
    ends = at_once(world, "start")
    wait_until_runs(world, dns=1, samba=2, mail=2)
    assert {code for _, code in ends.values()} <= {0, 1}, ends
    for node in (1, 2):
        world.wait_for(lambda node=node: not retrying(world, node), 30, "the retry to end")
        assert "ended with 0" in init(world, node, "status")
    assert all(creations(world, name) == 2 for name in ("dns", "samba", "mail"))


def test_a_node_that_boots_alone_starts_nothing_until_its_peer_is_there(make_pair):
    world = make_pair("PEER_WAIT=2s\nSTART_ACTION=migrate-and-start-all\n")
    tool(world, 2, "start samba")
    for node in (1, 2):
        world.crash(node)
    world.boot(1)
    began = time.monotonic()
    said = init(world, 1, "start", 1)
    assert time.monotonic() - began < 20
    assert "waiting: mirror cannot be reached" in said and "it is tried again" in said
    assert "ended with 5" in init(world, 1, "status")
    assert_runs_here(world, 1)
    time.sleep(3 * RETRY_PAUSE)
    assert retrying(world, 1)
    assert_runs_here(world, 1)
    world.boot(2)
    wait_until_runs(world, dns=1, samba=2, mail=2)
    world.wait_for(lambda: not retrying(world, 1), 30, "the retry to end")
    log = world.on(1, "cat /var/log/syslog").stdout
    assert "xen-drbd: migrate-and-start-all --lock-wait 5s" in log and "mirror cannot be reached" in log


def test_retries_without_a_pause_between_them_end(make_pair):
    world = make_pair("PEER_WAIT=1s\nRETRY_PAUSE=soon\n")
    world.crash(2)
    assert "it is tried again" in init(world, 1, "start", 1)
    world.wait_for(lambda: not world.on(1, "pgrep -f 'boot [r]etry-loop'").ok, 20, "the loop to end")


def assert_runs_here(world, node, *domains):
    assert set(world.rows(node)) == set(domains)


def test_a_step_that_fails_is_1_and_is_tried_again_after_pauses_that_grow(make_pair):
    world = make_pair("START_ACTION=start-my-domains\n")
    whole = world.read(1, "/etc/xen/dns.cfg")
    for node in (1, 2):
        world.write(node, "/etc/xen/dns.cfg", whole.replace("/srv/xen/guest-vmlinux", "/nowhere"))
    init(world, 1, "start", 1)
    assert_runs(world)
    assert "ended with 6" in init(world, 1, "status") and retrying(world, 1)
    world.wait_for(lambda: world.on(1, "cat /run/xen-drbd/started").stdout.startswith("6 3 "), 60, "a third failure")
    assert world.on(1, "grep -c 'xen-drbd: start-my-domains ' /var/log/syslog").stdout == "3\n"
    for node in (1, 2):
        world.write(node, "/etc/xen/dns.cfg", whole)
    wait_until_runs(world, dns=1)
    world.wait_for(lambda: not retrying(world, 1), 30, "the retry to end")
    assert "ended with 0" in init(world, 1, "status")


def test_an_evacuation_that_is_typed_while_a_boot_waits_for_its_peer_is_not_ended_by_it(make_pair):
    world = make_pair("PEER_WAIT=60s\nSTART_ACTION=start-all\n")
    world.simulation.cut(net=False, drbd=True)
    with world.running(1, f"exec {INIT} start > /tmp/said 2>&1") as boot:
        world.wait_for(lambda: world.on(1, "pgrep -f '[w]ait-for-peer'").ok, 20, "the boot to wait")
        tool(world, 1, "evacuate", None)
        world.simulation.mend()
        assert boot.wait(90) == 1
    assert world.rows(1) == {} and "dom0 is leaving" in world.on(1, "cat /tmp/said").stdout
    world.wait_for(lambda: not retrying(world, 1), 30, "the retry to end")
    assert world.rows(1) == {}


def test_a_start_that_is_killed_counts_as_a_step_that_failed_and_is_tried_again(make_pair):
    world = make_pair("XEN_DRBD_PATH=/root/killed\nSTART_ACTION=start-all\n")
    world.write(1, "/root/killed", '#!/bin/sh\ncase "$*" in *start-all*) kill -KILL $$ ;; esac\nexec xen-drbd "$@"\n', 0o755)
    init(world, 1, "start", 1)
    assert "START_ACTION ended with 6 last" in init(world, 1, "status")
    assert retrying(world, 1)
    world.write(1, "/root/killed", '#!/bin/sh\nexec xen-drbd "$@"\n', 0o755)
    wait_until_runs(world, dns=1, samba=1, mail=1)
    init(world, 1, "stop")


def test_a_peer_that_is_lost_in_the_middle_of_a_boot_and_comes_back_gets_its_domains(make_pair):
    world = make_pair("START_ACTION=migrate-and-start-all\nRETRY_PAUSE=6\n")    # the first retry would be told otherwise
    held = world.simulation.hold("xl create -q *dns.cfg", "create-built", node=1)
    boot = world.popen(1, [INIT, "start"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    world.simulation.wait_held(held, 60)
    world.crash(2)
    world.simulation.release(held)
    said = boot.communicate(timeout=120)[0]
    assert boot.returncode == 1, said
    assert "ended with 6" in init(world, 1, "status"), said
    world.boot(2)
    wait_until_runs(world, dns=1, samba=2, mail=2)
    assert creations(world, "dns") == 1


def test_an_administrator_who_stops_ends_the_retry(make_pair):
    world = make_pair("PEER_WAIT=0s\nSTOP_ACTION=nothing\n")
    world.stop_sshd(2)
    init(world, 1, "start", 1)
    assert retrying(world, 1)
    init(world, 1, "start", 1)
    init(world, 1, "stop")
    assert not retrying(world, 1)
    world.start_sshd(2)
    time.sleep(3 * RETRY_PAUSE)
    assert_runs(world)


def test_the_command_that_ends_the_retry_is_said_and_leaves_the_domains_alone(make_pair):
    world = make_pair("PEER_WAIT=0s\n")
    world.stop_sshd(2)
    said = init(world, 1, "start", 1)
    command = re.search(r"it is tried again .*: (/\S*/boot end-retry)$", said, re.M)[1]
    world.start_by_hand(1, "mail")
    world.on(1, command, check=True)
    assert not retrying(world, 1)
    world.start_sshd(2)
    time.sleep(3 * RETRY_PAUSE)
    assert_runs(world, mail=1)
    assert not status(world)["nodes"][0]["leaving"]


def test_a_stop_during_an_attempt_ends_it_cleanly(make_pair):
    world = make_pair("PEER_WAIT=0s\n")
    world.stop_sshd(2)
    init(world, 1, "start", 1)
    held = world.simulation.hold("xl create -q *dns.cfg", "create-built", node=1)
    world.start_sshd(2)
    world.simulation.wait_held(held, 60)
    stop = world.popen(1, [INIT, "stop"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    time.sleep(1)
    world.simulation.release(held)
    said = stop.communicate(timeout=120)[0]
    assert stop.returncode == 0, said
    assert not retrying(world, 1)
    assert_runs(world, dns=2)


def test_systemd_sees_a_stop_that_fails_and_hears_that_no_shutdown_makes_up_for_it(make_pair):
    world = make_pair()
    tool(world, 1, "start dns")
    world.simulation.change_domain(1, "dns", "paused", True)
    world.on(1, ["mkdir", "-p", "/run/systemd/system"], check=True)
    said = {}
    for system in ("running", "stopping"):
        over(world, 1, "/usr/bin/systemctl", f"#!/bin/sh\n[ \"$1\" != is-system-running ] || echo {system}\n")
        stopped = world.on(1, ["/usr/libexec/xen-drbd/boot", "stop"], timeout=60)
        assert stopped.code == 1, stopped
        said[system] = stopped.stdout + stopped.stderr
        assert "dns is paused on dom0" in said[system]
    assert "no shutdown moves them away" in said["running"] and "no shutdown" not in said["stopping"]


def test_a_node_that_leaves_does_not_try_again(make_pair):
    world = make_pair("PEER_WAIT=0s\n")
    world.stop_sshd(2)
    init(world, 1, "start", 1)
    tool(world, 1, "evacuate")
    world.wait_for(lambda: not retrying(world, 1), 30, "the retry to end")
    world.start_sshd(2)
    time.sleep(3 * RETRY_PAUSE)
    assert_runs(world)
    assert status(world)["nodes"][0]["leaving"]


def test_a_node_that_begins_to_leave_while_it_tries_again_stays_empty(make_pair):
    world = make_pair("START_ACTION=start-my-domains\n")
    tool(world, 1, "evacuate")
    before = len(world.simulation.events())
    told = tool(world, 1, "start-my-domains", 4, env={"XEN_DRBD_UNLESS_LEAVING": "1"}).says("dom0 is leaving")
    assert changing(world.simulation.events()[before:]) == [], told
    assert status(world)["nodes"][0]["leaving"]


def tries(world):
    """How often START_ACTION was tried again on the first node."""
    return int(world.on(1, "cat /var/log/syslog | grep -c ' --lock-wait [15]s$'").stdout)


def wait_for_tries(world, more=2):
    wanted = tries(world) + more
    world.wait_for(lambda: tries(world) >= wanted or not retrying(world, 1), 60, "the retry to come again")
    assert retrying(world, 1), world.on(1, "cat /var/log/syslog").stdout


@contextlib.contextmanager
def evacuation_that_waits(world):
    """One on the first node that waits for the lock, which another run has; the process id is in /tmp/pid."""
    with world.running(1, "echo $$ > /tmp/pid; exec xen-drbd evacuate > /tmp/said 2>&1") as evacuation:
        world.wait_for(lambda: "waiting for the cluster lock" in world.on(1, "cat /tmp/said").stdout, 20, "the wait")
        yield evacuation


@pytest.mark.parametrize("restarted", [False, True])
def test_an_evacuation_that_is_interrupted_while_it_waits_for_the_lock_does_not_end_the_retry(make_pair, restarted):
    world = make_pair("START_ACTION='start-my-domains --lock-wait 1s'\n")
    if restarted:
        init(world, 1, "stop")
    held = world.simulation.hold("xl create -q *samba.cfg", "create-built", node=2)
    with world.running(2, "exec xen-drbd start samba > /tmp/said 2>&1") as other:
        world.simulation.wait_held(held)
        init(world, 1, "start", 1)
        with evacuation_that_waits(world) as evacuation:
            wait_for_tries(world)
            world.on(1, "kill -INT $(cat /tmp/pid)", check=True)
            assert evacuation.wait(10) == 130
        wait_for_tries(world)
        world.simulation.release(held)
        assert other.wait(30) == 0
    wait_until_runs(world, dns=1, samba=2)
    assert not status(world)["nodes"][0]["leaving"]
    world.wait_for(lambda: not retrying(world, 1), 30, "the retry to end")


def test_an_evacuation_that_is_typed_after_a_restart_ends_what_that_tries_again(make_pair):
    world = make_pair("START_ACTION=migrate-and-start-my-domains\n")
    init(world, 1, "start")
    init(world, 1, "stop")
    world.edit(2, TOPOLOGY, lambda text: text.replace("dns", "names"))
    init(world, 1, "start", 1)
    wait_for_tries(world)
    tool(world, 1, "evacuate")
    world.wait_for(lambda: not retrying(world, 1), 30, "the retry to end")
    assert "this node is leaving: START_ACTION is not tried again" in world.on(1, "cat /var/log/syslog").stdout
    assert status(world)["nodes"][0]["leaving"]
    assert_runs(world, dns=2)


def test_a_restart_that_fails_is_tried_again_though_the_stop_left_this_node_leaving(make_pair):
    world = make_pair("START_ACTION=migrate-and-start-my-domains\n")
    init(world, 1, "start")
    init(world, 1, "stop")
    assert_runs(world, dns=2)
    sound = world.read(2, TOPOLOGY)
    world.edit(2, TOPOLOGY, lambda text: text.replace("dns", "names"))
    assert "it is tried again until it succeeds" in init(world, 1, "start", 1)
    assert "ended with 4" in init(world, 1, "status")
    wait_for_tries(world)
    world.write(2, TOPOLOGY, sound)
    world.wait_for(lambda: not retrying(world, 1), 60, "the retry to end")
    assert_runs(world, dns=1)
    assert not status(world)["nodes"][0]["leaving"]


def test_a_boot_waits_for_another_run_and_tries_again_where_that_lasts(make_pair):
    world = make_pair("START_ACTION='start-my-domains --lock-wait 1s'\n")
    held = world.simulation.hold("xl create -q *samba.cfg", "create-built", node=2)
    other = world.popen(2, "exec xen-drbd start samba > /tmp/said 2>&1")
    world.simulation.wait_held(held)
    init(world, 1, "start", 1)
    assert "ended with 75" in init(world, 1, "status")
    world.simulation.release(held)
    assert other.wait(30) == 0
    wait_until_runs(world, dns=1, samba=2)


def test_a_boot_onto_which_a_leaving_peer_has_left_its_domains_brings_nothing_to_it(make_pair):
    world = make_pair("START_ACTION=migrate-and-start-all\n")
    tool(world, 2, "evacuate")
    init(world, 1, "start", 1)
    assert_runs(world, dns=1)
    assert retrying(world, 1)
    tool(world, 2, "evacuate --cancel")
    wait_until_runs(world, dns=1, samba=2, mail=2)


def test_a_boot_waits_for_drbd_to_connect_before_it_starts_anything(make_pair):
    world = make_pair("START_ACTION=start-my-domains\n")
    world.on(2, ["drbdadm", "down", "dns"], check=True)
    boot = world.popen(1, [INIT, "start"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    until_it_says(boot, "waiting: the DRBD resource dns is Connecting")
    world.on(2, ["drbdadm", "up", "dns"], check=True)
    said = boot.communicate(timeout=60)[0]
    assert boot.returncode == 0, said
    assert_runs(world, dns=1)


def test_a_boot_that_is_interrupted_while_it_waits_starts_nothing(make_pair):
    world = make_pair("PEER_WAIT=60s\n")
    world.stop_sshd(2)
    boot = world.popen(1, "echo $$ > /tmp/pid; exec /usr/libexec/xen-drbd/boot start", stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True)
    until_it_says(boot, "waiting: mirror cannot be reached")
    world.on(1, "kill -TERM $(cat /tmp/pid)", check=True)
    said = boot.communicate(timeout=20)[0]
    assert boot.returncode == 143, said
    assert "xen-drbd: migrate" not in said
    world.start_sshd(2)
    time.sleep(2 * RETRY_PAUSE)
    assert_runs(world)
    assert not retrying(world, 1)


SLOW_LINKS = """#!/bin/sh
[ "$1" != make-links ] || { touch /tmp/linking; while [ -e /tmp/linking ]; do sleep 0.1; done; }
exec /usr/sbin/xen-drbd "$@"
"""


def test_a_boot_that_is_interrupted_while_it_makes_the_links_waits_for_nobody_and_starts_nothing(make_pair):
    world = make_pair("PEER_WAIT=60s\nXEN_DRBD_PATH=/root/slow-links\n")
    world.write(1, "/root/slow-links", SLOW_LINKS, 0o755)
    world.stop_sshd(2)
    boot = world.popen(1, "echo $$ > /tmp/pid; exec /usr/libexec/xen-drbd/boot start", stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True)
    world.wait_for(lambda: world.on(1, ["test", "-e", "/tmp/linking"]).ok, 20, "the links to be made")
    world.on(1, "kill -TERM $(cat /tmp/pid); rm /tmp/linking", check=True)
    said = boot.communicate(timeout=20)[0]
    assert boot.returncode == 143, said
    assert "waiting:" not in said and "xen-drbd: migrate" not in said, said
    assert "/dev/drbd1\n" in world.on(1, "readlink /dev/drbd/*").stdout
    assert not retrying(world, 1)


# -- bridges -----------------------------------------------------------------------------------------------------------

def test_the_bridges_are_made_shown_and_removed(make_pair):
    world = make_pair(topology_extra="bridges:\n  - {name: xenbr1}\n  - {name: xenbr2}\n")
    assert world.on(1, [NETWORK, "status"]).code == 3
    world.on(1, [NETWORK, "start"], check=True)
    world.on(1, [NETWORK, "start"], check=True)
    assert world.on(1, [NETWORK, "status"], check=True).stdout == "xenbr1 is there\nxenbr2 is there\n"
    world.on(1, ["ip", "link", "delete", "xenbr2"], check=True)
    shown = world.on(1, [NETWORK, "status"])
    assert (shown.code, shown.stdout) == (3, "xenbr1 is there\nxenbr2 is missing\n")
    world.on(1, [NETWORK, "stop"], check=True)
    assert not world.on(1, ["ip", "link", "show", "xenbr1"]).ok
    assert world.on(1, [NETWORK]).code == 2


README = Path(__file__).resolve().parents[2].joinpath("README.md").read_text()
STATIC, DHCP = (textwrap.dedent(block) for block in re.findall(r"```\n( *auto eth0\n.*?) *```", README, re.S))
START_IT, STOP_IT = (f"{when} {NETWORK} {action}" for when, action in (("up", "start"), ("down", "stop")))
STATIC_ETH0 = f"""auto eth0
iface eth0 inet static
  address 10.77.0.1/24
  gateway 10.77.0.254
  {STOP_IT}
iface eth0 inet6 static
  address 2001:db8:77::1/64
  gateway 2001:db8:77::fe
  {START_IT}
"""
LEASES = """start 10.77.0.1
end 10.77.0.1
interface eth0
lease_file /root/leases
opt subnet 255.255.255.0
opt router 10.77.0.254
"""


@pytest.fixture
def under_ifupdown(make_pair):
    """A pair whose first node has no network yet, but ifupdown; the second gives addresses by DHCP."""
    world = make_pair(topology_extra="bridges:\n  - {name: xenbr0, interface: eth0}\n", bridge=False)
    world.on(1, "ip address flush dev eth0; ip link set dev eth0 down; mkdir -p /run/network /var/lib/dhcp && "
                "cd /etc/network && mkdir if-pre-up.d if-up.d if-down.d if-post-down.d", check=True)
    world.write(2, "/root/udhcpd.conf", LEASES)
    world.on(2, ": > /root/leases; busybox udhcpd /root/udhcpd.conf", check=True)
    return world


def network(world, interfaces, commands):
    """The administrator writes the file (None: leaves it) and types commands."""
    if interfaces is not None:
        world.write(1, "/etc/network/interfaces", interfaces)
    for command in commands:
        done = world.on(1, command)
        assert done.ok, f"{command}: {done}"


def addresses(world, device):
    shown = world.on(1, ["ip", "-o", "address", "show", "dev", device, "scope", "global"], check=True).stdout
    return {line.split()[3] for line in shown.splitlines()}


def assert_bridged(world, *wanted):
    assert addresses(world, "xenbr0") == set(wanted)
    assert addresses(world, "eth0") == set()
    assert " master xenbr0 " in world.on(1, ["ip", "-o", "link", "show", "eth0"], check=True).stdout
    for family in ("-4", "-6")[:len(wanted)]:
        assert " dev xenbr0 " in world.on(1, ["ip", family, "route", "show", "default"], check=True).stdout, family
    status(world)


def test_the_interfaces_of_the_readme_make_the_bridge_at_boot_and_can_be_taken_down_under_a_guest(under_ifupdown):
    world = under_ifupdown
    network(world, STATIC, ["ifup -a"])
    assert_bridged(world, "10.77.0.1/24", "2001:db8:77::1/64")
    network(world, None, ["ip link add vif1.0 type veth peer name guest", "ip link set vif1.0 master xenbr0"])
    for which in ("-a", "xenbr0", "eth0"):
        network(world, None, [f"ifup {which}", f"ifdown {which}", f"ifup {which}"])
        assert_bridged(world, "10.77.0.1/24", "2001:db8:77::1/64")
    assert " master xenbr0 " in world.on(1, ["ip", "-o", "link", "show", "vif1.0"], check=True).stdout


def test_addresses_that_stay_with_the_interface_move_at_boot_and_come_back_with_ifdown(under_ifupdown):
    assert "the `up` line belongs in its last stanza" in README and f"`{STOP_IT}` in its first" in README
    world = under_ifupdown
    network(world, STATIC_ETH0, ["ifup -a"])
    for _ in range(2):
        assert_bridged(world, "10.77.0.1/24", "2001:db8:77::1/64")
        network(world, None, ["ifdown eth0", "! ip link show xenbr0", "ifup eth0"])


def test_the_interfaces_of_the_readme_run_the_dhcp_client_on_the_bridge(under_ifupdown):
    network(under_ifupdown, DHCP, ["ifup -a"])
    assert_bridged(under_ifupdown, "10.77.0.1/24")
    network(under_ifupdown, None, ["ifdown -a", "ifup -a"])
    assert_bridged(under_ifupdown, "10.77.0.1/24")


def test_a_dhcp_client_goes_over_to_the_bridge_without_a_boot_as_the_readme_says(under_ifupdown):
    world = under_ifupdown
    switch = re.search(r"`(dhclient -x [^`]*)`", README)[1]
    network(world, "auto eth0\niface eth0 inet dhcp\n", ["ifup -a"])
    assert addresses(world, "eth0") == {"10.77.0.1/24"}
    said = world.on(1, "xen-drbd make-bridges | sh", check=True).stderr
    assert "had an address by DHCP" in said and switch.partition(" && ")[0] in said, said
    assert_bridged(world, "10.77.0.1/24")
    network(world, DHCP, [switch])
    assert_bridged(world, "10.77.0.1/24")
    clients = world.on(1, "for pid in $(pidof dhclient); do tr '\\0' ' ' < /proc/$pid/cmdline; done", check=True).stdout
    assert "xenbr0" in clients and "eth0" not in clients, clients


def test_a_bridge_that_something_else_made_is_left_alone_where_the_topology_has_no_interface_for_it(make_pair):
    world = make_pair(topology_extra="bridges:\n  - {name: xenbr0}\n", bridge=False)
    world.on(1, "ip link add xenbr0 type bridge && ip link set xenbr0 up && ip link set eth0 master xenbr0 && "
                "ip address flush dev eth0 && ip address add 10.77.0.1/24 dev xenbr0 && "
                "ip route add default via 10.77.0.254 dev xenbr0", check=True)
    for _ in range(2):
        assert world.on(1, "xen-drbd make-bridges | sh", check=True).stderr == ""
        assert_bridged(world, "10.77.0.1/24")
    found = [one for one in tool(world, 1, "--json check", 4).json["findings"] if one["node"] == "dom0"]
    assert [one["level"] for one in found if one["id"] == "bridge" and not one["domain"]] == ["ok"], found
    refused = world.on(1, [NETWORK, "stop"])
    assert refused.code == 1 and "xenbr0 is in use by eth0; no bridge was removed" in refused.stderr, refused
