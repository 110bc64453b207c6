"""What a scenario may do to a pair, whatever body the pair has.

`World` is the interface: commands on nodes, power, the link, files. `SimulatedWorld` has it over the namespace cluster;
what only a simulation can do (faults at a point, the event log, DRBD states set by hand) is in its `simulation`, so that
a scenario which uses nothing else runs over two real machines as well.
"""

import abc
import contextlib
import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "cluster"))
import demo    # noqa: E402,F401
from cluster import Cluster, ClusterError, Result, binary_under_test    # noqa: E402,F401


class World(abc.ABC):
    """A pair of nodes, 1 and 2."""

    names: tuple
    quick = True             # a run of xen-drbd takes less than a second: what it says can be looked at in every form
    gives_up_after = "3s"    # when a node that does not answer is given up, where a scenario is quick to do so

    @abc.abstractmethod
    def on(self, node, command, *, input=None, env=None, timeout=60.0, check=False):
        """Runs a command (a list, or a string for sh) on a node; a Result comes back."""

    @abc.abstractmethod
    def popen(self, node, command, env=None, **options):
        """Starts a command on a node."""

    @abc.abstractmethod
    def write(self, node, path, text, mode=0o644):
        """Writes a file of a node."""

    @abc.abstractmethod
    def read(self, node, path):
        """The text of a file of a node."""

    @abc.abstractmethod
    def cut(self):
        """Unplugs the link between the nodes."""

    @abc.abstractmethod
    def mend(self):
        """Plugs it in again."""

    @abc.abstractmethod
    def crash(self, node):
        """The node loses power."""

    @abc.abstractmethod
    def boot(self, node):
        """The node comes back, DRBD up, no domain started."""

    @abc.abstractmethod
    def stop_sshd(self, node):
        """No new connections to this node."""

    @abc.abstractmethod
    def start_sshd(self, node):
        """Connections again."""

    @abc.abstractmethod
    def assert_sound(self):
        """Whatever was done to the pair: nothing ran twice, and no disk was written by both."""

    # What follows needs nothing but commands.

    @contextlib.contextmanager
    def running(self, node, command, **options):
        """A command that runs while the scenario goes on. It is waited for; a scenario that fails meanwhile kills it."""
        process = self.popen(node, command, **options)
        try:
            yield process
            process.wait(60)
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise

    def on_both(self, function):
        """{node: function(node)}; where looking takes long, both nodes are looked at together."""
        return {node: function(node) for node in (1, 2)}

    def edit(self, node, path, change):
        self.write(node, path, change(self.read(node, path)))

    def rows(self, node):
        """The rows of `xl list` but Domain-0: {name: state letters}."""
        lines = self.on(node, ["xl", "list"], check=True).stdout.splitlines()[1:]
        rows = {line.split()[0]: line.split()[4] for line in lines}
        del rows["Domain-0"]
        return rows

    def role(self, node, resource):
        """The role of a resource on this node, the first volume's."""
        return self.on(node, ["drbdadm", "role", resource]).stdout.partition("\n")[0].partition("/")[0]

    def start_by_hand(self, node, name, resource=None):
        """What an administrator types without xen-drbd."""
        self.on(node, ["drbdadm", "primary", resource or name], check=True)
        self.on(node, ["xl", "create", "-q", f"/etc/xen/{name}.cfg"], check=True)

    def open_window(self, resource):
        for node in (1, 2):
            self.on(node, ["drbdadm", "net-options", "--allow-two-primaries=yes", resource], check=True)

    def wait_for(self, condition, timeout=10.0, what="the condition"):
        until = time.monotonic() + timeout
        while not (value := condition()):
            if time.monotonic() > until:
                raise AssertionError(f"waited {timeout} s for {what}")
            time.sleep(0.02)
        return value


class SimulatedWorld(World):
    """The namespace cluster. `simulation` is the Cluster itself."""

    def __init__(self, cluster):
        self.simulation = cluster
        self.names = cluster.names

    def on(self, node, command, *, input=None, env=None, timeout=60.0, check=False):
        return self.simulation.on(node, command, input=input, env=env, timeout=timeout, check=check)

    def popen(self, node, command, env=None, **options):
        return self.simulation.popen(node, command, env, **options)

    def write(self, node, path, text, mode=0o644):
        self.simulation.write(node, path, text, mode)

    def read(self, node, path):
        return self.simulation.read(node, path)

    def cut(self):
        self.simulation.cut()

    def mend(self):
        self.simulation.mend()

    def crash(self, node):
        self.simulation.crash(node)

    def boot(self, node):
        self.simulation.boot(node)

    def stop_sshd(self, node):
        self.simulation.stop_sshd(node)

    def start_sshd(self, node):
        self.simulation.start_sshd(node)

    def assert_sound(self):
        self.simulation.check_events()


@contextlib.contextmanager
def simulated(directory, **options):
    """A fresh simulated pair; it is gone afterwards, after SIGTERM as well."""
    def ended(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, ended)
    try:
        with Cluster(directory, **options) as cluster:
            yield SimulatedWorld(cluster)
    finally:
        signal.signal(signal.SIGTERM, before)
