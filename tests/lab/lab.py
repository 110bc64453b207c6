#!/usr/bin/env python3
"""Two QEMU machines in software emulation, each a real Xen node with DRBD: the pair on which the real thing is tried. Where
scenarios run side by side, each process has a pair of its own; by hand it is the first one, pair0.

As a module: `with Lab() as lab: lab.on(1, ["xl", "list"])`. From the command line: `lab.py up`, then `lab.py on 1 xl list`,
`lab.py cut`, `lab.py down`; see --help. The images come from tests/lab/build; README.md says what is inside.
"""

import argparse
import concurrent.futures
import contextlib
import dataclasses
import hashlib
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
sys.path.insert(0, str(HERE.parent / "cluster"))
import demo    # noqa: E402
from cluster import NAMES, NET, Result    # noqa: E402

RELEASE = os.environ.get("XEN_DRBD_LAB_RELEASE", "bookworm")
CACHE = Path(os.environ.get("XEN_DRBD_LAB", "/var/tmp/xen-drbd-lab"))
PORT = int(os.environ.get("XEN_DRBD_LAB_PORT", "2200"))
PAIR = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))    # each process that runs scenarios has its own

# TCG emulates SVM and nested paging, which PVH guests need. Not `-cpu max`: QEMU 7.2 then reports RDTSCP exits as RDTSC,
# and Xen kills the guest ("Insn mismatch").
CPU = "qemu64,+svm,+npt,+ssse3,+sse4.1,+sse4.2,+popcnt,+aes,+pclmulqdq"
MEMORY = 1280         # MB of a node
DOM0_MEMORY = 640     # MB of it for dom0; the rest, less what Xen takes, is for guests
# Xen drops the first word, which a boot loader would make the file's name.
XEN = (f"xen no-real-mode dom0_mem={DOM0_MEMORY}M,max:{DOM0_MEMORY}M dom0_max_vcpus=1 console=com1 com1=115200,8n1 "
       "loglvl=info guest_loglvl=info xpti=no spec-ctrl=no smep=0 smap=0")
# norandmaps: TCG keeps its translations by address, and would make them anew for each process; that is half of all time.
LINUX = ("root=/dev/vda console=hvc0 net.ifnames=0 mitigations=off nopti norandmaps init_on_alloc=0 quiet "
         "systemd.show_status=0 audit=0 lab.node={node} systemd.hostname={name}")

INSTALLED = "/etc/lab/installed"    # on a node: the digest of what was installed
SSHD = "/sys/fs/cgroup/system.slice/ssh.service/cgroup.procs"    # on a node: its own sshd, and what runs below it
READY = "ready"       # the snapshot that every test starts from: DRBD Connected and UpToDate, no guest


class LabError(Exception):
    """The lab itself, not what runs on it, does not work."""


def binary_under_test():
    """Path of xen-drbd: $XEN_DRBD, else the release or demo build."""
    if os.environ.get("XEN_DRBD"):
        return Path(os.environ["XEN_DRBD"])
    for preset in ("release", "demo"):
        path = REPOSITORY / "build" / preset / "xen-drbd"
        if path.exists():
            return path
    raise LabError("there is no xen-drbd: cmake --preset release && cmake --build --preset release")


def at_once(function, arguments):
    """Calls function(argument) for all arguments at the same time, and returns what came back, in their order. The first
    failure is raised after all have ended."""
    arguments = list(arguments)
    with concurrent.futures.ThreadPoolExecutor(max_workers=len(arguments)) as pool:
        calls = [pool.submit(function, argument) for argument in arguments]
    return [call.result() for call in calls]


def standard(names):
    """The domains of the simulated pair, with the time that an emulated node needs to clear a guest away."""
    return [dataclasses.replace(one, shutdown_timeout="45s" if one.shutdown_timeout else "") for one in demo.standard(names)]


class Machine:
    """One QEMU process: its command line, its monitor, its end. Nothing here knows what runs inside."""

    def __init__(self, number, name, directory, images, port):
        self.number = number
        self.port = port    # of this machine: where the lab's sshd of the node is reached
        self.name = name
        self.directory = directory
        self.images = images
        self.system_disk = directory / f"system{number}.qcow2"
        self.data_disk = directory / f"data{number}.qcow2"
        self.monitor_socket = directory / f"monitor{number}"
        self.pidfile = directory / f"pid{number}"
        self.log = directory / f"qemu{number}.log"

    def alive(self):
        try:
            pid = int(self.pidfile.read_text())
            return str(self.monitor_socket) in Path(f"/proc/{pid}/cmdline").read_text()
        except (OSError, ValueError):
            return False

    def make_disks(self):
        """An empty data disk, and a layer of its own over the image."""
        for disk in (self.system_disk, self.data_disk):
            disk.unlink(missing_ok=True)
        self._image("create", "-f", "qcow2", "-F", "qcow2", "-b", self.images / "root.qcow2", self.system_disk)
        self._image("create", "-f", "qcow2", self.data_disk, "512M")

    @staticmethod
    def _image(*arguments):
        done = subprocess.run(["qemu-img", *map(str, arguments)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise LabError(f"qemu-img {' '.join(map(str, arguments))}: {done.stderr.strip()}")
        return done.stdout

    def snapshots(self):
        if not self.system_disk.exists():
            return set()
        lines = self._image("snapshot", "-U", "-l", self.system_disk).splitlines()[2:]
        return {line.split()[1] for line in lines}

    def start(self, snapshot=None):
        """Starts QEMU: from a snapshot, where it stands still until `resume`, or from the disks as they are."""
        here, there = (self.directory / f"link{n}" for n in (self.number, 3 - self.number))
        here.unlink(missing_ok=True)
        self.monitor_socket.unlink(missing_ok=True)
        drives = []
        for index, disk in enumerate((self.system_disk, self.data_disk)):
            # unsafe: flushes are not passed on; QEMU writes all back when it is told to end, and only so it is ended
            drives += ["-drive", f"file={disk},if=none,id=disk{index},cache=unsafe,discard=unmap",
                       "-device", f"virtio-blk-pci,drive=disk{index}"]
        linux = LINUX.format(node=self.number, name=self.name)
        command = [
            "qemu-system-x86_64", "-name", f"xen-drbd-lab-{self.name}", "-accel", "tcg,tb-size=256",
            "-machine", "pc,usb=off", "-cpu", CPU, "-smp", "1", "-m", str(MEMORY),
            "-nodefaults", "-no-user-config", "-display", "none", "-vga", "none", "-rtc", "base=utc,clock=host",
            "-kernel", str(self.images / "xen"), "-append", XEN,
            "-initrd", f"{self.images}/vmlinux {linux},{self.images}/initrd.gz",
            *drives,
            "-netdev", f"user,id=access,restrict=on,hostfwd=tcp:127.0.0.1:{self.port}-:2222",
            "-device", f"virtio-net-pci,netdev=access,romfile=,mac=52:54:00:aa:00:0{self.number}",
            "-netdev", f"dgram,id=link,local.type=unix,local.path={here},remote.type=unix,remote.path={there}",
            "-device", f"virtio-net-pci,netdev=link,romfile=,mac=52:54:00:bb:00:0{self.number}",
            "-serial", f"file:{self.directory}/console{self.number}.log",
            "-monitor", f"unix:{self.monitor_socket},server=on,wait=off",
            "-pidfile", str(self.pidfile), *(["-loadvm", snapshot, "-S"] if snapshot else [])]
        with self.log.open("w") as log:
            try:
                process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                           start_new_session=True)
            except OSError as error:
                raise LabError(f"QEMU cannot be started: {error}") from error
        until = time.monotonic() + 30
        while not self.alive() or not self._listens():
            if process.poll() is not None or time.monotonic() > until:
                raise LabError(f"QEMU of {self.name} did not start: {self.log.read_text().strip()}")
            time.sleep(0.05)

    def _listens(self):
        """The monitor's socket is there a moment before anybody listens on it."""
        with socket.socket(socket.AF_UNIX) as conversation, contextlib.suppress(OSError):
            conversation.settimeout(30)
            conversation.connect(str(self.monitor_socket))
            self._until_prompt(conversation)
            return True
        return False

    def monitor(self, command, timeout=300):
        """Says a line to QEMU's monitor; its answer comes back."""
        with socket.socket(socket.AF_UNIX) as conversation:
            conversation.settimeout(timeout)
            conversation.connect(str(self.monitor_socket))
            self._until_prompt(conversation)
            conversation.sendall(command.encode() + b"\n")
            lines = self._until_prompt(conversation).replace("\r", "").split("\n")[1:-1]
        return "\n".join(lines)

    @staticmethod
    def _until_prompt(conversation):
        said = b""
        while not said.endswith(b"(qemu) "):
            piece = conversation.recv(65536)
            if not piece:
                raise LabError("QEMU's monitor hung up")
            said += piece
        return said.decode(errors="replace")

    def pull_plug(self):
        """Ends QEMU. What the node has written is on its disks; what its kernel still held is lost."""
        if self.alive():
            pid = int(self.pidfile.read_text())
            os.kill(pid, signal.SIGTERM)
            os.kill(pid, signal.SIGCONT)    # somebody may have stopped it
            while self.alive():
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
                time.sleep(0.05)
        self.pidfile.unlink(missing_ok=True)


class Lab:
    """The pair: nodes 1 and 2, with the domains of standard()."""

    def __init__(self, names=NAMES, domains=None, pair=PAIR):
        self.names = tuple(names)
        self.domains = standard(self.names) if domains is None else domains
        self.images = CACHE / RELEASE / "images"
        self.directory = CACHE / RELEASE / f"pair{pair}"
        self.machines = {n: Machine(n, self.names[n - 1], self.directory, self.images, PORT + 10 * pair + n) for n in (1, 2)}

    def __enter__(self):
        self.up()
        return self

    def __exit__(self, *_):
        self.down()

    # -- up and down ---------------------------------------------------------------------------------------------------

    def up(self, snapshot=READY):
        """The pair as it was when the snapshot was made; without one it is set up and booted, which takes minutes."""
        self.down()
        if not (self.images / "complete").exists():
            raise LabError(f"there are no images in {self.images}: run tests/lab/build")
        if not self.keeps(READY):
            self._provision()
        if snapshot != READY and not self.has(snapshot):
            raise LabError(f"there is no snapshot {snapshot}")
        self.load(snapshot)

    def down(self):
        """Both machines are gone; disks and snapshots stay."""
        for node in (1, 2):
            self._hang_up(node)
        at_once(lambda machine: machine.pull_plug(), self.machines.values())

    def has(self, snapshot):
        return all(snapshot in machine.snapshots() for machine in self.machines.values())

    def keeps(self, snapshot):
        """Is the snapshot there, of a pair that was set up as it would be set up now?"""
        return self._is_as_provisioned() and self.has(snapshot)

    def load(self, snapshot):
        """Throws the running pair away and goes on from a snapshot."""
        self.down()
        at_once(lambda machine: machine.start(snapshot), self.machines.values())
        at_once(lambda machine: machine.monitor("cont"), self.machines.values())
        at_once(self._wait_for_access, (1, 2))
        self.wait_until_in_sync()

    def save(self, snapshot):
        """Keeps the running pair, memory and disks, under a name."""
        for node in (1, 2):
            self._hang_up(node)
        at_once(lambda machine: machine.monitor("stop"), self.machines.values())
        at_once(lambda machine: machine.monitor(f"savevm {snapshot}"), self.machines.values())
        at_once(lambda machine: machine.monitor("cont"), self.machines.values())
        if not self.has(snapshot):
            raise LabError(f"QEMU did not make the snapshot {snapshot}")

    def _hang_up(self, node):
        subprocess.run([*self._ssh(node), "-O", "exit", "lab"], capture_output=True, check=False)

    def _wait_for_access(self, node):
        """Until the node answers; its clock is right then."""
        until = time.monotonic() + 300
        while not self.on(node, ["date", "-s", f"@{time.time()}"], timeout=20).ok:
            if not self.machines[node].alive():
                raise LabError(f"QEMU of {self.names[node - 1]} ended: {self.machines[node].log.read_text()}")
            if time.monotonic() > until:
                raise LabError(f"{self.names[node - 1]} does not answer; see {self.directory}/console{node}.log")
            time.sleep(0.3)

    # -- setting up ----------------------------------------------------------------------------------------------------

    def _files(self):
        """What is the same on both nodes: {path: text}."""
        addresses = [f"{NET}{n}" for n in (1, 2)]
        files = {"/etc/hosts": "127.0.0.1 localhost\n" + "".join(
                     f"{address} {name}\n" for address, name in zip(addresses, self.names)),
                 "/etc/modprobe.d/drbd.conf": "options drbd disable_sendpage=1\n",
                 "/etc/drbd.d/global_common.conf": demo.GLOBAL_COMMON,
                 "/etc/xen/topology.yaml": demo.topology(self.names, addresses, self.domains)}
        for name, text in demo.resources(self.names, addresses, self.domains).items():
            files[f"/etc/drbd.d/{name}.res"] = text
        for number, one in enumerate(self.domains, 1):
            files[f"/etc/xen/{one.name}.cfg"] = guest_config(number, one)
        return files

    def resources(self):
        return list(demo.resources(self.names, ["", ""], self.domains))

    def _is_as_provisioned(self):
        """Were the disks set up from the same files?"""
        record = self.directory / "provisioned.json"
        return record.exists() and json.loads(record.read_text()) == self._files()

    def _provision(self):
        """New disks, first boot, names, keys, volumes, DRBD; then the snapshot "ready"."""
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        for machine in self.machines.values():
            machine.make_disks()
        at_once(lambda machine: machine.start(), self.machines.values())
        try:
            at_once(self._provision_node, (1, 2))
            self._introduce()
            at_once(self._drbd_up, (1, 2))
            self._wait_for_drbd("connect", "cs:Connected")
            # no first resync: both sides are empty and count as the same
            for resource in self.resources():
                for minor in self.minors(resource):
                    self.on(1, ["drbdadm", "new-current-uuid", "--clear-bitmap", minor], check=True)
            self.wait_until_in_sync()
            self.save(READY)
        except BaseException:
            self.down()
            raise
        (self.directory / "provisioned.json").write_text(json.dumps(self._files()))

    def _introduce(self):
        """Each node lets the other's root in, and knows both host keys."""
        host_keys = {n: " ".join(self.read(n, "/etc/ssh/ssh_host_ed25519_key.pub").split()[:2]) for n in (1, 2)}
        known = "".join(f"{self.names[n - 1]},{NET}{n} {key}\n" for n, key in host_keys.items())
        allowed = "".join(self.read(n, "/root/.ssh/id_ed25519.pub") for n in (1, 2))
        for node in (1, 2):
            self.write(node, "/root/.ssh/known_hosts", known, 0o600)
            self.write(node, "/root/.ssh/authorized_keys", allowed, 0o600)

    def minors(self, resource):
        """What drbdadm calls the volumes of a resource."""
        volumes = sum(1 for one in self.domains for disk in one.disks if (disk.resource or one.name) == resource)
        return [resource] if volumes == 1 else [f"{resource}/{number}" for number in range(volumes)]

    def volumes(self, domain):
        """The logical volumes below the disks of a domain."""
        (one,) = [one for one in self.domains if one.name == domain]
        return [volume.replace("/", "-") for volume in self.minors(one.disks[0].resource or one.name)]

    def _volumes(self):
        return [volume.replace("/", "-") for resource in self.resources() for volume in self.minors(resource)]

    def _provision_node(self, node):
        self._wait_for_access(node)
        self.on(node, ["systemctl", "is-system-running", "--wait"], timeout=300)
        for path, text in self._files().items():
            self.write(node, path, text)
        self.write(node, "/etc/hostname", self.names[node - 1] + "\n")
        self.on(node, ["sh", "-ec", PROVISION, "sh", *self._volumes()], timeout=300, check=True)
        for resource in self.resources():
            self.on(node, ["drbdadm", "--", "--force", "create-md", resource], timeout=120, check=True)

    # -- DRBD ----------------------------------------------------------------------------------------------------------

    def _drbd_up(self, node):
        self.on(node, ["drbdadm", "up", "all"], timeout=120, check=True)

    def _wait_for_drbd(self, what, *words, timeout=120):
        volumes = len(self._volumes())
        until = time.monotonic() + timeout

        def wait(node):
            while True:
                seen = self.on(node, ["cat", "/proc/drbd"]).stdout
                if all(seen.count(word) == volumes for word in words):
                    return
                if time.monotonic() > until:
                    raise LabError(f"DRBD did not {what} within {timeout} s on {self.names[node - 1]}:\n{seen}")
                time.sleep(0.3)

        at_once(wait, (1, 2))

    def wait_until_in_sync(self, timeout=120):
        """Returns when every volume is Connected and UpToDate, seen from both nodes."""
        self._wait_for_drbd("come in sync", "cs:Connected", "ds:UpToDate/UpToDate", timeout=timeout)

    # -- commands and files --------------------------------------------------------------------------------------------

    def _ssh(self, node):
        return ["ssh", "-i", str(self.images / "id"), "-p", str(self.machines[node].port), "-F", "none", "-o", "User=root",
                "-o", "HostName=127.0.0.1", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                "-o", "LogLevel=ERROR", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ControlMaster=auto",
                "-o", "ControlPersist=600", "-o", f"ControlPath={self.directory}/ssh{node}"]

    def remote(self, node, command, env=None, timeout=None):
        """The words that run a command on a node: a list, or a string for sh. With a timeout (seconds) it is killed there
        in time, its children with it."""
        words = ["sh", "-c", command] if isinstance(command, str) else [str(word) for word in command]
        if env:
            words = ["env", *(f"{name}={value}" for name, value in env.items()), *words]
        if timeout:
            words = ["timeout", "-s", "KILL", str(timeout), *words]
        return [*self._ssh(node), "lab", shlex.join(words)]

    def popen(self, node, command, env=None, **options):
        """Starts a command on a node. The process that comes back is its ssh: ending that ends nothing on the node."""
        return subprocess.Popen(self.remote(node, command, env), start_new_session=True, **options)

    def shell(self, node):
        """An interactive shell on a node; its exit code comes back."""
        return subprocess.call([*self._ssh(node), "-t", "lab"])

    def on(self, node, command, *, input=None, env=None, timeout=60.0, check=False):
        """Runs a command on a node and waits for it. Its code is -1 when it was stopped by the timeout."""
        stdin = {"input": input} if input is not None else {"stdin": subprocess.DEVNULL}
        began = time.monotonic()
        try:
            done = subprocess.run(self.remote(node, command, env, timeout), capture_output=True, text=True,
                                  errors="replace", timeout=timeout + 15, check=False, **stdin)
            code, out, err = done.returncode, done.stdout, done.stderr
            if code == 137 and time.monotonic() - began >= timeout:
                code = -1
        except subprocess.TimeoutExpired as late:
            code, out, err = -1, *((text or b"").decode(errors="replace") for text in (late.stdout, late.stderr))
        if check and code != 0:
            raise LabError(f"{self.names[node - 1]}: {command}: exit {code}\n{out}{err}")
        return Result(code, out, err)

    def write(self, node, path, text, mode=0o644):
        path = shlex.quote(path)
        self.on(node, f"mkdir -p $(dirname {path}) && rm -f {path} && cat > {path} && chmod {mode:o} {path} "
                      f"&& sync {path}", input=text, check=True)    # a power loss that follows does not take it away

    def read(self, node, path):
        return self.on(node, ["cat", path], check=True).stdout

    def install(self, package=None):
        """Puts xen-drbd on both nodes, all of it but started at boot by nothing: from a Debian package, or as `cmake
        --install` of the build in which the binary lies would leave it. Returns whether it was not there already."""
        package = Path(package or binary_under_test()).resolve()
        if package.suffix == ".deb":
            source = package
            # its /etc/default/xen-drbd, not that of a build which the snapshot may hold
            place = "cat > /root/xen-drbd.deb && dpkg --force-confnew -i /root/xen-drbd.deb && systemctl -q disable xen-drbd"
        else:
            source, place = self._installation(package.parent), "tar x -C / && systemctl daemon-reload"
        digest = hashlib.sha256(source.read_bytes()).hexdigest()
        if all(self.on(node, ["cat", INSTALLED]).stdout == digest for node in (1, 2)):
            return False

        def put(node):
            with source.open("rb") as content:
                done = subprocess.run(self.remote(node, f"{{ {place}; }} 2>&1"), stdin=content, capture_output=True,
                                      text=True, check=False)
            if done.returncode != 0:
                raise LabError(f"{package} cannot be installed on {self.names[node - 1]}: {done.stdout}{done.stderr}")
            # a power loss that follows must not leave an empty program, which any shell runs with success
            self.on(node, "sync && xen-drbd --version | grep -q ^xen-drbd", check=True)
            self.write(node, INSTALLED, digest)

        at_once(put, (1, 2))
        return True

    def _installation(self, build):
        """What `cmake --install` of a build leaves behind, below the prefix for which it was built, as a tar file: the
        same file if the same is installed."""
        tree, packed = self.directory / "installation", self.directory / "installation.tar"
        shutil.rmtree(tree, ignore_errors=True)
        for command in (["cmake", "--install", str(build), "--strip"],
                        ["tar", "-c", "-f", str(packed), "-C", str(tree), "--owner=0", "--group=0", "--numeric-owner",
                         "--sort=name", "--mtime=2000-01-01 UTC", "."]):
            done = subprocess.run(command, env={**os.environ, "DESTDIR": str(tree)}, capture_output=True, text=True,
                                  check=False)
            if done.returncode != 0:
                raise LabError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
        return packed

    # -- accidents -----------------------------------------------------------------------------------------------------

    def cut(self):
        """Unplugs the cable between the nodes."""
        for machine in self.machines.values():
            machine.monitor("set_link link off")

    def mend(self):
        """Plugs it in again."""
        for machine in self.machines.values():
            machine.monitor("set_link link on")

    def freeze(self, node):
        """The node stands still: it answers nothing, loses nothing, and does not know that time passes."""
        self.machines[node].monitor("stop")

    def thaw(self, node):
        self.machines[node].monitor("cont")

    def crash(self, node):
        """The node loses power."""
        self._hang_up(node)
        self.machines[node].pull_plug()

    def power_on(self, node):
        """The node boots from its disks. Returns once it answers; systemd may have more to do."""
        self.machines[node].start()
        self._wait_for_access(node)

    def boot(self, node):
        """Power again: DRBD comes up, no domain is started. Returns once that is so."""
        self.power_on(node)
        self.on(node, ["systemctl", "is-system-running", "--wait"], timeout=300)
        self._drbd_up(node)

    def set_clocks(self):
        """As NTP would: a node that boots on a busy machine takes the time too late."""
        at_once(self._wait_for_access, (1, 2))

    def reboot(self, node, timeout=600):
        """An orderly reboot, as systemd does it. Returns once the node answers again."""
        boot_id = ["cat", "/proc/sys/kernel/random/boot_id"]
        before = self.on(node, boot_id, check=True).stdout
        self.on(node, ["systemctl", "--no-block", "reboot"], check=True)
        until = time.monotonic() + timeout
        while not (now := self.on(node, boot_id, timeout=20)).ok or now.stdout == before:
            if time.monotonic() > until:
                raise LabError(f"{self.names[node - 1]} did not reboot within {timeout} s")
            self._hang_up(node)
            time.sleep(2)
        self._wait_for_access(node)

    def end_sessions(self, node):
        """Kills every sshd of a node but the lab's, and none of the commands below them: connections break off. New ones
        are taken."""
        self.on(node, f"for p in $(cat {SSHD}); do [ \"$(cat /proc/$p/comm)\" != sshd ] || kill -9 $p; done", check=True)
        self.start_sshd(node)

    def freeze_sshd(self, node):
        """Connections are taken by the kernel, and nobody answers on them, nor on those that are there."""
        self.on(node, f"kill -STOP $(cat {SSHD})", check=True)

    def thaw_sshd(self, node):
        self.on(node, f"kill -CONT $(cat {SSHD})", check=True)

    def stop_sshd(self, node):
        """Stops the listener of the node's own sshd; sessions that are open stay open."""
        self.on(node, ["systemctl", "stop", "ssh"], check=True)

    def start_sshd(self, node):
        self.on(node, ["systemctl", "start", "ssh"], check=True)


# $1... the names of the volumes. The node's own keys have nothing to do with the lab's access.
PROVISION = """
ssh-keygen -q -t ed25519 -N '' -C "root@$(hostname)" -f /root/.ssh/id_ed25519
ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
systemctl restart ssh
echo 1 > /sys/module/drbd/parameters/disable_sendpage
pvcreate -qq -y /dev/vdb
vgcreate -qq vg0 /dev/vdb
for volume; do
  lvcreate -qq -y -Wn -Zn -L 64m -n "$volume" vg0
done
mkdir -p /etc/lab/provisioned
"""


def guest_config(number, one):
    """The simulator's configuration of a guest, and the initramfs that only a real guest needs."""
    return 'ramdisk = "/srv/xen/guest-initrd.gz"\n' + demo.guest_config(number, one)


# -- command line ------------------------------------------------------------------------------------------------------

VERBS = """verbs:
  up [SNAPSHOT]           the pair from a snapshot (default "ready"), in seconds; the first time it is set up, in minutes
  down                    the machines of all pairs off; disks and snapshots stay
  install [FILE]          put xen-drbd on both nodes: a Debian package, or the binary in its build folder, with all that
                          is installed beside it (default: $XEN_DRBD, else build/release or build/demo)
  on NODE COMMAND...      run a command on a node; one word with spaces goes through sh
  shell NODE              a prompt on a node
  cut | mend              unplug the cable between the nodes, plug it in
  freeze NODE | thaw NODE the node stands still, goes on
  crash NODE | boot NODE  power loss, and back
  sshd NODE stop|start    the listener of the node's sshd
  save NAME | snapshots   keep the running pair under a name; list the names
"""


def _all_down():
    for directory in (CACHE / RELEASE).glob("pair[0-9]*"):
        Lab(pair=int(directory.name.removeprefix("pair"))).down()


def _verb(lab, verb, rest):
    """Carries out one verb; returns the exit code."""
    plain = {"down": _all_down, "cut": lab.cut, "mend": lab.mend}
    if verb in plain and not rest:
        plain[verb]()
    elif verb == "up" and len(rest) < 2:
        lab.up(*rest)
    elif verb == "install" and len(rest) < 2:
        lab.install(*rest)
    elif verb == "on" and len(rest) > 1:
        command = rest[1] if len(rest) == 2 and " " in rest[1] else rest[1:]
        return lab.popen(int(rest[0]), command).wait()
    elif verb == "shell" and len(rest) == 1:
        return lab.shell(int(rest[0]))
    elif verb in ("freeze", "thaw", "crash", "boot") and len(rest) == 1:
        getattr(lab, verb)(int(rest[0]))
    elif verb == "sshd" and len(rest) == 2 and rest[1] in ("stop", "start"):
        getattr(lab, f"{rest[1]}_sshd")(int(rest[0]))
    elif verb == "save" and len(rest) == 1:
        lab.save(rest[0])
    elif verb == "snapshots" and not rest:
        print("\n".join(sorted(lab.machines[1].snapshots() & lab.machines[2].snapshots())))
    else:
        print(VERBS, file=sys.stderr)
        return 2
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, epilog=VERBS,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", default=",".join(NAMES), help="names of the two nodes (%(default)s)")
    parser.add_argument("verb")
    parser.add_argument("rest", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _verb(Lab(names=arguments.names.split(",")), arguments.verb, arguments.rest)
    except LabError as error:
        print(f"lab.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
