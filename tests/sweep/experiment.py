"""One experiment of the sweep: the blow, the return of what was lost, the way back, and what must hold at every stage."""

import contextlib
import json
import os
import signal
import subprocess
import time

from schedule import STORIES, harness, prepare
from stories import assert_runs, tool, windows_closed

PATIENCE = 200          # seconds for any run: more than every deadline of the tool together
SAID, ERRORS = "/var/tmp/said", "/var/tmp/errors"
LOCK = "--lock-wait 90s"  # what a killed run left behind may keep the lock until its transport has ended


class Broken(AssertionError):
    """Something that must hold did not."""


def must(condition, text):
    if not condition:
        raise Broken(text)


class Experiment:
    """A schedule on a pair of its own. `told` is what was said at every stage, for the one who reads a failure."""

    def __init__(self, schedule, directory):
        self.schedule, self.directory = schedule, directory
        self.story = STORIES[schedule.story]
        self.here, self.there = schedule.typed_on, 3 - schedule.typed_on
        self.told = []
        self.reached = False

    def run(self):
        with harness.simulated(self.directory, dialect=self.schedule.dialect) as world:
            self.world = world
            try:
                prepare(world, self.schedule)
                world.simulation.clear_events()
                code = self._disturbed_run()
                self._report_is_true(code)
                self._bring_back()
                self._nothing_is_lost()
                self._recover()
                self._again()
                self._all_is_well()
            except BaseException:
                with contextlib.suppress(Exception):
                    self._remember_the_pair()
                raise
            finally:
                world.simulation.check_events()

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
        self.told.append(f"the run: exit {code}\n{world.read(self.here, SAID)}{world.read(self.here, ERRORS)}")
        return code

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

    def _report_is_true(self, code):
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

    def _where(self, name):
        """The nodes on which a domain executes or could, under its own name."""
        nodes = [node for node in (1, 2) if self.world.simulation.alive(node)]
        rows = {node: self.world.simulation.domains_on(node) for node in nodes}
        return [node for node in nodes if name in rows[node] and not rows[node][name]["shutdown"]
                and not rows[node][name]["paused"]]

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

    def _status(self):
        return {one["name"]: one for one in self._tool("status --json").json["domains"]}

    def _nothing_is_lost(self):
        """A domain that ran and does not run any more was asked to shut down, or was on a node that lost its power, or
        status names what is left of it."""
        self._tool(f"recover {LOCK}")
        shown = self._status()
        events = self.world.simulation.events()
        for name in self.story.before:
            if self._where(name) or shown[name]["state"] != "absent":
                continue
            asked = any(event["event"] == "asked-to-shut-down" and event.get("domain") == name for event in events)
            must(asked or self._crashed(), f"{name} is gone, and nobody names it")

    def _recover(self):
        """recover comes to an end with exit 0, with --yes where it asks for that, and leaves no record behind."""
        def over():
            told = self._tool(f"recover {LOCK}")
            if told.code != 0:
                told = self._tool(f"recover --yes {LOCK}")
            if told.code != 0:
                self._decide_split_brains(told)
            return told.code == 0 and not any(self._records())
        self._until_done(over, "recover does not come to an end")

    def _records(self):
        return [self.world.on(node, ["ls", "/var/lib/xen-drbd"], check=True).stdout.split() for node in (1, 2)]

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
        """The command again: it is done, or refused in a way that start-all leads out of."""
        def once_more():
            code = self._tool(self.story.words).code
            if code == 4 and self.schedule.story.startswith("migrate"):  # what runs nowhere cannot move
                self._tool("start-all")
                code = self._tool(self.story.words).code
            return code == 0
        self._until_done(once_more, "the command does not come to an end")

    def _until_done(self, attempt, text):
        """A resync, or a domain that is going away, may take its moment."""
        until = time.monotonic() + 30
        while not attempt():
            must(time.monotonic() < until, text)
            time.sleep(1)

    # -- the end -------------------------------------------------------------------------------------------------------

    def _all_is_well(self):
        world = self.world
        resources = ("dns", "samba", "mail")
        for name in resources:
            world.simulation.wait_connected(name)
        must(windows_closed(world, *resources), "a window is open")
        must(not any(self._records()), f"a migration record is left: {self._records()}")
        where = {name: self._where(name) for name in resources}
        must(all(len(nodes) < 2 for nodes in where.values()), f"a domain runs twice: {where}")
        assert_runs(world, **{name: nodes[0] for name, nodes in where.items() if nodes})
        for name, node in self._wanted(where).items():
            must(where[name] == [node], f"{name} should run on node {node} in the end: {where}")
        must(self._tool("status").code == 0, "status is not content")

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
