"""Fixtures of the scenarios: a fresh pair for each test, or one for all tests of a file that do not spoil it."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
import harness    # noqa: E402
from main_thread import pytest_sessionstart    # noqa: E402,F401


def pytest_configure(config):
    if os.geteuid() != 0:
        raise pytest.UsageError("the scenarios need root: their nodes are namespaces")
    config.addinivalue_line("markers", "slow: takes more than half a minute; not in the default tests/run")


@pytest.fixture
def make_world():
    """Makes pairs: make_world(domains=..., dialect="9", settings={...}, ...), the options of Cluster. Each is taken down
    after the test, and its event log is replayed first unless the test says `checked=False`."""
    stack, folders, checked_worlds = [], [], []

    def make(*, checked=True, **options):
        folder = tempfile.mkdtemp(prefix="xen-drbd-scenario-")
        folders.append(folder)
        context = harness.simulated(f"{folder}/pair", **options)
        world = context.__enter__()
        stack.append(context)
        if checked:
            checked_worlds.append(world)
        return world

    try:
        yield make
        for world in checked_worlds:
            world.assert_sound()
    finally:
        for context in reversed(stack):
            context.__exit__(None, None, None)
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def world(make_world):
    """The standard pair: dom0 and mirror; dns, samba and mail; nothing runs; DRBD 8.4 is Connected and UpToDate."""
    return make_world()


@pytest.fixture
def pair(world):
    """The same, in the scenarios of guests that count."""
    return world


@pytest.fixture
def running():
    """The standard pair; dns runs on node 1 and counts. The copy of a guest that is moved takes some seconds."""
    folder = tempfile.mkdtemp(prefix="xen-drbd-scenario-")
    try:
        with harness.counting(f"{folder}/pair") as world:
            yield world
            world.assert_sound()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
