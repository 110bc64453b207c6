#!/usr/bin/env python3
"""Makes one simulated node: namespaces, a root of its own, process 1.

Called by cluster.py with one argument, a JSON object:
  root     an empty directory to build the root on           disk   the node's persistent files: etc, root, srv, var
  world    the directory of the simulated world              tools  the directory with xen-drbd-sim and its three copies
  binary   the xen-drbd under test, or ""                    name   the host name
  libexec  what the node sees as /usr/libexec/xen-drbd, or "" for the machine's own
Prints the pid of the node's process 1, as seen from here, when the node is ready for `nsenter`.

The node sees the machine's own /usr and everything else that is not named here, but its /etc, /dev, /proc, /sys, /run,
/tmp, /var, /root, /srv and /usr/sbin are its own. There is no overlay file system in it, so it works inside a container
as well; what a node writes to a file of the machine's /etc fails, because that is mounted read-only.
"""

import ctypes
import json
import os
import sys

NEWNS, NEWUTS, NEWIPC, NEWPID, NEWNET = 0x20000, 0x4000000, 0x8000000, 0x20000000, 0x40000000
RDONLY, NOSUID, NODEV, NOEXEC, REMOUNT, BIND, REC, PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
DETACH = 2
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}

OWN = {"etc", "dev", "proc", "sys", "run", "tmp", "var", "root", "srv", "usr", "lost+found"}

libc = ctypes.CDLL(None, use_errno=True)
libc.mount.argtypes = [ctypes.c_char_p] * 3 + [ctypes.c_ulong, ctypes.c_char_p]


def must(result, what):
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def mount(source, target, kind="", flags=0, data=""):
    must(libc.mount(source.encode(), target.encode(), kind.encode(), flags, data.encode()),
         f"mount {source} on {target}")


def bind(source, target, readonly=False):
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    elif not os.path.lexists(target):
        open(target, "w").close()
    mount(source, target, flags=BIND | REC)
    if readonly:
        mount("none", target, flags=BIND | REMOUNT | RDONLY)


def farm(source, target, seen_at):
    """Symbolic links in `target` to everything in `source`, which the node sees at `seen_at`."""
    for name in os.listdir(source):
        if not os.path.lexists(f"{target}/{name}"):
            os.symlink(f"{seen_at}/{name}", f"{target}/{name}")


def make_dev(root):
    mount("tmpfs", f"{root}/dev", "tmpfs", NOSUID, "mode=755")
    for name in ("null", "zero", "full", "random", "urandom", "tty"):
        bind(f"/dev/{name}", f"{root}/dev/{name}")
    for name in ("pts", "shm", "drbd"):
        os.mkdir(f"{root}/dev/{name}")
    mount("devpts", f"{root}/dev/pts", "devpts", NOSUID | NOEXEC, "newinstance,ptmxmode=0666,mode=620,gid=5")
    mount("tmpfs", f"{root}/dev/shm", "tmpfs", NOSUID | NODEV)
    for name, to in (("ptmx", "pts/ptmx"), ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"),
                     ("stdout", "/proc/self/fd/1"), ("stderr", "/proc/self/fd/2")):
        os.symlink(to, f"{root}/dev/{name}")


def make_system(root):
    mount("proc", f"{root}/proc", "proc", NOSUID | NODEV | NOEXEC)
    try:
        mount("sysfs", f"{root}/sys", "sysfs", NOSUID | NODEV | NOEXEC)
    except OSError:
        bind("/sys", f"{root}/sys")
    mount("tmpfs", f"{root}/run", "tmpfs", NOSUID | NODEV, "mode=755")
    mount("tmpfs", f"{root}/tmp", "tmpfs", NOSUID | NODEV, "mode=1777")
    for name, mode in (("lock", 0o1777), ("sshd", 0o755)):
        os.mkdir(f"{root}/run/{name}")
        os.chmod(f"{root}/run/{name}", mode)


def make_sbin(root, tools, binary):
    mount("tmpfs", f"{root}/usr/sbin", "tmpfs", NOSUID, "mode=755")
    for name in ("xl", "drbdadm", "drbdsetup"):
        bind(f"{tools}/{name}", f"{root}/usr/sbin/{name}", readonly=True)
    if binary:
        bind(binary, f"{root}/usr/sbin/xen-drbd")
        os.symlink("xen-drbd", f"{root}/usr/sbin/xen-drbd-install")
    farm("/usr/sbin", f"{root}/usr/sbin", "/.base/usr/sbin")


def make_libexec(root, libexec):
    mount("tmpfs", f"{root}/usr/libexec", "tmpfs", NOSUID, "mode=755")
    bind(libexec, f"{root}/usr/libexec/xen-drbd", readonly=True)
    farm("/usr/libexec", f"{root}/usr/libexec", "/.base/usr/libexec")


def build(spec):
    root, disk = spec["root"], spec["disk"]
    mount("none", "/", flags=REC | PRIVATE)
    mount("tmpfs", root, "tmpfs", 0, "mode=755")
    for name in os.listdir("/"):
        if os.path.islink(f"/{name}"):
            os.symlink(os.readlink(f"/{name}"), f"{root}/{name}")
        elif name not in OWN and os.path.isdir(f"/{name}"):
            bind(f"/{name}", f"{root}/{name}")
    for name in OWN - {"lost+found"}:
        os.makedirs(f"{root}/{name}", exist_ok=True)
    os.makedirs(f"{root}/.base/old")
    bind("/usr", f"{root}/usr", readonly=True)
    for name in ("usr", "etc"):
        bind(f"/{name}", f"{root}/.base/{name}", readonly=True)
    bind(spec["tools"], f"{root}/.base/tools", readonly=True)
    farm("/etc", f"{disk}/etc", "/.base/etc")
    for name in ("etc", "root", "srv", "var"):
        bind(f"{disk}/{name}", f"{root}/{name}")
    bind(spec["world"], f"{root}/var/lib/xen-drbd-sim")
    make_dev(root)
    make_system(root)
    make_sbin(root, spec["tools"], spec["binary"])
    if spec["libexec"]:
        make_libexec(root, spec["libexec"])
    os.chdir(root)
    must(libc.syscall(PIVOT_ROOT[os.uname().machine], b".", b".base/old"), "pivot_root")
    os.chdir("/")
    must(libc.umount2(b"/.base/old", DETACH), "umount of the old root")
    name = spec["name"].encode()
    must(libc.sethostname(name, len(name)), "sethostname")


def main():
    spec = json.loads(sys.argv[1])
    must(libc.unshare(NEWNS | NEWUTS | NEWIPC | NEWPID | NEWNET), "unshare")
    ready, report = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(ready)
            os.setsid()
            build(spec)
            os.write(report, b"ready")
            null = os.open("/dev/null", os.O_RDWR)
            for fd in (0, 1, 2):
                os.dup2(null, fd)
            os.closerange(3, 64)
            os.execve("/.base/tools/xen-drbd-sim", ["xen-drbd-sim", "node-init"], {"PATH": "/usr/sbin:/usr/bin"})
        except OSError as error:
            os.write(report, str(error).encode())
        finally:
            os._exit(1)
    os.close(report)
    said = os.read(ready, 4096).decode()
    if said != "ready":
        sys.exit(f"node_setup: {spec['name']}: {said or 'died'}")
    print(pid)


if __name__ == "__main__":
    main()
