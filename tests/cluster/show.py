#!/usr/bin/env python3
"""The main job of xen-drbd, shown on two simulated nodes: what tests/demo runs.

Each command is printed as an administrator would type it, with what it prints. The exit code of each is checked, so the
show is a test as well. With --shell, a prompt on dom0 follows.
"""

import argparse
import sys
import tempfile

from cluster import Cluster, ClusterError

BOLD, PLAIN = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")


class Show:
    def __init__(self, cluster):
        self.cluster = cluster
        self.wrong = []

    def say(self, text):
        print(f"\n{BOLD}# {text}{PLAIN}", flush=True)

    def type(self, node, command, expected=0):
        """Runs a command on a node, prints it and what it prints, and checks its exit code."""
        name = "dom0" if node == 1 else "mirror"
        print(f"\n{BOLD}{name}# {command}{PLAIN}", flush=True)
        result = self.cluster.on(node, f"{command} 2>&1")
        print(result.stdout, end="")
        if result.code != 0:
            print(f"(exit {result.code})")
        sys.stdout.flush()
        if result.code != expected:
            self.wrong.append(f"{command}: exit {result.code}, expected {expected}")

    def run(self):
        self.say("Two nodes, dom0 and mirror; every guest disk is on DRBD. Nothing runs yet.")
        self.type(1, "xen-drbd status")
        self.say("Bring everything to its home: here first, then on the peer.")
        self.type(1, "xen-drbd migrate-and-start-all")
        self.type(1, "xen-drbd status")
        self.say("A domain that runs on the other node is not started a second time.")
        self.type(1, "xen-drbd start samba", 4)
        self.say("Live migration: the plan first, then for real, to the peer and home again.")
        self.type(1, "xen-drbd --dry-run migrate-out dns")
        self.type(1, "xen-drbd migrate-out dns")
        self.type(1, "xen-drbd --quiet migrate-my-domains-home")
        self.say("Empty a node for maintenance; nothing is moved onto it until it comes back.")
        self.type(2, "xen-drbd --quiet evacuate")
        self.type(1, "xen-drbd --quiet migrate-out samba", 4)
        self.type(2, "xen-drbd --quiet migrate-and-start-my-domains")
        self.type(1, "xen-drbd status")
        self.say("mirror loses its power. What ran there may still run, for all dom0 can tell: it is not started.")
        self.cluster.crash(2)
        self.type(1, "xen-drbd --quiet start samba", 5)
        self.type(1, "xen-drbd status", 5)
        self.say("mirror is switched on again.")
        self.cluster.boot(2)
        for resource in ("dns", "samba", "mail"):
            self.cluster.wait_connected(resource)
        self.type(2, "xen-drbd --quiet start-my-domains")
        self.type(1, "xen-drbd status")
        self.say("The event log of both nodes, checked:")
        self.cluster.check_events()
        print("no domain ever ran on two nodes, no disk was ever written by two")


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--shell", action="store_true", help="a prompt on dom0 afterwards")
    wanted = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="xen-drbd-demo-") as directory:
        try:
            with Cluster(directory) as cluster:
                show = Show(cluster)
                show.run()
                if wanted.shell:
                    print(f"\n{BOLD}A prompt on dom0: try xen-drbd --help; exit ends the show.{PLAIN}", flush=True)
                    cluster.shell(1)
        except ClusterError as problem:
            sys.exit(f"the simulated nodes do not work: {problem}")
    for line in show.wrong:
        print(f"NOT AS EXPECTED: {line}", file=sys.stderr)
    return 1 if show.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
