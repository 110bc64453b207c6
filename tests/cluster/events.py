"""The event log of a simulated pair, and the proof that nothing ran or was written twice.

Each line is a JSON object: t (seconds, CLOCK_MONOTONIC), node, event, and what the event is about:
  command, command-end      argv, pid, code                     a simulated tool was called, has ended
  executes, ceases          domain, domid, uuid                 a guest begins, ceases to execute on this node
  created, received, renamed, destroyed, shut-down, asked-to-shut-down   domain, domid ...
  migrate                   phase (begin suspended end go done failed undefined), domain, domid
  write, write-error        domain, resource, volume, n, connected   n writes of a guest since the last such line
  promote, demote           resource, by, connection, peer_role
  window                    resource, allow, connection, role   allow-two-primaries was changed on this node
  up, down, connecting, connected, peer-lost, stand-alone, resync, resync-done, disk-not-opened, diverged   resource
  link-cut, link-mended, node-crashed, node-booted, fault
"""

import json
from dataclasses import dataclass, field

HALVES = ("--incoming", "--migratedaway")


def parse(text):
    """The events of a log, oldest first."""
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def plain(name):
    """The name of a domain without the ending of a half of a migration."""
    for half in HALVES:
        if name.endswith(half):
            return name[:-len(half)]
    return name


@dataclass
class Report:
    """What a log proves. `violations` is empty when the promise was kept."""

    violations: list = field(default_factory=list)
    starts: dict = field(default_factory=dict)      # domain -> how often it was created (not received)
    executing: dict = field(default_factory=dict)   # domain -> nodes on which it executes at the end
    writers: dict = field(default_factory=dict)     # resource -> nodes that ever wrote to it


class _Resource:
    """The replay of one resource: who is Primary, who wrote while both were, who wrote alone."""

    def __init__(self, name, report):
        self.name, self.report = name, report
        self.primaries, self.together, self.alone = set(), [], set()

    def promote(self, node):
        self.primaries.add(node)
        self.together = []

    def demote(self, node):
        self.primaries.discard(node)
        self.together = []

    def write(self, event, handed_over):
        node = event["node"]
        self.report.writers.setdefault(self.name, set()).add(node)
        if not event["connected"]:
            self.alone.add(node)
            if len(self.alone) > 1:
                self._violation(event, "was written by both nodes while they were disconnected from each other")
        if len(self.primaries) < 2:
            return
        if not self.together or self.together[-1] != node:
            self.together.append(node)
        if len(self.together) > 1 and (len(self.together) > 2 or not handed_over):
            self._violation(event, "was written by both nodes while both were Primary, and not by a migration")

    def _violation(self, event, what):
        self.report.violations.append(f"{event['t']:.3f} {event['node']}: resource {self.name} {what}")


def check_events(events):
    """Replays a log. Three things are proved or named as violations: no domain executed on two nodes at once; no
    resource was written by both nodes while both were Primary, but one after the other around the "go" of an xl
    migrate; none was written by both while they were disconnected."""
    report = Report()
    running, resources, handed = {}, {}, set()

    def resource(name):
        return resources.setdefault(name, _Resource(name, report))

    for event in events:
        kind, node = event["event"], event["node"]
        domain = plain(event.get("domain", ""))
        if kind == "executes":
            on = running.setdefault(domain, set())
            if on - {node}:
                report.violations.append(f"{event['t']:.3f} {node}: domain {domain} executes on both nodes")
            on.add(node)
        elif kind == "ceases":
            running.setdefault(domain, set()).discard(node)
        elif kind == "created" and not event.get("reboot"):
            report.starts[domain] = report.starts.get(domain, 0) + 1
        elif kind == "migrate":
            handed.add(domain) if event["phase"] == "go" else None
            handed.discard(domain) if event["phase"] == "begin" else None
        elif kind == "promote":
            resource(event["resource"]).promote(node)
        elif kind == "demote":
            resource(event["resource"]).demote(node)
        elif kind == "down":
            resource(event["resource"]).demote(node)
        elif kind == "node-crashed":
            for one in resources.values():
                one.demote(node)
            for on in running.values():
                on.discard(node)
        elif kind in ("resync-done", "connected"):
            resource(event["resource"]).alone.clear()
        elif kind == "write" and event["resource"]:
            resource(event["resource"]).write(event, domain in handed)
    report.executing = {domain: sorted(on) for domain, on in running.items() if on}
    return report
