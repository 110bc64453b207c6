"""The simulator answers as the real pair did, and its migrations end as real ones end."""

import json
import re
import time
from pathlib import Path

import conversations
import pytest
from harness import demo
from stories import time_of

XL = conversations.load("xl-4.17/simulator-conversations.txt")
DRBD = conversations.load("drbd-8.4/simulator-conversations.txt")


@pytest.fixture
def captured_pair(make_world):
    """The pair on which the conversations were captured: node1 and node2, guests vm1 to vm3."""
    def make(**options):
        settings = {"stream_scale": 0.05, **options.pop("settings", {})}
        world = make_world(names=("node1", "node2"), domains=[], memory=1279, settings=settings, **options)
        world.simulation.set("reconnect_delay", 0.0)
        for node in (1, 2):
            for vm in ("vm1", "vm2", "vm3", "vm1-pv"):
                world.write(node, f"/etc/xen/{vm}.cfg",
                            (conversations.DATA / "xl-4.17" / f"simulator-{vm}.cfg").read_text())
            for name in ("vm1.res", "vm2.res", "vm3.res", "global_common.conf"):
                world.write(node, f"/etc/drbd.d/{name}",
                            (conversations.DATA / "drbd-8.4" / f"simulator-{name}").read_text())
            world.write(node, "/srv/xen/guest-initrd.gz", "")
            world.on(node, ["drbdadm", "up", "all"], check=True)
        world.on(1, ["drbdadm", "status"])
        return world
    return make


def replay(world, section, either_order=False):
    for exchange in section:
        conversations.compare(world, exchange, either_order)


# -- conversations -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("title", ["idle", "a configuration is parsed", "creating fails without a domain"])
def test_xl_answers_like_xl_4_17_when_no_guest_runs(captured_pair, title):
    world = captured_pair()
    replay(world, XL[title])


def test_xl_answers_like_xl_4_17_when_a_guest_runs(captured_pair):
    world = captured_pair()
    world.start_by_hand(1, "vm1")
    replay(world, XL["one domain runs"])


def test_xl_create_fails_like_xl_4_17_beside_a_guest(captured_pair):
    world = captured_pair()
    world.on(1, ["drbdadm", "primary", "vm2"], check=True)
    world.start_by_hand(1, "vm1")
    replay(world, XL["creating fails beside a domain"])


def test_pause_shutdown_and_destroy_answer_like_xl_4_17(captured_pair):
    world = captured_pair()
    world.start_by_hand(1, "vm1")
    world.simulation.set("destroy_linger", 2.0)    # the shutdown that waits is to see it
    replay(world, XL["pause, shutdown, destroy"])


def test_block_drbd_promotes_at_create_and_demotes_at_destroy(captured_pair):
    world = captured_pair()
    replay(world, XL["block-drbd"])
    assert world.role(1, "vm3") == "Secondary"
    world.on(1, ["xl", "create", "-q", "/etc/xen/vm3.cfg"], check=True)
    assert world.role(1, "vm3") == "Primary"


@pytest.mark.parametrize("title", ["connected", "roles"])
def test_drbd_answers_like_drbd_8_4(captured_pair, title):
    world = captured_pair()
    replay(world, DRBD[title])


def test_a_diskless_node_answers_like_drbd_8_4(captured_pair):
    world = captured_pair()
    world.on(2, ["drbdadm", "detach", "vm3"], check=True)
    replay(world, DRBD["diskless"])


@pytest.mark.parametrize("title", ["a migration", "a migration to a Secondary"])
def test_a_migration_prints_what_xl_4_17_prints(captured_pair, title):
    world = captured_pair()
    world.start_by_hand(1, "vm1")
    if title == "a migration":
        world.on(2, ["drbdadm", "primary", "vm1"], check=True)
    replay(world, XL[title], either_order=True)
    assert "vm1" in world.rows(2) and "vm1" not in world.rows(1)


def test_migrations_that_do_not_begin_print_what_xl_4_17_prints(captured_pair):
    world = captured_pair()
    world.start_by_hand(1, "vm1")
    replay(world, XL["migrations that do not begin"], either_order=True)
    world.on(2, "mount --bind /dev/null /usr/sbin/xl && mkdir /tmp/empty && mount --bind /tmp/empty /usr/sbin", check=True)
    replay(world, XL["a migration to a node without xl"], either_order=True)
    world.on(2, "umount /usr/sbin; umount /usr/sbin/xl", check=True)
    world.stop_sshd(2)
    replay(world, XL["a migration to a node without sshd"], either_order=True)
    assert world.rows(1)["vm1"] == "-b----"


def test_a_migration_onto_a_domain_of_the_same_name_resumes_without_its_watcher(captured_pair):
    world = captured_pair()
    world.start_by_hand(1, "vm1")
    world.on(2, "drbdadm primary vm1; drbdadm primary vm2; sed s/vm2/vm1/ /etc/xen/vm2.cfg > /tmp/same.cfg; "
                "xl create -q -p /tmp/same.cfg", check=True)
    # its watcher is to see it suspended, for however short a time it is
    world.simulation.fault("run", node=1, command="xl migrate *", point="migrate-suspended",
                           run="until grep -q 'Done. Exiting' /var/log/xen/xl-vm1.log; do sleep 0.01; done")
    replay(world, XL["a migration onto a domain of the same name"], either_order=True)
    assert world.rows(1)["vm1"] == "-b----"
    assert world.rows(2) == {"vm1": "--p---"}
    assert "Done. Exiting now" in world.on(1, "cat /var/log/xen/xl-vm1.log").stdout
    world.on(1, ["xl", "shutdown", "-w", "vm1"], check=True)
    time.sleep(0.5)
    assert world.rows(1)["vm1"] == "---s--"
    assert world.on(1, ["drbdadm", "secondary", "vm1"]).code == 11


def test_a_migration_without_memory_on_the_target_leaves_the_guest_running(captured_pair):
    world = captured_pair(settings={"stream_scale": 1.0})
    world.start_by_hand(1, "vm1")
    world.on(2, "drbdadm primary vm1; drbdadm primary vm2; xl create -q /etc/xen/vm2.cfg memory=600", check=True)
    replay(world, XL["a migration without memory"], either_order=True)
    assert world.rows(1)["vm1"] == "-b----"
    assert "vm1--incoming" not in world.rows(2)


def test_a_pv_guest_cannot_migrate(captured_pair):
    world = captured_pair()
    world.on(1, "drbdadm primary vm2; xl create -q /etc/xen/vm1-pv.cfg 'name=\"pv2\"' 'disk=[\"phy:/dev/drbd2,xvda,w\"]'",
             check=True)
    replay(world, XL["a migration of a PV guest"], either_order=True)
    assert world.rows(1)["pv2"] == "-b----"


# -- guests ------------------------------------------------------------------------------------------------------------

def test_a_guest_created_on_a_secondary_has_no_disk_and_xl_says_nothing(world):
    assert world.on(1, ["xl", "create", "-q", "/etc/xen/dns.cfg"]) == world.on(1, ["true"])
    assert world.on(1, ["xl", "block-list", "dns"]).stdout.splitlines()[1].split()[3] == "6"
    assert any(e["event"] == "write-error" for e in world.simulation.events())


def test_a_watcher_is_xl_by_its_executable_and_its_log(world):
    world.start_by_hand(1, "dns")
    found = world.on(1, "for p in /proc/[0-9]*; do echo $(readlink $p/exe) $(readlink $p/fd/1) "
                        "$(tr '\\0' ' ' < $p/cmdline); done 2>/dev/null | grep -a '^/usr/sbin/xl '").stdout
    assert found == "/usr/sbin/xl /var/log/xen/xl-dns.log xl create -q /etc/xen/dns.cfg\n"


def test_a_rebooting_guest_leaves_the_list_and_comes_back(make_world):
    world = make_world(settings={"reboot_pause": 4.0})
    world.start_by_hand(1, "dns")
    world.on(1, ["xl", "reboot", "dns"], check=True)
    world.wait_for(lambda: "dns" not in world.rows(1), 5, "the domain to leave the list")
    assert world.on(1, "readlink /proc/[0-9]*/exe | grep -c /xl").stdout == "1\n"
    world.wait_for(lambda: world.rows(1).get("dns") == "-b----", 30, "the domain to come back")
    assert world.on(1, ["xl", "domid", "dns"]).stdout == "2\n"


def test_a_shutdown_that_is_waited_for_returns_while_the_disk_is_held(make_world):
    world = make_world(settings={"destroy_linger": 4.0})
    world.start_by_hand(1, "dns")
    held = world.on(1, "xl shutdown -w dns; until xl list dns | grep -e --ps--; do sleep 0.05; done; drbdadm secondary dns")
    assert held.code == 11 and "--ps--" in held.stdout
    world.wait_for(lambda: world.on(1, ["drbdadm", "secondary", "dns"]).ok, 30, "the disk to be let go")


def test_a_guest_that_ignores_a_shutdown_runs_on(make_world):
    world = make_world(domains=[demo.domain("deaf", "dom0", 1, extra="noshutdown")])
    world.start_by_hand(1, "deaf")
    assert world.on(1, ["xl", "shutdown", "-w", "deaf"], timeout=0.5).code == -1
    assert world.rows(1)["deaf"] == "-b----"


def test_what_a_command_has_left_running_with_its_stdout_is_not_waited_for(world):
    begun = time.monotonic()
    said = world.on(1, "echo begun; setsid sleep 60 & sleep 60", timeout=3)
    assert (said.code, said.stdout) == (-1, "begun\n") and time.monotonic() - begun < 30


def test_what_is_stopped_while_it_holds_the_state_of_the_world_goes_on_until_it_has_let_go_of_it(world):
    with world.running(1, "flock -o /var/lib/xen-drbd-sim/lock sleep 2; exec sleep 60") as holder:
        world.wait_for(lambda: not world.on(1, "flock -n /var/lib/xen-drbd-sim/lock true").ok, 10, "the lock")
        world.stop_processes(1, "^(sh -c flock|flock|sleep) ")
        assert world.on(2, ["xl", "list"], timeout=10).ok
        assert world.on(1, "cat /proc/$(pidof sleep)/cmdline").stdout.split("\0")[:2] == ["sleep", "60"]
        holder.kill()


def test_xl_resume_exists_from_xen_4_20_on(make_world):
    old, new = make_world(), make_world(settings={"xen": "4.20.0"})
    for pair in (old, new):
        pair.start_by_hand(1, "dns")
        pair.simulation.change_domain(1, "dns", "shutdown", "suspend")
        assert pair.rows(1)["dns"] == "---ss-"
    assert old.on(1, ["xl", "resume", "dns"]).stderr == "command not implemented\n"
    assert new.on(1, ["xl", "resume", "dns"]).ok
    assert new.rows(1)["dns"] == "-b----"


# -- DRBD --------------------------------------------------------------------------------------------------------------

def test_the_window_opens_and_closes_while_connected(world):
    refused = "(164) Can not clear allow_two_primaries"
    world.start_by_hand(1, "dns")
    assert world.on(2, ["drbdadm", "primary", "dns"]).code == 11
    world.open_window("dns")
    assert world.on(2, ["drbdadm", "primary", "dns"]).ok
    for node in (1, 2):
        clear = world.on(node, ["drbdadm", "net-options", "--allow-two-primaries=no", "dns"])
        assert clear.code == 10 and refused in clear.stderr
    assert world.on(2, ["drbdadm", "secondary", "dns"]).ok
    for node in (1, 2):
        assert world.on(node, ["drbdadm", "net-options", "--allow-two-primaries=no", "dns"]).ok
    assert world.on(2, ["drbdadm", "primary", "dns"]).code == 11


def test_unequal_settings_keep_drbd_from_reconnecting(world):
    world.on(1, ["drbdadm", "net-options", "--allow-two-primaries=yes", "dns"], check=True)
    world.cut()
    world.wait_for(lambda: world.on(1, ["drbdadm", "cstate", "dns"]).stdout == "WFConnection\n", 5, "the loss")
    world.mend()
    world.wait_for(lambda: world.on(1, ["drbdadm", "cstate", "dns"]).stdout == "StandAlone\n", 5, "the quarrel")
    assert world.on(2, ["drbdadm", "cstate", "dns"]).stdout == "StandAlone\n"
    assert world.on(1, ["drbdadm", "cstate", "mail"]).stdout == "Connected\n"


def test_a_cut_link_is_noticed_after_the_ping_timeout_and_heals_by_itself(world):
    world.start_by_hand(1, "dns")
    world.cut()
    world.wait_for(lambda: world.on(1, ["drbdadm", "cstate", "dns"]).stdout == "WFConnection\n", 20, "the loss")
    assert time_of(world, "peer-lost", node="dom0", resource="dns") - time_of(world, "link-cut") >= 0.99
    assert world.on(1, ["drbdadm", "role", "dns"]).stdout == "Primary/Unknown\n"
    world.mend()
    world.wait_for(lambda: world.on(2, ["drbdadm", "dstate", "dns"]).stdout == "UpToDate/UpToDate\n", 5, "the resync")
    assert any(e["event"] == "resync" and e["node"] == "dom0" for e in world.simulation.events())


def test_two_primaries_that_lose_each_other_are_a_split_brain(world):
    world.start_by_hand(1, "dns")
    world.open_window("dns")
    world.on(2, ["drbdadm", "primary", "dns"], check=True)
    world.cut()
    time.sleep(1.1)
    world.on(1, ["drbdadm", "status"])
    world.mend()
    time.sleep(0.2)
    for node in (1, 2):
        assert world.on(node, ["drbdadm", "cstate", "dns"]).stdout == "StandAlone\n"
        assert "peer" not in world.on(node, ["drbdadm", "status", "dns"]).stdout
    world.on(2, "drbdadm secondary dns && drbdadm connect --discard-my-data dns", check=True)
    world.on(1, ["drbdadm", "connect", "dns"], check=True)
    world.simulation.wait_connected("dns")
    assert world.on(2, ["drbdadm", "dstate", "dns"]).stdout == "UpToDate/UpToDate\n"


def test_a_node_without_good_data_is_not_promoted(world):
    world.on(1, ["drbdadm", "disconnect", "dns"], check=True)
    world.on(1, ["drbdadm", "outdate", "dns"], check=True)
    refused = world.on(1, ["drbdadm", "primary", "dns"])
    assert (refused.code, refused.stderr.splitlines()[0]) == (
        17, "1: State change failed: (-2) Need access to UpToDate data")


def test_writes_are_counted_where_they_are_made(make_world):
    world = make_world()
    world.start_by_hand(1, "dns")
    time.sleep(1.2)
    world.on(1, ["xl", "list"])
    nodes = world.simulation.world()["nodes"]    # both at the same moment
    volumes = [one["volumes"][0] for node in nodes for one in node["resources"] if one["name"] == "dns"]
    assert volumes[0]["written"] == volumes[0]["sent"] == volumes[1]["written"] == volumes[1]["received"] >= 8
    assert volumes[0]["received"] == volumes[1]["sent"] == 0


def test_dialect_9_speaks_json(make_world):
    world = make_world(dialect="9")
    world.start_by_hand(1, "samba")
    (status,) = json.loads(world.on(2, ["drbdsetup", "status", "samba", "--json"], check=True).stdout)
    assert [d["minor"] for d in status["devices"]] == [2, 3]
    connection = status["connections"][0]
    assert (connection["name"], connection["connection-state"], connection["peer-role"]) == ("dom0", "Connected", "Primary")
    assert {p["replication-state"] for p in connection["peer_devices"]} == {"Established"}
    (show,) = json.loads(world.on(2, ["drbdsetup", "show", "samba", "--json"], check=True).stdout)
    assert show["connections"][0]["net"].get("allow-two-primaries", False) is False
    assert "dom0 role:Primary" in world.on(2, ["drbdsetup", "status", "samba"]).stdout


# -- how migrations end ------------------------------------------------------------------------------------------------

@pytest.fixture
def moving(make_world):
    """A pair on which dns can move from node 1 to node 2: its window open, Primary on both."""
    def make(**options):
        world = make_world(**options)
        world.start_by_hand(1, "dns")
        world.open_window("dns")
        world.on(2, ["drbdadm", "primary", "dns"], check=True)
        return world
    return make


def states(world):
    return {node: world.rows(node) for node in (1, 2)}


def test_a_migration_passes_the_states_it_passes_on_a_real_pair(moving):
    world = moving()
    points = [("receive-end", "xl migrate-receive", {1: {"dns": "---ss-"}, 2: {"dns--incoming": "--p---"}}),
              ("migrate-renamed", "xl migrate *", {1: {"dns--migratedaway": "---ss-"}, 2: {"dns--incoming": "--p---"}}),
              ("receive-running", "xl migrate-receive", {1: {"dns--migratedaway": "---ss-"}, 2: {"dns": "-b----"}})]
    held = [(world.simulation.hold(command, point), seen) for point, command, seen in points]
    with world.running(1, ["xl", "migrate", "dns", "mirror"]) as migration:
        for identity, seen in held:
            world.simulation.wait_held(identity)
            assert states(world) == seen
            world.simulation.release(identity)
        assert migration.wait() == 0
    assert states(world) == {1: {}, 2: {"dns": "-b----"}}


def test_the_incoming_copy_grows_while_the_guest_runs_on(moving):
    world = moving()
    half = world.simulation.hold("xl migrate *", "migrate-stream", at_byte=900_000)
    with world.running(1, ["xl", "migrate", "dns", "mirror"]) as migration:
        world.simulation.wait_held(half)
        world.wait_for(lambda: 5 < world.simulation.domains_on(2).get("dns--incoming", {"present": 0})["present"] < 30, 5, "half a copy")
        assert world.rows(1) == {"dns": "-b----"}
        world.simulation.release(half)
        assert migration.wait() == 0


def transport_dies_at(world, point):
    """Runs a migration through a transport of its own and kills that when the migration stands at a point."""
    world.on(1, "printf '#!/bin/sh\\necho $$ > /tmp/transport.pid\\nexec ssh \"$@\"\\n' > /tmp/transport && "
                "chmod +x /tmp/transport", check=True)
    command = "xl migrate-receive" if point.startswith("receive") else "xl migrate *"
    held = world.simulation.hold(command, point)
    with world.running(1, "exec xl migrate -s /tmp/transport dns mirror 2>/tmp/migrate.log") as migration:
        world.simulation.wait_held(held)
        log = "/var/log/xen/xl-dns.log"    # of the watcher, which sees the guest suspended
        world.wait_for(lambda: "Done. Exiting now" in world.on(1, f"cat {log}").stdout, 20, "the watcher to end")
        world.on(1, "kill -9 $(cat /tmp/transport.pid)", check=True)
        time.sleep(0.3)
        world.simulation.release(held)
        code = migration.wait()
    return code, world.on(1, "cat /tmp/migrate.log").stdout


@pytest.mark.parametrize("point", ["migrate-suspended", "receive-end", "receive-ready"])
def test_a_transport_that_dies_before_ready_lets_the_guest_run_on(moving, point):
    world = moving()
    code, said = transport_dies_at(world, point)
    assert code == 1 and "Migration failed, resuming at sender." in said
    assert world.rows(1) == {"dns": "-b----"}
    assert "Done. Exiting now" in world.on(1, "cat /var/log/xen/xl-dns.log").stdout


def test_a_transport_that_dies_in_the_copy_keeps_guest_and_watcher_and_clears_the_target(moving):
    world = moving()
    world.on(1, "printf '#!/bin/sh\\necho $$ > /tmp/transport.pid\\nexec ssh \"$@\"\\n' > /tmp/transport && "
                "chmod +x /tmp/transport", check=True)
    held = world.simulation.hold("xl migrate *", "migrate-stream", at_byte=900_000)
    with world.running(1, "exec xl migrate -s /tmp/transport dns mirror 2>/tmp/migrate.log") as migration:
        world.simulation.wait_held(held)
        world.on(1, "kill -9 $(cat /tmp/transport.pid)", check=True)
        world.simulation.release(held)
        assert migration.wait() == 1
    assert world.rows(1) == {"dns": "-b----"}
    assert "Done" not in world.on(1, "cat /var/log/xen/xl-dns.log").stdout
    world.wait_for(lambda: world.rows(2) == {}, 5, "the copy to be cleared away")


@pytest.mark.parametrize("point", ["migrate-renamed", "receive-go", "receive-running"])
def test_a_transport_that_dies_after_ready_leaves_the_source_renamed(moving, point):
    world = moving()
    code, said = transport_dies_at(world, point)
    assert code == 1 and "** Migration failed during final handshake **" in said
    assert world.rows(1) == {"dns--migratedaway": "---ss-"}
    assert set(world.rows(2)) <= {"dns", "dns--incoming"}


@pytest.mark.parametrize("point", ["migrate-suspended", "migrate-end", "migrate-ready"])
def test_xl_killed_after_the_suspend_leaves_the_guest_suspended(moving, point):
    world = moving()
    world.simulation.fault("signal", command="xl migrate *", point=point, signal=9)
    assert world.on(1, ["xl", "migrate", "dns", "mirror"]).code in (-9, 137)
    assert world.rows(1) == {"dns": "---ss-"}


def test_xl_killed_after_the_rename_leaves_a_domain_that_was_migrated_away(moving):
    world = moving()
    world.simulation.fault("signal", command="xl migrate *", point="migrate-renamed", signal=9)
    world.on(1, ["xl", "migrate", "dns", "mirror"])
    assert world.rows(1) == {"dns--migratedaway": "---ss-"}


def test_a_killed_receiver_leaves_a_paused_copy(moving):
    world = moving()
    world.simulation.fault("signal", command="xl migrate-receive", point="receive-stream", skip=4, signal=9)
    failed = world.on(1, ["xl", "migrate", "dns", "mirror"])
    assert failed.code == 1 and "Migration failed, resuming at sender." in failed.stderr
    assert states(world) == {1: {"dns": "-b----"}, 2: {"dns--incoming": "--p---"}}


def test_a_stream_cut_short_at_any_byte_never_starts_the_copy(moving):
    world = moving()
    for byte in (1, 47, 60, 1500, 200_000, 1_500_000):
        world.simulation.fault("signal", command="xl migrate *", point="migrate-stream", at_byte=byte, signal=9)
        assert world.on(1, ["xl", "migrate", "dns", "mirror"]).code != 0
        world.wait_for(lambda: world.rows(2) == {}, 5, "the copy to be cleared away")
        assert world.rows(1) == {"dns": "-b----"}


def test_the_peer_that_loses_power_late_in_a_migration_gives_the_guest_back(moving):
    world = moving(settings={"ping_timeout": 0.3})
    held = world.simulation.hold("xl migrate-receive", "receive-ready")
    command = ["xl", "migrate", "-s", "ssh -o ServerAliveInterval=1 -o ServerAliveCountMax=4", "dns", "mirror"]
    with world.running(1, command) as migration:
        world.simulation.wait_held(held)
        world.crash(2)
        assert migration.wait(40) == 1
    assert world.rows(1) == {"dns": "-b----"}
    assert world.on(1, ["drbdadm", "cstate", "dns"]).stdout == "WFConnection\n"
    world.on(1, ["drbdadm", "net-options", "--allow-two-primaries=no", "dns"], check=True)
    world.boot(2)
    world.simulation.wait_connected("dns")
    assert world.rows(2) == {}


def test_a_window_left_open_on_the_survivor_keeps_drbd_apart_when_the_peer_has_booted(moving):
    world = moving(settings={"ping_timeout": 0.1})
    world.crash(2)
    world.wait_for(lambda: world.on(1, ["drbdadm", "cstate", "dns"]).stdout == "WFConnection\n", 5, "the loss")
    world.boot(2)
    for node in (1, 2):
        world.wait_for(lambda n=node: world.on(n, ["drbdadm", "cstate", "dns"]).stdout == "StandAlone\n", 5, "StandAlone")


# -- the proof itself --------------------------------------------------------------------------------------------------

def test_the_proof_notices_a_domain_that_runs_twice(make_world):
    world = make_world(checked=False)
    world.open_window("dns")
    for node in (1, 2):
        world.start_by_hand(node, "dns")
    with pytest.raises(AssertionError, match="domain dns executes on both nodes"):
        world.simulation.check_events()


def test_the_proof_notices_two_writers_of_one_disk(make_world):
    world = make_world(checked=False)
    world.open_window("dns")
    world.start_by_hand(1, "dns")
    world.on(2, "drbdadm primary dns; sed s/dns/other/ /etc/xen/dns.cfg > /tmp/other.cfg; xl create -q /tmp/other.cfg",
             check=True)
    time.sleep(1.1)
    world.on(1, ["xl", "list"])
    with pytest.raises(AssertionError, match="resource dns was written by both nodes while both were Primary"):
        world.simulation.check_events()


def test_the_proof_notices_writers_that_do_not_see_each_other(make_world):
    world = make_world(checked=False)
    world.start_by_hand(1, "dns")
    world.cut()
    time.sleep(1.1)
    world.start_by_hand(2, "dns")
    time.sleep(1.1)
    world.on(1, ["xl", "list"])
    with pytest.raises(AssertionError, match="written by both nodes while they were disconnected"):
        world.simulation.check_events()


# -- faults ------------------------------------------------------------------------------------------------------------

def test_a_command_fails_as_often_as_it_is_told_to(world):
    world.simulation.fault("exit", node=1, command="xl list*", code=7, stderr="broken\n", skip=1, count=2)
    codes = [world.on(1, ["xl", "list"]).code for _ in range(4)]
    assert codes == [0, 7, 7, 0]
    assert world.on(2, ["xl", "list"]).ok


def test_a_command_that_dies_after_it_took_effect_has_taken_effect(world):
    world.simulation.fault("signal", command="drbdadm primary dns", point="after", signal=9)
    assert world.on(1, ["drbdadm", "primary", "dns"]).code in (-9, 137)
    assert world.role(1, "dns") == "Primary"


def test_a_command_can_hang_and_be_slow(world):
    world.simulation.fault("hang", command="xl info", count=1)
    world.simulation.fault("hang", command="xl uptime", seconds=0.3)
    assert world.on(1, ["xl", "info"], timeout=0.3).code == -1
    before = time.monotonic()
    assert world.on(1, ["xl", "uptime"]).ok
    assert time.monotonic() - before > 0.3


def test_a_command_can_print_garbage(world):
    world.simulation.fault("exit", command="xl list", code=0, stdout="\x00\xffgarbage\n")
    assert "garbage" in world.on(1, ["xl", "list"]).stdout


# -- nodes -------------------------------------------------------------------------------------------------------------

def test_a_crashed_node_answers_nothing_and_comes_back_without_its_guests(world):
    world.start_by_hand(2, "samba")
    world.crash(2)
    refused = world.on(1, ["ssh", "-o", "ConnectTimeout=20", "mirror", "true"])
    assert refused.code == 255 and "No route to host" in refused.stderr
    world.boot(2)
    assert world.rows(2) == {}
    assert world.on(1, ["ssh", "mirror", "hostname"]).stdout == "mirror\n"
    world.simulation.wait_connected("samba")


def test_sshd_counts_connections_and_commands(world):
    before = world.simulation.sshd_sessions(2)
    world.on(1, ["ssh", "mirror", "true"], check=True)
    connections, logins, commands = (b - a for a, b in zip(before, world.simulation.sshd_sessions(2)))
    assert (connections, logins, commands) == (1, 1, 1)


def test_a_changed_host_key_and_a_removed_login_are_refused(world):
    world.simulation.new_host_key(2)
    assert "Host key verification failed" in world.on(1, ["ssh", "-o", "BatchMode=yes", "mirror", "true"]).stderr
    world.simulation.learn_host_keys(1)
    assert world.on(1, ["ssh", "-o", "BatchMode=yes", "mirror", "true"]).ok
    world.simulation.refuse_key_of(1)
    assert "Permission denied" in world.on(1, ["ssh", "-o", "BatchMode=yes", "mirror", "true"]).stderr


def test_a_frozen_sshd_accepts_and_stays_silent(world):
    world.simulation.freeze_sshd(2)
    silent = world.on(1, ["ssh", "-o", "ConnectTimeout=1", "mirror", "true"])
    assert silent.code == 255 and "timed out during banner exchange" in silent.stderr
    world.simulation.thaw_sshd(2)
    assert world.on(1, ["ssh", "mirror", "true"]).ok


def test_a_node_has_its_own_names_files_and_syslog(world):
    assert world.on(2, ["hostname"]).stdout == "mirror\n"
    world.on(1, "logger -t probe hello from dom0; touch /etc/xen/only-here /run/only-here", check=True)
    world.wait_for(lambda: "probe: hello from dom0" in world.on(1, "cat /var/log/syslog").stdout, 5, "the log line")
    assert world.on(2, "ls /etc/xen/only-here /run/only-here").code != 0
    assert world.on(1, "echo > /etc/passwd").code != 0


def test_a_pair_that_is_made_fresh_is_as_a_new_one(world):
    def processes(node):
        return sorted(world.on(node, "cat /proc/[0-9]*/comm", check=True).stdout.split())

    kept = world.simulation.keep()
    new = world.simulation.world(), [processes(node) for node in (1, 2)]
    world.start_by_hand(1, "dns")
    world.open_window("mail")
    world.simulation.hold("xl info", "before")
    left = world.popen(1, "touch /var/lib/xen-drbd/dns.migration; exec xl info")
    world.on(2, "mkdir -p /run/xen-drbd; touch /run/xen-drbd/leaving; kill $(cat /run/sshd.pid)", check=True)
    world.crash(1)
    world.boot(1)
    world.cut()
    world.simulation.fresh(kept)
    assert (world.simulation.world(), [processes(node) for node in (1, 2)]) == new
    assert left.wait(10) != 0 and world.simulation.events() == []
    assert world.on(2, "ls /run/xen-drbd /var/lib/xen-drbd").stdout.split() == ["/var/lib/xen-drbd:"]
    assert world.on(1, ["ssh", "mirror", "xl", "info"], check=True).ok
    world.start_by_hand(1, "dns")


def test_nothing_is_left_after_a_pair_was_taken_down(make_world, tmp_path):
    from cluster import Cluster
    with Cluster(tmp_path / "pair") as cluster:
        cluster.start_by_hand(1, "dns")
        processes = [cluster.hub[0], cluster.inits[1][0], cluster.inits[2][0]]
    assert not (tmp_path / "pair").exists()
    for pid in processes:
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
                assert stat.read().rpartition(")")[2].split()[0] == "Z"
        except FileNotFoundError:
            pass
    with open("/proc/self/mounts", encoding="utf-8") as mounts:
        assert str(tmp_path) not in mounts.read()


def test_what_only_a_simulated_pair_has_is_used_by_no_scenario_that_runs_on_the_real_one():
    here = Path(__file__).resolve().parent
    left_out = re.findall(r'^    "(test_\w+\.py)":', (here.parent / "lab/scenarios_on_lab.py").read_text(), re.M)
    shared = [file for file in here.glob("test_*.py") if not file.name.startswith("test_sim") and file.name not in left_out]
    assert len(shared) >= 3, shared
    assert [file.name for file in shared if ".simulation" in file.read_text()] == []
