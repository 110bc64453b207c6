"""What a scenario may do to a pair, whatever body the pair has.

`World` is the interface: commands on nodes, power, the link, files. `SimulatedWorld` has it over the namespace cluster;
what only a simulation can do (faults at a point, the event log, DRBD states set by hand) is in its `simulation`, so that
a scenario which uses nothing else runs over two real machines as well (tests/lab).
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
import events    # noqa: E402
from cluster import Cluster, ClusterError, Result, binary_under_test    # noqa: E402,F401


class World(abc.ABC):
    """A pair of nodes, 1 and 2."""

    names: tuple
    quick = True             # a run of xen-drbd takes less than a second: what it says can be looked at in every form
    beats = 1                # how often a guest must count until it is believed to go on
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
    def freeze(self, node):
        """The node stands still: it answers nothing, resets nothing, loses nothing."""

    @abc.abstractmethod
    def thaw(self, node):
        """It goes on."""

    @abc.abstractmethod
    def stop_processes(self, node, pattern):
        """SIGSTOP to the processes whose command lines match, as pkill -f has it. There must be one."""

    @abc.abstractmethod
    def freeze_sshd(self, node):
        """The kernel of the node takes new connections, and nobody answers on them."""

    @abc.abstractmethod
    def thaw_sshd(self, node):
        """Answers again."""

    @abc.abstractmethod
    def end_sessions(self, node):
        """The connections that others have to this node's sshd break off; new ones are taken."""

    @abc.abstractmethod
    def last_beat(self, node, name):
        """How far a guest had counted when it last was heard on a node; 0 if it never was. Guests count all the time, and
        each count is a write to its disk."""

    @abc.abstractmethod
    def boots(self, name):
        """How often a guest has booted. A migration is no boot."""

    @abc.abstractmethod
    def assert_counts(self, name, last, nodes=(1, 2)):
        """No count up to `last` is missing on the disks of these nodes, none was written by somebody else, and the guest
        has seen no fault."""

    @abc.abstractmethod
    def write_by_hand(self, node, resource):
        """Writes to a Primary on a node, past what its guest writes, as somebody does who mounts it there."""

    @abc.abstractmethod
    def resync_slowly(self, node, resource):
        """The node gets the data of a resource from the other one, which takes a while: until `drbdadm adjust` at most."""

    def slow_down(self):
        """From now on a moment between two commands is long enough to be seen."""

    @abc.abstractmethod
    def assert_sound(self):
        """Whatever was done to the pair: nothing ran twice, and no disk was written by both."""

    # What follows needs nothing but these.

    def breaks(self, node, what, command):
        """Runs a command that is an accident of this scenario; `what` names it in a summary."""
        self.accident(what)
        return self.on(node, command, check=True)

    def stands_still(self, node, what, pattern):
        """Such processes stand still, which is an accident of this scenario."""
        self.accident(what)
        self.stop_processes(node, pattern)

    def accident(self, what):
        """Notes that something was broken on purpose."""

    def goes_on(self, node, name, beyond=0):
        """Returns the count of a guest once it has counted on this node, `beats` beyond what it had."""
        return self.wait_for(lambda: (now := self.last_beat(node, name)) >= beyond + self.beats and now, 30,
                             f"{name} to count beyond {beyond + self.beats} on {self.names[node - 1]}")

    def wait_until_in_sync(self):
        """Returns when every resource is Connected and UpToDate, seen from both nodes."""
        script = "for r in $(drbdadm sh-resources); do drbdadm cstate $r && drbdadm dstate $r || exit; done"

        def in_sync(node):
            said = self.on(node, script)
            return said.ok and set(said.stdout.split()) <= {"Connected", "UpToDate/UpToDate"}

        self.wait_for(lambda: all(self.on_both(in_sync).values()), 30, "DRBD to come in sync")

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

    def freeze(self, node):
        self.simulation.freeze(node)

    def thaw(self, node):
        self.simulation.thaw(node)

    def stop_processes(self, node, pattern):
        self.simulation.stop_processes(node, pattern)

    def freeze_sshd(self, node):
        self.simulation.freeze_sshd(node)

    def thaw_sshd(self, node):
        self.simulation.thaw_sshd(node)

    def end_sessions(self, node):
        self.simulation.end_sessions(node)

    def write_by_hand(self, node, resource):
        self.simulation.write_by_hand(node, resource)

    def resync_slowly(self, node, resource):
        self.simulation.set("resync_seconds", 20.0)
        self.on(node, ["drbdadm", "invalidate", resource], check=True)

    def slow_down(self):
        self.simulation.set("latency", 0.05)

    def last_beat(self, node, name):
        self.simulation.world()    # accounts the writes up to now
        count = heard = 0
        for event in self.simulation.events():
            if event["event"] == "write" and events.plain(event["domain"]) == name and event["volume"] == 0:
                count += event["n"]
                heard = count if event["node"] == self.names[node - 1] else heard
        return heard

    def boots(self, name):
        return sum(event["event"] == "created" and event["domain"] == name for event in self.simulation.events())

    def assert_counts(self, name, last, nodes=(1, 2)):
        """What is written has no content here: the log tells of writes that failed, and its proof is about who wrote when."""
        faults = [event for event in self.simulation.events()
                  if event["event"] == "write-error" and events.plain(event["domain"]) == name]
        assert faults == []
        self.assert_sound()

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


AT_LEISURE = {"stream_rate": 1_000_000.0}    # a guest of 36 MiB is copied in some two seconds


@contextlib.contextmanager
def counting(directory):
    """A fresh pair on whose node 1 dns was started by hand, and counts."""
    with simulated(directory, settings=AT_LEISURE) as world:
        world.start_by_hand(1, "dns")
        world.goes_on(1, "dns")
        yield world
