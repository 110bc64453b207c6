"""The bridges that are printed take over the interface that carries the cluster itself."""

import pytest
from stories import add_to_topology, document, tool


def addresses(world, node, device):
    return world.on(node, f"ip -o -4 addr show dev {device} | sed 's/ *brd.*//; s/.*inet //; s/ .*//'").stdout.split()


@pytest.mark.parametrize("node", [1, 2])
def test_a_bridge_takes_over_the_address_and_gives_it_back(world, node):
    add_to_topology(world, "bridges:\n  - {name: xenbr7, interface: eth0}\n")
    for _ in range(2):
        assert world.on(node, "xen-drbd make-bridges | sh -s").ok
        assert addresses(world, node, "xenbr7") == [f"10.77.0.{node}/24"] and addresses(world, node, "eth0") == []
        tool(world, 1, "status")
    tool(world, node, "start dns")
    for _ in range(2):
        assert world.on(node, "xen-drbd make-bridges --remove | sh -s").ok
        assert addresses(world, node, "eth0") == [f"10.77.0.{node}/24"]
        assert not world.on(node, ["ip", "link", "show", "xenbr7"]).ok
    assert document(world, 3 - node, "start dns", 4).results == {"dns": "refused"}


def test_a_bridge_script_that_is_cut_short_does_nothing(world):
    add_to_topology(world, "bridges:\n  - {name: xenbr7, interface: eth0}\n")
    size = len(tool(world, 1, "make-bridges").stdout)
    for part in (size // 4, size // 2, size - 30):
        world.on(1, f"xen-drbd make-bridges | head -c {part} | sh -s")
        assert addresses(world, 1, "eth0") == ["10.77.0.1/24"]
        assert not world.on(1, ["ip", "link", "show", "xenbr7"]).ok


def test_a_node_without_the_interface_fails_and_keeps_its_network(world):
    add_to_topology(world, "bridges:\n  - {name: dmz7}\n  - {name: xenbr7, interface: eth9}\n")
    done = world.on(1, "xen-drbd make-bridges | sh -s")
    assert done.code != 0 and "there is no interface eth9; no bridge was made" in done.stderr, done
    for bridge in ("dmz7", "xenbr7"):
        assert not world.on(1, ["ip", "link", "show", bridge]).ok, bridge
    assert addresses(world, 1, "eth0") == ["10.77.0.1/24"]
    tool(world, 1, "status")


def test_the_ssh_session_that_runs_the_script_lives_on_and_the_bridge_has_the_interfaces_mtu(world):
    add_to_topology(world, "bridges:\n  - {name: xenbr7, interface: eth0}\n")
    world.on(1, "ip link set dev eth0 mtu 1400", check=True)
    for script in ("xen-drbd make-bridges", "xen-drbd make-bridges --remove"):
        said = world.on(2, ["ssh", "-o", "BatchMode=yes", "root@10.77.0.1",
                            f"{script} | sh -s && ip -o link show && echo here"])
        assert said.ok and said.stdout.endswith("here\n"), said
        bridge = [line for line in said.stdout.splitlines() if ": xenbr7:" in line]
        assert bool(bridge) == ("--remove" not in script), said
        assert all(" mtu 1400 " in line for line in bridge), said


@pytest.mark.parametrize("answers", ["always", "only before"])
def test_over_the_link_of_the_ssh_session_a_lost_gateway_puts_everything_back(world, answers):
    add_to_topology(world, "bridges:\n  - {name: xenbr7, interface: eth0}\n")
    world.on(1, "ip route add default via 10.77.0.2 && mkdir /root/first", check=True)
    world.write(1, "/root/first/ping", "#!/bin/sh\n" + (
        "exit 0\n" if answers == "always" else "[ ! -e /tmp/asked ] && : > /tmp/asked\n"), 0o755)
    said = world.on(2, ["ssh", "-o", "BatchMode=yes", "root@10.77.0.1",
                        "PATH=/root/first:$PATH; xen-drbd make-bridges | sh -s; echo ended with $?"])
    routes = world.on(1, "ip route show default").stdout
    if answers == "always":
        assert said.stdout.endswith("ended with 0\n") and "via 10.77.0.2 dev xenbr7" in routes, (said, routes)
    else:
        assert said.stdout.endswith("ended with 1\n") and "via 10.77.0.2 dev eth0" in routes, (said, routes)
        assert "the gateway 10.77.0.2 answered before and not afterwards" in said.stderr, said
        assert addresses(world, 1, "eth0") == ["10.77.0.1/24"]
        assert not world.on(1, ["ip", "link", "show", "xenbr7"]).ok
    tool(world, 1, "status")


def test_a_bridge_gets_the_mtu_of_the_topology_and_so_does_its_interface(world):
    add_to_topology(world, "bridges:\n  - {name: xenbr7, interface: eth0, mtu: 1400}\n  - {name: dmz, mtu: 9000}\n")
    for _ in range(2):
        world.on(1, "xen-drbd make-bridges | sh -s", check=True)
        for device, mtu in (("eth0", 1400), ("xenbr7", 1400), ("dmz", 9000)):
            assert f" mtu {mtu} " in world.on(1, ["ip", "link", "show", device], check=True).stdout, device
        tool(world, 1, "status")


# A kernel without 8021q has macvlan in its place: another device on top of the interface, said to be the VLAN.
IP_WITHOUT_VLAN = """#!/bin/sh
case "$*" in
*' type vlan id '*) exec /usr/sbin/ip link add link "$4" name "$6" type macvlan mode bridge ;;
*' type vlan') exec /usr/sbin/ip link delete dev "$4" type macvlan ;;
'-o -d link show dev eth0.10') /usr/sbin/ip "$@" | sed 's/ macvlan mode .*/ vlan protocol 802.1Q id 10 /' ;;
*) exec /usr/sbin/ip "$@" ;;
esac
"""


def test_a_bridge_on_a_vlan_leaves_the_interface_its_addresses_and_goes_with_its_vlan(world):
    add_to_topology(world, "bridges:\n  - {name: xenbr10, interface: eth0, vlan: 10}\n")
    if not world.on(1, "ip link add link eth0 name probe type vlan id 9 && ip link delete probe").ok:
        world.write(1, "/root/first/ip", IP_WITHOUT_VLAN, 0o755)

    def run(options):
        return world.on(1, f"PATH=/root/first:$PATH; xen-drbd make-bridges {options} | sh -s")

    for _ in range(2):
        assert run("").ok
        assert "eth0.10@eth0: " in world.on(1, ["ip", "link", "show", "master", "xenbr10"], check=True).stdout
        assert addresses(world, 1, "eth0") == ["10.77.0.1/24"]
    for _ in range(2):
        assert run("--remove").ok
        left = world.on(1, ["ip", "-o", "link"], check=True).stdout
        assert "eth0.10" not in left and "xenbr10" not in left, left
    world.on(1, "ip link add eth0.10 type bridge", check=True)
    refused = run("")
    assert not refused.ok and "eth0.10 is there and is not VLAN 10 of eth0" in refused.stderr, refused
    tool(world, 1, "status")
