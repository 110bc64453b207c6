"""What the sweep may do: a command, one point that it passes, one blow at that point.

The points of a command are not listed by hand: it is run once undisturbed, and every simulated command that it called on
either node is a place before which and after which something may go wrong, and so is every point inside xl.
"""

import json
import random
import re
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / folder) for folder in ("scenarios", "cluster")]
from events import plain    # noqa: E402,F401
from stories import READING    # noqa: E402

HERE, THERE, NODE1, NODE2 = "here", "there", 1, 2
RESOURCES = ("dns", "samba", "mail")
TOPOLOGY = "ssh: {connect_timeout: 15s}\n"  # what the pairs of the sweep have more in theirs: many at once are slow
BLOWS = ("kill-tool", "kill-sshd", "cut-link", "crash-node1", "crash-node2", "interrupt")
DELAYS = (0.0, 0.0, 0.4, 2.0)    # between the blow and the moment from which the command that was hit goes on
MIDDLE = (60_000, 600_000)       # bytes of the memory stream: its beginning and its middle
LOOKS = 8                        # how many of the same question of a run are worth a blow: some are asked in a loop


@dataclass(frozen=True)
class Story:
    """What runs before (domain: where), and what is typed then."""

    words: str
    before: dict


STORIES = {
    "start": Story("start dns samba", {}),
    "migrate-out": Story("migrate-out samba", {"samba": HERE}),
    "migrate-in": Story("migrate-in dns", {"dns": THERE}),
    "migrate-and-start-all": Story("migrate-and-start-all", {"dns": NODE2, "samba": NODE1}),
    "evacuate": Story("evacuate", {"dns": HERE, "samba": HERE, "mail": THERE}),
}


@dataclass(frozen=True)
class Point:
    """The passing of a point by a command: after `skip` others like it; in the stream, at a byte."""

    node: int
    command: str
    point: str
    skip: int = 0
    at_byte: int = 0


@dataclass(frozen=True)
class Schedule:
    """One experiment. As JSON it is what --replay takes."""

    story: str
    typed_on: int
    dialect: str
    at: Point
    blow: str
    delay: float

    def to_json(self):
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text):
        given = json.loads(text)
        return cls(**{**given, "at": Point(**given["at"])})

    def node_of(self, where):
        return {HERE: self.typed_on, THERE: 3 - self.typed_on}.get(where, where)


def draw(seed, points_of):
    """The schedule of a seed. `points_of(story, typed_on, dialect)` are the points of an undisturbed run."""
    chance = random.Random(seed)
    what = (chance.choice(sorted(STORIES)), chance.choice((1, 2)), chance.choice(("8.4", "9")))
    points = points_of(*what)
    acting = [point for point in points if not READING.match(point.command)]
    at = chance.choice(acting if chance.random() < 0.75 else points)
    return Schedule(*what, at, chance.choice(BLOWS), chance.choice(DELAYS))


def prepare(world, schedule):
    """The fresh pair becomes as the story finds it."""
    for node in (1, 2):
        names = [name for name, where in STORIES[schedule.story].before.items() if schedule.node_of(where) == node]
        if names:
            world.on(node, "\n".join(f"drbdadm primary {name} && xl create -q /etc/xen/{name}.cfg || exit"
                                     for name in names), check=True)


def trace(world, story, typed_on, dialect):
    """Runs the command of a story undisturbed; the points it passes, in an order that does not depend on chance."""
    prepare(world, Schedule(story, typed_on, dialect, Point(1, "", ""), "", 0))
    world.simulation.clear_events()
    world.simulation.fault("note", point="*", count=-1)
    world.on(typed_on, f"xen-drbd {STORIES[story].words}", check=True, timeout=200)
    events = world.simulation.events()
    streams = {event["node"] for event in events if event["event"] == "migrate"}
    nodes = {name: number for number, name in enumerate(world.names, 1)}
    points, passed = [], {}
    for event in events:
        if event["event"] != "fault":
            continue
        # the arguments of xl migrate name the run
        command = re.sub(r"^xl migrate .*", "xl migrate *", event["command"])
        key = (nodes[event["node"]], command, event["point"])
        skip = passed[key] = passed.get(key, -1) + 1
        if skip < LOOKS or not READING.match(command):
            points.append(Point(*key, skip))
    points += [Point(nodes[name], "xl migrate *", "migrate-stream", 0, byte) for name in streams for byte in MIDDLE]
    return sorted(points, key=lambda point: (point.node, point.command, point.point, point.skip, point.at_byte))
