"""A peer that cannot be asked is never taken for a peer on which nothing runs."""

import contextlib
import re
import subprocess

import pytest
from stories import (assert_runs, document, nothing_changes, quick_to_give_up, refusal, seen,
                     status, tool)

KNOWN_HOSTS = "/root/.ssh/known_hosts"


@contextlib.contextmanager
def stopped(world):
    world.stop_sshd(2)
    yield "Connection refused"
    world.start_sshd(2)


@contextlib.contextmanager
def cut(world):
    world.cut()
    yield "connecting to root@10.77.0.2:22: "  # no answer, or no route
    world.mend()


@contextlib.contextmanager
def unknown_key(world):
    world.write(1, KNOWN_HOSTS, "", 0o600)
    yield "host key is unknown"


@contextlib.contextmanager
def changed_key(world):
    other = " ".join(world.read(1, "/root/.ssh/id_ed25519.pub").split()[:2])
    world.write(1, KNOWN_HOSTS, f"mirror,10.77.0.2 {other}\n", 0o600)
    yield "host key has changed"


@contextlib.contextmanager
def refused_key(world):
    mine = world.read(1, "/root/.ssh/id_ed25519.pub")
    world.edit(2, "/root/.ssh/authorized_keys", lambda text: text.replace(mine, ""))
    yield "/root/.ssh/id_ed25519 was refused"


@contextlib.contextmanager
def frozen(world):
    world.on(2, "kill -STOP $(cat /run/sshd.pid)", check=True)
    yield f"no SSH server answered within {world.gives_up_after}"
    world.on(2, "kill -CONT $(cat /run/sshd.pid)", check=True)


@pytest.mark.parametrize("trouble", [stopped, cut, unknown_key, changed_key, refused_key, frozen])
def test_nothing_is_started_or_moved_while_the_peer_cannot_be_asked(world, trouble):
    quick_to_give_up(world)
    tool(world, 1, "start samba")
    with trouble(world) as cause:
        told = refusal(world, 1, "start dns", 5, cause, "cannot be reached, so dns may be running there")
        assert "root@10.77.0.2:22" in told.stderr
        with nothing_changes(world):
            assert set(document(world, 1, "start-all", 5).results.values()) == {"already", "refused"}
            document(world, 1, "migrate-out samba", 5).says(cause)
            document(world, 1, "migrate-in dns", 5)
            document(world, 1, "recover", 5)
            told = tool(world, 1, "--json status", 5)
            assert tool(world, 1, "start samba").code == 0
        nodes, (dns, samba, _) = told.json["nodes"], told.json["domains"]
        assert [node["reachable"] for node in nodes] == [True, False] and nodes[1]["reason"]
        assert cause.startswith("connecting to") or cause in nodes[1]["reason"]
        assert (dns["state"], dns["running_on"]) == ("unknown", [])
        assert (samba["state"], samba["running_on"]) == ("running", ["dom0"])
        assert [disk["peer_role"] for disk in samba["disks"]] == ["Unknown", "Unknown"]
        tool(world, 1, "status", 5).says(cause)
        assert document(world, 1, "stop samba").results == {"samba": "stopped"}
    assert_runs(world)


def test_a_name_that_does_not_resolve_is_a_peer_that_cannot_be_asked(world):
    for node in (1, 2):
        world.edit(node, "/etc/xen/topology.yaml", lambda text: text.replace("10.77.0.2", "mirror.nowhere"))
    refusal(world, 1, "start dns", 5, "mirror.nowhere does not resolve", "to /etc/hosts")


def test_a_node_whose_peer_is_gone_is_emptied_by_shutting_down(world):
    quick_to_give_up(world)
    tool(world, 1, "start dns samba")
    world.crash(2)
    told = document(world, 1, "evacuate")
    assert told.results["dns"] == told.results["samba"] == "stopped"
    assert world.rows(1) == {}
    world.boot(2)
    assert_runs(world)


def test_what_ran_on_a_crashed_node_is_started_once_that_node_is_back(world):
    quick_to_give_up(world)
    tool(world, 2, "start dns")
    world.crash(2)
    with nothing_changes(world, nodes=(1,)):
        tool(world, 1, "start dns", 5)
    world.boot(2)
    world.wait_for(lambda: status(world, 1, None, "dns")["disks"][0]["connection"] == "Connected", 30, "DRBD")
    tool(world, 1, "start dns")
    assert_runs(world, dns=1)


# -- the peer is dead --------------------------------------------------------------------------------------------------

def test_the_claim_that_the_peer_is_dead_needs_a_confirmation(world):
    quick_to_give_up(world)
    world.crash(2)
    with nothing_changes(world, nodes=(1,)):
        tool(world, 1, "start dns --peer-is-dead", 2).says("--peer-is-dead --yes")
        document(world, 1, "start dns --peer-is-dead", 2)
        typed = world.on(1, ["script", "-qec", "xen-drbd start dns --peer-is-dead", "/dev/null"], input="dom0\n")
        assert typed.code == 2 and "'dom0' is not its name" in typed.stdout
        asked = world.popen(1, ["script", "-qec", "xen-drbd start dns --peer-is-dead", "/dev/null"],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        world.wait_for(lambda: "If mirror still runs" in asked.stdout.readline(), 30, "the question")
        world.on(1, "kill -INT $(pidof xen-drbd)", check=True)
        assert asked.wait(10) == 130


def test_a_peer_that_boots_while_it_is_declared_dead_gets_no_lock_and_starts_nothing(world):
    quick_to_give_up(world)
    world.crash(2)
    asked = world.popen(1, ["script", "-qec", "xen-drbd start dns --peer-is-dead", "/dev/null"],
                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    world.wait_for(lambda: "If mirror still runs" in asked.stdout.readline(), 30, "the question")
    world.boot(2)
    tool(world, 2, "start dns --lock-wait 1s", 75).says("dom0", "start")
    said = asked.communicate("mirror\n", timeout=30)[0]
    assert asked.returncode == 4 and "mirror is not dead" in said, said
    assert_runs(world)
    world.wait_for(lambda: status(world, 1, None, "dns")["disks"][0]["connection"] == "Connected", 30, "DRBD")
    tool(world, 2, "start dns")
    assert_runs(world, dns=2)


def test_the_claim_that_the_peer_is_dead_is_refused_while_anything_answers(world):
    quick_to_give_up(world)
    for trouble, sign in ((stopped, "Connection refused"), (refused_key, "answers"), (frozen, "answers")):
        with trouble(world), nothing_changes(world):
            told = document(world, 1, "start dns --peer-is-dead --yes", 4)
            told.says("mirror is not dead", "10.77.0.2")
            assert sign == "answers" or sign in told.stdout


def test_the_claim_is_ignored_with_a_warning_when_the_peer_answers(world):
    tool(world, 2, "start samba")
    tool(world, 1, "start samba --peer-is-dead --yes", 4).says("--peer-is-dead is ignored: mirror answers")
    tool(world, 1, "start dns --peer-is-dead --yes").says("--peer-is-dead is ignored")
    assert_runs(world, samba=2, dns=1)


def test_a_domain_of_a_dead_node_is_started_by_an_administrator_who_vouches_for_it(make_world):
    vouching, typing = make_world(), make_world()
    runs = []
    for world in (vouching, typing):
        quick_to_give_up(world)
        tool(world, 2, "start dns")
        world.crash(2)
    runs.append(vouching.popen(1, ["xen-drbd", "start", "dns", "--peer-is-dead", "--yes"], stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True))
    runs.append(typing.popen(1, ["script", "-qec", "xen-drbd start dns --peer-is-dead", "/dev/null"],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
    runs[1].stdin.write("mirror\n")
    runs[1].stdin.flush()
    for world, run in zip((vouching, typing), runs):
        said = run.communicate(timeout=90)[0]
        assert run.returncode == 0, said
        assert "what mirror wrote since it was disconnected" in said, said
        assert re.search(r"dns +(\x1b\[\d+m)?started on dom0", said), said
        assert set(seen(world, 1)[0]) == {"dns"}
        with nothing_changes(world, nodes=(1,)):
            document(world, 1, "migrate-out dns", 5)
    assert "--peer-is-dead" in vouching.on(1, "cat /var/log/syslog || journalctl -t xen-drbd").stdout
    vouching.boot(2)
    vouching.wait_for(lambda: status(vouching, 1, None, "dns")["disks"][0]["peer_disk"] == "UpToDate", 30, "the resync")
    assert_runs(vouching, dns=1)
    refusal(vouching, 2, "start dns", 4, "dns is running on dom0")


# -- fencing -----------------------------------------------------------------------------------------------------------

def with_fence(world, script):
    world.write(1, "/root/fence_test", "#!/bin/sh\necho \"$@\" >> /root/fence.log\n" + script, 0o755)
    for node in (1, 2):
        world.edit(node, "/etc/xen/topology.yaml", lambda text: text.replace(
            "  address: 10.77.0.2\n", "  address: 10.77.0.2\n  fence: [/root/fence_test, --ip=10.79.0.2]\n"))
    quick_to_give_up(world)


def test_a_fence_agent_that_says_off_is_proof_and_is_asked_again_before_the_create(world):
    with_fence(world, "echo 'Status: OFF'; exit 2\n")
    tool(world, 2, "start dns")
    world.crash(2)
    world.wait_for(lambda: "Connected" not in status(world, 1, 5, "dns")["disks"][0]["connection"], 30, "DRBD to notice")
    assert document(world, 1, "start-all").results == {"dns": "started", "samba": "started", "mail": "started"}
    asked = world.read(1, "/root/fence.log").splitlines()
    assert set(asked) == {"--ip=10.79.0.2 --action=status"} and len(asked) >= 4
    assert document(world, 1, "migrate-all-out", 5).results["dns"] == "refused"


@pytest.mark.parametrize("script", ["echo 'Status: ON'; exit 0\n", "echo 'Status: OFF'; exit 0\n", "exit 2\n",
                                    "echo 'Usage: Status: OFF'; exit 2\n", "echo 'Status: OFF' >&2; exit 2\n"])
def test_anything_else_a_fence_agent_says_is_no_proof(world, script):
    with_fence(world, script)
    world.crash(2)
    with nothing_changes(world, nodes=(1,)):
        document(world, 1, "start dns", 5)


def test_a_fence_agent_that_changes_its_mind_stops_the_start(world):
    with_fence(world, "[ $(wc -l < /root/fence.log) -gt 1 ] && { echo 'Status: ON'; exit 0; }; echo 'Status: OFF'; exit 2\n")
    world.crash(2)
    world.wait_for(lambda: "Connected" not in status(world, 1, 5, "dns")["disks"][0]["connection"], 30, "DRBD to notice")
    told = document(world, 1, "start dns", 4)
    told.says("no longer says that it is off")
    assert seen(world, 1) == ({}, set())
    assert len(world.read(1, "/root/fence.log").splitlines()) == 2
