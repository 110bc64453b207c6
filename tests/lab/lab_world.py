"""The lab as the World of the scenarios, so that what is told over two simulated nodes is told over two real ones too."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import guests
import tally
from lab import READY, Lab, LabError, at_once

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scenarios"))
from harness import World    # noqa: E402

PACE = 6    # how much longer than on a simulated pair something may take under emulation


class LabProcess(subprocess.Popen):
    """A command on a node. Signals go to it and its children there, not to the ssh that stands for it here."""

    def __init__(self, lab, node, command, env, options):
        self.lab, self.node = lab, node
        self.record = f"/run/lab-process-{os.getpid()}-{time.monotonic_ns()}"
        words = ["sh", "-c", command] if isinstance(command, str) else [str(word) for word in command]
        leader = ["setsid", "-w", "sh", "-c", 'echo $$ > "$0"; exec "$@"', self.record, *words]
        super().__init__(lab.remote(node, leader, env), start_new_session=True, **options)

    def send_signal(self, sig):
        """A signal to the process group on the node."""
        self.lab.on(self.node, f"kill -s {int(sig)} -- -$(cat {self.record})", check=True)


class LabWorld(World):
    """Two real nodes. `simulation` is None: nothing can be asked of an event log or set behind the nodes' back."""

    simulation = None
    quick = False
    beats = 3
    gives_up_after = "4s"

    def __init__(self, lab):
        self.lab = lab
        self.names = lab.names
        self.accidents = []    # what was broken on purpose, for the summary

    def accident(self, what):
        self.accidents.append(what)

    def on(self, node, command, *, input=None, env=None, timeout=60.0, check=False):
        return self.lab.on(node, command, input=input, env=env, timeout=timeout * PACE, check=check)

    def popen(self, node, command, env=None, **options):
        return LabProcess(self.lab, node, command, env, options)

    @contextlib.contextmanager
    def running(self, node, command, **options):
        process = self.popen(node, command, **options)
        try:
            yield process
            process.wait(60 * PACE)
        except BaseException:
            with contextlib.suppress(Exception):    # the node may be gone, or the command
                process.kill()
            subprocess.Popen.send_signal(process, signal.SIGKILL)
            process.wait()
            raise

    def on_both(self, function):
        return dict(zip((1, 2), at_once(function, (1, 2))))

    def wait_for(self, condition, timeout=10.0, what="the condition"):
        """Looks twice a second, because looking costs the nodes more than anything else."""
        until = time.monotonic() + timeout * PACE
        while not (value := condition()):
            if time.monotonic() > until:
                raise AssertionError(f"waited {timeout * PACE} s for {what}")
            time.sleep(0.5)
        return value

    def write(self, node, path, text, mode=0o644):
        self.lab.write(node, path, text, mode)

    def read(self, node, path):
        return self.lab.read(node, path)

    def cut(self):
        self.accident("link cut")
        self.lab.cut()

    def mend(self):
        self.lab.mend()

    def freeze(self, node):
        self.accident("node stands still")
        self.lab.freeze(node)

    def thaw(self, node):
        self.lab.thaw(node)

    def crash(self, node):
        self.accident("node loses power")
        self.lab.crash(node)

    def boot(self, node):
        self.lab.boot(node)

    def stop_sshd(self, node):
        self.accident("sshd stopped")
        self.lab.stop_sshd(node)

    def start_sshd(self, node):
        self.lab.start_sshd(node)

    def stop_processes(self, node, pattern):
        self.lab.on(node, ["pkill", "-STOP", "-f", pattern], check=True)

    def freeze_sshd(self, node):
        self.accident("sshd stands still")
        self.lab.freeze_sshd(node)

    def thaw_sshd(self, node):
        self.lab.thaw_sshd(node)

    def end_sessions(self, node):
        self.accident("ssh connections killed")
        self.lab.end_sessions(node)

    def write_by_hand(self, node, resource):
        device = self.on(node, ["drbdadm", "sh-dev", resource], check=True).stdout.split()[0]
        self.on(node, f"dd if=/dev/urandom of={device} bs=4096 seek=15000 count=8 oflag=direct", check=True)

    def resync_slowly(self, node, resource):
        self.on_both(lambda one: self.on(one, ["drbdadm", "disk-options", "--c-plan-ahead=0", "--resync-rate=200K", resource],
                                         check=True))
        self.on(node, ["drbdadm", "invalidate", resource], check=True)

    def last_beat(self, node, name):
        return guests.last_beat(self, node, name)

    def boots(self, name):
        return guests.boots(self, name, self.up())

    def assert_counts(self, name, last, nodes=(1, 2)):
        guests.assert_no_trouble(self, name, nodes)
        guests.assert_every_write_once(self, name, last, nodes)

    def wait_until_in_sync(self):
        self.lab.wait_until_in_sync()    # one look at each node, where each command takes its time

    def up(self):
        return [node for node in (1, 2) if self.lab.machines[node].alive()]

    def assert_sound(self):
        """What the guests say, and what is on the volumes of the nodes that are up."""
        for domain in self.lab.domains:
            self.assert_counts(domain.name, 0, self.up())


@contextlib.contextmanager
def real(_directory=None, snapshot=READY, **options):
    """The counterpart of harness.simulated: the standard pair as it is in a snapshot, with the xen-drbd under test. The
    machines are off afterwards, after SIGTERM as well. There is one kind of pair: a scenario that wants another
    fails, and belongs into LEFT_OUT of scenarios_on_lab.py."""
    if options:
        raise LabError(f"the lab has the standard pair only, without {', '.join(options)}")

    def ended(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, ended)
    lab = Lab()
    try:
        lab.up(snapshot)
        if lab.install():
            lab.save(snapshot)    # the next scenario that starts from it finds xen-drbd there
        world = LabWorld(lab)
        yield world
        tally.note_pair(world)
    finally:
        lab.down()
        signal.signal(signal.SIGTERM, before)


RUNNING = "dns-runs"    # the snapshot in which dns was started by hand on node 1


@contextlib.contextmanager
def counting(_directory=None):
    """The counterpart of harness.counting. The first time dns is started, after that a snapshot has it."""
    with contextlib.ExitStack() as stack:
        if Lab().keeps(RUNNING):
            world = stack.enter_context(real(snapshot=RUNNING))
        else:
            world = stack.enter_context(real())
            world.start_by_hand(1, "dns")
            world.goes_on(1, "dns")
            world.lab.save(RUNNING)
        world.goes_on(1, "dns")
        yield world
