"""The tool that makes clusters, as people call it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from cluster import parts, processes, records
from cluster.versions import DEFAULT_KUBERNETES, Kubernetes
from processes.cluster import until
from support.clustertool import ROOT, TOOL, tool, traces
from support.kubectl import Kubectl
from support.ownclusters import show_progress


@pytest.fixture(scope="module")
def built(api: Kubectl, pytestconfig: pytest.Config) -> None:
    """What nodes take is there, so that `up` is a matter of seconds.

    The run's own API server is up, so there can be clusters on this machine.
    """
    assert api("version")
    with show_progress(pytestconfig):
        for part in parts.needed(Kubernetes.parse(DEFAULT_KUBERNETES), nodes=True):
            parts.build(part)


@pytest.fixture
def name(built: None) -> Iterator[str]:  # noqa: ARG001 - must be there
    """A cluster's name, not yet taken."""
    name = f"run-{os.getpid()}-tool"
    yield name
    if records.work_folder(name).exists():
        tool("down", "--name", name)


@contextmanager
def partly_started_cluster(name: str) -> Iterator[subprocess.Popen[bytes]]:
    """`up` of one node, with some of its programs started."""
    words = [*TOOL, "up", "--name", name, "--nodes", "1"]
    with subprocess.Popen(words, cwd=ROOT, stderr=subprocess.DEVNULL) as up:
        work = records.work_folder(name)
        until(lambda: len(processes.marked(work)) > 3, 60.0)
        yield up


def test_second_cluster_beside_the_first(api: Kubectl, name: str) -> None:
    """Each has its own objects; `down` takes one and leaves the other."""
    up = tool("up", "--name", name, "--nodes", "0")
    assert up.returncode == 0, up.stderr
    assert tool("kubectl", "--name", name, "create", "namespace", "only-there").returncode == 0

    status = tool("status", "--name", name, "-o", "json")
    assert status.returncode == 0, status.stdout
    assert {each["label"] for each in json.loads(status.stdout)} >= {"control/etcd", "API"}
    assert "only-there" not in api("get", "namespaces")
    again = tool("up", "--name", name, "--nodes", "0")
    assert again.returncode == 1
    assert "take it down first" in again.stderr

    down = tool("down", "--name", name)

    assert down.returncode == 0, down.stderr
    assert traces(name) == []
    assert "default" in api("get", "namespaces")


def test_down_after_up_was_killed_in_the_middle(name: str) -> None:
    """No process, mount, control group or file is left."""
    with partly_started_cluster(name) as up:
        up.send_signal(signal.SIGKILL)
    assert traces(name) != []

    down = tool("down", "--name", name)

    assert down.returncode == 0, down.stderr
    assert traces(name) == []


def test_ctrl_c_in_the_middle_takes_it_down(name: str) -> None:
    """Whoever changes their mind has nothing to clean up."""
    with partly_started_cluster(name) as up:
        up.send_signal(signal.SIGINT)
        assert up.wait(60.0) != 0

    assert traces(name) == []


@pytest.mark.usefixtures("name")
def test_unknown_cluster_is_named_with_those_that_are_there() -> None:
    """What a person mistyped."""
    said = tool("status", "--name", "nobody")

    assert said.returncode == 1
    assert "there is no cluster nobody; clusters here: " in said.stderr
    assert "Traceback" not in said.stderr
