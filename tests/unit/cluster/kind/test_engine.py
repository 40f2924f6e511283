"""How Docker's engine is started: nothing of it is outside what the tool takes down."""

from __future__ import annotations

from pathlib import Path

from cluster.kind.engine import PLACE, dockerd
from cluster.plan import Plan
from cluster.versions import Kubernetes


def test_engine_writes_and_counts_only_where_the_cluster_is_taken_down(tmp_path: Path) -> None:
    """Its folders are the place's own, its control groups below the cluster's."""
    plan = Plan("one", tmp_path, Kubernetes.parse("1.34.4"), 1, by_kind=True)
    flags = dict(word[2:].split("=", 1) for word in dockerd(plan).command if word.startswith("--"))
    seen = [path for _, path in plan.seen(PLACE)]

    paths = [
        flags["data-root"],
        flags["exec-root"],
        flags["pidfile"],
        flags["host"][len("unix://") :],
    ]
    assert all(any(path.startswith(f"{each}/") for each in seen) for path in paths)
    assert flags["cgroup-parent"] == "/eurekube/one/engine"
