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


# A kernel without 8021q has another device in its place, said to be the VLAN: the end of a cable. (A macvlan would not
# do: it wants the frames of its interface for itself, as a bridge does.)
IP_WITHOUT_VLAN = """#!/bin/sh
case "$*" in
*' type vlan id '*) exec /usr/sbin/ip link add name "$6" type KIND ;;
*' type vlan') exec /usr/sbin/ip link delete dev "$4" ;;
'-o -d link show dev eth0.10')
  /usr/sbin/ip "$@" | sed 's/: eth0.10@[^:]*: \\(.*\\) veth /: eth0.10@eth0: \\1 vlan protocol 802.1Q id 10 /' ;;
*) exec /usr/sbin/ip "$@" ;;
esac
"""


def with_vlans(world, kind=None):
    """make-bridges on node 1, `kind` of device in place of a VLAN; none: whatever this kernel has."""
    if kind or not world.on(1, "ip link add link eth0 name probe type vlan id 9 && ip link delete probe").ok:
        world.write(1, "/root/first/ip", IP_WITHOUT_VLAN.replace("KIND", kind or "veth"), 0o755)
    return lambda options="": world.on(1, f"PATH=/root/first:$PATH; xen-drbd make-bridges {options} | sh -s")


def ports(world, bridge):
    shown = world.on(1, ["ip", "-o", "link", "show", "master", bridge], check=True).stdout
    return [line.split(": ")[1].partition("@")[0] for line in shown.splitlines()]


def test_a_bridge_on_a_vlan_leaves_the_interface_its_addresses_and_goes_with_its_vlan(world):
    add_to_topology(world, "bridges:\n  - {name: xenbr10, interface: eth0, vlan: 10}\n")
    run = with_vlans(world)
    for _ in range(2):
        assert run().ok
        assert ports(world, "xenbr10") == ["eth0.10"] and addresses(world, 1, "eth0") == ["10.77.0.1/24"]
    world.on(1, "ip link delete xenbr10", check=True)
    assert run().ok and ports(world, "xenbr10") == ["eth0.10"], "the VLAN without its bridge, from a run cut short"
    for _ in range(2):
        assert run("--remove").ok
        left = world.on(1, ["ip", "-o", "link"], check=True).stdout
        assert "eth0.10" not in left and "xenbr10" not in left, left
    world.on(1, "ip link add eth0.10 type bridge", check=True)
    refused = run()
    assert not refused.ok and "eth0.10 is there and is not VLAN 10 of eth0" in refused.stderr, refused
    assert "xenbr10" not in world.on(1, ["ip", "-o", "link"], check=True).stdout
    tool(world, 1, "status")


def test_an_interface_is_in_one_bridge_and_its_vlan_in_another(world):
    add_to_topology(world, "bridges:\n  - {name: xenbr0, interface: eth0}\n"
                           "  - {name: xenbr10, interface: eth0, vlan: 10}\n")
    run = with_vlans(world)
    world.on(1, "ip link delete xenbr0", check=True)    # where the simulated guests are
    for _ in range(2):
        assert run().ok
        assert ports(world, "xenbr0") == ["eth0"] and ports(world, "xenbr10") == ["eth0.10"]
        assert addresses(world, 1, "xenbr0") == ["10.77.0.1/24"] and addresses(world, 1, "eth0") == []
        tool(world, 1, "status")
    for _ in range(2):
        assert run("--remove").ok
        left = world.on(1, ["ip", "-o", "link"], check=True).stdout
        assert "eth0.10" not in left and "xenbr" not in left, left
        assert addresses(world, 1, "eth0") == ["10.77.0.1/24"]
        tool(world, 1, "status")


def test_a_bridge_that_fails_goes_with_its_vlan_and_those_before_it_stay(world):
    add_to_topology(world, "bridges:\n  - {name: dmz}\n  - {name: xenbr10, interface: eth0, vlan: 10}\n"
                           "  - {name: dmz2}\n")
    failed = with_vlans(world, kind="bridge")()   # which no bridge can have as its port
    assert failed.code == 1 and "xenbr10 was not made\n" in failed.stderr, failed
    assert "what was made before xenbr10 stays: dmz\n" in failed.stderr, failed
    left = world.on(1, ["ip", "-o", "link"], check=True).stdout
    assert ": dmz: " in left and "eth0.10" not in left and "xenbr10" not in left and "dmz2" not in left, left


def test_a_node_gets_every_address_of_its_own_beside_those_of_the_interface(world):
    add_to_topology(world, "bridges:\n  - name: xenbr7\n    interface: eth0\n    address: {dom0: 10.78.0.1/24, "
                           "mirror: [10.78.0.2/24, 2001:db8:7::2/64]}\n")

    def all_of(device):
        shown = world.on(2, ["ip", "-o", "address", "show", "dev", device, "scope", "global"], check=True).stdout
        return {line.split()[3] for line in shown.splitlines()}

    for _ in range(2):
        world.on(2, "xen-drbd make-bridges | sh -s", check=True)
        assert all_of("xenbr7") == {"10.77.0.2/24", "10.78.0.2/24", "2001:db8:7::2/64"} and all_of("eth0") == set()
    world.on(1, "xen-drbd make-bridges | sh -s", check=True)
    assert addresses(world, 1, "xenbr7") == ["10.77.0.1/24", "10.78.0.1/24"]
    world.on(2, "busybox ping -c 1 -W 2 10.78.0.1", check=True)
    for _ in range(2):
        world.on(2, "xen-drbd make-bridges --remove | sh -s", check=True)
        assert all_of("eth0") == {"10.77.0.2/24"}
    tool(world, 2, "status")
