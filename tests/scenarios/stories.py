"""The words in which the scenarios are told: xen-drbd on a node, what it said, what the pair looks like afterwards.

Everything but the last part needs only the interface World, and works on real machines too. The last part reads the event
log of the simulation.
"""

import contextlib
import json
import re
import shlex
from dataclasses import dataclass

TOPOLOGY = "/etc/xen/topology.yaml"
PATIENCE = 180  # a real xl takes its time


# -- xen-drbd ----------------------------------------------------------------------------------------------------------

@dataclass
class Told:
    """What one run of xen-drbd came to."""

    command: str
    code: int
    stdout: str
    stderr: str

    def __str__(self):
        return f"{self.command}: exit {self.code}\n--- stdout\n{self.stdout}--- stderr\n{self.stderr}"

    @property
    def json(self):
        """The one document on stdout."""
        return json.loads(self.stdout)

    @property
    def results(self):
        """{domain: result} of a --json run."""
        return {one["name"]: one["result"] for one in self.json["domains"]}

    @property
    def reasons(self):
        return {one["name"]: one["reason"] for one in self.json["domains"]}

    def says(self, *texts):
        """Every text is in what an administrator would read."""
        for text in texts:
            assert text in self.stdout + self.stderr, f"{text!r} is missing\n{self}"
        return self


def tool(world, node, words, code=0, **options):
    """Runs xen-drbd on a node and checks its exit code; `code` None takes any."""
    argv = ["xen-drbd", *(shlex.split(words) if isinstance(words, str) else words)]
    done = world.on(node, argv, **{"timeout": PATIENCE, **options})
    told = Told(shlex.join(argv), done.code, done.stdout, done.stderr)
    assert code is None or told.code == code, f"exit {code} was expected\n{told}"
    return told


def document(world, node, words, code=0, **options):
    """The same with --json: stdout holds one document, and the document says the exit code of the run."""
    told = tool(world, node, f"--json {words}" if isinstance(words, str) else ["--json", *words], code, **options)
    assert told.json["schema"] == 1 and told.json["exit_code"] == told.code, told
    return told


def refusal(world, node, words, code, *texts):
    """A run that changes nothing, told three times on a quick pair: as text, as JSON, as a dry run. Each ends with `code`;
    the text has every one of `texts`, and so has the reason in the document. The text comes back."""
    with nothing_changes(world):
        told = tool(world, node, words, code).says("nothing was changed", *texts)
        if not world.quick:
            return told
        rehearsed = document(world, node, f"--dry-run {words}", code)
        real = document(world, node, words, code)
    assert real.json["error"]["changed"] is False
    for said in (real, rehearsed):
        joined = " ".join([*(one["reason"] for one in said.json.get("domains", [])), *(
            str(said.json["error"][key]) for key in ("because", "while", "hint"))])
        for text in texts:
            assert text in joined, f"{text!r} is missing\n{said}"
        assert "started" not in said.stdout or "was not started" in said.stdout, said
    return told


def status(world, node=1, code=0, domain=None):
    """The status document of the pair, or of one domain."""
    told = tool(world, node, ["--json", "status", *([domain] if domain else [])], code)
    if domain is None:
        return told.json
    (one,) = told.json["domains"]
    return one


# -- the topology ------------------------------------------------------------------------------------------------------

def edit_topology(world, change, nodes=(1, 2)):
    for node in nodes:
        world.edit(node, TOPOLOGY, change)


def add_to_topology(world, text, nodes=(1, 2)):
    edit_topology(world, lambda before: before.rstrip("\n") + "\n" + text, nodes)


def quick_to_give_up(world):
    """A node that does not answer is given up after three seconds instead of five."""
    add_to_topology(world, f"ssh: {{connect_timeout: {world.gives_up_after}}}\n")


# -- the pair ----------------------------------------------------------------------------------------------------------

PAIR = """xl list || exit
for r in $(drbdadm sh-resources); do set -- $(drbdadm role $r 2> /dev/null); echo "role $r ${1-down}"; done
"""


def seen(world, node):
    """What runs on a node and which resources are Primary there: ({domain: state letters}, {resource})."""
    said = world.on(node, PAIR, check=True).stdout.splitlines()
    roles = [line.split() for line in said if line.startswith("role ")]
    rows = [line.split() for line in said[1:] if not line.startswith("role ")]
    domains = {row[0]: row[4] for row in rows if row[0] != "Domain-0"}
    return domains, {role[1] for role in roles if role[2].startswith("Primary")}


def assert_runs(world, **where):
    """The domains that run, and nothing else, run where it says: assert_runs(world, dns=1, samba=2). The resources of
    exactly these are Primary there; each domain's resource has its name."""
    for node, (rows, primaries) in world.on_both(lambda node: seen(world, node)).items():
        wanted = {name.replace("_", "-") for name, on in where.items() if on == node}
        assert {name for name, state in rows.items() if not set(state) & set("psd")} == wanted, (node, rows)
        assert set(rows) == wanted, (node, rows)
        assert primaries == wanted, (node, primaries)


def windows_open(world):
    """The resources that two nodes may write at this moment, as DRBD says on either node: {(node, resource)}."""
    script = ("for r in $(drbdadm sh-resources); do s=$(drbdsetup show $r) || exit; "
              "case $s in *allow-two-primaries*) echo $r ;; esac; done")
    found = world.on_both(lambda node: world.on(node, script, check=True).stdout.split())
    return {(node, resource) for node, resources in found.items() for resource in resources}


def assert_settled(world, **where):
    """What a pair must look like when xen-drbd is done with it, whatever happened before: the domains run where it says and
    nowhere else, and go on counting without a fault; each disk is Primary there and Secondary on the other node; no window
    is open; DRBD is Connected and UpToDate on both nodes."""
    world.wait_until_in_sync()
    assert_runs(world, **where)
    open_still = windows_open(world)
    assert open_still == set(), open_still
    counts = {name: world.goes_on(node, name) for name, node in where.items()}
    for name, node in where.items():
        world.assert_counts(name, world.goes_on(node, name, counts[name]))


@contextlib.contextmanager
def nothing_changes(world, nodes=(1, 2)):
    """What is done meanwhile leaves domains and roles of the nodes as they are. On simulated nodes, no command was even
    tried that could change anything."""
    def standing():
        return [(set(rows), primaries) for rows, primaries in (seen(world, node) for node in nodes)]

    simulation = getattr(world, "simulation", None)
    before = standing()
    logged = len(simulation.events()) if simulation else 0
    yield
    assert standing() == before
    if simulation:
        assert changing(simulation.events()[logged:]) == []


# -- the event log of a simulated pair ---------------------------------------------------------------------------------

READING = re.compile(
    r"xl (list|info|uptime|domid|domname|block-list|migrate-receive)\b|xl create -n\b|xl create .* -n\b"
    r"|drbdadm (status|role|cstate|dstate|dump|dump-xml|sh-\S+)\b|drbdadm -d |drbdsetup (status|show|events2)\b")


def changing(events):
    """The commands of a log that could have changed something: ["NODE: COMMAND", ...]."""
    return [f"{event['node']}: {event['argv']}" for event in events
            if event["event"] == "command" and not READING.match(event["argv"])]


def log_of(world, kind, **fields):
    """The events of a kind, with these fields, oldest first."""
    return [event for event in world.simulation.events()
            if event["event"] == kind and all(event.get(key) == value for key, value in fields.items())]


def time_of(world, kind, which=0, **fields):
    """When the first (or another) such event was."""
    found = log_of(world, kind, **fields)
    assert found, f"there is no event {kind} {fields}"
    return found[which]["t"]


def creations(world, domain):
    """How often a domain was created, by anybody."""
    return len(log_of(world, "created", domain=domain))


def windows_closed(world, *resources):
    """Two Primaries are allowed nowhere."""
    return all(not world.simulation.resource(node, name)["two_primaries"] for node in (1, 2) for name in resources)


def without(world, node, program):
    """Takes a program away from a simulated node."""
    world.on(node, f"umount -l /usr/sbin/{program}; rm -f /usr/sbin/{program} /usr/sbin/{program}-install; "
                   f"! command -v {program}", check=True)


def over(world, node, path, script):
    """Puts a script over a program of a simulated node, wherever its PATH begins."""
    name = path.rsplit("/", 1)[1]
    world.write(node, f"/root/{name}", script, 0o755)
    world.on(node, ["mount", "--bind", f"/root/{name}", path], check=True)


def replace(world, node, program, script):
    """Puts a script in the place of a program of a simulated node; the program itself is /tmp/real/PROGRAM."""
    world.on(node, f"mkdir -p /tmp/real; touch /tmp/real/{program}; mount --bind /usr/sbin/{program} /tmp/real/{program}; "
                   f"umount -l /usr/sbin/{program}; rm -f /usr/sbin/{program}; cat > /usr/sbin/{program}; "
                   f"chmod 755 /usr/sbin/{program}", input=script, check=True)
