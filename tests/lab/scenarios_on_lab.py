"""A plugin of pytest: the scenarios of tests/scenarios run over the lab.   pytest -p scenarios_on_lab tests/scenarios

Files called test_sim_*.py and test_simulator.py need what only a simulated pair has, and are left out. So is what
LEFT_OUT names; everything else runs on both.
"""

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "scenarios")]
import harness    # noqa: E402
import lab_world    # noqa: E402
import pytest    # noqa: E402
import tally    # noqa: E402

SAYS_NOTHING_OF_THE_PAIR = "what is typed, and how it is answered, is the same on any pair"
BEFORE_THE_PAIR = "is refused before xl or DRBD are asked; one scenario of the kind is enough on real nodes"
TOLD_TWICE = "is told with a guest that counts in another scenario, which runs on both pairs"

# the beginning of a scenario's name (FILE::NAME): why it does not run on the real pair, where each takes a minute
LEFT_OUT = {
    "test_boot.py": "boots and shutdowns are told under systemd, in the lab's test_boot.py",
    "test_command_line.py": SAYS_NOTHING_OF_THE_PAIR,
    "test_same_pair.py::test_a_topology_that_differs": BEFORE_THE_PAIR,
    "test_same_pair.py::test_a_topology_that_is_missing": BEFORE_THE_PAIR,
    "test_same_pair.py::test_a_peer_with": BEFORE_THE_PAIR,
    "test_same_pair.py::test_an_address_that_leads_back": BEFORE_THE_PAIR,
    "test_same_pair.py::test_i_am": SAYS_NOTHING_OF_THE_PAIR,
    "test_subcommands.py::test_a_domain_that_is_typed_twice": SAYS_NOTHING_OF_THE_PAIR,
    "test_subcommands.py::test_status_of_some": SAYS_NOTHING_OF_THE_PAIR,
    "test_subcommands.py::test_the_time_of_a_run": SAYS_NOTHING_OF_THE_PAIR,
    "test_subcommands.py::test_the_dry_run_of_every": "forty-five runs, a quarter of an hour; plans are made by the same code on any pair",
    "test_subcommands.py::test_start_all": TOLD_TWICE,
    "test_subcommands.py::test_start_my_domains": TOLD_TWICE,
    "test_subcommands.py::test_start_refuses": TOLD_TWICE,
    "test_subcommands.py::test_migrate_out": TOLD_TWICE,
    "test_subcommands.py::test_migrate_all_out": TOLD_TWICE,
    "test_subcommands.py::test_migrate_my_domains": TOLD_TWICE,
    "test_subcommands.py::test_migrate_and_start": TOLD_TWICE,
    "test_subcommands.py::test_evacuate_cancel": TOLD_TWICE,
    "test_subcommands.py::test_recover_changes": TOLD_TWICE,
    "test_subcommands.py::test_stop_all": TOLD_TWICE,
    "test_unreachable_peer.py::test_what_ran_on_a_crashed": TOLD_TWICE,
    "test_unreachable_peer.py::test_a_domain_of_a_dead": TOLD_TWICE,    # and it needs two pairs at once
    "test_unreachable_peer.py::test_the_claim": TOLD_TWICE,
    "test_unreachable_peer.py::test_a_name_that": BEFORE_THE_PAIR,
    "test_unreachable_peer.py::test_anything_else_a_fence_agent": BEFORE_THE_PAIR,
    "test_unreachable_peer.py::test_nothing_is_started_or_moved_while_the_peer_cannot_be_asked[unknown": BEFORE_THE_PAIR,
    "test_unreachable_peer.py::test_nothing_is_started_or_moved_while_the_peer_cannot_be_asked[changed": BEFORE_THE_PAIR,
    "test_unreachable_peer.py::test_nothing_is_started_or_moved_while_the_peer_cannot_be_asked[stopped": TOLD_TWICE,
    "test_unreachable_peer.py::test_nothing_is_started_or_moved_while_the_peer_cannot_be_asked[frozen": TOLD_TWICE,
}
# both nodes do the same, and one is enough where a minute counts
ONE_NODE_IS_ENOUGH = ("[2]",)


def left_out(item):
    name = item.nodeid.rpartition("/")[2]
    return name.endswith(ONE_NODE_IS_ENOUGH) or any(name.startswith(begin) for begin in LEFT_OUT)


def pytest_configure():
    harness.simulated = lab_world.real
    harness.counting = lab_world.counting


def pytest_ignore_collect(collection_path):
    return True if collection_path.name.startswith("test_sim") else None


def stale(items):
    """What LEFT_OUT names, but no scenario of a file that was collected is called so."""
    names = [item.nodeid.rpartition("/")[2] for item in items]
    files = {name.partition("::")[0] for name in names}
    return [begin for begin in LEFT_OUT if begin.partition("::")[0] in files and not any(name.startswith(begin) for name in names)]


def pytest_collection_modifyitems(config, items):
    if stale(items):
        raise pytest.UsageError(f"no scenario is called {', '.join(stale(items))}: scenarios_on_lab.py")
    config.hook.pytest_deselected(items=[item for item in items if left_out(item)])
    items[:] = [item for item in items if not left_out(item)]


def pytest_runtest_logreport(report):
    """A scenario that fails says so at once: the end of the suite may be half an hour away. Who runs one of several pairs
    only passes the report on."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    tally.note_report(report)
    if report.failed:
        print(f"\n{report.longreprtext}", flush=True)
