"""One experiment of the sweep: the blow, the return of what was lost, the way back, and what must hold at every stage."""

import contextlib
import itertools
import json
import os
import signal
import subprocess
import time

from schedule import RESOURCES, STORIES, plain, prepare
from stories import tool

PATIENCE = 200          # seconds for any run: more than every deadline of the tool together
SAID, ERRORS = "/var/tmp/said", "/var/tmp/errors"
LOCK = "--lock-wait 90s"  # what a killed run left behind may keep the lock until its transport has ended


class Broken(AssertionError):
    """Something that must hold did not."""


def must(condition, text):
    if not condition:
        raise Broken(text)


class Experiment:
    """A schedule on a fresh pair. `told` is what was said at every stage, for the one who reads a failure; `took` has the
    seconds of each stage."""

    def __init__(self, schedule, world):
        self.schedule, self.world = schedule, world
        self.story = STORIES[schedule.story]
        self.here, self.there = schedule.typed_on, 3 - schedule.typed_on
        self.told = []
        self.took = {}
        self.reached = False

    def run(self):
        try:
            for stage in (self._prepare, self._disturbed_run, self._report_is_true, self._bring_back,
                          self._status_names_all, self._recover, self._again, self._all_is_well):
                begun = time.monotonic()
                try:
                    stage()
                finally:
                    self.took[stage.__name__.strip("_")] = time.monotonic() - begun
        except BaseException:
            with contextlib.suppress(Exception):
                self._remember_the_pair()
            raise
        finally:
            self.world.simulation.check_events()

    def _prepare(self):
        prepare(self.world, self.schedule)
        self.world.simulation.clear_events()

    # -- the blow ------------------------------------------------------------------------------------------------------

    def _disturbed_run(self):
        world, at = self.world, self.schedule.at
        held = world.simulation.hold(at.command, at.point, node=at.node, skip=at.skip,
                                     **({"at_byte": at.at_byte} if at.at_byte else {}))
        process = world.popen(self.here, f"echo $$ > /tmp/pid; exec xen-drbd --json {self.story.words} > {SAID} "
                                         f"2> {ERRORS}", stdin=subprocess.DEVNULL)
        try:
            path = world.simulation.directory / "world" / "held" / held
            world.wait_for(lambda: path.exists() or process.poll() is not None, PATIENCE, "the point or the end")
            self.reached = path.exists()
            if self.reached:
                self._strike()
                time.sleep(self.schedule.delay)
            world.simulation.clear_faults()
            world.simulation.release(held)
            code = process.wait(PATIENCE)
        except subprocess.TimeoutExpired as hangs:
            raise Broken("the run does not end") from hangs
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self.code = code
        self.told.append(f"the run: exit {code}\n{world.read(self.here, SAID)}{world.read(self.here, ERRORS)}")

    def _strike(self):
        world, blow = self.world, self.schedule.blow
        if blow == "kill-tool":
            world.on(self.here, "kill -9 $(cat /tmp/pid)")
        elif blow == "interrupt":
            world.on(self.here, "kill -INT $(cat /tmp/pid)")
        elif blow == "kill-sshd":
            world.on(self.there, "kill -9 $(cat /run/sshd.pid)")
            world.simulation.end_sessions(self.there)
        elif blow == "cut-link":
            world.cut()
        else:
            world.crash(int(blow[-1]))

    def _crashed(self):
        return int(self.schedule.blow[-1]) if self.reached and self.schedule.blow.startswith("crash") else None

    def _killed(self):
        return self.reached and (self.schedule.blow == "kill-tool" or self._crashed() == self.here)

    # -- the report ----------------------------------------------------------------------------------------------------

    def _report_is_true(self):
        code = self.code
        if self._killed():
            return
        must(code in (0, 4, 5, 6, 75, 130), f"exit {code} is none that this run may have")
        document = json.loads(self.world.read(self.here, SAID))
        must(document["exit_code"] == code, f"the document says exit {document['exit_code']}, it was {code}")
        for one in document.get("domains", []):
            where = self._where(one["name"])
            node = self.world.names.index(one["node"]) + 1 if one["node"] else None
            if one["result"] in ("started", "migrated") and node != self._crashed():
                must(where == [node], f"{one['name']} is said to run on {one['node']}, and runs on {where}")
            if one["result"] == "stopped":
                must(self.here not in where, f"{one['name']} is said to be stopped, and runs on {where}")

    def _rows(self):
        """The rows of each node, {node: {name: row}}, as the world knows them; none on a node without power."""
        return {number: {row["name"]: row for row in node["domains"] if node["alive"]}
                for number, node in enumerate(self.world.simulation.world()["nodes"], 1)}

    def _where(self, name):
        """The nodes on which a domain executes or could, under its own name."""
        return [node for node, rows in self._rows().items() if name in rows and not rows[name]["shutdown"]
                and not rows[name]["paused"]]

    # -- back ----------------------------------------------------------------------------------------------------------

    def _bring_back(self):
        if not self.reached:
            return
        if self.schedule.blow == "cut-link":
            self.world.mend()
        elif self.schedule.blow == "kill-sshd":
            self.world.start_sshd(self.there)
        elif self._crashed():
            self.world.boot(self._crashed())

    def _tool(self, words, node=None):
        told = tool(self.world, node or self.here, words, None, timeout=PATIENCE)
        self.told.append(str(told))
        must(told.code in (0, 4, 5, 6, 75), f"{told.command}: exit {told.code}")
        return told

    def _status_names_all(self):
        """A domain that ran and does not run any more was asked to shut down, or was on a node that lost its power, or
        status names what is left of it."""
        shown = {one["name"]: one for one in self._tool("status --json").json.get("domains", [])}
        for name in self.story.before:
            if self._may_be_gone(name) or self._where(name):
                continue
            must(name in shown and shown[name]["state"] != "absent", f"{name} is gone, and nobody names it")

    def _nothing_is_lost(self):
        """What runs nowhere and was not to end is still there in some form: no run without --yes takes that away."""
        rows = self._rows()
        for name in self.story.before:
            left = [row for node in rows.values() for row in node if row.partition("--")[0] == name]
            must(left or self._may_be_gone(name), f"nothing is left of {name}")

    def _may_be_gone(self, name):
        """It was asked to shut down, or the node on which it executed last has lost its power."""
        on = self.world.names[self.schedule.node_of(self.story.before[name]) - 1]
        for event in self.world.simulation.events():
            if event["event"] == "asked-to-shut-down" and event.get("domain") == name:
                return True
            if event["event"] == "executes" and plain(event["domain"]) == name:
                on = event["node"]
            if event["event"] == "node-crashed" and event["node"] == on:
                return True
        return False

    def _recover(self):
        """recover comes to an end with exit 0, with --yes where it asks for that, and leaves no record behind."""
        agreed = False

        def over():
            nonlocal agreed
            told = self._tool(f"recover {LOCK}")
            if not agreed:
                self._nothing_is_lost()
            if told.code != 0:
                agreed = True  # to the end of a domain that cannot be resumed; a start that fails then leaves none
                told = self._tool(f"recover --yes {LOCK}")
            if told.code != 0:
                self._decide_split_brains(told)
            return told.code == 0 and not any(self._records())
        self._until_done(over, "recover does not come to an end")

    def _records(self):
        return [os.listdir(self.world.simulation.disk(node, "/var/lib/xen-drbd")) for node in (1, 2)]

    def _decide_split_brains(self, told):
        """What an administrator does about a split brain that recover leaves to him: the data of the node on which the
        domain neither runs nor stands suspended are given up. DRBD itself must have found it to be one: the link was lost
        while both were Primary."""
        for name in self.story.before:
            why = [event["why"] for event in self.world.simulation.events()
                   if event["event"] == "stand-alone" and event["resource"] == name]
            if not why or why[-1] != "split brain" or not self._stands_alone(name):
                continue
            must(f"--discard-my-data {name}" in told.stderr, f"the split brain of {name} is not explained")
            primary = [node for node in (1, 2) if self.world.simulation.resource(node, name)["role"] == "Primary"]
            keep = (self._where(name) or primary or [1])[0]
            self.world.on(3 - keep, f"drbdadm connect --discard-my-data {name}", check=True)
            self.world.on(keep, ["drbdadm", "connect", name])
            self.told.append(f"the data of {name} on node {3 - keep} are given up")

    def _stands_alone(self, name):
        ends = [self.world.simulation.resource(node, name) for node in (1, 2)]
        return any(end and end["connection"] == "StandAlone" for end in ends)

    def _again(self):
        """The command again: it is done, or refused in a way that start-all leads out of. On a machine that is too busy it
        may fail by itself: what it leaves then, the record of a migration above all, is for recover."""
        def once_more():
            code = self._tool(self.story.words).code
            if code == 6:
                self._tool(f"recover {LOCK}")
            if code == 4 and self.schedule.story.startswith("migrate"):  # what runs nowhere cannot move
                self._tool("start-all")
                code = self._tool(self.story.words).code
            return code == 0
        self._until_done(once_more, "the command does not come to an end")

    def _until_done(self, attempt, text):
        """A resync, or a domain that is going away, may take its moment, and on a busy machine a run takes long."""
        until = time.monotonic() + 30
        for tries in itertools.count(1):
            if attempt():
                return
            must(time.monotonic() < until or tries < 5, text)
            time.sleep(0.5)

    # -- the end -------------------------------------------------------------------------------------------------------

    def _all_is_well(self):
        world = self.world
        world.simulation.wait_for(self._in_sync, 30, "DRBD to be Connected")
        must(not any(self._records()), f"a migration record is left: {self._records()}")
        where = {name: self._where(name) for name in RESOURCES}
        must(all(len(nodes) < 2 for nodes in where.values()), f"a domain runs twice: {where}")
        for number, node in enumerate(world.simulation.world()["nodes"], 1):
            running = {name for name, nodes in where.items() if nodes == [number]}
            rows = {row["name"] for row in node["domains"]}
            must(rows == running, f"rows of node {number}: {rows}, but {running} run there")
            primary = {one["name"] for one in node["resources"] if one["role"] == "Primary"}
            must(primary == running, f"Primary on node {number}: {primary}, but {running} run there")
            must(not any(one["two_primaries"] for one in node["resources"]), f"a window is open on node {number}")
        for name, node in self._wanted(where).items():
            must(where[name] == [node], f"{name} should run on node {node} in the end: {where}")
        self._until_done(lambda: self._tool("status").code == 0, "status is not content")

    def _in_sync(self):
        ends = [one for node in self.world.simulation.world()["nodes"] for one in node["resources"]]
        return len(ends) == 2 * len(RESOURCES) and all(
            end["connection"] == "Connected" and end["replication"] == "Established" for end in ends)

    def _wanted(self, where):
        """Where the domains of the story are when its command is done."""
        if self.schedule.story == "start":
            return {"dns": self.here, "samba": self.here}
        if self.schedule.story == "migrate-and-start-all":
            return {"dns": 1, "samba": 2, "mail": 2}
        if self.schedule.story == "evacuate":
            must(all(nodes != [self.here] for nodes in where.values()), f"something is left: {where}")
            return {}
        target = self.there if self.schedule.story == "migrate-out" else self.here
        return {name: target for name in self.story.before}

    def _remember_the_pair(self):
        for node in (1, 2):
            if self.world.simulation.alive(node):
                done = self.world.on(node, "xl list; drbdadm status; ls -l /var/lib/xen-drbd; tail -n +1 "
                                           "/var/lib/xen-drbd/* 2>/dev/null; ps -e -o pid,args")
                self.told.append(f"node {node}\n{done.stdout}{done.stderr}")
        self.told.append("events\n" + "\n".join(json.dumps(event) for event in self.world.simulation.events()
                                                if event["event"] != "write"))
