"""`kubectl eureka drill` as people use it: nothing is lost, and nothing is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any, Final

import pytest

from e2e.clusters import Target
from e2e.operator.installed import Operator
from kubectl_eureka.core.drill import LABEL
from processes.cluster import until
from support.kubectl import Kubectl

PROGRAM: Final = [sys.executable, "-m", "kubectl_eureka", "drill"]
PATIENCE_S: Final = 600
STEPS: Final = ["start", "delete", "restart", "grow", "shrink"]


@pytest.fixture
def environment(target: Target, operator: Operator) -> dict[str, str]:  # noqa: ARG001 - it works there
    """That of somebody who works with the cluster."""
    return {**os.environ, "KUBECONFIG": str(target.kubeconfig)}


def drill_namespaces(kubectl: Kubectl) -> list[str]:
    """Namespaces of drills."""
    found = kubectl.get("namespaces", f"--selector={LABEL}")["items"]
    return [each["metadata"]["name"] for each in found]


def test_a_drill_loses_nothing_and_leaves_nothing(
    target: Target,
    environment: dict[str, str],
    record_property: Callable[[str, object], None],
) -> None:
    """A peer deleted by force, all restarted, scaled."""
    done = subprocess.run(
        [*PROGRAM, "-o", "json"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )

    assert done.returncode == 0, done.stderr + done.stdout
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["passed"] is True
    assert [each["name"] for each in report["steps"]] == STEPS
    for each in report["steps"]:
        record_property(f"drill, {each['what']}", f"{each['agreed_after_s']:.1f} s")
    started, *rest = report["steps"]
    assert started["tally"]["lookups"] == 0
    # Each of the clients renews every 2 s, and each step ends 3 s after the peers agree.
    assert all(each["tally"]["renewals"] >= report["clients"] for each in rest)
    assert all(each["tally"]["lookups"] > each["tally"]["renewals"] for each in rest)
    assert report["tally"]["lookups_retried"] > 0, "no client has noticed that peers were away"
    assert drill_namespaces(target.kubectl) == []
    assert f"namespace {report['namespace']} is removed" in done.stderr


def test_ctrl_c_in_the_middle_leaves_nothing(target: Target, environment: dict[str, str]) -> None:
    """While clients look and a peer is away."""
    with subprocess.Popen(
        PROGRAM, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr is not None
            said = []
            for line in process.stderr:
                said.append(line)
                if "deleted by force" in line:
                    break
            assert len(drill_namespaces(target.kubectl)) == 1, said
            process.send_signal(signal.SIGINT)
            out, rest = process.communicate(timeout=PATIENCE_S)
        finally:
            process.kill()

    assert process.returncode == 128 + signal.SIGINT
    assert out == ""
    assert "is removed" in rest
    until(lambda: drill_namespaces(target.kubectl) == [])
