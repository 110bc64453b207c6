"""Nothing can hang the tool: what does not answer is given up within its deadline, and named."""

import time

import pytest
from stories import add_to_topology, assert_runs, changing, creations, document, log_of, seen, tool, windows_closed


def freeze(world):
    """Every sshd process of the peer stands still: the connection lives, nobody answers."""
    world.on(2, "kill -STOP $(pidof sshd)", check=True)


def thaw(world):
    world.on(2, "kill -CONT $(pidof sshd)", check=True)


def drop(world):
    """Packets vanish, both ends believe in their connection; DRBD has another link."""
    world.simulation.cut(drbd=False)


def pick_up(world):
    world.simulation.mend(drbd=False)


SILENT = pytest.mark.parametrize("silence, end", [(freeze, thaw), (drop, pick_up)], ids=["a frozen peer", "lost packets"])


@SILENT
def test_a_peer_that_falls_silent_before_the_create_stops_the_start(world, silence, end):
    held = world.simulation.hold("drbdadm primary dns", "after", node=1)
    begun = time.monotonic()
    with world.running(1, "exec xen-drbd --json start dns > /tmp/said 2> /tmp/errors") as run:
        world.simulation.wait_held(held)
        silence(world)
        time.sleep(6)
        world.simulation.release(held)
        assert run.wait(60) == 6
    assert time.monotonic() - begun < 40
    said = world.on(1, "cat /tmp/said").stdout
    assert "mirror" in said and creations(world, "dns") == 0, said
    end(world)
    tool(world, 1, "recover --lock-wait 30s", None)
    tool(world, 1, "start dns --lock-wait 30s")
    assert_runs(world, dns=1)


@SILENT
def test_a_peer_that_falls_silent_in_the_copy_does_not_get_the_guest(world, silence, end):
    tool(world, 1, "start dns")
    held = world.simulation.hold("xl migrate *", "migrate-stream", node=1, at_byte=900_000)
    begun = time.monotonic()
    with world.running(1, "exec xen-drbd migrate-out dns > /tmp/said 2>&1") as run:
        world.simulation.wait_held(held)
        silence(world)
        world.simulation.release(held)
        assert run.wait(120) == 6
    assert time.monotonic() - begun < 100
    assert not log_of(world, "migrate", phase="go")
    assert world.rows(1).get("dns") in ("-b----", "r-----")
    end(world)
    world.wait_for(lambda: not [line for line in world.on(2, ["xl", "list"]).stdout.splitlines() if "dns" in line], 40,
                   "the copy to go")
    tool(world, 1, "recover --lock-wait 60s")
    assert_runs(world, dns=1)
    assert windows_closed(world, "dns") and not log_of(world, "stand-alone")


@pytest.mark.parametrize("command", ["xl list", "drbdsetup status*", "drbdsetup show*"])
@pytest.mark.parametrize("node", [1, 2])
def test_a_question_that_hangs_is_no_answer_and_nothing_is_changed(world, node, command):
    world.simulation.fault("hang", node=node, command=command, count=-1)
    logged = len(world.simulation.events())
    begun = time.monotonic()
    told = tool(world, 1, "--json start dns", None)
    assert time.monotonic() - begun < 25    # one question has 10 s
    assert told.code in (4, 5) and told.json["exit_code"] == told.code, told
    assert changing(world.simulation.events()[logged:]) == []


def test_all_questions_that_hang_at_once_take_no_longer_than_one(world):
    for command in ("xl info", "drbdsetup status*", "drbdsetup show*", "drbdadm dump*"):
        world.simulation.fault("hang", node=2, command=command, count=-1)
    begun = time.monotonic()
    tool(world, 1, "start dns", 4).says("nothing was changed")
    assert time.monotonic() - begun < 25


@pytest.mark.slow
@pytest.mark.parametrize("command, seconds", [("drbdadm primary dns", 60), ("xl create -q *", 120)])
def test_a_command_that_hangs_is_given_up_and_keeps_the_lock(world, command, seconds):
    held = world.simulation.hold(command, "before", node=1)
    begun = time.monotonic()
    told = document(world, 1, "start dns", 6)
    assert seconds - 5 < time.monotonic() - begun < seconds + 40
    assert "no answer within" in str(told) or "did not end" in str(told) or "not known" in str(told), told
    tool(world, 2, "start samba --lock-wait 500ms", 75).says("start dns")
    world.simulation.release(held)
    tool(world, 2, "start samba --lock-wait 20s")
    tool(world, 1, "recover --lock-wait 20s")
    assert len(seen(world, 1)[0]) == creations(world, "dns")


@pytest.mark.slow
def test_an_xl_migrate_that_hangs_at_its_end_is_reported_and_keeps_the_lock(world):
    add_to_topology(world, "migrate_timeout: 20s\n")
    tool(world, 1, "start dns")
    held = world.simulation.hold("xl migrate *", "migrate-started", node=1)
    begun = time.monotonic()
    told = document(world, 1, "migrate-out dns", 6)
    assert time.monotonic() - begun < 160
    assert told.results == {"dns": "unknown"} and "keeps the cluster lock" in str(told), told
    assert tool(world, 2, "migrate-in dns --lock-wait 500ms", None).code in (4, 75)
    world.simulation.release(held)
    tool(world, 1, "recover --lock-wait 60s")
    assert_runs(world, dns=1)


@pytest.mark.slow
def test_an_xl_that_hangs_at_its_end_does_not_take_the_time_of_the_shutdowns(world):
    add_to_topology(world, "jobs: 1\n")
    tool(world, 1, "start dns mail")
    held = world.simulation.hold("xl migrate *", "migrate-report", node=1, count=1)
    begun = time.monotonic()
    told = document(world, 1, "evacuate --deadline 60s", 6)
    assert 35 < time.monotonic() - begun < 80, told
    results = sorted(told.results[name] for name in ("dns", "mail"))
    assert results == ["stopped", "unknown"], told
    world.simulation.release(held)
    tool(world, 2, "recover --lock-wait 60s")
    assert len(seen(world, 2)[0]) == 1 and not seen(world, 1)[0]
