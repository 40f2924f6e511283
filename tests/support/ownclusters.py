"""Clusters that a test run makes for itself and takes down again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Final

import pytest

from cluster import control, images, lifecycle, records
from cluster.errors import CannotRunError, ClusterError
from cluster.kind import docker
from cluster.kind import lifecycle as kind
from cluster.plan import Plan
from cluster.versions import DEFAULT_KUBERNETES, Kubernetes
from conformance.realclient import not_run
from support.kubectl import Kubectl

_PREFIX: Final = "run"
_KIND: Final = "kind"


@contextmanager
def own_cluster(
    tier: str, nodes: int, config: pytest.Config, kubernetes: str = DEFAULT_KUBERNETES
) -> Iterator[Plan]:
    """A cluster for as long as the block lasts; skips where there can be none, with the reason."""
    name = f"{_PREFIX}-{os.getpid()}-{tier}"
    plan = Plan(name, records.work_folder(name), Kubernetes.parse(kubernetes), nodes)
    with show_progress(config):
        _sweep()
        try:
            lifecycle.bring_up(plan)
        except CannotRunError as error:
            not_run(tier, str(error))
    try:
        yield plan
    finally:
        lifecycle.take_down(plan.work)


@contextmanager
def own_kind(nodes: int, config: pytest.Config) -> Iterator[tuple[Kubectl, Path]]:
    """A cluster that kind makes, with the project's images, and its kubeconfig.

    By Docker where an engine answers; skips where there can be none, with the reason.
    """
    asked = config.getoption("--kind")
    name = f"{_PREFIX}-{os.getpid()}-{_KIND}-{nodes}"
    with show_progress(config), ExitStack() as stack:
        _sweep()
        try:
            if docker.answers():
                _sweep_docker()
                version = Kubernetes.parse(asked) if asked else None
                image = config.getoption("--kind-image")
                kubeconfig = stack.enter_context(docker.cluster(name, nodes, version, image))
                kubectl = ["kubectl", f"--kubeconfig={kubeconfig}"]
            else:
                version = Kubernetes.parse(asked or DEFAULT_KUBERNETES)
                plan = Plan(name, records.work_folder(name), version, nodes, by_kind=True)
                stack.enter_context(_made_by_kind(plan))
                kubeconfig, kubectl = plan.kubeconfig, control.kubectl(plan)
        except CannotRunError as error:
            not_run(_KIND, str(error))
        left = stack.pop_all()
    with left:
        yield Kubectl(kubectl), kubeconfig


@contextmanager
def _made_by_kind(plan: Plan) -> Iterator[None]:
    archives = images.build_all()
    kind.bring_up(plan)
    try:
        kind.load(plan, archives)
        yield
    finally:
        lifecycle.take_down(plan.work)


def show_progress(config: pytest.Config) -> AbstractContextManager[None]:
    """Let what takes minutes the first time be seen, though pytest captures output."""
    manager = config.pluginmanager.getplugin("capturemanager")
    assert manager is not None
    spoken: AbstractContextManager[None] = manager.global_and_fixture_disabled()
    return spoken


def _sweep() -> None:
    """Take down what runs that were killed have left."""
    for name in records.names():
        if _is_left(name):
            try:
                lifecycle.take_down(records.work_folder(name))
            except ClusterError as error:
                print(f"left alone: {error}")  # noqa: T201 - shown at once


def _sweep_docker() -> None:
    """The same with what is in Docker."""
    for name in filter(_is_left, docker.names()):
        docker.delete(name)


def _is_left(name: str) -> bool:
    """Whether a cluster is of a run that is over."""
    words = name.split("-")
    return words[0] == _PREFIX and not Path(f"/proc/{words[1]}").exists()
