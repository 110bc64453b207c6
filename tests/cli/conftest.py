"""One node without a peer: /etc, /run and /var/lib of its own in a mount namespace, an xl on which only Domain-0 runs.

Processes are those of the machine: the domains have names that no xl of another test watches over.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

PAIR = """node1: dom0
node2: {name: mirror, address: 127.0.0.1}
i_am: dom0
ssh: {port: 1}
domains:
  - quince
  - {name: medlar, disks: [{link: medlar-root, minor: 1}], after: [quince]}
domain_home: {quince: dom0, medlar: mirror}
bridges: [{name: dmz}]
lock_wait: 200ms
"""

XL = """#!/bin/sh
[ "$1" = list ] || { echo "xl: no $1 here" >&2; exit 1; }
echo 'Name                                        ID   Mem VCPUs\tState\tTime(s)'
echo 'Domain-0                                     0   640     1     r-----      58.0'
"""


class Ended:
    """A command that has ended."""

    def __init__(self, words, code, out, err):
        self.words, self.code, self.out, self.err = words, code, out, err

    def __repr__(self):
        return f"{self.words}\n[{self.code}]\n{self.out}\n--- stderr\n{self.err}"

    @property
    def document(self):
        """stdout is one document on one line and nothing else."""
        assert self.out.count("\n") == 1 and self.out.endswith("\n"), self
        return json.loads(self.out)


class Node:
    def __init__(self, folder):
        self.folder = folder
        self.program = os.environ["XEN_DRBD"]
        tools = folder / "bin"
        tools.mkdir()
        (tools / "xl").write_text(XL)
        (tools / "xl").chmod(0o755)
        (tools / "xen-drbd-install").symlink_to(self.program)
        self.environment = {"PATH": f"{tools}:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
        self.space = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c",
             "for d in etc run var/lib; do mount -t tmpfs -o mode=755 none /$d || exit; done; "
             "mkdir /etc/xen /etc/default; echo ready; exec sleep 600"], stdout=subprocess.PIPE)
        assert self.space.stdout.readline() == b"ready\n"
        self.write("/etc/xen/topology.yaml", PAIR)

    def close(self):
        self.space.kill()
        self.space.wait()
        self.space.stdout.close()

    def argv(self, *words):
        return ["nsenter", f"--mount=/proc/{self.space.pid}/ns/mnt", "--", *words]

    def write(self, path, text, mode="644"):
        subprocess.run(self.argv("sh", "-c", f"cat > {path} && chmod {mode} {path}"), input=text.encode(), check=True)

    def exists(self, path):
        return subprocess.run(self.argv("test", "-e", path), check=False).returncode == 0

    def begin(self, words, **options):
        settings = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        environment = self.environment | options.pop("env", {})
        return subprocess.Popen(self.argv(*words), env=environment, **(settings | options))

    def run(self, *words, **options):
        process = self.begin(words, **options)
        out, err = process.communicate(timeout=60)
        return Ended(words, process.returncode, out, err)

    def typed(self, line, **options):
        """xen-drbd with these words."""
        return self.run(self.program, *line.split(), **options)

    def shell(self, line, **options):
        """A line for bash in which $X is the program."""
        return self.run("bash", "-c", line, env={"X": self.program}, **options)

    def hold_the_lock(self):
        """Another run's lock; it ends with the process that is returned."""
        self.run("mkdir", "-p", "-m", "700", "/run/xen-drbd")
        self.write("/run/xen-drbd/lock", "mirror pid 4711 start \x1b[2J since 2026-11-22T18:19:02Z\n", "600")
        holder = self.begin(["flock", "--no-fork", "/run/xen-drbd/lock", "sh", "-c", "echo held; exec sleep 600"])
        assert holder.stdout.readline() == "held\n"
        return holder


@pytest.fixture
def node(tmp_path: Path):
    tmp_path.chmod(0o755)
    made = Node(tmp_path)
    yield made
    made.close()


@pytest.fixture
def locked_node(node):
    holder = node.hold_the_lock()
    yield node
    holder.kill()
    holder.communicate()
