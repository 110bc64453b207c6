"""Bridges that make-bridges makes on real interfaces, with real guests in them."""

from stories import add_to_topology, assert_runs, assert_settled, tool

LINK = "basename $(dirname $(grep -l ^52:54:00:bb: /sys/class/net/eth*/address))"    # as image/lab-boot finds it
VLAN = 10


def bridges(world, node, options=""):
    return world.on(node, f"xen-drbd make-bridges {options} > /root/bridges && sh /root/bridges")


def frames_with_the_tag(world, node, device):
    """How many have arrived, as the kernel's 8021q counts them."""
    said = world.on(node, ["cat", f"/proc/net/vlan/{device}"], check=True).stdout
    (received,) = [line.split()[-1] for line in said.splitlines() if "total frames received" in line]
    return int(received)


def test_a_guest_moves_within_the_bridge_of_a_vlan_whose_interface_is_in_another_bridge(running):
    (link,) = {running.on(node, LINK, check=True).stdout.strip() for node in (1, 2)}
    vlan = f"{link}.{VLAN}"
    first, second = running.names
    add_to_topology(running, f"bridges:\n  - {{name: xenbr{VLAN}, interface: {link}, vlan: {VLAN}, "
                             f"address: {{{first}: 10.78.0.1/24, {second}: 10.78.0.2/24}}}}\n")
    for node in (1, 2):
        running.edit(node, "/etc/xen/mail.cfg", lambda text: text.replace("bridge=xenbr0", f"bridge=xenbr{VLAN}"))
        for _ in range(2):
            made = bridges(running, node)
            assert made.ok, made
        shown = running.on(node, ["ip", "-o", "-d", "link", "show", "dev", vlan], check=True).stdout
        assert f"vlan protocol 802.1Q id {VLAN} " in shown and f" master xenbr{VLAN} " in shown, shown

    before = frames_with_the_tag(running, 2, vlan)
    running.on(1, "ping -c 3 -W 10 10.78.0.2", check=True)
    assert frames_with_the_tag(running, 2, vlan) >= before + 3

    tool(running, 2, "start mail")
    arrived = running.goes_on(2, "mail")
    tool(running, 1, "migrate-in mail")
    running.goes_on(1, "mail", arrived)
    assert_settled(running, dns=1, mail=1)

    refused = bridges(running, 1, "--remove")
    assert not refused.ok and f"xenbr{VLAN} is in use by vif" in refused.stderr, refused
    assert "no bridge was removed" in refused.stderr, refused

    tool(running, 1, "stop mail")
    for node in (1, 2):
        for _ in range(2):
            removed = bridges(running, node, "--remove")
            assert removed.ok, removed
        left = running.on(node, ["ip", "-o", "link"], check=True).stdout
        assert vlan not in left and f"xenbr{VLAN}" not in left and f"{link}:" in left, left
    assert_runs(running, dns=1)
    running.goes_on(1, "dns", running.last_beat(1, "dns"))
