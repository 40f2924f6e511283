"""A second attempt for tests that fail on real processes and nodes, with `--second-attempt` only.

The reasons are in docs/decisions/0011. Everything that the first attempt used is taken down before
the second one, fixtures of the session included: what failed may have left them broken.
"""

from __future__ import annotations

from typing import Final

import pytest
from _pytest.runner import runtestprotocol

FOLDERS: Final = ("tests/conformance", "tests/e2e", "tests/kind", "tests/kube", "tests/processes")
"""Where programs and nodes are real; all else fails at once."""
MOST: Final = 3
"""Second attempts of each pytest worker: what fails more often is broken, and fails at once."""
LINES: Final = 25
"""How much of the first failure is shown."""
TITLE: Final = "the first attempt"
WORDS: Final = "passed at the second attempt"

_attempts = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """What CI gives."""
    parser.getgroup("eurekube").addoption(
        "--second-attempt",
        action="store_true",
        help=f"run a failed test of {', '.join(FOLDERS)} once more; the last lines name it",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Run a test, and run it again if it fails and may; None leaves it to pytest."""
    if not _may_fail_once(item):
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, log=False, nextitem=nextitem)
    first = next((report for report in reports if report.failed), None)
    if first is not None:
        item.config.stash[_attempts] = item.config.stash.get(_attempts, 0) + 1
        said = _last_lines(first) + _take_down(item)
        item.user_properties.clear()  # what the first attempt measured
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        for report in reports:
            report.sections.append((TITLE, said))
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_report_teststatus(
    report: pytest.CollectReport | pytest.TestReport,
) -> tuple[str, str, str] | None:
    """Mark a test that needed two attempts in the progress of the run; it counts as passed."""
    if report.passed and report.when == "call" and _first_attempt(report):
        return "passed", "2", WORDS.upper()
    return None


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the tests that needed two attempts, with the end of their first failure."""
    for report in terminalreporter.getreports("passed"):
        said = _first_attempt(report)
        if said:
            terminalreporter.write_line(f"{WORDS}: {report.nodeid}", yellow=True)
            for line in said.splitlines():
                terminalreporter.write_line(f"  {line}")


def _may_fail_once(item: pytest.Item) -> bool:
    folder = item.path.relative_to(item.config.rootpath).as_posix()
    return (
        item.config.getoption("--second-attempt")
        and folder.startswith(tuple(f"{each}/" for each in FOLDERS))
        and item.config.stash.get(_attempts, 0) < MOST
    )


def _take_down(item: pytest.Item) -> str:
    """End the fixtures of all scopes; what fails meanwhile, in a line."""
    state = item.session._setupstate
    call = pytest.CallInfo.from_call(lambda: state.teardown_exact(None), "teardown")
    return "" if call.excinfo is None else f"\nits fixtures: {call.excinfo.exconly()}"


def _last_lines(report: pytest.TestReport) -> str:
    return "\n".join(report.longreprtext.splitlines()[-LINES:])


def _first_attempt(report: pytest.CollectReport | pytest.TestReport) -> str:
    """How the first attempt ended; empty if there was only one."""
    return next((text for title, text in report.sections if title == TITLE), "")
