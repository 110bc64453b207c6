"""From two nodes with Xen, DRBD and the package to a running, checked pair that is started at boot: README, "Set it up"."""

from stories import TOPOLOGY, assert_settled, tool
from test_boot import everything_at_home
from test_sim_from_zero import put_keys, says


def test_two_nodes_that_know_nothing_of_each_other_become_a_pair_by_the_readme_alone(pair):
    topology = pair.read(1, TOPOLOGY)
    for node in (1, 2):
        pair.on(node, f"rm -rf {TOPOLOGY} /root/.ssh; find /dev/drbd -type l -delete", check=True)
    tool(pair, 1, "check", 3).says("man xen-drbd.yaml")
    for node in (1, 2):
        pair.write(node, TOPOLOGY, topology)
        pair.on(node, "systemctl enable drbd && systemctl start drbd", check=True)
    tool(pair, 1, "check", 5).says("its host key is unknown", "xen-drbd make-keys | sh")
    for node in (1, 2):
        put_keys(pair, node)
    for node in (1, 2):
        pair.on(node, says("xen-drbd make-links | sh"), check=True)
    found = tool(pair, 1, "--json check", None).json["findings"]
    left = [one for one in found if one["level"] == "error"]
    assert {one["id"] for one in left} <= {"boot"}, left    # the service, until step 7
    for node in (1, 2):
        pair.on(node, "systemctl enable xen-drbd", check=True)    # as the package does
        pair.on(node, says("systemctl start xen-drbd"), timeout=120, check=True)
    everything_at_home(pair)
    assert_settled(pair, dns=1, samba=2, mail=2)
