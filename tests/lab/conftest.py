"""Fixtures of the lab's own scenarios: the real pair, each time as it is in a snapshot."""

import contextlib
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "scenarios")]
import guests    # noqa: E402
import lab_world    # noqa: E402
from lab import Lab    # noqa: E402
from scenarios_on_lab import pytest_runtest_logreport    # noqa: E402,F401

RUNNING = "dns-runs"    # the snapshot in which dns was started by hand on node 1


@pytest.fixture
def pair():
    """Two nodes, DRBD Connected and UpToDate, nothing runs."""
    with lab_world.real() as world:
        yield world


@pytest.fixture
def running():
    """The same, and dns runs on node 1 and counts. The first time it is started, after that a snapshot has it."""
    with contextlib.ExitStack() as stack:
        if Lab().keeps(RUNNING):
            world = stack.enter_context(lab_world.real(snapshot=RUNNING))
        else:
            world = stack.enter_context(lab_world.real())
            world.start_by_hand(1, "dns")
            guests.goes_on(world, 1, "dns")
            world.lab.save(RUNNING)
        guests.goes_on(world, 1, "dns")
        yield world
