#!/usr/bin/env python3
"""Crash-point sweep: at any step of a command the tool is killed, the peer's sshd is, the link is cut or a node crashes.

Then all is brought back; status, recover and the command again have to lead out, and the event log has to show that no
domain ever ran twice, that no disk ever had two writers, and that no domain was lost without being named.

Each seed is one schedule. A failing seed prints the command that replays it and writes what was said to build/sweep.
"""

import argparse
import concurrent.futures
import multiprocessing
import shlex
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

import schedule
from experiment import Experiment

REPORTS = Path(__file__).resolve().parent.parent.parent / "build" / "sweep"


def in_a_folder(work, *arguments):
    folder = tempfile.mkdtemp(prefix="xen-drbd-sweep-")
    try:
        return work(f"{folder}/pair", *arguments)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def experiment(directory, drawn):
    """Nothing when all held, else what did not and what was said; and whether the point was passed at all."""
    one = Experiment(drawn, directory)
    try:
        one.run()
        return None, one.reached
    except Exception:  # pylint: disable=broad-except # whatever it was, it is told and the sweep goes on
        return f"{traceback.format_exc()}\n" + "\n\n".join(one.told), one.reached


def replay_command(drawn):
    return f"tests/sweep/sweep.py --replay {shlex.quote(drawn.to_json())}"


class Sweep:
    """Many schedules, `jobs` at once."""

    def __init__(self, jobs):
        self.pool = concurrent.futures.ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"))
        self.failed = self.passed = self.missed = 0
        self.begun = time.monotonic()

    def draw(self, seeds):
        """The schedules of the seeds: each of the undisturbed runs that they need is traced once."""
        needed = {}
        for seed in seeds:
            schedule.draw(seed, lambda *what: needed.setdefault(what, [schedule.Point(1, "", "")]))
        traced = {what: self.pool.submit(in_a_folder, schedule.trace, *what) for what in needed}
        points = {what: future.result() for what, future in traced.items()}
        print(f"{sum(map(len, points.values()))} points in {len(points)} commands", flush=True)
        return {seed: schedule.draw(seed, lambda *what: points[what]) for seed in seeds}

    def run(self, drawn, until):
        self.begun = time.monotonic()
        waiting = list(drawn.items())
        running = {}
        while waiting or running:
            while waiting and len(running) < self.pool._max_workers and time.monotonic() < until:
                seed, one = waiting.pop(0)
                running[self.pool.submit(in_a_folder, experiment, one)] = seed, one
            if not running:
                return
            done, _ = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in done:
                self.note(*running.pop(future), *future.result())

    def note(self, seed, one, failure, reached):
        self.missed += not reached
        done = self.passed + self.failed + 1
        if done % 100 == 0:
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


def ended(*_):
    """SIGTERM ends the pairs too; each worker takes its own down."""
    for worker in multiprocessing.active_children():
        worker.terminate()
    sys.exit(143)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="the first seed (%(default)s)")
    parser.add_argument("--count", type=int, default=1, help="how many seeds (%(default)s)")
    parser.add_argument("--jobs", type=int, default=4, help="pairs at once (%(default)s)")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no schedule after this time")
    parser.add_argument("--replay", metavar="JSON", help="one schedule as a failing seed printed it")
    options = parser.parse_args()
    if options.count > 1 and options.replay:
        parser.error("--replay is one schedule")
    signal.signal(signal.SIGTERM, ended)
    begun = time.monotonic()
    sweep = Sweep(options.jobs)
    if options.replay:
        drawn = {"replay": schedule.Schedule.from_json(options.replay)}
    else:
        drawn = sweep.draw(range(options.seed, options.seed + options.count))
    sweep.run(drawn, begun + options.seconds)
    print(f"{sweep.passed} schedules held, {sweep.failed} failed; {sweep.missed} did not come to their point; "
          f"{time.monotonic() - begun:.0f} s")
    return 1 if sweep.failed or not sweep.passed else 0


if __name__ == "__main__":
    sys.exit(main())
