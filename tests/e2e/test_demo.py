"""`make demo` on a cluster that is there: what it shows, and that it leaves nothing."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from cluster.images import OPERATOR, ROOT
from conformance.realclient import not_run
from demo import objects
from e2e.clusters import Target
from e2e.operator.installed import Operator
from e2e.operator.typist import Typist

KINDS: Final = (
    "namespaces,customresourcedefinitions,clusterroles,clusterrolebindings,"
    "mutatingwebhookconfigurations,validatingadmissionpolicies,validatingadmissionpolicybindings"
)
"""What of the demo could be outside of its namespaces."""
_PATIENCE_S: Final = 240.0


@pytest.fixture
def types(target: Target, tmp_path: Path) -> Typist:
    """Somebody with kubectl and Helm on the path, and the cluster in KUBECONFIG."""
    return Typist(target, target.kubectl, tmp_path)


def test_readme_begins_with_it() -> None:
    """Before anything has to be installed by hand."""
    part = (ROOT / "README.md").read_text().partition("\n## Kubernetes\n")[2]

    assert part.startswith("\n```\nmake demo\n```\n")


def test_two_services_call_each_other_and_ctrl_c_leaves_nothing(
    target: Target, operator: Operator, types: Typist
) -> None:
    """On a cluster that has never seen Eurekube; a second Ctrl-C does not hurt."""
    operator.uninstall()
    target.kubectl("delete", "crd", *objects.CRDS)
    try:
        before = _objects(target)
        with _demo(target, types) as demo:
            url = _line(demo, r"dashboard: (\S+)")
            with urllib.request.urlopen(url, timeout=10) as answer:
                page = answer.read()
            for name in objects.SERVICES:
                _line(demo, rf"{name}: [1-9]\d* calls of the other service, 0 failed")
            _interrupt(demo)
            _line(demo, "(is removed now)")
            _interrupt(demo)
            rest = _rest(demo)

        assert b"Eureka" in page
        assert "all that the demo has made is removed" in rest
        assert _objects(target) == before
    finally:
        operator.install()


def test_end_in_the_middle_of_a_step_leaves_what_was_there_before(
    target: Target, operator: Operator, types: Typist
) -> None:
    """SIGTERM while peers start; the operator of the cluster is used, and stays."""
    before = _objects(target)
    with _demo(target, types) as demo:
        _line(demo, "(the operator of this cluster is used)")
        _line(demo, "(an EurekaCluster: three peers that agree)")
        demo.terminate()
        rest = _rest(demo)

    assert "all that the demo has made is removed" in rest
    assert _objects(target) == before
    assert operator.leader


@contextmanager
def _demo(target: Target, types: Typist) -> Iterator[subprocess.Popen[str]]:
    """The command, with its output in a pipe."""
    registry, found, tag = target.image(OPERATOR).rpartition("/eurekube/operator:")
    if not found:
        not_run("e2e of the demo", "it takes images under a prefix that ends with /eurekube/")
    words = f"ARGS=--image-registry={registry} --image-tag={tag}"
    kept = {name: text for name, text in types.environment.items() if not name.startswith("MAKE")}
    with subprocess.Popen(
        ["make", "demo", words],
        cwd=ROOT,
        env=kept,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        watchdog = threading.Timer(_PATIENCE_S, process.terminate)
        watchdog.start()
        try:
            yield process
        finally:
            watchdog.cancel()
            process.terminate()


def _line(demo: subprocess.Popen[str], pattern: str) -> str:
    """Read on to a line with a pattern; its group."""
    assert demo.stdout is not None
    seen = []
    for line in demo.stdout:
        seen.append(line)
        found = re.search(pattern, line)
        if found:
            return found[found.re.groups]
    pytest.fail(f"it ends without {pattern!r}:\n{''.join(seen)}")


def _interrupt(demo: subprocess.Popen[str]) -> None:
    """A terminal's Ctrl-C: to all in its foreground."""
    os.killpg(demo.pid, signal.SIGINT)


def _rest(demo: subprocess.Popen[str]) -> str:
    """What it says until it ends."""
    assert demo.stdout is not None
    rest = demo.stdout.read()
    demo.wait(_PATIENCE_S)
    return rest


def _objects(target: Target) -> set[str]:
    """Names of all objects of a cluster as a whole, but for namespaces that other tests delete."""
    found = target.kubectl("get", KINDS, "--output=name").split()
    return {each for each in found if "demo" in each or not each.startswith("namespace/")}
