"""Scenarios run in the main thread of their worker, the only one in which Python takes signals.

execnet before 2.1 gives the main thread the first thing it is sent, and the second only if the first has just ended. A
verbose pytest-xdist asks each worker which Python it is, first of all; so it is verbose only when the workers have started.
"""

import pytest


@pytest.hookimpl(hookwrapper=True)
def pytest_sessionstart(session):
    option = session.config.option
    verbose, option.verbose = option.verbose, min(option.verbose, 0)
    yield
    option.verbose = verbose
