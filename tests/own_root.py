#!/usr/bin/env python3
"""Runs a command where `/` is a mount point: own_root.py COMMAND...

In a plain chroot it is none, and then the kernel refuses what the simulated nodes are made with: mount propagation
cannot be changed, nor the root be exchanged. There the command gets a mount namespace in which the same directory is
the root of all, with /proc, /sys and /dev/pts if they are missing. Elsewhere the command is simply executed. Needs root.
"""

import ctypes
import os
import sys

NEWNS = 0x20000
BIND, REC, PRIVATE = 4096, 16384, 1 << 18
DETACH = 2
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}

libc = ctypes.CDLL(None, use_errno=True)
libc.mount.argtypes = [ctypes.c_char_p] * 3 + [ctypes.c_ulong, ctypes.c_char_p]


def must(result, what):
    if result != 0:
        sys.exit(f"own_root.py: {what}: {os.strerror(ctypes.get_errno())}")


def mount(source, target, kind, flags, data=None):
    must(libc.mount(source, target, kind, flags, data), f"mount {target.decode()}")


def root_is_a_mount_point():
    """Mount points above the root do not show in mountinfo."""
    try:
        with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
            return any(line.split()[4] == "/" for line in mounts)
    except FileNotFoundError:
        return False


def is_the_folder(entry, wanted):
    try:
        return entry.is_dir(follow_symlinks=False) and os.path.samestat(os.stat(f"../{entry.name}"), wanted)
    except FileNotFoundError:    # it was there a moment ago
        return False


def path_from_above(root):
    """Leaves the chroot, and says what its root is called from there: one level at a time, by inode."""
    parts = []
    os.chroot("tmp")  # the working directory stays outside of it
    while True:
        here = os.stat(".")
        above = os.stat("..")
        if os.path.samestat(here, above):
            break
        parts.append(next(entry.name for entry in os.scandir("..") if is_the_folder(entry, here)))
        os.chdir("..")
    os.chroot(".")
    path = "/" + "/".join(reversed(parts))
    if not os.path.samestat(os.stat(path), os.fstat(root)):
        sys.exit(f"own_root.py: {path} is not the root that was left")
    return path.encode()


def become_the_root():
    folder = os.getcwd()
    root = os.open("/", os.O_PATH)
    must(libc.unshare(NEWNS), "unshare")
    os.chdir("/")
    path = path_from_above(root)
    mount(b"none", b"/", None, REC | PRIVATE)
    mount(path, path, None, BIND | REC)
    os.chdir(path)
    must(libc.syscall(PIVOT_ROOT[os.uname().machine], b".", b"."), "pivot_root")
    must(libc.umount2(b".", DETACH), "umount of the old root")
    os.chdir(folder)
    for kind, witness in (("proc", "/proc/self"), ("sysfs", "/sys/kernel")):
        if not os.path.exists(witness):
            mount(kind.encode(), os.path.dirname(witness).encode(), kind.encode(), 0)
    if not os.path.exists("/dev/pts/ptmx"):
        mount(b"devpts", b"/dev/pts", b"devpts", 0, b"newinstance,ptmxmode=0666,mode=620,gid=5")


if not root_is_a_mount_point():
    become_the_root()
os.execvp(sys.argv[1], sys.argv[1:])
