"""Operator and peers of different releases: an upgrade of the one restarts none of the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from cluster import places
from cluster.containers import CTR
from cluster.images import REGISTRY
from cluster.plan import Plan
from e2e.clusters import Target
from e2e.operator.ekc import PATIENCE_S, EkcCluster
from e2e.operator.installed import Operator
from processes.cluster import until

_NEWER: Final = "newer"
"""Another tag of the same image, as the next release has it."""
_UPDATES: Final = {"updates": {"settleSeconds": 1, "progressDeadlineSeconds": 300}}

Record = Callable[[str, object], None]


@pytest.fixture
def newer(plan: Plan, target: Target) -> str:
    """An image of the next release, on all nodes."""
    name = target.image(REGISTRY)
    other = f"{name.rpartition(':')[0]}:{_NEWER}"
    for node in plan.nodes:
        run = places.run_in(plan, node.name, [*CTR, "images", "tag", "--force", name, other])
        assert run.returncode == 0, run.stderr
    return other


@pytest.fixture
def upgraded(operator: Operator, newer: str) -> Iterator[Callable[[], None]]:  # noqa: ARG001
    """Gives the operator the newer image as its default; afterwards it is as it was."""
    yield lambda: _install(operator, "--set-string", f"registryImage.tag={_NEWER}")
    _install(operator)


def _install(operator: Operator, *words: str) -> None:
    operator.install(*words)


def test_upgraded_operator_restarts_no_peer_until_it_is_asked_to(
    cluster: EkcCluster,
    upgraded: Callable[[], None],
    newer: str,
    record_property: Record,
) -> None:
    """Neither the upgrade nor an unrelated edit; then all of them, one after the other."""
    cluster.start({"replicas": 3, **_UPDATES})
    before, generation, image = cluster.lives, _generation(cluster), _image(cluster)

    upgraded()
    until(lambda: cluster.is_so("UpgradeAvailable", reason="NewerDefaults"), PATIENCE_S)
    message = cluster.condition("UpgradeAvailable")["message"]
    assert image in message
    assert newer in message

    cluster.change({"logging": {"level": "DEBUG"}})
    cluster.wait_ready()

    assert (_generation(cluster), _image(cluster)) == (generation, image)
    assert cluster.lives == before

    version = cluster.status["operatorVersion"]
    begin = time.monotonic()
    upgrade = f"eurekube.io/upgrade={version}"
    cluster.kubectl("annotate", f"eurekacluster/{cluster.name}", upgrade)
    until(lambda: _images_of_pods(cluster) == [newer] * 3, PATIENCE_S * 2)
    cluster.wait_ready()
    record_property("three peers onto a newer image", f"{time.monotonic() - begin:.0f} s")

    until(lambda: cluster.condition("UpgradeAvailable") == {}, PATIENCE_S)
    assert not {uid for uid, _ in before.values()} & {uid for uid, _ in cluster.lives.values()}


def _stateful_set(cluster: EkcCluster) -> Any:  # noqa: ANN401 - JSON
    return cluster.kubectl.get("statefulset", f"{cluster.name}-peer")


def _generation(cluster: EkcCluster) -> int:
    return int(_stateful_set(cluster)["metadata"]["generation"])


def _image(cluster: EkcCluster) -> str:
    return str(_stateful_set(cluster)["spec"]["template"]["spec"]["containers"][0]["image"])


def _images_of_pods(cluster: EkcCluster) -> list[str]:
    selector = f"--selector=eurekube.io/cluster={cluster.name}"
    pods = cluster.kubectl.get("pods", selector)["items"]
    return [pod["spec"]["containers"][0]["image"] for pod in pods]
