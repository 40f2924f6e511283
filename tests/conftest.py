"""For all tests: what could not run here is said in the last lines, with the reason.

A test that lacks a tool skips with the reason `not run: node conformance: npm is not installed`.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

_HERE: Final = Path(__file__).parent
sys.path.insert(0, str(_HERE))

pytest_plugins = ["support.secondattempt"]

# A shell's background jobs and `nohup` ignore these, and whatever they start does: but programs are
# tried with them.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Nothing here asserts how long something takes, and a busy machine is slow now and then.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

_NOT_RUN: Final = "not run: "
_TOGETHER: Final = ("tests/conformance/oracle", "tests/kind", "tests/kube")
"""Folders whose tests go to one worker; elsewhere the tests of a file do. Those on nodes mostly
wait: two workers with a cluster each take half the time."""
_LONG: Final = "long"


def pytest_addoption(parser: pytest.Parser) -> None:
    """What the tests on nodes can be told."""
    group = parser.getgroup("eurekube")
    group.addoption("--kubeconfig", help="run tests/e2e on this cluster (default: $KUBECONFIG)")
    group.addoption(
        "--cluster",
        metavar="NAME",
        help="run tests/e2e on a cluster that `python -m tests.cluster up` made, and hurt it; -n0",
    )
    group.addoption(
        "--image-prefix",
        default="",
        metavar="TEXT",
        help="what stands before registry:test there (default: localhost/eurekube/)",
    )
    group.addoption(
        "--kind",
        metavar="VERSION",
        help="run tests/e2e on a cluster that kind makes, of this Kubernetes; empty: the usual one",
    )
    group.addoption("--kind-image", metavar="IMAGE", help="of kind's nodes, where there is Docker")
    group.addoption("--long", action="store_true", help="run tests that take minutes each, too")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marks."""
    config.addinivalue_line("markers", f"{_LONG}: takes minutes, and is run with --long only")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes long, unless it is asked for; the last lines of a run say so."""
    if config.getoption("--long"):
        return
    skip = pytest.mark.skip(reason=f"{_NOT_RUN}what takes minutes each: make test ARGS=--long")
    for item in items:
        if item.get_closest_marker(_LONG):
            item.add_marker(skip)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    """Keep together what shares an expensive fixture or a fixed port, when several workers run."""
    return _Together(config, log)


class _Together(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
    """By folder or file; xdist's own groups take marks, which it does not see with pytest 9.2."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return next((folder for folder in _TOGETHER if path.startswith(folder)), path)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter,
) -> Generator[None, None, None]:
    """Name each tier that did not run, once, and what tests measured, after all that is said."""
    yield
    reasons = (_reason(report) for report in terminalreporter.getreports("skipped"))
    for reason in sorted({reason for reason in reasons if _NOT_RUN in reason}):
        terminalreporter.write_line(reason[reason.index(_NOT_RUN) :], yellow=True)
    for report in terminalreporter.getreports("passed"):
        for what, value in report.user_properties:
            terminalreporter.write_line(f"measured: {what}: {value}")


def _reason(report: object) -> str:
    """Why a test was skipped; pytest gives file, line and reason."""
    where = getattr(report, "longrepr", None)
    return str(where[2]) if isinstance(where, tuple) else ""
