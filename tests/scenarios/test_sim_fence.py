"""Nobody's word stands against DRBD that is still Connected."""

import pytest
from stories import add_to_topology, document, edit_topology, nothing_changes, quick_to_give_up, replace, tool
from test_unreachable_peer import with_fence


def test_neither_a_fence_agent_nor_an_administrator_is_believed_while_drbd_is_connected(world):
    with_fence(world, "echo 'Status: OFF'; exit 2\n")
    world.simulation.cut(net=True, drbd=False)
    with nothing_changes(world):
        document(world, 1, "start dns", 4).says("DRBD resource", "Connected")


def test_a_peer_whose_drbd_answers_is_not_dead(world):
    quick_to_give_up(world)
    world.simulation.cut(net=True, drbd=False)
    with nothing_changes(world):
        document(world, 1, "start dns --peer-is-dead --yes", 4).says("mirror is not dead", "Connected")


@pytest.mark.parametrize("command", ["start dns", "start-all"])
def test_drbd_that_connects_during_the_watch_is_a_sign_of_life(world, command):
    quick_to_give_up(world)
    world.cut()
    world.wait_for(lambda: world.simulation.resource(1, "dns")["connection"] != "Connected", 10, "DRBD to notice")
    with nothing_changes(world), world.running(1, f"exec xen-drbd {command} --peer-is-dead --yes --json > /tmp/said") as run:
        world.wait_for(lambda: world.on(1, "pidof xen-drbd").ok, 10, "the run")
        world.simulation.mend(net=False, drbd=True)
        assert run.wait(30) == 4
    assert "Connected" in world.on(1, "cat /tmp/said").stdout
    assert tool(world, 1, "--json status", None).code == 5


def test_drbd_that_shakes_hands_is_a_sign_of_life(world):
    """8.4's WFReportParams: only a live kernel gets it that far."""
    quick_to_give_up(world)
    world.cut()
    world.wait_for(lambda: world.simulation.resource(1, "dns")["connection"] != "Connected", 10, "DRBD to notice")
    replace(world, 1, "drbdsetup",
            '#!/bin/sh\nsaid=$(/tmp/real/drbdsetup "$@") || exit\n'
            'printf "%s\\n" "$said" | sed s/connection:Connecting/connection:WFReportParams/\n')
    with nothing_changes(world, nodes=(1,)):
        document(world, 1, "start dns --peer-is-dead --yes", 4).says("mirror is not dead", "WFReportParams")


def test_a_peer_that_answers_only_where_the_config_file_leads_is_not_dead(world):
    """Its name says nothing to anybody but ssh, and its host key is not the one that is known."""
    for node in (1, 2):
        world.write(node, "/root/.ssh/config", "Host mirror.alias\n  HostName 10.77.0.2\n", 0o600)
    edit_topology(world, lambda text: text.replace("  address: 10.77.0.2\n", "  address: mirror.alias\n"))
    add_to_topology(world, "ssh: {config_file: /root/.ssh/config}\n")
    tool(world, 2, "start dns")
    world.simulation.forget_host_keys(1)
    world.simulation.cut(net=False, drbd=True)
    world.wait_for(lambda: world.simulation.resource(1, "dns")["connection"] != "Connected", 10, "DRBD to notice")
    with nothing_changes(world):
        document(world, 1, "start dns --peer-is-dead --yes", 4).says("mirror is not dead", "10.77.0.2")
