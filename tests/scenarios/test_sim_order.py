"""What waits for what, how many at once, and what a failure leaves."""

import pytest
from harness import demo
from stories import (add_to_topology, assert_runs, creations, document, log_of, nothing_changes, seen, status, time_of, tool)


def overlapping(world, verb):
    """How many commands that begin with `verb` ran at the same time, at most."""
    now = most = 0
    for event in world.simulation.events():
        if event.get("argv", "").startswith(verb):
            now += {"command": 1, "command-end": -1}.get(event["event"], 0)
            most = max(most, now)
    return most


@pytest.mark.parametrize("words, file, most", [("", "", 2), ("--jobs 1", "", 1), ("-j 4", "", 4), ("", "jobs: 1\n", 1),
                                               ("-j 3", "jobs: 1\n", 3)])
def test_jobs_limit_how_many_are_started_at_the_same_time(make_world, words, file, most):
    world = make_world(domains=demo.many(("dom0", "mirror"), 6), settings={"create_seconds": 0.6}, topology_extra=file)
    tool(world, 1, f"{words} start-all")
    assert overlapping(world, "xl create -q") == most
    assert len(world.rows(1)) == 6


def test_jobs_count_for_the_pair(make_world):
    world = make_world(domains=demo.many(("dom0", "mirror"), 6), settings={"create_seconds": 0.4})
    tool(world, 1, "-j 2 migrate-and-start-all")
    assert overlapping(world, "xl create -q") == 2
    assert len(world.rows(1)) == len(world.rows(2)) == 3


def test_after_and_delay_order_the_starts_across_the_nodes(make_world):
    domains = [demo.domain("db", "mirror", 1, memory=8, after=["net"], delay="700ms"),
               demo.domain("app", "dom0", 2, memory=8, after=["db"]),
               demo.domain("net", "dom0", 3, memory=8, delay="300ms"),
               demo.domain("free", "mirror", 4, memory=8)]
    world = make_world(domains=domains)
    tool(world, 1, "-j 4 migrate-and-start-all")
    at = {one.name: time_of(world, "created", domain=one.name) for one in domains}
    begun = {event["argv"].split("/")[-1][:-4]: event["t"] for event in log_of(world, "command")
             if event["argv"].startswith("xl create -q")}
    assert begun["db"] - at["net"] >= 0.3 and begun["app"] - at["db"] >= 0.7
    assert at["net"] < at["db"] < at["app"]
    assert_runs(world, db=2, app=1, net=1, free=2)


def test_this_node_is_first_where_nothing_else_is_said(make_world):
    world = make_world(domains=demo.many(("mirror", "dom0"), 4))
    tool(world, 1, "migrate-and-start-all")
    created = [event["node"] for event in log_of(world, "created")]
    assert created == ["dom0", "dom0", "mirror", "mirror"]


def test_after_is_satisfied_by_a_domain_that_runs_on_either_node(world):
    tool(world, 2, "start dns")
    tool(world, 1, "start mail")
    assert_runs(world, dns=2, mail=1)


def test_what_waits_for_a_domain_that_is_not_asked_for_is_held_back(world):
    with nothing_changes(world):
        told = document(world, 1, "start mail", 4)
        assert told.results == {"mail": "skipped"} and "dns" in told.reasons["mail"]
        assert document(world, 1, "-n start mail", 4).results == {"mail": "skipped"}
        tool(world, 2, "start-my-domains -n", 4)


def test_a_domain_that_fails_holds_back_only_those_that_wait_for_it(make_world):
    domains = [demo.domain("first", "dom0", 1, memory=8), demo.domain("second", "dom0", 2, memory=8, after=["first"]),
               demo.domain("third", "dom0", 3, memory=8, after=["second"]), demo.domain("alone", "dom0", 4, memory=8)]
    world = make_world(domains=domains)
    world.simulation.fault("exit", command="xl create -q *first.cfg", code=3, stderr="libxl: error: no luck\n")
    told = document(world, 1, "start-all", 6)
    assert told.results == {"first": "failed", "second": "skipped", "third": "skipped", "alone": "started"}
    told.says("no luck")
    assert_runs(world, alone=1)
    assert log_of(world, "promote", resource="second") == []
    assert document(world, 1, "start-all").results == {"first": "started", "second": "started", "third": "started",
                                                       "alone": "already"}


def test_a_refused_domain_holds_back_with_four(world):
    world.on(1, ["mv", "/etc/xen/dns.cfg", "/etc/xen/dns.away"], check=True)
    told = document(world, 1, "start-all", 4)
    assert told.results == {"dns": "refused", "samba": "started", "mail": "skipped"}
    assert_runs(world, samba=1)


# -- creates that go wrong ---------------------------------------------------------------------------------------------

FAILURES = {
    "it fails at once": {"action": "exit", "point": "before", "code": 3, "stderr": "libxl: error: nothing to be done\n"},
    "it fails when built": {"action": "exit", "point": "create-parsed", "code": 1, "stderr": "failed\n"},
    "it is killed before anything": {"action": "signal", "point": "create-parsed", "signal": 9},
}


@pytest.mark.parametrize("name", FAILURES)
@pytest.mark.parametrize("dialect", ["8.4", "9"])
def test_a_create_that_fails_demotes_what_it_promoted(make_world, name, dialect):
    world = make_world(dialect=dialect)
    fault = dict(FAILURES[name])
    world.simulation.fault(fault.pop("action"), command="xl create -q *samba.cfg", **fault)
    told = document(world, 1, "start samba", 6)
    assert told.results["samba"] == "failed" and told.json["error"]["changed"] is True
    assert_runs(world)
    assert len(log_of(world, "promote", resource="samba")) == len(log_of(world, "demote", resource="samba")) >= 1
    tool(world, 2, "start samba")
    assert_runs(world, samba=2)


def test_a_create_that_fails_leaves_its_disk_secondary_though_it_was_primary_before(world):
    world.on(1, ["drbdadm", "primary", "dns"], check=True)
    world.simulation.fault("exit", command="xl create -q *dns.cfg", code=3)
    document(world, 1, "start dns", 6)
    assert seen(world, 1) == ({}, set())


def test_a_create_that_says_failure_and_yet_runs_is_reported_and_not_demoted(world):
    world.simulation.fault("exit", command="xl create -q *dns.cfg", point="after", code=1, stderr="late complaint\n")
    told = document(world, 1, "start dns", 6)
    told.says("dns is on dom0, but xl create failed")
    assert_runs(world, dns=1)
    assert status(world, 2, domain="dns")["state"] == "running"


def test_a_create_that_says_success_and_leaves_nothing_is_a_failure(world):
    world.simulation.fault("exit", command="xl create -q *dns.cfg", point="before", code=0)
    told = document(world, 1, "start dns", 6)
    assert told.results == {"dns": "failed"}
    told.says("did not stay up")
    assert_runs(world)


def test_a_create_that_says_success_with_a_dead_disk_is_reported_with_the_disk(world):
    world.simulation.fault("run", command="xl create -q *dns.cfg", point="create-parsed", run="drbdadm secondary dns")
    told = document(world, 1, "start dns", 6)
    assert told.results["dns"] == "failed"
    told.says("dns runs on dom0 without a disk")
    assert creations(world, "dns") == 1


def test_a_create_that_dies_after_it_took_effect_is_seen_for_what_it_is(world):
    world.simulation.fault("signal", command="xl create -q *dns.cfg", point="create-running", signal=9)
    told = document(world, 1, "start dns", 6)
    assert told.results["dns"] in ("failed", "unknown"), told
    assert set(seen(world, 1)[0]) == {"dns"} and seen(world, 1)[1] == {"dns"}
    with nothing_changes(world):
        tool(world, 2, "start dns", 4).says("dns is running on dom0")


def test_a_promotion_that_fails_starts_nothing(world):
    world.simulation.fault("exit", node=1, command="drbdadm primary dns", count=-1, code=11,
                           stderr="1: State change failed: (-1) Multiple primaries not allowed by config\n")
    told = document(world, 1, "start dns", None)
    assert told.code in (4, 6) and told.results["dns"] in ("failed", "refused"), told
    assert_runs(world)
    assert creations(world, "dns") == 0


def test_a_promotion_that_says_success_and_did_nothing_is_noticed(world):
    world.simulation.fault("exit", node=1, command="drbdadm primary dns", code=0)
    assert document(world, 1, "start dns", 6).results == {"dns": "failed"}
    assert_runs(world)


# -- stops that go wrong -----------------------------------------------------------------------------------------------

def test_a_deaf_guest_runs_on_unless_it_is_destroyed(make_world):
    world = make_world(domains=[demo.domain("deaf", "dom0", 1, shutdown_timeout="1s", extra="noshutdown")])
    tool(world, 1, "start deaf")
    told = document(world, 1, "stop deaf", 6)
    assert told.results == {"deaf": "failed"}
    told.says("deaf did not shut down on dom0", "--destroy")
    assert_runs(world, deaf=1)
    assert document(world, 1, "stop deaf --destroy").results == {"deaf": "stopped"}
    assert_runs(world)


def test_a_guest_whose_disk_is_let_go_late_is_demoted_in_the_end(make_world):
    world = make_world(settings={"destroy_linger": 1.5})
    tool(world, 1, "start samba")
    tool(world, 1, "stop samba")
    assert_runs(world)
    assert time_of(world, "demote", resource="samba") > time_of(world, "destroyed", domain="samba")


def test_a_guest_that_shut_down_and_was_left_lying_is_cleared_away(world):
    tool(world, 1, "start dns")
    world.on(1, "for p in /proc/[0-9]*; do case $(readlink $p/fd/1) in /var/log/xen/xl-dns.log) kill -9 ${p#/proc/};; esac; "
                "done 2>/dev/null; true", check=True)
    told = document(world, 1, "stop dns")
    assert told.results == {"dns": "stopped"}
    assert_runs(world)


def test_what_waits_for_a_domain_is_stopped_before_it(world):
    tool(world, 1, "start dns mail")
    tool(world, 1, "stop-all")
    assert time_of(world, "shut-down", domain="mail") < time_of(world, "asked-to-shut-down", domain="dns")


def test_a_peer_that_is_lost_after_the_first_change_is_six_and_not_five(world):
    add_to_topology(world, "jobs: 1\n")
    held = world.simulation.hold("xl create -q *dns.cfg", "create-built", node=1)
    with world.running(1, "exec xen-drbd --json start-all > /tmp/said 2> /tmp/errors") as run:
        world.simulation.wait_held(held)
        world.simulation.end_sessions(2)
        world.simulation.release(held)
        assert run.wait(60) == 6, world.on(1, "cat /tmp/said /tmp/errors").stdout
    said = world.on(1, "cat /tmp/said").stdout
    assert '"exit_code":6' in said
    assert creations(world, "samba") == 0 or "samba" in world.rows(1)
    tool(world, 1, "start-all", None)
