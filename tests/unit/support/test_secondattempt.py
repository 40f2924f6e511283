"""Tests on nodes may fail once, with `--second-attempt`; what happened is shown."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from support.secondattempt import MOST

TESTS: Final = Path(__file__).parents[2]
ONCE: Final = """
import pathlib
import pytest

SEEN = pathlib.Path(__file__).with_suffix(".seen")

@pytest.fixture(scope="session")
def cluster():
    SEEN.open("a").write("up ")
    yield
    SEEN.open("a").write("down ")

def test_before(cluster):
    pass

async def test_flaky(cluster, record_property):
    first = SEEN.read_text().count("up") == 1
    record_property("attempt", 1 if first else 2)
    assert not first, "peer2 is not there yet"

def test_after(cluster):
    pass
"""
ALWAYS: Final = """
import pytest

@pytest.mark.parametrize("number", range(5))
def test(number):
    assert number < 0
"""
FIXTURE: Final = """
import pathlib
import pytest

SEEN = pathlib.Path(__file__).with_suffix(".seen")

@pytest.fixture(scope="session")
def cluster():
    SEEN.open("a").write("up ")
    assert SEEN.read_text() != "up ", "no cluster"

def test(cluster):
    pass
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a file for each case."""
    root = tmp_path_factory.mktemp("project")
    (root / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    _write(root, "tests/e2e/test_peers.py", ONCE)
    _write(root, "tests/kube/test_api.py", FIXTURE)
    _write(root, "tests/processes/test_broken.py", ALWAYS)
    _write(root, "tests/unit/test_core.py", ONCE)
    return root


@pytest.fixture(scope="module")
def worker_output(root: Path) -> str:
    """What a worker of CI says of it."""
    return _run(root, "--second-attempt", "-n1")


def test_failed_test_on_nodes_passes_at_the_second_attempt_and_is_named(
    root: Path, worker_output: str
) -> None:
    """With fixtures made again, those of the session too, and the end of the first failure."""
    assert "passed at the second attempt: tests/e2e/test_peers.py::test_flaky" in worker_output
    assert "AssertionError: peer2 is not there yet" in worker_output
    assert (root / "tests/e2e/test_peers.seen").read_text() == "up down up down "


def test_fixture_that_failed_is_made_again(worker_output: str) -> None:
    """As a cluster that did not come up."""
    assert "passed at the second attempt: tests/kube/test_api.py::test" in worker_output
    assert "AssertionError: no cluster" in worker_output


def test_test_that_fails_twice_fails_and_shows_both(worker_output: str) -> None:
    """After a few tests there is no second attempt any more: the product is broken."""
    assert "passed at the second attempt: tests/processes" not in worker_output
    assert worker_output.count("- the first attempt -") == MOST - 2


def test_unit_fails_at_once(worker_output: str) -> None:
    """Nothing there depends on time: it is wrong, or the code is."""
    assert "FAILED tests/unit/test_core.py::test_flaky" in worker_output
    assert "6 failed, 6 passed" in worker_output


def test_developer_has_one_attempt(tmp_path: Path) -> None:
    """Who changes something wants to see what fails now and then."""
    _write(tmp_path, "tests/e2e/test_peers.py", ONCE)

    assert "1 failed, 2 passed" in _run(tmp_path)


def _write(root: Path, name: str, text: str) -> None:
    file = root / name
    file.parent.mkdir(parents=True)
    file.write_text(text)


def _run(root: Path, *flags: str) -> str:
    """What pytest prints for a project."""
    words = [
        *(sys.executable, "-m", "pytest", "-ra", f"--rootdir={root}"),
        *("-p", "support.secondattempt", "-p", "no:cacheprovider", "-o", "asyncio_mode=auto"),
        *flags,
    ]
    environment = {name: text for name, text in os.environ.items() if "PYTEST" not in name}
    environment["PYTHONPATH"] = str(TESTS)
    done = subprocess.run(
        words, cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    return done.stdout
