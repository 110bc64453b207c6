"""What stands on the two nodes: topology, guest configurations, DRBD resources, all from one list of domains."""

from dataclasses import dataclass, field

KERNEL = "/srv/xen/guest-vmlinux"


@dataclass
class Disk:
    """A DRBD volume of a domain. `link` is the name below /dev/drbd that the topology gives it."""

    link: str
    minor: int
    resource: str = ""
    volume: int = 0


@dataclass
class Domain:
    """A domain of the topology, and the guest behind it. `extra` is for the guest: noshutdown, shutdown_delay=SECONDS."""

    name: str
    home: str = ""
    disks: list = field(default_factory=list)
    memory: int = 36
    after: list = field(default_factory=list)
    delay: str = ""
    shutdown_timeout: str = ""
    kind: str = "phy"             # "phy": /dev/drbdN; "drbd": the resource, by the script block-drbd
    type: str = "pvh"
    extra: str = ""
    on_reboot: str = "restart"
    on_crash: str = "destroy"


def domain(name, home, *minors, **more):
    """A domain whose disks have these minors. Its one resource has its name; each disk is a volume of it."""
    disks = [Disk(f"{name}-{i}" if len(minors) > 1 else f"{name}-disk", minor, name, i)
             for i, minor in enumerate(minors)]
    return Domain(name, home, disks, **more)


def standard(names):
    """Three domains: dns at home on the first node, samba (two disks) and mail on the second, mail after dns."""
    return [domain("dns", names[0], 1), domain("samba", names[1], 2, 3, memory=64, shutdown_timeout="10s"),
            domain("mail", names[1], 4, after=["dns"])]


def many(names, count):
    """`count` small domains with a disk each, homes by turns."""
    return [domain(f"vm{i:03}", names[i % 2], i, memory=8) for i in range(1, count + 1)]


def topology(names, addresses, domains, migration_addresses=None, extra=""):
    """The text of a topology file. `extra` is appended as it is."""
    text = ""
    for i, name in enumerate(names):
        text += f"node{i + 1}:\n  name: {name}\n  address: {addresses[i]}\n"
        if migration_addresses:
            text += f"  migration_address: {migration_addresses[i]}\n"
    text += "\ndomains:\n"
    for one in domains:
        text += f"  - name: {one.name}\n    config: /etc/xen/{one.name}.cfg\n"
        if one.disks:
            text += "    disks:\n"
        for disk in one.disks:
            text += f"      - {{link: {disk.link}, minor: {disk.minor}}}\n"
        if one.after:
            text += f"    after: [{', '.join(one.after)}]\n"
        for key in ("delay", "shutdown_timeout"):
            if getattr(one, key):
                text += f"    {key}: {getattr(one, key)}\n"
    text += "\ndomain_home:\n" + "".join(f"  {one.name}: {one.home}\n" for one in domains)
    return text + extra


def guest_config(number, one):
    """The xl configuration of a domain."""
    if one.kind == "drbd":
        targets = [f"drbd:{disk.resource}" for disk in one.disks]
    else:
        targets = [f"phy:/dev/drbd{disk.minor}" for disk in one.disks]
    disks = ", ".join(f'"{target},xvd{chr(97 + i)},w"' for i, target in enumerate(targets))
    extra = f"console=hvc0 quiet name={one.name}" + (f" {one.extra}" if one.extra else "")
    return f"""name = "{one.name}"
type = "{one.type}"
kernel = "{KERNEL}"
extra = "{extra}"
memory = {one.memory}
vcpus = 1
disk = [ {disks} ]
vif = [ "mac=00:16:3e:77:{number // 256:02x}:{number % 256:02x},bridge=xenbr0" ]
on_poweroff = "destroy"
on_reboot = "{one.on_reboot}"
on_crash = "{one.on_crash}"
"""


GLOBAL_COMMON = """global { usage-count no; }
common {
  net { protocol C; ping-timeout 50; }
  disk { on-io-error detach; resync-rate 40M; }
  startup { wfc-timeout 5; degr-wfc-timeout 5; }
}
"""


def resources(names, addresses, domains):
    """The DRBD resource files, by name of the resource."""
    volumes = {}
    for one in domains:
        for disk in one.disks:
            volumes.setdefault(disk.resource or one.name, []).append(disk)
    files = {}
    for port, (name, disks) in enumerate(volumes.items(), 7701):
        text = f"resource {name} {{\n"
        if len(disks) == 1:
            minor = disks[0].minor
            text += f"  device /dev/drbd{minor} minor {minor};\n  disk /dev/vg0/{name};\n  meta-disk internal;\n"
        else:
            for number, disk in enumerate(disks):
                text += (f"  volume {number} {{\n    device /dev/drbd{disk.minor} minor {disk.minor};\n"
                         f"    disk /dev/vg0/{name}-{number};\n    meta-disk internal;\n  }}\n")
        for node, address in zip(names, addresses):
            text += f"  on {node} {{ address {address}:{port}; }}\n"
        files[name] = text + "}\n"
    return files
