"""A plugin of pytest: the scenarios of tests/scenarios run over the lab.   pytest -p scenarios_on_lab tests/scenarios

Files called test_sim_*.py and test_simulator.py need what only a simulated pair has, and are left out.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "scenarios")]
import harness    # noqa: E402
import lab_world    # noqa: E402


def pytest_configure():
    harness.simulated = lab_world.real


def pytest_ignore_collect(collection_path):
    return True if collection_path.name.startswith("test_sim") else None
