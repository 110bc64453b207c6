#!/usr/bin/env python3
"""Crash-point sweep: at any step of a command the tool is killed, the peer's sshd is, the link is cut or a node crashes.

Then all is brought back; status, recover and the command again have to lead out, and the event log has to show that no
domain ever ran twice, that no disk ever had two writers, and that no domain was lost without being named.

Each seed is one schedule. A failing seed prints the command that replays it and writes what was said to build/sweep.
"""

import argparse
import contextlib
import multiprocessing
import multiprocessing.connection
import shlex
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

import schedule
from experiment import Experiment

import harness

REPORTS = Path(__file__).resolve().parent.parent.parent / "build" / "sweep"
MOST = 8  # pairs at once: most of a schedule is waiting, but too many make the tool miss its deadlines


class Pair:
    """The pair of a worker. It is made once and made fresh for each schedule; one that was spoilt is made anew."""

    def __init__(self):
        self.stack = contextlib.ExitStack()
        self.kept = {}

    def fresh(self, dialect):
        if not self.kept:
            folder = tempfile.mkdtemp(prefix="xen-drbd-sweep-")
            self.stack.callback(shutil.rmtree, folder, ignore_errors=True)
            self.world = self.stack.enter_context(
                harness.simulated(f"{folder}/pair", topology_extra=schedule.TOPOLOGY))
            for one in ("9", "8.4"):
                self.world.simulation.set("dialect", one)
                self.kept[one] = self.world.simulation.keep()
        self.world.simulation.fresh(self.kept[dialect])
        return self.world

    def spoilt(self):
        self.kept = {}
        self.stack.close()


def trace(pair, *what):
    return schedule.trace(pair.fresh(what[-1]), *what)


def experiment(pair, drawn):
    """Nothing when all held, else what did not and what was said; whether the point was passed; seconds by stage."""
    begun = time.monotonic()
    one = Experiment(drawn, pair.fresh(drawn.dialect))
    one.took["fresh"] = time.monotonic() - begun
    failure = None
    try:
        one.run()
    except Exception:  # pylint: disable=broad-except # whatever it was, it is told and the sweep goes on
        failure = f"{traceback.format_exc()}\n" + "\n\n".join(one.told)
        pair.spoilt()
    return failure, one.reached, one.took


def work(connection, of_others):
    """A worker: answers (function, arguments) until the other end is closed, which only the leader may hold open."""
    for other in of_others:
        other.close()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one who leads the sweep ends us, by SIGTERM
    pair = Pair()
    try:
        with contextlib.suppress(EOFError, KeyboardInterrupt):
            while True:
                function, *arguments = connection.recv()
                connection.send(function(pair, *arguments))
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        pair.spoilt()


class Workers:
    """`jobs` processes, each with a pair of its own. As a context it takes them all down at its end."""

    def __init__(self, jobs):
        self.jobs = jobs
        self.processes, self.idle, self.busy = [], [], {}

    def __enter__(self):
        for _ in range(self.jobs):
            mine, its = multiprocessing.Pipe()
            process = multiprocessing.Process(target=work, args=(its, [*self.idle, mine]))
            process.start()
            its.close()
            self.processes.append(process)
            self.idle.append(mine)
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.join()

    def answers(self, tasks):
        """Gives out the tasks (key, (function, arguments...)); yields (key, answer) as they come. Tasks may be a generator:
        it is asked for more only when a worker is free."""
        tasks = iter(tasks)
        while True:
            while self.idle and (task := next(tasks, None)):
                worker = self.idle.pop()
                self.busy[worker], words = task
                worker.send(words)
            if not self.busy:
                return
            for worker in multiprocessing.connection.wait(list(self.busy)):
                answer = worker.recv()  # EOFError: the worker is dead, and said why on stderr
                self.idle.append(worker)
                yield self.busy.pop(worker), answer


def replay_command(drawn):
    return f"tests/sweep/sweep.py --replay {shlex.quote(drawn.to_json())}"


class Sweep:
    """Many schedules, and what came of them."""

    def __init__(self, workers):
        self.workers = workers
        self.failed = self.passed = self.missed = 0
        self.commands, self.stages = Counter(), Counter()
        self.begun = time.monotonic()

    def draw(self, seeds):
        """The schedules of the seeds: each of the undisturbed runs that they need is traced once."""
        needed = {}
        for seed in seeds:
            schedule.draw(seed, lambda *what: needed.setdefault(what, [schedule.Point(1, "", "")]))
        points = dict(self.workers.answers((what, (trace, *what)) for what in needed))
        print(f"{sum(map(len, points.values()))} points in {len(points)} commands", flush=True)
        return {seed: schedule.draw(seed, lambda *what: points[what]) for seed in seeds}

    def run(self, drawn, until):
        self.begun = time.monotonic()
        tasks = ((seed, (experiment, one)) for seed, one in drawn.items() if time.monotonic() < until)
        for seed, answer in self.workers.answers(tasks):
            self.note(seed, drawn[seed], *answer)

    def note(self, seed, one, failure, reached, took):
        self.missed += not reached
        self.commands[one.story] += 1
        self.stages.update(took)
        done = self.passed + self.failed + 1
        if done % 50 == 0:
            print(f"{done} schedules, {done / (time.monotonic() - self.begun) * 60:.0f} a minute", flush=True)
        if failure is None:
            self.passed += 1
            return
        self.failed += 1
        REPORTS.mkdir(parents=True, exist_ok=True)
        report = REPORTS / f"{seed}.txt"
        report.write_text(f"{replay_command(one)}\n\n{failure}\n")
        reason = next(line for line in reversed(failure.partition("\n\n")[0].splitlines()) if line)
        print(f"seed {seed} FAILED: {reason}\n  {report}\n  {replay_command(one)}", flush=True)

    def tell(self):
        done = self.passed + self.failed
        print(f"{self.passed} schedules held, {self.failed} failed; {self.missed} did not come to their point; "
              f"{time.monotonic() - self.begun:.0f} s")
        print("schedules: " + ", ".join(f"{name} {count}" for name, count in self.commands.most_common()))
        print("seconds of one: " + ", ".join(f"{stage} {sum_ / done:.1f}" for stage, sum_ in self.stages.most_common()
                                             if done))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="the first seed (%(default)s)")
    parser.add_argument("--count", type=int, default=1, help="how many seeds (%(default)s)")
    parser.add_argument("--jobs", type=int, default=MOST, help="pairs at once (%(default)s)")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no schedule after this time")
    parser.add_argument("--replay", metavar="JSON", help="one schedule as a failing seed printed it")
    options = parser.parse_args()
    if options.count > 1 and options.replay:
        parser.error("--replay is one schedule")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    begun = time.monotonic()
    with Workers(min(options.jobs, options.count)) as workers:
        sweep = Sweep(workers)
        if options.replay:
            drawn = {"replay": schedule.Schedule.from_json(options.replay)}
        else:
            drawn = sweep.draw(range(options.seed, options.seed + options.count))
        try:
            sweep.run(drawn, begun + options.seconds)
        finally:
            sweep.tell()
    return 1 if sweep.failed or not sweep.passed else 0


if __name__ == "__main__":
    sys.exit(main())
