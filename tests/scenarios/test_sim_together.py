"""Both nodes act at the same moment."""

import json
import time

import pytest
from harness import demo
from stories import add_to_topology, assert_runs, creations, document, log_of, status, tool

ROUNDS = 50


def at_once(world, commands):
    """Runs a command on each node at the same moment; ([codes], [what was said])."""
    runs = [world.popen(node, f"exec xen-drbd {command} > /tmp/said 2> /tmp/errors")
            for node, command in zip((1, 2), commands)]
    codes = [run.wait(90) for run in runs]
    said = [world.on(node, "cat /tmp/said /tmp/errors").stdout for node in (1, 2)]
    return codes, said


def test_two_nodes_that_both_start_everything_fifty_times_never_start_a_domain_twice(make_world):
    domains = [demo.domain("east", "dom0", 1, memory=8), demo.domain("west", "mirror", 2, memory=8)]
    world = make_world(domains=domains, settings={"destroy_linger": 0.0})
    codes = []
    for turn in range(ROUNDS):
        ends, said = at_once(world, ["--json start-all --lock-wait 20s", "--json start-all --lock-wait 20s"])
        assert set(ends) <= {0, 75}, (turn, ends, said)
        codes.append(tuple(ends))
        assert 0 in ends, (turn, ends, said)
        for domain in ("east", "west"):
            assert creations(world, domain) == turn + 1, (turn, domain, said)
        for node in (1, 2):
            if world.simulation.domains_on(node):
                world.on(node, "xl destroy east; xl destroy west; drbdadm secondary all", check=True)
    report = world.simulation.check_events()
    assert report.starts == {"east": ROUNDS, "west": ROUNDS} and report.executing == {}
    print(f"{ROUNDS} rounds, exit codes {dict((pair, codes.count(pair)) for pair in set(codes))}")


def test_two_nodes_that_start_my_domains_at_boot_both_get_theirs(world):
    codes, said = at_once(world, ["start-my-domains", "start-my-domains"])
    assert codes[0] == 0 and codes[1] in (0, 4), said
    tool(world, 2, "start-my-domains")
    assert_runs(world, dns=1, samba=2, mail=2)


def test_a_domain_that_both_nodes_want_to_move_moves_once(world):
    tool(world, 1, "start dns")
    codes, said = at_once(world, ["migrate-out dns", "migrate-in dns"])
    assert codes == [0, 0], said
    assert_runs(world, dns=2)
    assert len(log_of(world, "migrate", phase="begin", domain="dns")) == 1


def test_nodes_that_both_leave_shut_their_guests_down_and_do_not_throw_them_at_each_other(world):
    tool(world, 1, "start dns")
    tool(world, 2, "start samba mail")
    codes, said = at_once(world, ["--json evacuate", "--json evacuate"])
    assert codes == [0, 0], said
    assert_runs(world)
    # the slower one may have been given guests before it left
    assert len({event["node"] for event in log_of(world, "migrate", phase="begin")}) <= 1
    assert [node["leaving"] for node in status(world)["nodes"]] == [True, True]
    results = [{one["name"]: one["result"] for one in json.loads(text.splitlines()[0])["domains"]} for text in said]
    assert "stopped" in results[0].values() or "stopped" in results[1].values()


def a_killed_start_keeps_the_lock(world):
    """A run on mirror is killed; its xl create holds the lock there, and there only, until it is released: what that takes
    comes back."""
    held = world.simulation.hold("xl create -q *samba.cfg", "create-built", node=2)
    other = world.popen(2, "exec xen-drbd start samba > /tmp/said 2>&1")
    world.simulation.wait_held(held)
    world.on(2, "kill -9 $(pidof xen-drbd)", check=True)
    other.wait(10)
    return held


def test_a_node_that_leaves_and_does_not_get_the_peers_lock_shuts_its_guests_down(world):
    tool(world, 1, "start dns")
    held = a_killed_start_keeps_the_lock(world)
    told = tool(world, 1, "evacuate --json --lock-wait 1s")
    assert told.results["dns"] == "stopped" and "lock" in told.reasons["dns"], told
    world.simulation.release(held)
    world.wait_for(lambda: creations(world, "samba") == 1, 10, "the create to end")
    assert_runs(world, samba=2)


def test_a_node_that_leaves_while_a_run_holds_its_own_lock_asks_the_guests_that_run_leaves_alone(world):
    """A start of samba hangs here: dns is asked to shut down and nothing else is done; samba stays the other run's."""
    tool(world, 1, "start dns")
    held = world.simulation.hold("xl create -q *samba.cfg", "create-built", node=1)
    with world.running(1, "exec xen-drbd start samba > /tmp/said 2>&1") as other:
        world.simulation.wait_held(held)
        begun = time.monotonic()
        told = tool(world, 1, "evacuate --json --lock-wait 8s", 4)
        assert 8 <= time.monotonic() - begun < 20  # for both halves and then for this node's, but not for each
        assert told.results["dns"] == "stopped" and told.results["samba"] == "refused", told
        assert "another run holds the cluster lock" in told.reasons["dns"], told
        assert world.role(1, "dns") == "Primary" and not log_of(world, "demote")
        world.simulation.release(held)
        assert other.wait(20) == 0
    tool(world, 1, "recover")
    assert_runs(world, samba=1)


@pytest.mark.parametrize("peer", ["answers", "is gone"])
def test_a_node_that_leaves_and_whose_lock_cannot_be_used_asks_its_guests_to_shut_down(world, peer):
    tool(world, 1, "start dns")
    if peer == "is gone":
        world.stop_sshd(2)
    world.on(1, "rm /run/xen-drbd/lock && mkdir /run/xen-drbd/lock", check=True)
    told = tool(world, 1, "evacuate --json")
    assert told.results["dns"] == "stopped" and world.rows(1) == {}, told
    assert "warning: the cluster lock on dom0 cannot be taken: /run/xen-drbd/lock cannot be used" in told.stderr, told
    assert world.role(1, "dns") == "Primary" and not log_of(world, "demote")
    world.on(1, "rmdir /run/xen-drbd/lock", check=True)
    tool(world, 1, "recover dns", 0 if peer == "answers" else 5)


@pytest.mark.parametrize("deadline, dns", [("2m", 2), ("12s", None)])
def test_the_deadline_of_an_evacuation_leaves_time_for_the_shutdowns(make_world, deadline, dns):
    world = make_world(settings={"stream_rate": 150_000.0})
    add_to_topology(world, "jobs: 1\n")
    tool(world, 1, "start dns")
    begun = time.monotonic()
    told = tool(world, 1, f"evacuate --deadline {deadline}")
    assert "interrupted" not in told.stdout + told.stderr, told
    if not dns:
        told.says("its migration failed: the time for moves is over")
    assert time.monotonic() - begun < (120 if dns else 40)
    assert_runs(world, **({"dns": dns} if dns else {}))


def test_a_guest_that_neither_moves_nor_shuts_down_by_the_deadline_is_a_failure_and_no_interruption(make_world):
    world = make_world(settings={"stream_rate": 150_000.0})
    tool(world, 1, "start dns")
    with world.running(1, "exec xen-drbd --json evacuate --deadline 12s > /tmp/said 2>&1") as leaving:
        world.wait_for(lambda: log_of(world, "migrate", phase="begin", domain="dns"), 10, "the copy")
        cancelled = world.simulation.hold("xl list", "before", node=1, skip=1, count=1)  # the first sees the copy's end
        world.simulation.wait_held(cancelled)
        world.simulation.change_domain(1, "dns", "paused", True)  # a paused guest is not asked to shut down
        world.simulation.release(cancelled)
        code = leaving.wait(60)
    said = world.on(1, "cat /tmp/said").stdout
    assert code == 6 and "the time for moves is over" in said and "interrupted" not in said, (code, said)
    assert "dns" in world.rows(1), said


def test_a_deaf_guest_that_cannot_move_is_reported_at_the_deadline(make_world):
    world = make_world(domains=[demo.domain("deaf", "dom0", 1, extra="noshutdown")])
    tool(world, 1, "start deaf")
    world.stop_sshd(2)
    begun = time.monotonic()
    told = tool(world, 1, "evacuate --deadline 3s --json", 6)
    assert time.monotonic() - begun < 20
    assert told.results == {"deaf": "failed"}
    assert set(world.rows(1)) == {"deaf"}
    begun = time.monotonic()
    tool(world, 1, "evacuate --deadline 3s --destroy")
    assert time.monotonic() - begun < 20
    assert world.rows(1) == {}


def test_a_deaf_guest_has_its_shutdown_timeout_once(make_world):
    world = make_world(domains=[demo.domain("deaf", "dom0", 1, shutdown_timeout="10s", extra="noshutdown")])
    tool(world, 1, "start deaf")
    world.stop_sshd(2)
    begun = time.monotonic()
    told = tool(world, 1, "evacuate --json", 6)
    assert 10 < time.monotonic() - begun < 19
    assert told.results == {"deaf": "failed"} and told.says("did not shut down")
    assert set(world.rows(1)) == {"deaf"}


def test_however_many_guests_are_deaf_a_deadline_bounds_the_whole(make_world):
    names = ("deaf1", "deaf2", "deaf3", "deaf4")
    world = make_world(domains=[demo.domain(name, "dom0", minor, extra="noshutdown") for minor, name in enumerate(names, 1)])
    add_to_topology(world, "jobs: 1\n")
    tool(world, 1, "start-all")
    world.stop_sshd(2)
    for command in ("stop-all", "evacuate"):
        begun = time.monotonic()
        told = tool(world, 1, f"{command} --deadline 5s --json", 6)
        assert time.monotonic() - begun < 19
        assert told.results == dict.fromkeys(names, "failed"), told
    assert set(world.rows(1)) == set(names)


def test_a_deaf_guest_that_cannot_move_takes_no_time_from_those_that_can(make_world):
    """deaf has no configuration on mirror, and is first; dns moves too slowly, and takes two seconds to shut down."""
    world = make_world(domains=[demo.domain("deaf", "dom0", 1, extra="noshutdown"),
                                demo.domain("dns", "dom0", 2, extra="shutdown_delay=2")],
                       settings={"stream_rate": 150_000.0})
    add_to_topology(world, "jobs: 1\n")
    tool(world, 1, "start-all")
    world.on(2, "rm /etc/xen/deaf.cfg", check=True)
    begun = time.monotonic()
    told = tool(world, 1, "evacuate --deadline 20s --json", 6)
    assert time.monotonic() - begun < 50
    assert told.results == {"deaf": "failed", "dns": "stopped"}, told
    assert set(world.rows(1)) == {"deaf"}


def leaves_slowly(world, deadline):
    return world.running(1, f"exec xen-drbd --json evacuate --deadline {deadline} > /tmp/said 2>&1")


def results_and_reasons(world):
    said = world.on(1, "cat /tmp/said").stdout
    domains = json.loads(said.splitlines()[-1])["domains"]
    return {one["name"]: (one["result"], one["reason"]) for one in domains}, said


def test_a_guest_whose_migration_ends_late_is_shut_down_after_the_others_and_keeps_none_of_them_waiting(make_world):
    world = make_world(domains=[demo.domain("dns", "dom0", 1), demo.domain("mail", "dom0", 2)],
                       settings={"stream_rate": 50_000.0})
    tool(world, 1, "start-all")
    held = world.simulation.hold("xl migrate *dns *", "migrate-stream", at_byte=300_000)
    with leaves_slowly(world, "50s") as leaving:
        world.simulation.wait_held(held)
        world.wait_for(lambda: "mail" not in world.rows(1), 48, "mail to be shut down")
        assert leaving.poll() is None and "dns" in world.rows(1)
        world.simulation.release(held)
        code = leaving.wait(30)
    told, said = results_and_reasons(world)
    assert code == 0 and world.rows(1) == {}, said
    assert told == {"dns": ("stopped", "its migration was not seen to end well"),
                    "mail": ("stopped", "its migration failed: the time for moves is over")}, said
    assert "waiting for xl migrate to end, then shutting down: dns\n" in said


@pytest.mark.slow
def test_of_two_guests_whose_migrations_end_late_neither_waits_for_the_other_one(make_world):
    world = make_world(domains=[demo.domain("dns", "dom0", 1), demo.domain("mail", "dom0", 2)],
                       settings={"stream_rate": 50_000.0})
    tool(world, 1, "start-all")
    held = {name: world.simulation.hold(f"xl migrate *{name} *", "migrate-stream", at_byte=300_000)
            for name in ("dns", "mail")}
    with leaves_slowly(world, "70s") as leaving:
        begun = time.monotonic()
        for one in held.values():
            world.simulation.wait_held(one)
        time.sleep(begun + 48 - time.monotonic())    # the moves end after 35 s, and 10 s later nobody waits for xl any more
        world.simulation.release(held["dns"])
        world.wait_for(lambda: "dns" not in world.rows(1), 20, "dns to be shut down")
        assert leaving.poll() is None and "mail" in world.rows(1)
        world.simulation.release(held["mail"])
        code = leaving.wait(40)
    told, said = results_and_reasons(world)
    assert code == 0 and world.rows(1) == {}, said
    assert {name: result for name, (result, _) in told.items()} == {"dns": "stopped", "mail": "stopped"}, said


def test_a_deadline_bounds_the_wait_for_the_lock_too(world):
    tool(world, 1, "start dns")
    held = a_killed_start_keeps_the_lock(world)
    begun = time.monotonic()
    tool(world, 1, "stop dns --deadline 4s", 75)
    assert time.monotonic() - begun < 20
    begun = time.monotonic()
    told = tool(world, 1, "evacuate --json --deadline 12s")
    assert time.monotonic() - begun < 29
    assert told.results["dns"] == "stopped" and "lock" in told.reasons["dns"], told
    world.simulation.release(held)
    world.wait_for(lambda: creations(world, "samba") == 1, 10, "the create to end")
    assert_runs(world, samba=2)


def test_a_node_that_leaves_without_peer_and_without_its_own_lock_asks_its_guests_to_shut_down(world):
    tool(world, 1, "start dns")
    world.stop_sshd(2)
    world.on(1, "touch /tmp/held", check=True)
    with world.running(1, "exec flock /run/xen-drbd/lock sh -c 'while [ -e /tmp/held ]; do sleep 0.1; done'"):
        world.wait_for(lambda: not world.on(1, "flock -n /run/xen-drbd/lock true").ok, 10, "the lock")
        told = tool(world, 1, "evacuate --json --lock-wait 1s")
        assert told.results["dns"] == "stopped" and "cannot be reached" in told.reasons["dns"], told
        assert world.rows(1) == {} and world.role(1, "dns") == "Primary"
        world.on(1, "rm /tmp/held", check=True)
    tool(world, 1, "recover dns", 5)


@pytest.mark.parametrize("command, result", [("evacuate", "migrated"), ("stop-all", "stopped")])
def test_where_watchers_cannot_be_listed_a_guest_that_is_off_the_list_is_waited_for(make_world, command, result):
    world = make_world(settings={"reboot_pause": 4.0})
    tool(world, 1, "start dns")
    world.on(1, "mount --bind /dev/null /usr/bin/find", check=True)
    world.on(1, ["xl", "reboot", "dns"], check=True)
    world.wait_for(lambda: "dns" not in world.rows(1), 5, "the reboot")
    assert document(world, 1, command).results["dns"] == result
    assert "dns" not in world.rows(1)


def test_where_watchers_cannot_be_listed_a_node_is_called_empty_after_ten_seconds_of_looking(world):
    world.on(1, "mount --bind /dev/null /usr/bin/find", check=True)
    tool(world, 1, "evacuate")
    looks = [event["t"] for event in log_of(world, "command", node="dom0", argv="xl list")]
    parsed = [event["t"] for event in log_of(world, "command", node="dom0") if event["argv"].startswith("xl create -n")]
    assert max(looks) - max(parsed) >= 9 and len([t for t in looks if t > max(parsed)]) >= 5, (looks, parsed)
