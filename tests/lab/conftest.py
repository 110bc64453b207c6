"""Fixtures of the lab's own scenarios: the real pair, each time as it is in a snapshot."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "scenarios")]
import lab_world    # noqa: E402
from main_thread import pytest_sessionstart    # noqa: E402,F401
from scenarios_on_lab import pytest_runtest_logreport    # noqa: E402,F401


@pytest.fixture
def pair():
    """Two nodes, DRBD Connected and UpToDate, nothing runs."""
    with lab_world.real() as world:
        yield world


@pytest.fixture
def running():
    """The same, and dns runs on node 1 and counts."""
    with lab_world.counting() as world:
        yield world
