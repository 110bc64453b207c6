"""The machine that answers must be the other node, and mean the same pair."""

import pytest
from stories import TOPOLOGY, assert_runs, document, edit_topology, refusal, tool

COMMANDS = ("start dns", "migrate-out samba", "recover dns", "stop samba")


def refused_everywhere(world, *texts):
    tool_results = [refusal(world, 1, command, 4, *texts) for command in COMMANDS]
    assert all("error: " in told.stderr for told in tool_results)


def test_a_peer_with_our_own_host_name_is_not_the_peer(world):
    tool(world, 1, "start samba")
    world.on(2, ["hostname", "dom0"], check=True)
    refused_everywhere(world, "calls itself 'dom0', not mirror")
    assert_runs(world, samba=1)


def test_a_peer_with_any_other_host_name_is_not_the_peer(world):
    world.on(2, ["hostname", "mirror2"], check=True)
    refusal(world, 1, "start-all", 4, "calls itself 'mirror2', not mirror")


def test_an_address_that_leads_back_to_this_node_is_not_the_peer(world):
    key = " ".join(world.read(1, "/etc/ssh/ssh_host_ed25519_key.pub").split()[:2])
    for node in (1, 2):
        world.edit(node, "/etc/hosts", lambda text: text + "127.0.1.1 back\n")
        world.edit(node, "/root/.ssh/known_hosts", lambda text: text + f"back {key}\n")
    tool(world, 1, "start samba")
    edit_topology(world, lambda text: text.replace("  address: 10.77.0.2\n", "  address: back\n"))
    refused_everywhere(world, "calls itself 'dom0', not mirror")


def test_a_node_that_meets_itself_raises_no_false_alarm(world):
    tool(world, 1, "start samba")
    told = tool(world, 1, "--i-am mirror status", 5).says("is this node itself", "taken for mirror")
    assert "ALARM" not in told.stdout and "double-run" not in told.stdout, told
    shown = tool(world, 1, "--i-am mirror status --json", 5).json
    assert {node["name"]: node["reachable"] for node in shown["nodes"]} == {"dom0": False, "mirror": True}
    assert "is this node itself" in shown["nodes"][0]["reason"]
    found = tool(world, 1, "--i-am mirror check --json", 4).json["findings"]
    assert [one["id"] for one in found if one["level"] == "error"] == ["peer"], found


def test_a_clone_that_shows_our_own_boot_is_not_the_peer(world):
    tool(world, 1, "start samba")
    identity = world.on(1, ["cat", "/run/xen-drbd/id"], check=True).stdout
    own = world.on(2, ["cat", "/run/xen-drbd/id"], check=True).stdout
    assert identity != own
    world.on(2, "cat > /run/xen-drbd/id", input=identity, check=True)
    refused_everywhere(world, "both show the same boot")
    world.on(2, "cat > /run/xen-drbd/id", input=own, check=True)
    tool(world, 1, "migrate-out samba")


DIFFERENCES = {
    "one minor": (("minor: 4}", "minor: 44}"), "minor"),
    "a home": (("  dns: dom0", "  dns: mirror"), "dns"),
    "a link": (("link: dns-disk", "link: dns-root"), "dns"),
    "an order": (("    after: [dns]\n", ""), "mail"),
    "an address": (("  address: 10.77.0.1\n", "  address: dom0\n"), "address"),
    "a config": (("/etc/xen/mail.cfg", "/etc/xen/other.cfg"), "mail"),
    "one domain more": (("domains:\n", "domains:\n  - {name: web, config: /etc/xen/web.cfg}\n"), "web"),
    "who it is": (("\ndomains:\n", "\ni_am: dom0\ndomains:\n"), "i_am"),
}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_a_topology_that_differs_on_the_peer_changes_nothing(world, name):
    (old, new), named = DIFFERENCES[name]

    def change(text):
        assert old in text
        text = text.replace(old, new, 1)
        return text + "  web: dom0\n" if "web" in new else text
    edit_topology(world, change, nodes=(2,))
    refusal(world, 1, "start dns", 4, "does not mean the same pair", named)
    refusal(world, 1, "stop dns", 4, "does not mean the same pair", named)
    assert document(world, 1, "start-all", 4).results == dict.fromkeys(("dns", "samba", "mail"), "refused")


def test_a_topology_that_is_missing_or_broken_on_the_peer_changes_nothing(world):
    world.on(2, ["mv", TOPOLOGY, TOPOLOGY + ".away"], check=True)
    refusal(world, 1, "start dns", 4, "does not mean the same pair")
    world.on(2, f"echo 'node1: [' > {TOPOLOGY}", check=True)
    refusal(world, 1, "start dns", 4, "does not mean the same pair")
    world.on(2, ["mv", TOPOLOGY + ".away", TOPOLOGY], check=True)
    tool(world, 1, "start dns")


def test_i_am_and_the_layout_of_the_file_may_differ(world):
    edit_topology(world, lambda text: "i_am: dom0\n" + text, nodes=(1,))
    edit_topology(world, lambda text: "# the same\n\n" + text.replace("  - name: samba", "  - name: 'samba'") +
                  "i_am: mirror\n", nodes=(2,))
    tool(world, 1, "start dns")
    tool(world, 2, "migrate-in dns")
    assert_runs(world, dns=2)


def test_a_node_that_cannot_move_its_guests_to_a_stranger_shuts_them_down(world):
    tool(world, 1, "start dns samba")
    world.on(2, ["hostname", "stranger"], check=True)
    rehearsed = document(world, 1, "evacuate -n")
    told = document(world, 1, "evacuate")
    told.says("mirror is not asked")
    assert told.results["dns"] == told.results["samba"] == "stopped"
    assert rehearsed.results == told.results
    planned = [step["command"] for step in rehearsed.json["plan"] if step["when"] == "next"]
    assert [line for line in planned if line.startswith("drbdadm secondary")], rehearsed
    world.on(2, ["hostname", "mirror"], check=True)
    assert_runs(world)
