"""A migration that is cut short leaves the guest where it was, nothing on the target, and no split brain."""

import signal
import time

import pytest
from stories import (add_to_topology, assert_runs, creations, document, log_of, nothing_changes, refusal, replace,
                     seen, status, time_of, tool, windows_closed, without)

HALF = 900_000  # bytes of the stream of dns


@pytest.fixture(params=["8.4", "9"])
def pair(request, make_world):
    return make_world(dialect=request.param)


def half_way(world, source=1, name="dns"):
    """Holds the copy in its middle."""
    return world.simulation.hold("xl migrate *", "migrate-stream", node=source, at_byte=HALF)


def has_record(world, node=1, name="dns"):
    return world.on(node, ["test", "-e", f"/var/lib/xen-drbd/{name}.migration"]).ok


def nothing_left(world, source, name="dns"):
    """The guest runs on at its source with its watcher, the target has nothing of it, DRBD heals by itself."""
    target = 3 - source
    world.wait_for(lambda: seen(world, target) == ({}, set()), 20, "the target to be clear")
    world.wait_for(lambda: world.simulation.resource(1, name)["connection"] == "Connected", 20, "DRBD")
    world.simulation.wait_connected(name)
    assert_runs(world, **{name: source})
    assert not log_of(world, "stand-alone") and windows_closed(world, name)
    assert "lost its xl watcher" not in tool(world, source, "status").stdout


# -- the window --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("command", ["migrate-out", "migrate-in"])
def test_two_primaries_are_allowed_only_between_the_end_of_the_copy_and_the_demotion(pair, command):
    source, target = (1, 2) if command == "migrate-out" else (2, 1)
    source_name, target_name = pair.names[source - 1], pair.names[target - 1]
    tool(pair, source, "start samba")
    pair.simulation.clear_events()
    told = document(pair, 1, f"{command} samba")
    assert told.json["domains"][0]["node"] == target_name
    assert_runs(pair, samba=target)
    copied = time_of(pair, "migrate", phase="end", domain="samba")
    opened = [event["t"] for event in log_of(pair, "window", allow=True)]
    promoted = time_of(pair, "promote", node=target_name, resource="samba")
    gone = time_of(pair, "migrate", phase="go", domain="samba")
    runs = time_of(pair, "executes", node=target_name, domain="samba")
    demoted = time_of(pair, "demote", node=source_name, resource="samba")
    closed = [event["t"] for event in log_of(pair, "window", allow=False)]
    assert copied < min(opened) and max(opened) < promoted < gone < runs < demoted < min(closed)
    assert {event["node"] for event in log_of(pair, "window", allow=True)} == set(pair.names)
    assert {event["node"] for event in log_of(pair, "window", allow=False)} == set(pair.names)
    assert windows_closed(pair, "samba") and not log_of(pair, "write-error")


def test_while_the_memory_is_copied_the_target_is_secondary_and_the_window_closed(pair):
    tool(pair, 1, "start dns")
    held = half_way(pair)
    with pair.running(1, "exec xen-drbd migrate-out dns > /tmp/said 2>&1") as run:
        pair.simulation.wait_held(held)
        pair.wait_for(lambda: "dns--incoming" in pair.rows(2), 20, "what was written to arrive")
        assert pair.role(2, "dns") == "Secondary" and windows_closed(pair, "dns")
        assert pair.rows(1)["dns"] in ("-b----", "r-----")
        assert status(pair, 2, domain="dns")["state"] == "migrating"
        pair.simulation.release(held)
        assert run.wait(60) == 0
    assert_runs(pair, dns=2)


# -- cut short ---------------------------------------------------------------------------------------------------------

def transports(world, node):
    """The process ids of the transports, or with --plain-ssh of the ssh, at work on a node."""
    return world.on(node, "pgrep -f '^(/usr/sbin/)?xen-drbd transport|^ssh '").stdout.split()


def cut_short(world, source, trouble, code=6, words="", by=1):
    """Runs a migration of dns from `source`, typed on node `by`, and lets `trouble` happen in the middle of the copy: xl
    goes on only when the transport has ended. What was said comes back."""
    if not seen(world, source)[0]:
        tool(world, source, "start dns")
    held = half_way(world, source)
    direction = "migrate-out" if source == by else "migrate-in"
    with world.running(by, f"exec xen-drbd {words} {direction} dns > /tmp/said 2>&1") as run:
        world.simulation.wait_held(held)
        trouble()
        world.wait_for(lambda: not transports(world, source), 30, "the transport to end")
        world.simulation.release(held)
        assert run.wait(120) == code, world.on(by, "cat /tmp/said").stdout
    return world.on(by, "cat /tmp/said").stdout


TRANSPORT = "'^(/usr/sbin/)?xen-drbd transport'"


def kill_the_transport(world, node):
    world.on(node, f"kill -9 $(pgrep -f {TRANSPORT})", check=True)


@pytest.mark.parametrize("source", [1, 2])
def test_a_transport_that_is_killed_in_the_copy(pair, source):
    said = cut_short(pair, source, lambda: kill_the_transport(pair, source))
    assert "dns was not migrated" in said and f"dns runs on at {pair.names[source - 1]}" in said, said
    nothing_left(pair, source)


@pytest.mark.parametrize("source", [1, 2])
def test_a_link_that_is_cut_in_the_copy(make_world, source):
    world = make_world()
    said = cut_short(world, source, world.cut)
    assert "dns was not migrated" in said or "not known" in said or "not clear" in said, said
    world.mend()
    nothing_left(world, source)
    tool(world, 1, "status")
    tool(world, 2, "start mail")


def test_an_sshd_whose_sessions_are_killed_in_the_copy(world):
    said = cut_short(world, 1, lambda: world.simulation.end_sessions(2))
    assert "dns" in said
    nothing_left(world, 1)


def test_a_migration_ssh_that_dies_alone_is_a_failed_migration_with_everything_tidy(world):
    said = cut_short(world, 1, lambda: world.on(1, "kill -9 $(pgrep -x ssh)", check=True))
    assert "dns was not migrated" in said and "dns runs on at dom0" in said, said
    nothing_left(world, 1)


def test_a_peer_that_crashes_in_the_copy(world):
    said = cut_short(world, 1, lambda: world.crash(2))
    assert "dns" in said and "mirror" in said
    assert world.rows(1).get("dns") in ("-b----", "r-----") and seen(world, 1)[1] == {"dns"}
    world.boot(2)
    nothing_left(world, 1)


def test_a_receiver_that_is_killed_in_the_copy_leaves_a_copy_that_the_run_clears_away(world):
    said = cut_short(world, 1, lambda: world.on(2, "kill -9 $(pgrep -f 'xl [m]igrate-receive')", check=True))
    assert "dns was not migrated" in said and "dns runs on at dom0" in said, said
    assert_runs(world, dns=1)
    assert windows_closed(world, "dns") and not has_record(world)
    tool(world, 1, "migrate-out dns")


@pytest.mark.parametrize("point", ["migrate-stream", "receive-ready"])
def test_a_migration_network_that_is_cut_alone_leaves_nothing_behind(make_world, point):
    """The receiver waits for ever behind that link, with the disk in its hands; the other links are well."""
    world = make_world(migration_net=True)
    tool(world, 1, "start dns")
    held = half_way(world) if point == "migrate-stream" else world.simulation.hold("xl migrate-receive", point, node=2)
    with world.running(1, "exec xen-drbd migrate-out dns > /tmp/said 2>&1") as run:
        world.simulation.wait_held(held)
        world.simulation.cut(net=False, drbd=False, migration=True)
        world.simulation.release(held)
        assert run.wait(120) == 6, world.on(1, "cat /tmp/said").stdout
    assert_runs(world, dns=1)
    assert windows_closed(world, "dns") and not has_record(world)
    # one that gave its copy up by itself may be about to end
    world.wait_for(lambda: not world.on(2, "pgrep -f 'xl [m]igrate-receive'").ok, 5, "the receiver's end")
    world.simulation.mend(net=False, drbd=False, migration=True)
    tool(world, 1, "migrate-out dns")


def test_a_receiver_that_stands_still_is_ended_by_recover(world):
    """A process that is stopped does not hear of its end."""
    receiver = "$(pgrep -f 'xl [m]igrate-receive')"
    tool(world, 1, "start dns")
    held = half_way(world)
    with world.running(1, "exec xen-drbd migrate-out dns > /tmp/said 2>&1") as run:
        world.simulation.wait_held(held)
        world.wait_for(lambda: "dns--incoming" in world.rows(2), 20, "what was written to arrive")
        world.stop_processes(2, "xl migrate-receive")
        world.on(1, "kill -9 $(pgrep -f '[x]en-drbd migrate-out') $(pgrep -f 'xl [m]igrate ')", check=True)
        run.wait(30)
    assert set(world.rows(2)) == {"dns--incoming"} and world.on(2, f"kill -0 {receiver}").ok
    tool(world, 1, "recover dns")
    assert not world.on(2, f"kill -0 {receiver}").ok
    nothing_left(world, 1)


def test_a_migration_that_takes_too_long_is_ended_and_the_guest_runs_on(make_world):
    world = make_world(settings={"stream_rate": 60_000.0})
    add_to_topology(world, "migrate_timeout: 2s\n")
    tool(world, 1, "start dns")
    begun = time.monotonic()
    told = document(world, 1, "migrate-out dns", 6)
    assert 2 <= time.monotonic() - begun < 20
    told.says("migrate_timeout")
    nothing_left(world, 1)


@pytest.mark.parametrize("point", ["migrate-suspended", "receive-end", "receive-ready"])
def test_a_transport_that_is_killed_around_the_last_record_gives_the_guest_back(world, point):
    tool(world, 1, "start dns")
    node, command = (1, "xl migrate *") if point.startswith("migrate") else (2, "xl migrate-receive")
    held = world.simulation.hold(command, point, node=node)
    with world.running(1, "exec xen-drbd migrate-out dns > /tmp/said 2>&1") as run:
        world.simulation.wait_held(held)
        kill_the_transport(world, 1)
        time.sleep(0.3)
        world.simulation.release(held)
        assert run.wait(120) == 6, world.on(1, "cat /tmp/said").stdout
    the_copy_is_cleared_away(world)


def test_a_target_that_is_demoted_before_the_last_look_does_not_get_the_guest(world):
    tool(world, 1, "start dns")
    world.simulation.fault("run", node=2, command="xl migrate-receive", point="receive-end", run="drbdadm secondary dns")
    document(world, 1, "migrate-out dns", 6).says("dns is Secondary on mirror at the last look")
    assert not log_of(world, "write-error") and not log_of(world, "migrate", phase="go")
    the_copy_is_cleared_away(world)


def the_copy_is_cleared_away(world):
    """A receiver that cannot say how it ended leaves its copy, paused: recover takes it away, as the run had said."""
    assert set(world.rows(2)) <= {"dns--incoming"}
    if world.rows(2):
        assert world.rows(2) == {"dns--incoming": "--p---"}
        tool(world, 1, "recover dns")
    assert_runs(world, dns=1)
    assert windows_closed(world, "dns") and not log_of(world, "stand-alone")


def test_an_xl_that_is_killed_after_the_suspend_is_reported_and_nothing_is_demoted(world):
    tool(world, 1, "start dns")
    world.simulation.fault("signal", node=1, command="xl migrate *", point="migrate-suspended", signal=9)
    told = document(world, 1, "migrate-out dns", 6)
    told.says("xen-drbd recover dns")
    assert told.results == {"dns": "unknown"}
    assert world.rows(1)["dns"] == "---ss-" and world.role(1, "dns") == "Primary"
    assert status(world, 1, domain="dns")["state"] in ("suspended", "half-migrated")
    with nothing_changes(world):
        tool(world, 2, "start dns", 4)
        tool(world, 1, "start dns", 4).says("xen-drbd recover dns")


def test_an_evacuation_says_of_a_guest_that_has_moved_what_it_did_and_not_that_nothing_was_changed(world):
    tool(world, 1, "start dns")
    world.simulation.fault("signal", node=1, command="xl migrate *", point="migrate-report", signal=9)
    told = document(world, 1, "evacuate", 6)
    assert told.results["dns"] == "failed", told
    assert told.json["error"]["changed"] is True, told
    told.says("was migrated to mirror, but not cleared away on dom0", "xen-drbd recover dns")
    assert set(seen(world, 2)[0]) == {"dns"} and set(seen(world, 1)[0]) == {"dns--migratedaway"}


def test_an_xl_that_fails_after_the_guest_has_gone_is_believed_by_what_is_seen(world):
    tool(world, 1, "start dns")
    world.simulation.fault("exit", node=1, command="xl migrate *", point="after", code=1, stderr="xl: oops\n")
    told = document(world, 1, "migrate-out dns", None)
    assert told.results["dns"] == "migrated", told
    assert_runs(world, dns=2)


def test_a_link_that_is_cut_while_the_window_is_open_costs_nobody_his_data(world):
    tool(world, 1, "start dns")
    held = world.simulation.hold("drbdadm primary dns", "before", node=2)
    with world.running(1, "exec xen-drbd migrate-out dns > /tmp/said 2>&1") as run:
        world.simulation.wait_held(held)
        assert not windows_closed(world, "dns")
        world.cut()
        world.simulation.release(held)
        assert run.wait(120) == 6
    assert "dns" in world.on(1, "cat /tmp/said").stdout
    assert world.rows(1).get("dns") in ("-b----", "r-----") and world.role(1, "dns") == "Primary"
    world.mend()
    world.wait_for(lambda: world.simulation.resource(1, "dns")["connection"] != "Connecting", 20, "DRBD")
    world.wait_for(lambda: seen(world, 2)[0] == {}, 20, "the copy to go")
    tool(world, 2, "recover dns --lock-wait 60s", None)
    shown = status(world, 1, domain="dns")
    assert (shown["running_on"], shown["disks"][0]["two_primaries"]) == (["dom0"], "off"), shown
    world.simulation.wait_connected("dns")
    assert_runs(world, dns=1)


def test_a_split_brain_that_is_none_is_mended_by_recover(pair):
    tool(pair, 1, "start dns")
    held = pair.simulation.hold("drbdadm primary dns", "after", node=2)
    with pair.running(1, "exec xen-drbd migrate-out dns > /tmp/said 2>&1") as run:
        pair.simulation.wait_held(held)
        pair.cut()
        for node in (1, 2):
            pair.wait_for(lambda node=node: pair.simulation.resource(node, "dns")["connection"] != "Connected", 30, "DRBD")
        pair.simulation.release(held)
        assert run.wait(120) == 6, pair.read(1, "/tmp/said")
    pair.mend()
    for node in (1, 2):
        pair.wait_for(lambda node=node: pair.simulation.resource(node, "dns")["connection"] == "StandAlone", 30, "DRBD")
    document(pair, 1, "recover dns --lock-wait 60s").says("drbdadm connect --discard-my-data dns, then connect on the other")
    pair.simulation.wait_connected("dns")
    assert_runs(pair, dns=1)
    assert windows_closed(pair, "dns")


def test_what_somebody_wrote_before_drbd_was_taken_down_and_up_is_not_discarded(pair):
    """The counters of the target begin anew, at the 0 own writes of the record; the boots are the same."""
    cut_after_the_promotion(pair, "drbdadm primary dns", "after", 2, lambda world: world.cut(), back=False)
    pair.simulation.write_by_hand(2, "dns")
    pair.on(2, "drbdadm secondary dns && drbdadm down dns && drbdadm up dns", check=True)
    pair.mend()
    tool(pair, 1, "recover dns --lock-wait 60s", None)
    drbd_is(pair, lambda connection: connection == "StandAlone")
    leaves_the_data_to_the_administrator(pair, "recover dns")
    give_up_the_data_of(pair, 2)
    assert_runs(pair, dns=1)


@pytest.mark.parametrize("written", [False, True], ids=["untouched", "written-on-the-target"])
def test_a_guest_is_resumed_only_over_a_disk_that_nobody_has_written_since(make_world, written):
    """GO is lost with its xl: the source has given the guest a half-name, on the target stands a copy that never ran."""
    world = make_world(settings={"xen": "4.20.0"})
    tool(world, 1, "start dns")
    world.simulation.fault("signal", node=2, command="xl migrate-receive", point="receive-go", signal=9)
    tool(world, 1, "migrate-out dns", 6)
    assert set(seen(world, 1)[0]) == {"dns--migratedaway"} and world.role(2, "dns") == "Primary"
    if written:
        world.simulation.write_by_hand(2, "dns")
        with nothing_changes(world):
            tool(world, 2, "recover dns", 4).says("it is not proved that nobody wrote to its disks on mirror since",
                                                  "xen-drbd recover dns --yes")
    tool(world, 2, "recover dns --yes" if written else "recover dns")
    assert_runs(world, dns=1)
    assert windows_closed(world, "dns") and creations(world, "dns") == (2 if written else 1)


def cut_after_the_promotion(world, command, point, node, cut, back=True):
    """Moves dns from node 1 to node 2 and cuts links at a point after the promotion of the target, until DRBD has noticed;
    the run is a failure. Then the links are back, and DRBD stands alone: both nodes were Primary apart."""
    tool(world, 1, "start dns")
    held = world.simulation.hold(command, point, node=node)
    with world.running(1, "exec xen-drbd migrate-out dns > /tmp/said 2>&1") as run:
        world.simulation.wait_held(held)
        cut(world)
        drbd_is(world, lambda connection: connection != "Connected")
        assert not log_of(world, "demote", node=world.names[0])
        world.simulation.release(held)
        assert run.wait(120) == 6, world.read(1, "/tmp/said")
    if back:
        world.mend()
        drbd_is(world, lambda connection: connection == "StandAlone")


def drbd_is(world, right):
    for node in (1, 2):
        world.wait_for(lambda: right(world.simulation.resource(node, "dns")["connection"]), 30, "DRBD")


def leaves_the_data_to_the_administrator(world, words):
    """recover says how to choose, changes neither domains nor roles, and gives up nobody's data."""
    before = [seen(world, node) for node in (1, 2)]
    tool(world, 2, words, None).says("only you can tell whose data are to be kept",
                                     "drbdadm connect --discard-my-data dns; on the other: drbdadm connect dns")
    assert [seen(world, node) for node in (1, 2)] == before
    assert not any("--discard-my-data" in event["argv"] for event in log_of(world, "command"))


def give_up_the_data_of(world, node):
    """As recover says, on the node on which the guest does not run."""
    world.on(node, "drbdadm connect --discard-my-data dns", check=True)
    world.on(3 - node, "drbdadm connect dns", check=True)
    world.simulation.wait_connected("dns")


@pytest.mark.parametrize("cut", [lambda world: world.cut(), lambda world: world.simulation.cut(net=False)],
                         ids=["both-links", "the-link-of-drbd"])
def test_a_link_cut_after_go_leaves_the_guest_on_its_target_and_the_data_to_the_administrator(pair, cut):
    """The record says that "ready" was passed, so it proves nothing: recover clears the source away and explains."""
    cut_after_the_promotion(pair, "xl migrate-receive", "receive-go", 2, cut)
    pair.wait_for(lambda: "dns" in seen(pair, 2)[0], 20, "the guest to run there")
    tool(pair, 1, "recover dns --lock-wait 60s", None).says("--discard-my-data dns")
    assert_runs(pair, dns=2)
    leaves_the_data_to_the_administrator(pair, "recover dns")
    give_up_the_data_of(pair, 1)
    tool(pair, 1, "recover dns")
    assert_runs(pair, dns=2)
    assert windows_closed(pair, "dns") and creations(pair, "dns") == 1


def test_a_go_that_is_lost_with_the_link_leaves_the_guest_suspended_and_the_data_to_the_administrator(pair):
    """The source has said go and waits; on the target stands the copy that has never run."""
    pair.simulation.fault("signal", node=2, command="xl migrate-receive", point="receive-go", signal=9)
    cut_after_the_promotion(pair, "xl migrate *", "migrate-renamed", 1, lambda world: world.cut())
    assert set(seen(pair, 1)[0]) == {"dns--migratedaway"} and "dns" not in seen(pair, 2)[0]
    tool(pair, 1, "recover dns --yes --lock-wait 60s", None).says("--discard-my-data dns")
    assert seen(pair, 2) == ({}, set()), "what is left of the copy is destroyed, and its disk demoted"
    leaves_the_data_to_the_administrator(pair, "recover dns --yes")
    give_up_the_data_of(pair, 2)
    tool(pair, 2, "recover dns --yes")
    assert_runs(pair, dns=1)
    assert windows_closed(pair, "dns") and creations(pair, "dns") == 2


# -- the source needs xen-drbd -----------------------------------------------------------------------------------------

def test_a_source_without_xen_drbd_needs_plain_ssh(pair):
    tool(pair, 2, "start dns")
    without(pair, 2, "xen-drbd")
    refusal(pair, 1, "migrate-in dns", 4, "xen-drbd is not installed on mirror", "--plain-ssh")
    tool(pair, 1, "migrate-in dns --plain-ssh")
    assert_runs(pair, dns=1)
    assert windows_closed(pair, "dns")
    assert any("--plain-ssh" in line for line in pair.on(1, "cat /var/log/syslog").stdout.splitlines())
    tool(pair, 1, "migrate-out dns")
    assert_runs(pair, dns=2)


def test_a_source_with_another_version_needs_plain_ssh(world):
    tool(world, 2, "start dns")
    replace(world, 2, "xen-drbd", "#!/bin/sh\n[ \"$1\" = --version ] && { echo xen-drbd 0.0.9; exit; }\n"
                                  "exec /tmp/real/xen-drbd \"$@\"\n")
    refusal(world, 1, "migrate-in dns", 4, "mirror has xen-drbd 0.0.9", "--plain-ssh")
    tool(world, 1, "migrate-in dns --plain-ssh")
    assert_runs(world, dns=1)


def test_a_plain_migration_that_is_cut_short_is_tidied_up(world):
    tool(world, 1, "start dns")
    said = cut_short(world, 1, lambda: world.on(1, "kill -9 $(pgrep -x ssh)", check=True), words="--plain-ssh")
    assert "dns was not migrated" in said
    nothing_left(world, 1)


# -- the stream --------------------------------------------------------------------------------------------------------

BETWEEN = """#!/bin/sh
# what xl sends goes through a filter on its way to the transport
case " $* " in
*" migrate "*)
  i=0
  for word; do
    i=$((i + 1))
    [ "$previous" = -s ] && transport=$word
    previous=$word
  done
  printf '#!/bin/sh\\n%s | %s "$@"\\n' '{filter}' "$transport" > /tmp/between && chmod 755 /tmp/between
  exec /tmp/real/xl migrate -s /tmp/between dns {address}
  ;;
esac
exec /tmp/real/xl "$@"
"""


@pytest.mark.parametrize("name, filtered", [
    ("noise from the first byte", "head -c 100000 /dev/urandom"),
    ("an unknown record in the middle", "{ head -c 200000; head -c 4096 /dev/urandom; cat; }"),
    ("cut short", "head -c 300000"),
    ("empty", "true"),
])
def test_a_stream_that_is_not_understood_is_a_clean_failed_migration(world, name, filtered):
    replace(world, 1, "xl", BETWEEN.format(filter=filtered, address="10.77.0.2"))
    tool(world, 1, "start dns")
    told = document(world, 1, "migrate-out dns", 6)
    assert told.results["dns"] == "failed", told
    nothing_left(world, 1)


def test_another_xen_is_a_refusal_before_anything_happens(make_world):
    world = make_world()
    tool(world, 1, "start dns")
    world.simulation.fault("exit", node=2, command="xl info", count=-1, code=0,
                           stdout=world.on(2, ["xl", "info"]).stdout.replace("4.17", "4.14").replace(
                               "xen_minor              : 17", "xen_minor              : 14"))
    refusal(world, 1, "migrate-out dns", 4, "Xen 4.14", "Xen 4.17")


# -- interrupts --------------------------------------------------------------------------------------------------------

def interrupted(world, name):
    """Sends the signal; returns when the run has said that it heard it."""
    world.on(1, f"kill -{name} $(pgrep -o -x xen-drbd)", check=True)
    world.wait_for(lambda: "interrupted: copies" in world.on(1, "cat /tmp/said /tmp/errors").stdout, 20, "the answer")


@pytest.mark.parametrize("name, code", [("INT", 130), ("TERM", 143), ("HUP", 143)])
def test_an_interrupt_in_the_copy_lets_the_guest_run_on(world, name, code):
    tool(world, 1, "start dns mail")
    held = half_way(world)
    add_to_topology(world, "jobs: 1\n")
    with world.running(1, "exec xen-drbd --json migrate-all-out > /tmp/said 2> /tmp/errors") as run:
        world.simulation.wait_held(held)
        interrupted(world, name)
        world.wait_for(lambda: not world.on(1, f"pgrep -f {TRANSPORT}").ok, 20, "the end of the copy")
        world.simulation.release(held)
        assert run.wait(60) == code, world.on(1, "cat /tmp/said /tmp/errors").stdout
    said = world.on(1, "cat /tmp/said").stdout
    assert f'"exit_code":{code}' in said, said
    world.wait_for(lambda: seen(world, 2) == ({}, set()), 20, "the target to be clear")
    assert_runs(world, dns=1, mail=1)
    assert windows_closed(world, "dns", "mail")
    assert len(log_of(world, "migrate", phase="begin")) == 1


def test_a_second_interrupt_ends_at_once_and_says_what_still_runs(world):
    tool(world, 1, "start dns")
    held = world.simulation.hold("xl migrate *", "migrate-suspended", node=1)
    process = world.popen(1, "exec xen-drbd migrate-out dns > /tmp/said 2>&1")
    world.simulation.wait_held(held)
    interrupted(world, "INT")
    world.on(1, "kill -INT $(pgrep -o -x xen-drbd)", check=True)
    assert process.wait(10) == 130
    said = world.on(1, "cat /tmp/said").stdout
    assert "xen-drbd status" in said and "dns: dom0: xl migrate dns" in said.split("ended at once")[1], said
    world.simulation.release(held)
    world.wait_for(lambda: seen(world, 2)[0] == {} and world.rows(1).get("dns") in ("-b----", "r-----"), 30, "xl to end")
    tool(world, 1, "recover dns")
    assert_runs(world, dns=1)


def test_an_interrupted_start_is_waited_for_and_nothing_new_begins(world):
    add_to_topology(world, "jobs: 1\n")
    held = world.simulation.hold("xl create -q *dns.cfg", "create-built", node=1)
    with world.running(1, "exec xen-drbd --json start-all > /tmp/said 2> /tmp/errors") as run:
        world.simulation.wait_held(held)
        interrupted(world, "INT")
        world.simulation.release(held)
        assert run.wait(30) == 130
    assert_runs(world, dns=1)
    said = world.on(1, "cat /tmp/said").stdout
    assert '"name":"dns","result":"started"' in said, said
    assert signal.SIGINT + 128 == 130 and said.count('"result":"started"') == 1
