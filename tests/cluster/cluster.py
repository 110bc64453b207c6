#!/usr/bin/env python3
"""Two simulated nodes on one machine: real namespaces, real sshd and ssh, simulated xl and DRBD.

As a module: `with Cluster(tmp) as cluster: cluster.on(1, "xl list")`. From the command line: `cluster.py up`, then
`cluster.py on 1 xl list`, `cluster.py shell 1`, `cluster.py down`; see --help. Needs root, g++ or a built xen-drbd-sim,
openssh-server and -client, iproute2, util-linux.
"""

import argparse
import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import demo    # noqa: E402
import events as event_log    # noqa: E402

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
NAMES = ("dom0", "mirror")
NET = "10.77.0."
MIGRATION_NET = "10.78.0."
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# A neighbour that is gone is "No route to host" after about three seconds instead of forty. Units: milliseconds.
NEIGHBOURS = "base_reachable 1000 retrans 100 delay_probe 500"
DEFAULT_DIRECTORY = "/tmp/xen-drbd-cluster"

SSHD_CONFIG = """Port 22
HostKey /etc/ssh/ssh_host_ed25519_key
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
PrintMotd no
UseDNS no
KexAlgorithms curve25519-sha256
LogLevel VERBOSE
PidFile /run/sshd.pid
Subsystem sftp internal-sftp
"""

# The listener is ready when it has written its pid.
START_SSHD = """rm -f /run/sshd.pid
/usr/sbin/sshd -f /etc/ssh/sshd_config -E /var/log/sshd.log || exit
i=0; until [ -s /run/sshd.pid ]; do i=$((i + 1)); [ $i -lt 2000 ] || exit 9; sleep 0.005; done
"""

# Nothing runs but process 1 and this sh; then what it all left behind is taken away.
FRESH = """kill -9 -1
while set -- /proc/[0-9]*; [ $# -gt 2 ]; do sleep 0.005; done
rm -rf /run/xen-drbd /tmp/* /var/lib/xen-drbd/* /var/log/xen/*.log* /var/log/syslog /var/log/sshd.log /var/tmp/*
""" + START_SSHD


class ClusterError(Exception):
    """The cluster itself, not what runs on it, does not work."""


@dataclass
class Result:
    """What a command on a node came to. `code` is -1 when it was stopped by its timeout."""

    code: int
    stdout: str
    stderr: str

    @property
    def ok(self):
        return self.code == 0


def simulator():
    """Path of xen-drbd-sim: $XEN_DRBD_SIM, a build of the project, or one that is made now (once) for this purpose."""
    if os.environ.get("XEN_DRBD_SIM"):
        return Path(os.environ["XEN_DRBD_SIM"])
    newest = max(p.stat().st_mtime for p in (HERE / "sim").rglob("*") if p.suffix in (".cpp", ".hpp", ".txt"))
    built = sorted(REPOSITORY.glob("build/*/tests/cluster/sim/xen-drbd-sim"), key=lambda p: p.stat().st_mtime)
    if built and built[-1].stat().st_mtime >= newest:
        return built[-1]
    build = REPOSITORY / "build" / "sim"
    binary = build / "xen-drbd-sim"
    if not binary.exists() or binary.stat().st_mtime < newest:
        generator = ["-G", "Ninja"] if shutil.which("ninja") else []
        for command in (["cmake", "-S", str(HERE / "sim"), "-B", str(build), *generator],
                        ["cmake", "--build", str(build), "-j2"]):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise ClusterError(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
        os.utime(binary)
    return binary


def binary_under_test():
    """Path of xen-drbd: $XEN_DRBD, else build/dev/xen-drbd; None when there is none yet."""
    path = Path(os.environ.get("XEN_DRBD", REPOSITORY / "build" / "dev" / "xen-drbd"))
    return path if path.exists() else None


def _started(pid):
    """When a process started, so that a reused pid is not mistaken for it; None if there is no such process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if fields[0] == "Z" else fields[19]
    except (OSError, IndexError):
        return None


def _end(process):
    """Kills one of our own processes, given as [pid, start time], and waits until it is gone."""
    if not process or _started(process[0]) != process[1]:
        return
    os.kill(process[0], signal.SIGKILL)
    while _started(process[0]) == process[1]:
        time.sleep(0.002)


def _rest_of(process, patience=5.0):
    """What a killed process had said. Something that it started may live on with its stdout, and is not waited for."""
    try:
        return process.communicate(timeout=patience)
    except subprocess.TimeoutExpired as left:
        return tuple((said or b"").decode(errors="replace") for said in (left.stdout, left.stderr))


class Cluster:
    """Two nodes, 1 and 2. Everything of a cluster lives in one directory; several clusters do not see each other."""

    def __init__(self, directory=DEFAULT_DIRECTORY, *, names=NAMES, domains=None, dialect="8.4", settings=None,
                 migration_net=False, noisy_bashrc=False, memory=4096, binary=None, topology_extra="", bridge=True,
                 libexec=None):
        self.directory = Path(directory)
        self.names = tuple(names)
        self.domains = demo.standard(self.names) if domains is None else domains
        self.settings = {"dialect": dialect, **(settings or {})}
        self.migration_net = migration_net
        self.noisy_bashrc = noisy_bashrc
        self.memory = memory
        self.binary = binary or binary_under_test()
        self.topology_extra = topology_extra
        self.bridge = bridge
        self.libexec = libexec
        self.hub = None
        self.inits = {1: None, 2: None}
        self._faults = 0
        self._is_cut = False

    # -- up and down ---------------------------------------------------------------------------------------------------

    def up(self):
        """Brings both nodes up: disks, keys, network, sshd, DRBD Connected and UpToDate, no domain running."""
        if os.geteuid() != 0:
            raise ClusterError("a cluster needs root")
        if (self.directory / "cluster.json").exists():
            Cluster.attach(self.directory).down()
        try:
            self._prepare_world()
            keys = self._start_keys()
            for node in (1, 2):
                self._prepare_disk(node)
            self._finish_keys(keys)
            self._start_hub()
            self._start_nodes((1, 2))
            self.set("reconnect_delay", 0.0)
            for node in (1, 2):
                self.drbd_up(node)
            self.world()
            self.set("reconnect_delay", self.settings.get("reconnect_delay", 0.1))
        except BaseException:
            self.down()
            raise
        return self

    def down(self):
        """Ends every process of the cluster and removes its directory. Namespaces, mounts and links go with them."""
        for node in (1, 2):
            _end(self.inits[node])
            self.inits[node] = None
        _end(self.hub)
        self.hub = None
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self.up()

    def __exit__(self, *_):
        self.down()

    @classmethod
    def attach(cls, directory=DEFAULT_DIRECTORY):
        """The cluster that another process brought up in this directory."""
        try:
            saved = json.loads((Path(directory) / "cluster.json").read_text())
        except OSError as error:
            raise ClusterError(f"no cluster in {directory}: {error.strerror}") from error
        cluster = cls(directory, names=saved["names"], domains=[])
        cluster.hub = saved["hub"]
        cluster.inits = {int(node): process for node, process in saved["inits"].items()}
        cluster.migration_net = saved["migration_net"]
        cluster.bridge = saved["bridge"]
        cluster.binary = saved["binary"]
        return cluster

    def _save(self):
        saved = {"names": self.names, "hub": self.hub, "inits": self.inits, "migration_net": self.migration_net,
                 "bridge": self.bridge, "binary": str(self.binary) if self.binary else None}
        (self.directory / "cluster.json").write_text(json.dumps(saved))

    def _prepare_world(self):
        self.directory.mkdir(parents=True, exist_ok=True)
        tools = self.directory / "tools"
        tools.mkdir()
        shutil.copy2(simulator(), tools / "xen-drbd-sim")
        for name in ("xl", "drbdadm", "drbdsetup"):
            os.link(tools / "xen-drbd-sim", tools / name)
        self._admin(1, "init", *self.names)
        for name, value in self.settings.items():
            self.set(name, value)
        for node in (1, 2):
            self._admin(node, "memory", str(self.memory))
        self._save()

    def _start_keys(self):
        keys = []
        for node in (1, 2):
            for path in (self.disk(node, "/etc/ssh/ssh_host_ed25519_key"), self.disk(node, "/root/.ssh/id_ed25519")):
                path.parent.mkdir(parents=True, mode=0o700)
                keys.append(self._keygen(path, self.names[node - 1]))
        return keys

    @staticmethod
    def _keygen(path, comment):
        return subprocess.Popen(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"root@{comment}", "-f", str(path)],
                                stdin=subprocess.DEVNULL)

    def _finish_keys(self, keys):
        for key in keys:
            if key.wait() != 0:
                raise ClusterError("ssh-keygen failed")
        for node in (1, 2):
            both = "".join(self.disk(n, "/root/.ssh/id_ed25519.pub").read_text() for n in (1, 2))
            self.write(node, "/root/.ssh/authorized_keys", both, 0o600)
            self.learn_host_keys(node)

    def _prepare_disk(self, node):
        name = self.names[node - 1]
        for folder in ("/etc/xen/auto", "/etc/xen/scripts", "/etc/drbd.d", "/etc/default", "/etc/init.d", "/etc/network",
                       "/etc/systemd/system", "/root", "/srv/xen", "/var/log/xen/console", "/var/lib/xen-drbd",
                       "/var/lib/xen-drbd-sim", "/var/tmp", "/var/cache", "/var/spool"):
            self.disk(node, folder).mkdir(parents=True, exist_ok=True)
        self.disk(node, "/var/lib/xen-drbd").chmod(0o700)
        for link, to in (("run", "/run"), ("lock", "/run/lock")):
            self.disk(node, f"/var/{link}").symlink_to(to)
        hosts = "127.0.0.1 localhost\n" + "".join(
            f"{NET}{n} {self.names[n - 1]}\n" for n in (1, 2))
        self.write(node, "/etc/hosts", hosts)
        self.write(node, "/etc/hostname", name + "\n")
        self.write(node, "/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        self.write(node, "/etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n")
        self.write(node, "/etc/shadow", "root:*:19000:0:99999:7:::\nsshd:!:19000::::::\n", 0o640)
        self.write(node, "/etc/xen-drbd-sim-node", f"{node}\n")
        self.write(node, "/etc/ssh/sshd_config", SSHD_CONFIG)
        self.write(node, "/srv/xen/guest-vmlinux", "\x7fELF, a kernel for guests that are not there\n")
        self.write(node, "/root/.bashrc", "echo 'Welcome to your node!'\n" if self.noisy_bashrc else "")
        self.write_configuration(node)

    def write_configuration(self, node):
        """Writes topology, guest configurations and DRBD resources of `self.domains` to a node."""
        addresses = [f"{NET}{n}" for n in (1, 2)]
        migration = [f"{MIGRATION_NET}{n}" for n in (1, 2)] if self.migration_net else None
        self.write(node, "/etc/xen/topology.yaml",
                   demo.topology(self.names, addresses, self.domains, migration, self.topology_extra))
        for number, one in enumerate(self.domains, 1):
            self.write(node, f"/etc/xen/{one.name}.cfg", demo.guest_config(number, one))
        self.write(node, "/etc/drbd.d/global_common.conf", demo.GLOBAL_COMMON)
        for name, text in demo.resources(self.names, addresses, self.domains).items():
            self.write(node, f"/etc/drbd.d/{name}.res", text)

    def _start_hub(self):
        process = subprocess.Popen(["unshare", "--net", "sleep", "infinity"], start_new_session=True,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.hub = [process.pid, _started(process.pid)]
        self._save()
        own = os.readlink("/proc/self/ns/net")
        while os.readlink(f"/proc/{process.pid}/ns/net") == own:
            time.sleep(0.001)
        commands = "link add name br0 type bridge\nlink set br0 up\n"
        if self.migration_net:
            commands += "link add name br1 type bridge\nlink set br1 up\n"
        self._ip(self.hub, commands)

    def _start_nodes(self, nodes):
        helpers = {node: self._start_node(node) for node in nodes}
        try:
            for node in nodes:
                self._started_node(node, helpers[node])
                self._plug_in(node)
        except BaseException:
            for node in nodes:  # none is left half made, whatever interrupted us
                if self.inits[node] is None:
                    out, _ = helpers[node].communicate()
                    _end([int(out), _started(int(out))] if out else None)
            raise
        for node in nodes:
            self.start_sshd(node)

    def _start_node(self, node):
        root = self.directory / f"node{node}" / "tree"
        root.mkdir(exist_ok=True)
        spec = {"root": str(root), "disk": str(self.directory / f"node{node}"), "name": self.names[node - 1],
                "world": str(self.directory / "world"), "tools": str(self.directory / "tools"),
                "binary": str(self.binary or ""), "libexec": str(self.libexec or "")}
        return subprocess.Popen([sys.executable, "-I", "-S", str(HERE / "node_setup.py"), json.dumps(spec)],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                start_new_session=True)

    def _started_node(self, node, setup):
        out, err = setup.communicate(timeout=30)
        if setup.returncode != 0:
            raise ClusterError(err.strip() or f"node {node} did not start")
        self.inits[node] = [int(out), _started(int(out))]
        self._save()

    def _plug_in(self, node):
        pid = self.inits[node][0]
        commands = ""
        links = [("eth0", f"n{node}", "br0", NET)]
        if self.migration_net:
            links.append(("eth1", f"m{node}", "br1", MIGRATION_NET))
        for inside, outside, bridge, _ in links:
            address = f"02:00:00:{inside[-1]:>02}:00:{node:02x}"  # a machine keeps its address when it boots again
            commands += (f"link add name {outside} type veth peer name {inside} address {address} netns {pid}\n"
                         f"link set {outside} master {bridge} up\n")
        self._ip(self.hub, commands)
        commands = "link set lo up\n"
        for inside, _, _, net in links:
            commands += (f"addr add {net}{node}/24 dev {inside}\nlink set {inside} up\n"
                         f"ntable change name arp_cache dev {inside} {NEIGHBOURS}\n")
        if self.bridge:
            commands += "link add name xenbr0 type bridge\nlink set xenbr0 up\n"
        self._ip(self.inits[node], commands)

    @staticmethod
    def _ip(process, commands):
        done = subprocess.run(["nsenter", "-t", str(process[0]), "-n", "ip", "-batch", "-"], input=commands, text=True,
                              capture_output=True, check=False)
        if done.returncode != 0:
            raise ClusterError(f"ip: {done.stderr.strip()}")

    # -- another experiment on the same pair ---------------------------------------------------------------------------

    def keep(self):
        """The world as it is now, for `fresh`. Both nodes are up, and no domain runs."""
        return (self.directory / "world" / "state").read_bytes()

    def fresh(self, kept):
        """The pair is what it was when `keep` was called, in a fifth of the time that a new one takes: every process of
        the nodes was killed but process 1, sshd is started anew, and what xl, DRBD and xen-drbd had written is gone, the
        event log and the faults too; so is all in /tmp and /var/tmp. The link is plugged in. Both nodes must be up;
        configuration and keys are left as they are."""
        killers = [self.popen(node, FRESH, stdin=subprocess.DEVNULL) for node in (1, 2)]
        for killer in killers:
            if killer.wait(30) != 0:
                raise ClusterError(f"a node cannot be made fresh: {killer.returncode}")
        world = self.directory / "world"
        for folder in ("faults", "held", "released", "bells", "userdata"):
            for path in (world / folder).iterdir():
                path.unlink()
        self.clear_events()
        (world / "state").write_bytes(kept)
        if self._is_cut:
            self.mend(drbd=False)

    # -- the world -----------------------------------------------------------------------------------------------------

    def _admin(self, node, *arguments):
        env = {"XEN_DRBD_SIM_WORLD": str(self.directory / "world"), "XEN_DRBD_SIM_NODE": str(node), "PATH": PATH}
        done = subprocess.run([str(self.directory / "tools" / "xen-drbd-sim"), "world", *arguments], env=env, text=True,
                              capture_output=True, check=False, timeout=60)
        if done.returncode != 0:
            raise ClusterError(f"world {' '.join(arguments)}: {done.returncode} {done.stderr.strip()}")
        return done.stdout

    def world(self):
        """The state of the simulated world at this moment."""
        return json.loads(self._admin(1, "show"))

    def set(self, name, value):
        """Changes a setting of the world; the names are in sim/world/state.hpp, durations in seconds."""
        current = self.world()["settings"]
        if name not in current:
            raise ClusterError(f"no setting {name}; there are {', '.join(sorted(current))}")
        value = float(value) if isinstance(current[name], float) else value
        self._admin(1, "set", name, json.dumps(value))

    def domains_on(self, node):
        """The rows of the node's domain list, by name, as the world knows them (no command runs on the node)."""
        return {one["name"]: one for one in self.world()["nodes"][node - 1]["domains"]}

    def resource(self, node, name):
        """A DRBD resource as it is up on a node, or None."""
        for one in self.world()["nodes"][node - 1]["resources"]:
            if one["name"] == name:
                return one
        return None

    def set_memory(self, node, mib):
        """How much memory a node has, dom0 included."""
        self._admin(node, "memory", str(mib))

    def change_domain(self, node, name, key, value):
        """Changes a field of a domain behind xl's back: ignores_shutdown, shutdown_delay, name, shutdown, paused, dying."""
        self._admin(node, "domain", name, key, json.dumps(value))

    def events(self):
        """The event log so far."""
        path = self.directory / "world" / "events.log"
        return event_log.parse(path.read_text()) if path.exists() else []

    def clear_events(self):
        (self.directory / "world" / "events.log").unlink(missing_ok=True)

    def check_events(self):
        """The proof of events.check_events over the whole log; raises when something ran or was written twice."""
        report = event_log.check_events(self.events())
        if report.violations:
            raise AssertionError("\n".join(report.violations))
        return report

    def wait_for(self, condition, timeout=10.0, what="the condition"):
        """Polls `condition()` until it is true; its value comes back."""
        until = time.monotonic() + timeout
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > until:
                raise ClusterError(f"waited {timeout} s for {what}")
            time.sleep(0.01)

    # -- faults --------------------------------------------------------------------------------------------------------

    def fault(self, action, **spec):
        """Sets a fault; see sim/world/faults.hpp for the keys (node, command, point, at_byte, skip, count, code, ...).
        `node` is 1, 2 or "*". Returns its id."""
        self._faults += 1
        identity = spec.pop("id", f"f{os.getpid()}-{self._faults}")
        node = spec.get("node", "*")
        spec["node"] = self.names[node - 1] if isinstance(node, int) else node
        folder = self.directory / "world" / "faults"
        (folder / f"{identity}.new").write_text(json.dumps({"action": action, **spec}))
        (folder / f"{identity}.new").rename(folder / f"{identity}.json")
        return identity

    def clear_faults(self):
        for path in (self.directory / "world" / "faults").glob("*.json"):
            path.unlink()

    def hold(self, command, point, node="*", **more):
        """A fault that stops a command at a point until `release`; `wait_held` returns when it stands there."""
        return self.fault("hold", command=command, point=point, node=node, **more)

    def wait_held(self, identity, timeout=30.0):
        path = self.directory / "world" / "held" / identity
        self.wait_for(path.exists, timeout, f"the fault {identity} to hold something")

    def release(self, identity):
        (self.directory / "world" / "released" / identity).touch()

    # -- commands on a node --------------------------------------------------------------------------------------------

    def enter(self, node):
        """The words that put a command on a node."""
        process = self.inits[node]
        if not process or _started(process[0]) != process[1]:
            raise ClusterError(f"node {node} is down")
        return ["nsenter", "-t", str(process[0]), "-m", "-u", "-i", "-n", "-p", "--", "env", "-C", "/root"]

    @staticmethod
    def environment(extra=None):
        env = {"PATH": PATH, "HOME": "/root", "USER": "root", "LOGNAME": "root", "SHELL": "/bin/sh", "LANG": "C.UTF-8",
               "TERM": os.environ.get("TERM", "dumb")}
        env.update({key: os.environ[key] for key in os.environ if key.endswith("SAN_OPTIONS")})
        env.update(extra or {})
        return env

    def popen(self, node, command, env=None, **options):
        """Starts a command on a node: a list, or a string for sh. It leads a process group of its own."""
        argv = ["sh", "-c", command] if isinstance(command, str) else [str(word) for word in command]
        return subprocess.Popen(self.enter(node) + argv, env=self.environment(env), start_new_session=True, **options)

    def on(self, node, command, *, input=None, env=None, timeout=60.0, check=False):
        """Runs a command on a node and waits for it."""
        stdin = subprocess.DEVNULL if input is None else subprocess.PIPE
        with self.popen(node, command, env, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                        text=True, errors="replace") as process:
            try:
                out, err = process.communicate(input, timeout)
                code = process.returncode
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                out, err = _rest_of(process)
                code = -1
        if check and code != 0:
            raise ClusterError(f"node {node}: {command}: exit {code}\n{out}{err}")
        return Result(code, out, err)

    def shell(self, node):
        """An interactive shell on a node; its exit code comes back."""
        prompt = f"PS1=root@{self.names[node - 1]}:\\w# "
        return subprocess.call(self.enter(node) + ["env", prompt, "sh", "-i"], env=self.environment())

    # -- files ---------------------------------------------------------------------------------------------------------

    def disk(self, node, path):
        """Where a persistent file of a node (below /etc, /root, /srv, /var) lies on this machine."""
        return self.directory / f"node{node}" / path.lstrip("/")

    def read(self, node, path):
        return self.disk(node, path).read_text()

    def write(self, node, path, text, mode=0o644):
        """Writes a persistent file of a node."""
        target = self.disk(node, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_symlink():
            target.unlink()
        target.write_text(text)
        target.chmod(mode)

    def edit(self, node, path, change):
        """Replaces a file by `change(text)`."""
        self.write(node, path, change(self.read(node, path)), self.disk(node, path).stat().st_mode & 0o777)

    def edit_topology(self, change, nodes=(1, 2)):
        for node in nodes:
            self.edit(node, "/etc/xen/topology.yaml", change)

    # -- network, sshd, keys -------------------------------------------------------------------------------------------

    def cut(self, *, net=True, drbd=True, migration=False):
        """Unplugs the link between the nodes: packets vanish, DRBD notices after its ping timeout."""
        self._is_cut = True
        if net:
            self._ip(self.hub, "link set n1 nomaster\n")
        if migration and self.migration_net:
            self._ip(self.hub, "link set m1 nomaster\n")
        if drbd:
            self._admin(1, "link", "cut")

    def mend(self, *, net=True, drbd=True, migration=False):
        """Plugs the link in again."""
        self._is_cut = False
        if net:
            self._ip(self.hub, "link set n1 master br0\n")
        if migration and self.migration_net:
            self._ip(self.hub, "link set m1 master br1\n")
        if drbd:
            self._admin(1, "link", "mend")

    def start_sshd(self, node):
        self.on(node, START_SSHD, check=True)

    def stop_sshd(self, node):
        """Stops the listener; sessions that are open stay open, as with a real sshd."""
        self._signal_sshd(node, "TERM")
        self.wait_for(lambda: not self.on(node, "kill -0 $(cat /run/sshd.pid 2>/dev/null || echo 999999)").ok, 10,
                      "sshd to end")

    def freeze_sshd(self, node):
        """SIGSTOP to the listener: connections are accepted by the kernel and never answered."""
        self._signal_sshd(node, "STOP")

    def thaw_sshd(self, node):
        self._signal_sshd(node, "CONT")

    def _signal_sshd(self, node, name):
        self.on(node, f"kill -{name} $(cat /run/sshd.pid)", check=True)

    def end_sessions(self, node):
        """Kills every sshd process of a node but the listener: what it looks like when connections are reset."""
        self.on(node, "listener=$(cat /run/sshd.pid); for p in /proc/[0-9]*; do p=${p#/proc/}; "
                      "[ \"$p\" != \"$listener\" ] && [ \"$(cat /proc/$p/comm 2>/dev/null)\" = sshd ] && kill -9 $p; "
                      "done; true")

    def sshd_log(self, node):
        path = self.disk(node, "/var/log/sshd.log")
        return path.read_text(errors="replace") if path.exists() else ""

    def sshd_sessions(self, node):
        """What reached a node's sshd so far: (connections accepted, logins, commands started)."""
        log = self.sshd_log(node)
        return (log.count("Connection from "), log.count("Accepted publickey"), log.count("Starting session: command"))

    def new_host_key(self, node):
        """Gives a node another host key, as a reinstalled machine has; the peer still knows the old one."""
        key = self.disk(node, "/etc/ssh/ssh_host_ed25519_key")
        key.unlink()
        Path(f"{key}.pub").unlink()
        if self._keygen(key, self.names[node - 1]).wait() != 0:
            raise ClusterError("ssh-keygen failed")
        self.stop_sshd(node)
        self.start_sshd(node)

    def learn_host_keys(self, node):
        """Fills a node's known_hosts with the present keys of both nodes, under all their names."""
        lines = ""
        for n in (1, 2):
            key = " ".join(self.read(n, "/etc/ssh/ssh_host_ed25519_key.pub").split()[:2])
            lines += f"{self.names[n - 1]},{NET}{n},{MIGRATION_NET}{n} {key}\n"
        self.write(node, "/root/.ssh/known_hosts", lines, 0o600)

    def forget_host_keys(self, node):
        self.write(node, "/root/.ssh/known_hosts", "", 0o600)

    def refuse_key_of(self, node):
        """The other node no longer lets this node's key in."""
        key = self.read(node, "/root/.ssh/id_ed25519.pub")
        self.edit(3 - node, "/root/.ssh/authorized_keys", lambda text: text.replace(key, ""))

    # -- nodes ---------------------------------------------------------------------------------------------------------

    def alive(self, node):
        process = self.inits[node]
        return bool(process) and _started(process[0]) == process[1]

    def crash(self, node):
        """The node loses power: the network falls silent, then all its processes, its guests, its DRBD are gone. Its files
        stay."""
        commands = f"link del n{node}\n" + (f"link del m{node}\n" if self.migration_net else "")
        self._ip(self.hub, commands)  # first of all: a dying kernel would still close its connections
        _end(self.inits[node])
        self.inits[node] = None
        self._admin(node, "crash")
        self._save()

    def freeze(self, node):
        """The node stands still: none of its processes runs, and the other one hears nothing of it. What its guests do is
        not held up."""
        self.cut()
        self._stop_without_the_world(lambda: self._signal_all(node, signal.SIGSTOP),
                                     lambda: self._signal_all(node, signal.SIGCONT))

    def thaw(self, node):
        self._signal_all(node, signal.SIGCONT)
        self.mend()

    def _signal_all(self, node, which):
        """A signal to every process in the node's namespace of processes."""
        home = os.readlink(f"/proc/{self.inits[node][0]}/ns/pid")
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):    # it has ended
                if os.readlink(process / "ns/pid") == home:
                    os.kill(int(process.name), which)

    def stop_processes(self, node, pattern):
        """SIGSTOP to the processes of a node whose command lines match, as pkill -f has it. There must be one."""
        self._stop_without_the_world(lambda: self.on(node, ["pkill", "-STOP", "-f", pattern], check=True),
                                     lambda: self.on(node, ["pkill", "-CONT", "-f", pattern]))

    def _stop_without_the_world(self, stop, go_on):
        """For a process that stood still while it held the state of the world, or a fault, every command of both nodes
        would wait: it goes on for a moment."""
        def free(lock, until):
            with open(self.directory / "world" / lock, "wb") as file:
                while True:
                    with contextlib.suppress(BlockingIOError):
                        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        return True
                    if time.monotonic() > until:
                        return False
                    time.sleep(0.01)

        for _ in range(20):
            stop()
            if all(free(lock, time.monotonic() + 1) for lock in ("lock", "faults/lock")):
                return
            go_on()
            time.sleep(0.05)
        raise ClusterError("what is to stand still does not let go of the state of the world")

    def boot(self, node, drbd=True):
        """The node comes back: sshd, and DRBD as configured unless `drbd` is false. No domain is started."""
        self._admin(node, "boot")
        self._start_nodes((node,))
        if drbd:
            self.drbd_up(node)

    # -- DRBD ----------------------------------------------------------------------------------------------------------

    def drbd_up(self, node, resource="all"):
        if resource != "all" or list(self.disk(node, "/etc/drbd.d").glob("*.res")):
            self.on(node, ["drbdadm", "up", resource], check=True)

    def wait_connected(self, resource, timeout=10.0):
        """Waits until a resource is Connected and in sync."""
        def connected():
            ends = [one for node in self.world()["nodes"] for one in node["resources"] if one["name"] == resource]
            return len(ends) == 2 and all(
                end["connection"] == "Connected" and end["replication"] == "Established" for end in ends)
        self.wait_for(connected, timeout, f"{resource} to be Connected")

    def set_disk(self, node, resource, state):
        """Sets the disk state of a resource on a node: UpToDate, Outdated, Inconsistent, Diskless, Failed, ..."""
        self._admin(node, "disk", resource, state)

    def write_by_hand(self, node, resource):
        """Writes 64 KiB to each volume of a resource that is Primary on a node, as somebody does who mounts it there."""
        self._admin(node, "write", resource)

    def split_brain(self, resource):
        """Makes a split brain: disconnects, lets the data of both nodes go apart, reconnects. Both end StandAlone."""
        self.on(1, ["drbdadm", "disconnect", resource])
        self.on(2, ["drbdadm", "disconnect", resource])
        for node in (1, 2):
            self._admin(node, "split-brain", resource)
            self.on(node, ["drbdadm", "connect", resource], check=True)
        self.wait_for(lambda: all(self.resource(node, resource)["connection"] == "StandAlone" for node in (1, 2)), 10,
                      "the split brain")

    # -- xl ------------------------------------------------------------------------------------------------------------

    def start_by_hand(self, node, name):
        """Promotes the disks of a domain and creates it, as an administrator without xen-drbd would."""
        for one in self.domains:
            if one.name == name:
                for resource in sorted({disk.resource or name for disk in one.disks}):
                    self.on(node, ["drbdadm", "primary", resource], check=True)
        self.on(node, ["xl", "create", "-q", f"/etc/xen/{name}.cfg"], check=True)


# -- command line ------------------------------------------------------------------------------------------------------

VERBS = """verbs:
  up                     bring two nodes up (three domains: dns, samba, mail; --domains N: N small ones)
  down                   take them down, leave nothing
  on NODE COMMAND...     run a command on a node; one word with spaces goes through sh
  shell NODE             a prompt on a node
  cut | mend             unplug the link between the nodes, plug it in
  crash NODE | boot NODE power loss, and back
  sshd NODE stop|start|freeze|thaw
  set NAME VALUE         a setting of the world (JSON value), for example: set dialect '"9"'
  fault JSON             a fault, as in sim/world/faults.hpp; clear-faults
  disk NODE RESOURCE STATE | split-brain RESOURCE
  world | events | check the state, the event log, the proof over the log
"""


def _verb(cluster, verb, rest):
    """Carries out one verb on a cluster that is up; returns the exit code."""
    simple = {"down": cluster.down, "cut": cluster.cut, "mend": cluster.mend, "clear-faults": cluster.clear_faults}
    if verb in simple and not rest:
        simple[verb]()
    elif verb == "on" and len(rest) > 1:
        command = rest[1] if len(rest) == 2 and " " in rest[1] else rest[1:]
        return cluster.popen(int(rest[0]), command).wait()
    elif verb == "shell" and len(rest) == 1:
        return cluster.shell(int(rest[0]))
    elif verb in ("crash", "boot") and len(rest) == 1:
        getattr(cluster, verb)(int(rest[0]))
    elif verb == "sshd" and len(rest) == 2 and rest[1] in ("stop", "start", "freeze", "thaw"):
        getattr(cluster, f"{rest[1]}_sshd")(int(rest[0]))
    elif verb == "set" and len(rest) == 2:
        cluster.set(rest[0], json.loads(rest[1]))
    elif verb == "fault" and len(rest) == 1:
        spec = json.loads(rest[0])
        print(cluster.fault(spec.pop("action"), **spec))
    elif verb == "disk" and len(rest) == 3:
        cluster.set_disk(int(rest[0]), rest[1], rest[2])
    elif verb == "split-brain" and len(rest) == 1:
        cluster.split_brain(rest[0])
    elif verb == "world" and not rest:
        print(json.dumps(cluster.world(), indent=1))
    elif verb == "events" and not rest:
        for event in cluster.events():
            print(json.dumps(event))
    elif verb == "check" and not rest:
        report = event_log.check_events(cluster.events())
        print("\n".join(report.violations) or "nothing ran twice, nothing was written twice")
        return 1 if report.violations else 0
    else:
        print(VERBS, file=sys.stderr)
        return 2
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, epilog=VERBS,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--directory", "-C", default=DEFAULT_DIRECTORY, help="where the cluster lives (%(default)s)")
    parser.add_argument("--dialect", choices=("8.4", "9"), default="8.4", help="which DRBD the nodes have (%(default)s)")
    parser.add_argument("--xen", default="4.17.7", help="version of the hypervisor (%(default)s)")
    parser.add_argument("--domains", type=int, default=0, metavar="N", help="N small domains instead of the three")
    parser.add_argument("--migration-net", action="store_true", help="a second link, 10.78.0.0/24, for migrations")
    parser.add_argument("--noisy-bashrc", action="store_true", help="root's .bashrc prints a line")
    parser.add_argument("verb")
    parser.add_argument("rest", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    try:
        if arguments.verb == "up":
            domains = demo.many(NAMES, arguments.domains) if arguments.domains else None
            Cluster(arguments.directory, domains=domains, dialect=arguments.dialect, settings={"xen": arguments.xen},
                    migration_net=arguments.migration_net, noisy_bashrc=arguments.noisy_bashrc).up()
            return 0
        return _verb(Cluster.attach(arguments.directory), arguments.verb, arguments.rest)
    except ClusterError as error:
        print(f"cluster.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
