"""A domain is absent only where that was proved. Whatever else is seen there blocks a start and names what helps."""

import pytest
from harness import demo
from stories import (assert_runs, creations, document, log_of, nothing_changes, refusal, seen, status, tool, without)


def test_a_guest_that_reboots_on_the_peer_is_not_started_here(make_world):
    world = make_world(settings={"reboot_pause": 4.0})
    tool(world, 2, "start dns")
    world.on(2, ["xl", "reboot", "dns"], check=True)
    world.wait_for(lambda: "dns" not in world.rows(2), 5, "the domain to leave the list")
    with nothing_changes(world, nodes=(1,)):
        tool(world, 1, "start dns", 4).says("an xl on mirror still watches over dns", "between reboot and restart")
        document(world, 1, "start-all -n", 4)
    assert status(world, 1, domain="dns")["state"] == "unknown"
    world.wait_for(lambda: "dns" in world.rows(2), 8, "the domain to come back")
    assert document(world, 1, "start-all").results["dns"] == "already"
    assert "dns" not in world.rows(1)


def test_a_create_by_hand_that_has_no_domain_yet_is_presence(world):
    held = world.simulation.hold("xl create /etc/xen/dns.cfg", "create-parsed", node=2)
    world.on(2, "drbdadm primary dns", check=True)
    with world.running(2, "exec xl create /etc/xen/dns.cfg > /tmp/xl 2>&1") as by_hand:
        world.simulation.wait_held(held)
        with nothing_changes(world):
            tool(world, 1, "start dns", 4).says("an xl on mirror still watches over dns")
        world.simulation.release(held)
        assert by_hand.wait(20) == 0
    assert_runs(world, dns=2)


def test_a_guest_that_reboots_between_the_look_and_the_create_is_not_started_twice(make_world):
    world = make_world(settings={"reboot_pause": 3.0})
    tool(world, 2, "start dns")
    held = world.simulation.hold("xl create -n *", "after", node=1)
    with world.running(1, "exec xen-drbd --json start-all > /tmp/said") as run:
        world.simulation.wait_held(held)
        world.on(2, ["xl", "reboot", "dns"], check=True)
        world.wait_for(lambda: "dns" not in world.rows(2), 5, "the domain to leave the list")
        world.simulation.release(held)
        run.wait(30)
    world.wait_for(lambda: "dns" in world.rows(2), 8, "the domain to come back")
    assert "dns" not in world.rows(1)


@pytest.mark.parametrize("command, result", [("evacuate", "migrated"), ("stop-all", "stopped")])
@pytest.mark.parametrize("pause", ["destroy_linger", "reboot_pause"])
def test_a_guest_that_reboots_here_is_waited_for_before_the_node_counts_as_empty(make_world, command, result, pause):
    world = make_world(settings={pause: 3.0})
    tool(world, 1, "start dns")
    world.on(1, ["xl", "reboot", "dns"], check=True)
    on_its_way = {"destroy_linger": lambda rows: "s" in rows.get("dns", ""), "reboot_pause": lambda rows: "dns" not in rows}
    world.wait_for(lambda: on_its_way[pause](world.rows(1)), 5, "the reboot")
    assert document(world, 1, command).results["dns"] == result
    assert_runs(world, **({"dns": 2} if result == "migrated" else {}))


def test_a_node_that_could_not_be_looked_at_in_the_end_is_not_called_empty(world):
    world.simulation.fault("exit", node=1, command="xl list", skip=1, count=-1, code=1)
    tool(world, 1, "evacuate", 6).says("that nothing of the topology is left on dom0 was not seen")
    world.simulation.clear_faults()
    zombie = "(null)                                       9     0     1     --ps-d       1.0\n"
    world.simulation.fault("print", node=1, command="xl list", point="after", skip=1, count=-1, stdout=zombie)
    assert "was not seen" not in tool(world, 1, "evacuate").stderr  # what is dying runs no more


def test_a_domain_that_appears_on_the_peer_after_the_look_is_not_created_here(world):
    held = world.simulation.hold("drbdadm primary dns", "after", node=1)
    with world.running(1, "exec xen-drbd --json start dns > /tmp/said") as run:
        world.simulation.wait_held(held)
        world.on(2, "sed 's/^disk.*//' /etc/xen/dns.cfg > /tmp/dns.cfg && xl create -q /tmp/dns.cfg", check=True)
        world.simulation.release(held)
        assert run.wait(30) == 6
    said = world.on(1, "cat /tmp/said").stdout
    assert "dns is on mirror" in said or "running" in said, said
    assert world.rows(1) == {} and world.role(1, "dns") == "Secondary"
    world.on(2, ["xl", "destroy", "dns"], check=True)


ROWS = {
    "an incoming copy": (lambda sim, node: sim.change_domain(node, "dns", "name", "dns--incoming"),
                         "dns--incoming", "xen-drbd recover dns", "half-migrated"),
    "a copy that was migrated away": (lambda sim, node: sim.change_domain(node, "dns", "name", "dns--migratedaway"),
                                      "dns--migratedaway", "xen-drbd recover dns", "half-migrated"),
    "a suspended guest": (lambda sim, node: sim.change_domain(node, "dns", "shutdown", "suspend"),
                          "dns is suspended on", "xen-drbd recover dns", "suspended"),
    "a crashed guest": (lambda sim, node: sim.change_domain(node, "dns", "shutdown", "crash"),
                        "dns has crashed on", "xen-drbd recover dns --yes", "crashed"),
    "a paused guest": (lambda sim, node: sim.change_domain(node, "dns", "paused", True),
                       "dns is paused on", "xl unpause dns", "paused"),
    "a dying guest": (lambda sim, node: sim.change_domain(node, "dns", "dying", True),
                      "dns is dying on", "xl list", "dying"),
}


@pytest.mark.parametrize("node", [1, 2], ids=["here", "on the peer"])
@pytest.mark.parametrize("name", ROWS)
def test_any_trace_of_the_domain_blocks_its_start(make_world, name, node):
    change, because, hint, state = ROWS[name]
    world = make_world(domains=[demo.domain("dns", "dom0", 1, on_crash="preserve")])
    world.start_by_hand(node, "dns")
    change(world.simulation, node)
    where = world.names[node - 1]
    refusal(world, 1, "start dns", 4, because, where, hint)
    with nothing_changes(world):
        assert document(world, 1, "start-all", 4).results == {"dns": "refused"}
        document(world, 1, "migrate-out dns", 4)
        document(world, 1, "migrate-in dns", 4)
    shown = status(world, 1, domain="dns")
    assert shown["state"] == state
    assert shown["running_on"] == []
    tool(world, 2, "status").says(state)


def test_a_domain_that_stands_on_both_nodes_is_an_alarm_and_is_not_touched(make_world):
    world = make_world(checked=False)
    world.open_window("dns")
    for node in (1, 2):
        world.start_by_hand(node, "dns")
    for node in (1, 2):
        told = tool(world, node, "status", 6).says("ALARM", "dns is on BOTH nodes")
        assert "running" not in told.stdout.splitlines()[3].split()[3:4]
        shown = status(world, node, 6, "dns")
        assert (shown["running_on"], shown["state"]) == (["dom0", "mirror"], "double-run")
        with nothing_changes(world):
            for command in ("start", "migrate-out", "migrate-in", "stop", "recover"):
                tool(world, node, f"{command} dns", 6).says("dns is on BOTH nodes", "dom0", "mirror")
                document(world, node, f"{command} dns", 6)
            assert document(world, node, "evacuate -n", 6).results["dns"] == "refused"


def test_a_running_domain_that_lost_its_watcher_is_reported(world):
    tool(world, 1, "start dns")
    world.on(1, "for p in /proc/[0-9]*; do case $(readlink $p/fd/1) in /var/log/xen/xl-dns.log) kill -9 ${p#/proc/};; esac; "
                "done 2>/dev/null; true", check=True)
    for node in (1, 2):
        tool(world, node, "status").says("dns has lost its xl watcher on dom0")
    shown = status(world, 1, domain="dns")
    assert shown["state"] == "running" and "lost its xl watcher" in shown["remarks"][0]
    tool(world, 1, "recover dns").says("no xl watches over dns on dom0")


# -- xl that does not answer as it should ------------------------------------------------------------------------------

GARBAGE = {
    "nothing": {"stdout": "", "code": 0},
    "noise": {"stdout": "\x1b[31mhello\nworld\n", "code": 0},
    "no Domain-0": {"stdout": "Name                                        ID   Mem VCPUs\tState\tTime(s)\n", "code": 0},
    "half a table": {"stdout": "Name                                        ID   Mem VCPUs\tState\tTime(s)\n"
                               "Domain-0                                     0   640     1     r-----       1", "code": 0},
    "another header": {"stdout": "Name ID Mem\nDomain-0 0 640 1 r----- 1.0\n", "code": 0},
    "a row of nonsense": {"stdout": "Name                                        ID   Mem VCPUs\tState\tTime(s)\n"
                                    "Domain-0                                     0   640     1     r-----       1.0\n"
                                    "dns  x y z\n", "code": 0},
    "a failure": {"stderr": "xencall: error: Could not obtain handle on privileged command interface\n", "code": 1},
    "a death": {"code": 139},
}


@pytest.mark.parametrize("node", [1, 2], ids=["here", "on the peer"])
def test_an_xl_that_answers_garbage_proves_nothing(world, node):
    where = world.names[node - 1]
    tool(world, 2, "start samba")
    for name, answer in GARBAGE.items():
        world.simulation.clear_faults()
        world.simulation.fault("exit", node=node, command="xl list", count=-1, **answer)
        before = len(world.simulation.events())
        told = document(world, 1, "start dns", None)
        assert told.code in (4, 5) and told.results == {"dns": "refused"}, (name, str(told))
        told.says(where)
        assert document(world, 1, "start-all", None).results["samba"] in ("refused", "already")
        assert tool(world, 1, "-n start dns", None).code in (4, 5)
        shown = status(world, 1, None, "dns")
        assert (shown["state"], shown["running_on"]) == ("unknown", []), name
        commands = [event["argv"] for event in world.simulation.events()[before:] if event["event"] == "command"]
        assert not any(command.startswith(("drbdadm primary", "xl create -q")) for command in commands), (name, commands)


def test_an_xl_that_hangs_on_the_peer_proves_nothing(world):
    world.simulation.fault("hang", node=2, command="xl list", count=-1)
    with nothing_changes(world, nodes=(1,)):
        told = document(world, 1, "start dns", None)
        assert told.code in (4, 5) and told.results == {"dns": "refused"}
        told.says("mirror", "xl list")


@pytest.mark.parametrize("node", [1, 2], ids=["here", "on the peer"])
def test_a_missing_xl_proves_nothing(world, node):
    without(world, node, "xl")
    before = world.role(1, "dns"), world.role(2, "dns")
    told = document(world, 1, "start dns", None)
    assert told.code in (4, 5) and told.results == {"dns": "refused"}
    told.says("xl", world.names[node - 1])
    assert (world.role(1, "dns"), world.role(2, "dns")) == before
    assert creations(world, "dns") == 0
    assert status(world, 1, None, "dns")["state"] == "unknown"


@pytest.mark.parametrize("node", [1, 2], ids=["here", "on the peer"])
@pytest.mark.parametrize("program", ["drbdadm", "drbdsetup"])
def test_a_missing_drbd_tool_means_no_start(world, node, program):
    without(world, node, program)
    told = document(world, 1, "start dns", None)
    assert told.code in (4, 5) and told.results == {"dns": "refused"}
    told.says(world.names[node - 1])
    assert world.rows(1) == {} and log_of(world, "promote") == []
    tool(world, 1, "status", None)


def test_a_peer_without_flock_is_refused_before_anything_happens(world):
    world.on(2, "mount --bind /dev/null /usr/bin/flock", check=True)
    with nothing_changes(world):
        told = document(world, 1, "start dns", None)
        assert told.code not in (0, 70), told
        told.says("flock", "mirror")


def test_where_watchers_cannot_be_listed_absence_takes_ten_seconds_of_looking(world):
    world.on(2, "mount --bind /dev/null /usr/bin/find", check=True)
    told = document(world, 1, "start dns")
    looks = [event for event in log_of(world, "command", node="mirror", argv="xl list")]
    created = next(event["t"] for event in log_of(world, "command", node="dom0") if event["argv"].startswith("xl create -q"))
    assert told.json["domains"][0]["seconds"] >= 10
    assert len([one for one in looks if created - 12 < one["t"] < created]) >= 5
    assert_runs(world, dns=1)
    assert seen(world, 2)[0] == {}


@pytest.mark.parametrize("command", ["status", "check"])
def test_a_guest_that_changes_sides_while_the_nodes_are_asked_is_not_on_both(world, command):
    tool(world, 1, "start dns")
    ready = world.simulation.hold("xl migrate *", "migrate-ready", node=1)
    with world.running(1, "exec xen-drbd migrate-out dns > /tmp/said 2>&1") as move:
        world.simulation.wait_held(ready)
        listed = world.simulation.hold("xl list", "after", node=1, count=1)
        late = world.simulation.hold("xl list", "before", node=2, count=1)
        with world.running(2, f"xen-drbd --json {command} > /tmp/shown") as look:
            world.simulation.wait_held(late)
            world.simulation.wait_held(listed)  # dom0 has the guest suspended, under its own name
            world.simulation.release(listed)
            world.simulation.release(ready)
            world.wait_for(lambda: "dns" in world.rows(2), 10, "the guest on mirror")
            world.simulation.release(late)
            code = look.wait(20)
        assert move.wait(30) == 0, world.on(1, "cat /tmp/said").stdout
    told = world.on(2, "cat /tmp/shown").stdout
    assert '"dns"' in told and '"double-run"' not in told and "on BOTH nodes" not in told, told
    assert command == "check" or code == 0, told
    assert_runs(world, dns=2)


def on_both(make_world):
    world = make_world(checked=False)
    world.open_window("dns")
    for node in (1, 2):
        world.start_by_hand(node, "dns")
    return world


@pytest.mark.parametrize("node", [1, 2], ids=["here", "on the peer"])
def test_a_list_that_fails_at_the_second_look_does_not_end_the_alarm(make_world, node):
    world = on_both(make_world)
    for command, code, said in (("status", 6, "ALARM"), ("start dns", 6, "BOTH"), ("stop dns", 6, "BOTH"),
                                ("recover dns", 6, "BOTH"), ("-n evacuate", 6, "BOTH"), ("check", 4, "BOTH")):
        world.simulation.clear_faults()
        world.simulation.fault("exit", node=node, command="xl list", skip=1, count=1, code=1)
        tool(world, 1, command, code).says(said)
        assert "dns" in world.rows(1) and "dns" in world.rows(2), command


def test_a_link_that_is_cut_between_the_looks_does_not_end_the_alarm(make_world):
    world = on_both(make_world)
    late = world.simulation.hold("xl list", "before", node=2, skip=1, count=1)
    with world.running(1, "exec xen-drbd --json status > /tmp/shown") as look:
        world.simulation.wait_held(late)
        world.cut()
        world.simulation.release(late)
        assert look.wait(60) == 6
    world.mend()
    assert '"double-run"' in world.on(1, "cat /tmp/shown").stdout
