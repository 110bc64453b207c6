"""A hundred domains: one connection, two remote commands, and fast."""

import statistics
import time

from harness import demo
from stories import status, tool


def seconds(action):
    begun = time.monotonic()
    action()
    return time.monotonic() - begun


def test_status_of_a_hundred_domains_asks_the_peer_once(make_world):
    world = make_world(domains=demo.many(("dom0", "mirror"), 100))
    for node, name in ((1, "vm001"), (2, "vm002"), (2, "vm100")):
        tool(world, node, f"start {name}")
    before = world.simulation.sshd_sessions(2)
    shown = status(world)
    connections, logins, commands = (b - a for a, b in zip(before, world.simulation.sshd_sessions(2)))
    assert (connections, logins) == (1, 1) and commands <= 2, (connections, logins, commands)
    assert len(shown["domains"]) == 100 and all(len(one["disks"]) == 1 for one in shown["domains"])
    running = {one["name"]: one["running_on"] for one in shown["domains"] if one["running_on"]}
    assert running == {"vm001": ["dom0"], "vm002": ["mirror"], "vm100": ["mirror"]}
    ssh = statistics.median(seconds(lambda: world.on(1, ["ssh", "mirror", "true"], check=True)) for _ in range(5))
    whole = statistics.median(seconds(lambda: world.on(1, ["xen-drbd", "status"], check=True)) for _ in range(5))
    print(f"status of 100 domains: {whole * 1000:.0f} ms, ssh mirror true: {ssh * 1000:.0f} ms, ratio {whole / ssh:.1f}")
    assert whole < 5 and whole / ssh < 10


def test_a_start_of_many_domains_uses_one_connection(make_world):
    world = make_world(domains=demo.many(("dom0", "mirror"), 20))
    before = world.simulation.sshd_sessions(2)
    told = tool(world, 1, "--json start-all --jobs 4")
    connections, logins, commands = (b - a for a, b in zip(before, world.simulation.sshd_sessions(2)))
    assert (connections, logins) == (1, 1) and commands <= 2
    assert set(told.results.values()) == {"started"} and len(world.rows(1)) == 20
