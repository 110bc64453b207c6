"""Every subcommand does what its row of the manual says, on either node."""

import re
import subprocess
import time

import pytest
from stories import (TOPOLOGY, add_to_topology, assert_runs, document, edit_topology, nothing_changes, refusal, status, tool)

CHANGING = ["start dns", "start-all", "start-my-domains", "migrate-out dns", "migrate-in dns", "migrate-all-out",
            "migrate-all-in", "migrate-my-domains-home", "migrate-and-start-my-domains", "migrate-and-start-all",
            "stop dns", "stop-all", "stop-my-domains", "evacuate", "recover"]


# -- start -------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("node", [1, 2])
def test_start_starts_what_runs_nowhere_and_has_nothing_to_do_the_second_time(world, node):
    name = world.names[node - 1]
    told = document(world, node, "start dns samba")
    assert told.results == {"dns": "started", "samba": "started"}
    assert [one["node"] for one in told.json["domains"]] == [name, name]
    assert (told.json["this_node"], told.json["peer"]) == (name, world.names[2 - node])
    assert all(one["seconds"] > 0 for one in told.json["domains"])
    assert_runs(world, dns=node, samba=node)
    with nothing_changes(world):
        tool(world, node, "start dns").says("nothing to do: it runs on " + name)
        assert document(world, node, "start dns samba").results == {"dns": "already", "samba": "already"}
    assert_runs(world, dns=node, samba=node)


def test_a_domain_that_is_typed_twice_is_started_once(world):
    told = document(world, 1, "start dns dns")
    assert told.results == {"dns": "started"} and len(told.json["domains"]) == 1
    assert_runs(world, dns=1)


@pytest.mark.parametrize("node", [1, 2])
def test_start_refuses_what_runs_on_the_peer(world, node):
    peer = world.names[2 - node]
    tool(world, 3 - node, "start samba")
    told = refusal(world, node, "start samba", 4, f"samba is running on {peer}")
    told.says(f"error: samba was not started on {world.names[node - 1]}\n  because: samba is running on {peer}\n"
              "  nothing was changed\n  hint:    xen-drbd migrate-in samba\n")
    assert_runs(world, samba=3 - node)


def test_of_several_domains_the_refused_one_does_not_stop_the_others_and_the_worst_code_wins(world):
    tool(world, 2, "start samba")
    told = document(world, 1, "start samba dns", 4)
    assert told.results == {"dns": "started", "samba": "refused"}
    assert_runs(world, samba=2, dns=1)


def test_start_all_starts_what_runs_on_neither_node(world):
    tool(world, 2, "start samba")
    assert document(world, 1, "start-all").results == {"dns": "started", "samba": "already", "mail": "started"}
    assert_runs(world, samba=2, dns=1, mail=1)


def test_start_my_domains_starts_what_is_at_home_here(world):
    told = document(world, 1, "start-my-domains")
    assert told.results == {"dns": "started"}
    assert_runs(world, dns=1)
    assert document(world, 2, "start-my-domains").results == {"samba": "started", "mail": "started"}
    assert_runs(world, dns=1, samba=2, mail=2)


# -- migrate -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("node", [1, 2])
def test_migrate_out_moves_to_the_peer_and_has_nothing_to_do_the_second_time(world, node):
    tool(world, node, "start samba")
    told = document(world, node, "migrate-out samba")
    assert told.json["domains"][0]["result"] == "migrated" and told.json["domains"][0]["node"] == world.names[2 - node]
    assert_runs(world, samba=3 - node)
    assert {disk["two_primaries"] for disk in status(world, node, domain="samba")["disks"]} == {"off"}
    with nothing_changes(world):
        assert document(world, node, "migrate-out samba").results == {"samba": "already"}


@pytest.mark.parametrize("node", [1, 2])
def test_migrate_in_is_the_mirror_image(world, node):
    tool(world, 3 - node, "start samba")
    told = document(world, node, "migrate-in samba")
    assert told.json["domains"][0]["result"] == "migrated" and told.json["domains"][0]["node"] == world.names[node - 1]
    assert_runs(world, samba=node)
    with nothing_changes(world):
        assert document(world, node, "migrate-in samba").results == {"samba": "already"}


def test_what_runs_nowhere_is_not_migrated(world):
    for command in ("migrate-out dns", "migrate-in dns"):
        refusal(world, 1, command, 4, "dns runs on neither node", "xen-drbd start dns")


def test_migrate_all_out_and_migrate_all_in_move_what_runs_and_start_nothing(world):
    tool(world, 1, "start dns samba")
    tool(world, 1, "migrate-all-out")
    assert_runs(world, dns=2, samba=2)
    tool(world, 1, "migrate-all-in")
    assert_runs(world, dns=1, samba=1)


def test_migrate_my_domains_home_moves_only_what_is_at_home_here(world):
    tool(world, 2, "start-all")
    assert document(world, 1, "migrate-my-domains-home").results == {"dns": "migrated"}
    assert_runs(world, dns=1, samba=2, mail=2)


def test_migrate_and_start_my_domains_starts_nothing_on_the_peer(world):
    tool(world, 1, "start samba dns")
    told = document(world, 2, "migrate-and-start-my-domains")
    assert told.results == {"samba": "migrated", "mail": "started"}
    assert_runs(world, dns=1, samba=2, mail=2)
    tool(world, 2, "stop mail")
    assert document(world, 1, "migrate-and-start-my-domains").results == {"dns": "already"}
    assert_runs(world, dns=1, samba=2)


@pytest.mark.parametrize("node", [1, 2])
def test_migrate_and_start_all_brings_every_domain_to_its_home(world, node):
    tool(world, 1, "start samba")
    told = document(world, node, "migrate-and-start-all")
    assert told.results == {"dns": "started", "samba": "migrated", "mail": "started"}
    assert {one["name"]: one["node"] for one in told.json["domains"]} == {
        "dns": world.names[0], "samba": world.names[1], "mail": world.names[1]}
    assert_runs(world, dns=1, samba=2, mail=2)


# -- stop, evacuate ----------------------------------------------------------------------------------------------------

def test_stop_shuts_down_here_only(world):
    tool(world, 1, "start dns")
    refusal(world, 2, "stop dns", 4, f"dns is running on {world.names[0]}", f"on {world.names[0]}: xen-drbd stop dns")
    assert_runs(world, dns=1)
    assert document(world, 1, "stop dns").results == {"dns": "stopped"}
    assert_runs(world)
    with nothing_changes(world):
        for node in (1, 2):
            assert document(world, node, "stop dns").results == {"dns": "already"}


def test_stop_all_and_stop_my_domains_differ_in_the_home(world):
    tool(world, 1, "start-all")
    assert document(world, 1, "stop-my-domains").results == {"dns": "stopped"}
    assert_runs(world, samba=1, mail=1)
    tool(world, 1, "start dns")
    assert document(world, 1, "stop-all").results == {"dns": "stopped", "samba": "stopped", "mail": "stopped"}
    assert_runs(world)


def test_a_node_that_was_evacuated_gets_nothing_until_it_wants_something_itself(world):
    tool(world, 1, "start dns samba")
    told = document(world, 1, "evacuate")
    assert {name for name, result in told.results.items() if result == "migrated"} == {"dns", "samba"}
    assert_runs(world, dns=2, samba=2)
    assert [node["leaving"] for node in status(world)["nodes"]] == [True, False]
    tool(world, 2, "status").says(f"{world.names[0]} is leaving")
    refusal(world, 2, "migrate-out dns", 4, f"{world.names[0]} is leaving", "xen-drbd evacuate --cancel")
    told = document(world, 2, "migrate-and-start-all", 4)
    assert told.results == {"dns": "refused", "samba": "already", "mail": "started"}
    tool(world, 1, "migrate-in dns")
    assert_runs(world, dns=1, samba=2, mail=2)
    assert [node["leaving"] for node in status(world)["nodes"]] == [False, False]


def test_evacuate_cancel_lets_the_peer_move_domains_here_again(world):
    tool(world, 1, "evacuate")
    assert status(world)["nodes"][0]["leaving"]
    tool(world, 1, "evacuate --cancel --dry-run")
    assert status(world)["nodes"][0]["leaving"]
    document(world, 1, "evacuate --cancel")
    assert not status(world)["nodes"][0]["leaving"]
    tool(world, 2, "start dns")
    tool(world, 2, "migrate-out dns")
    assert_runs(world, dns=1)


# -- looking -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("node", [1, 2])
def test_status_shows_both_nodes_and_every_domain(world, node):
    tool(world, 1, "start samba")
    with nothing_changes(world):
        text = tool(world, node, "status").stdout
        shown = status(world, node)
    assert re.search(r"^samba +mirror +dom0 +running ", text, re.MULTILINE), text
    assert re.search(r"^dns +dom0 +- +absent ", text, re.MULTILINE), text
    assert [one["name"] for one in shown["nodes"]] == list(world.names)
    assert all(one["reachable"] for one in shown["nodes"])
    assert [(one["name"], one["home"], one["running_on"], one["state"]) for one in shown["domains"]] == [
        ("dns", "dom0", [], "absent"), ("samba", "mirror", ["dom0"], "running"), ("mail", "mirror", [], "absent")]
    roles = ("Primary", "Secondary") if node == 1 else ("Secondary", "Primary")
    assert shown["domains"][1]["disks"][1] == {
        "minor": 3, "link": "samba-1", "resource": "samba", "role": roles[0], "peer_role": roles[1], "disk": "UpToDate",
        "peer_disk": "UpToDate", "connection": "Connected", "two_primaries": "off"}
    assert shown["topology"] == "topology"


def test_status_of_some_domains_shows_these(world):
    assert [one["name"] for one in tool(world, 1, "--json status mail dns").json["domains"]] == ["dns", "mail"]
    assert "samba" not in tool(world, 1, "status dns").stdout


def test_status_watch_looks_again_until_it_is_interrupted(world):
    # a pause in which emulated nodes get on with the start
    process = world.popen(1, ["xen-drbd", "status", "--watch", "3"], stdout=subprocess.PIPE, text=True)
    try:
        first = iter(process.stdout.readline, "")
        assert any(re.match(r"samba +mirror +- ", line) for line in first)
        tool(world, 2, "start samba")
        assert any(re.match(r"samba +mirror +mirror +running", line) for line in first)
    finally:
        world.on(1, "kill -INT $(pidof xen-drbd)")
        assert process.wait(60) == 130


def test_recover_changes_nothing_on_a_healthy_pair(world):
    tool(world, 1, "start dns")
    tool(world, 2, "start samba")
    with nothing_changes(world):
        assert set(document(world, 1, "recover").results.values()) <= {"already", "skipped"}
        tool(world, 2, "recover samba")


def test_the_dry_run_of_every_command_tells_what_the_run_then_does(world):
    for command in CHANGING:
        with nothing_changes(world):
            text = tool(world, 1, f"{command} -n", None)
            rehearsed = document(world, 1, f"{command} --dry-run", text.code)
        assert rehearsed.json["dry_run"] is True
        assert all({"domain", "node", "action", "why"} <= set(step) for step in rehearsed.json["plan"])
        planned = {step["domain"] for step in rehearsed.json["plan"]}
        assert planned == {name for name, result in rehearsed.results.items() if result in ("started", "migrated", "stopped")}
        assert ("plan:" in text.stdout) == bool(planned)
        real = document(world, 1, command, text.code)
        assert real.results == rehearsed.results and "dry_run" not in real.json and "plan" not in real.json
        if command == "evacuate":
            tool(world, 1, "evacuate --cancel")


# -- scripts -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("node", [1, 2])
def test_the_links_that_are_printed_can_be_made_again_and_again(world, node):
    for _ in range(2):
        assert world.on(node, "xen-drbd make-links | sh -s").ok
        made = world.on(node, "cd /dev/drbd && for l in *; do [ -L $l ] && echo $l $(readlink $l); done; true").stdout
        assert made == "dns-disk /dev/drbd1\nmail-disk /dev/drbd4\nsamba-0 /dev/drbd2\nsamba-1 /dev/drbd3\n"


def test_a_bridge_that_is_printed_is_made_and_removed(world):
    add_to_topology(world, "bridges:\n  - name: dmz7\n    address: {dom0: 192.168.7.1/24, mirror: 192.168.7.2/24}\n")
    for node in (1, 2):
        for _ in range(2):
            assert world.on(node, "xen-drbd make-bridges | sh -s").ok
            assert f"192.168.7.{node}/24" in world.on(node, ["ip", "-o", "-4", "addr", "show", "dev", "dmz7"]).stdout
    for _ in range(2):
        assert world.on(1, "xen-drbd make-bridges --remove | sh -s").ok
        assert not world.on(1, ["ip", "link", "show", "dmz7"]).ok
    assert world.on(2, ["ip", "link", "show", "dmz7"]).ok


def test_nothing_does_nothing(world):
    world.on(1, ["mv", TOPOLOGY, TOPOLOGY + ".away"], check=True)
    assert world.on(1, ["xen-drbd", "nothing"]) == world.on(1, ["true"])
    assert tool(world, 1, "--version").stdout.startswith("xen-drbd ")
    assert "migrate-and-start-my-domains" in tool(world, 1, "--help").stdout
    tool(world, 1, "status", 3).says(TOPOLOGY)


def test_the_syntax_of_2008_works_under_the_second_name(world):
    for node in (1, 2):
        path = world.on(node, "command -v xen-drbd", check=True).stdout.strip()
        world.on(node, ["ln", "-sf", path, "/tmp/xen-drbd-install"], check=True)
        world.on(node, ["mv", TOPOLOGY, "/etc/xen/pair.yaml"], check=True)
    done = world.on(1, ["/tmp/xen-drbd-install", "pair", "start", "dns"])
    assert done.ok, done
    assert_runs(world, dns=1)
    assert world.on(1, ["/tmp/xen-drbd-install", "pair", "migrate-all-out", "--json"]).ok
    assert_runs(world, dns=2)
    assert world.on(2, ["/tmp/xen-drbd-install", "pair", "nothing"]).ok
    for words in ([], ["pair"], ["--json", "start"]):
        assert world.on(1, ["/tmp/xen-drbd-install", *words]).code == 2
    assert "xen-drbd-install TOPOLOGY COMMAND" in world.on(1, ["/tmp/xen-drbd-install", "pair"]).stderr


def test_a_domain_without_disks_is_started_and_moved_without_drbd(world):
    edit_topology(world, lambda text: text.replace("domains:\n", "domains:\n  - plain\n", 1)
                  .replace("domain_home:\n", "domain_home:\n  plain: dom0\n"))
    for node in (1, 2):
        config = re.sub(r"(?m)^disk = .*$", "", world.read(node, "/etc/xen/dns.cfg")).replace('"dns"', '"plain"')
        world.write(node, "/etc/xen/plain.cfg", config)
    tool(world, 1, "start plain")
    assert status(world, domain="plain")["disks"] == []
    tool(world, 1, "migrate-out plain")
    assert set(world.rows(2)) == {"plain"} and world.rows(1) == {}
    tool(world, 2, "stop plain")
    assert world.rows(2) == {}


def test_the_time_of_a_run_is_what_the_document_says(world):
    before = time.monotonic()
    told = document(world, 1, "start dns")
    assert told.json["domains"][0]["seconds"] <= time.monotonic() - before
