"""Clusters that a test run makes for itself and takes down again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

import pytest

from cluster import lifecycle, records
from cluster.errors import CannotRunError, ClusterError
from cluster.plan import Plan
from cluster.versions import DEFAULT_KUBERNETES, Kubernetes
from conformance.realclient import not_run

_PREFIX: Final = "run"


@contextmanager
def own_cluster(
    tier: str, nodes: int, config: pytest.Config, kubernetes: str = DEFAULT_KUBERNETES
) -> Iterator[Plan]:
    """A cluster for as long as the block lasts; skips where there can be none, with the reason."""
    name = f"{_PREFIX}-{os.getpid()}-{tier}"
    plan = Plan(name, records.work_folder(name), Kubernetes.parse(kubernetes), nodes)
    with speaking(config):
        _sweep()
        try:
            lifecycle.bring_up(plan)
        except CannotRunError as error:
            not_run(tier, str(error))
    try:
        yield plan
    finally:
        lifecycle.take_down(plan.work)


def speaking(config: pytest.Config) -> AbstractContextManager[None]:
    """Let what takes minutes the first time be seen, though pytest captures output."""
    manager = config.pluginmanager.getplugin("capturemanager")
    assert manager is not None
    spoken: AbstractContextManager[None] = manager.global_and_fixture_disabled()
    return spoken


def _sweep() -> None:
    """Take down what runs that were killed have left."""
    for name in records.names():
        words = name.split("-")
        if words[0] == _PREFIX and not Path(f"/proc/{words[1]}").exists():
            try:
                lifecycle.take_down(records.work_folder(name))
            except ClusterError as error:
                print(f"left alone: {error}")  # noqa: T201 - shown at once
