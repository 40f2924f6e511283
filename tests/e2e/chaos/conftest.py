"""What a run of the chaos schedule can be told: `make chaos ARGS="--seed N --minutes M"`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.plan import Plan
from e2e.chaos.report import Report
from e2e.chaos.run import ChaosTarget
from e2e.clusters import Target
from e2e.operator.ekc import EkcCluster
from e2e.operator.installed import Operator

SEED = 1
MINUTES = 2.0


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options; in a run of other folders they are not there."""
    group = parser.getgroup("chaos")
    group.addoption("--seed", type=int, default=SEED, help=f"of the schedule (default: {SEED})")
    group.addoption(
        "--minutes", type=float, default=MINUTES, help=f"how long (default: {MINUTES:g})"
    )
    group.addoption("--json", type=Path, metavar="FILE", help="write what was found there, too")


def pytest_report_header(config: pytest.Config) -> str:
    """Say the seed first: whatever ends the run, it can be repeated."""
    report = planned(config)
    return f"chaos: --seed {report.seed} --minutes {report.minutes:g}"


def planned(config: pytest.Config) -> Report:
    """What the run will fill."""
    return Report(config.getoption("--seed", SEED), config.getoption("--minutes", MINUTES))


@pytest.fixture
def cluster(target: Target, operator: Operator) -> Iterator[EkcCluster]:  # noqa: ARG001 - it works there
    """An EurekaCluster that is yet to be started."""
    with target.kubectl.in_a_namespace("chaos") as kubectl:
        yield EkcCluster(kubectl)


@pytest.fixture
def scene(plan: Plan, cluster: EkcCluster, operator: Operator) -> ChaosTarget:
    """Cluster, EurekaCluster and operator."""
    return ChaosTarget(plan, cluster, operator)
