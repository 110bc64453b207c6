"""From two bare nodes to a pair that boots, by what the README says and nothing else."""

import re
import textwrap
from pathlib import Path

import demo
import pytest
from stories import TOPOLOGY, tool

README = Path(__file__).resolve().parents[2].joinpath("README.md").read_text()
SET_IT_UP = README[README.index("## Set it up"):README.index("## Boot and shutdown")]


@pytest.fixture
def bare(make_world):
    """Xen, DRBD, guests' files, sshd and the package as a new user has them: no topology, no keys, no host keys, no
    bridge."""
    world = make_world(domains=[demo.domain("samba", "mirror", 1)], bridge=False)
    for node in (1, 2):
        world.on(node, f"rm -rf {TOPOLOGY} /root/.ssh", check=True)
        # what the packages enable; whether this machine has them installed is no matter
        world.on(node, "rm -rf /etc/rc2.d; mkdir /etc/rc2.d; cd /etc/rc2.d; touch S01drbd S01ssh S01xen-drbd", check=True)
    return world


def says(command):
    """The command, after a look that the README names it."""
    assert f"`{command}`" in SET_IT_UP, command
    return command


def put_keys(world, node):
    """As a new user does: compares the fingerprint, finds that the peer takes no password, runs there what is printed."""
    shown = world.on(3 - node, "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub", check=True).stdout.split()[1]
    keys = says("xen-drbd make-keys | sh").replace("| sh", "| setsid sh")
    refused = world.on(node, keys, env={"PEER_FINGERPRINT": shown})
    assert not refused.ok and "Run this there, as root" in refused.stderr, refused
    to_run_there = refused.stderr.partition("sh <<'KEY'\n")[2].partition("KEY\n")[0]
    world.on(3 - node, ["sh", "-s"], input=to_run_there, check=True)
    again = world.on(node, keys)
    assert again.ok and "lets the key in already" in again.stderr, again


def test_two_bare_nodes_become_a_checked_pair_by_the_readme_alone(bare):
    tool(bare, 1, "check", 3).says("man xen-drbd.yaml")
    topology = textwrap.dedent(re.search(r"```yaml\n(.*?)```", SET_IT_UP, re.S)[1])
    for node in (1, 2):
        bare.write(node, TOPOLOGY, topology)
    tool(bare, 1, "check", 5).says("its host key is unknown", "xen-drbd make-keys | sh", "there is no bridge xenbr0")
    for node in (1, 2):
        put_keys(bare, node)
    for node in (1, 2):
        bare.on(node, says("xen-drbd make-links | sh"), check=True)
        bare.on(node, says("xen-drbd make-bridges | sh"), check=True)
    for node in (1, 2):
        found = tool(bare, node, "--json check").json["findings"]
        assert [one for one in found if one["level"] != "ok"] == [], found
    says("xen-drbd check")
    tool(bare, 2, "status").says("absent", "UpToDate/UpToDate Connected")
    for node in (1, 2):
        bare.on(node, says("xen-drbd start-my-domains"), check=True)
    assert [set(bare.rows(node)) for node in (1, 2)] == [set(), {"samba"}]
