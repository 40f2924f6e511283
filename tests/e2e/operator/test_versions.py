"""Operator and peers of different releases: an upgrade of the one restarts none of the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final

import pytest

from cluster import places
from cluster.containers import CTR
from cluster.images import REGISTRY
from cluster.plan import Plan
from e2e.clusters import Target
from e2e.operator.ekc import PATIENCE_S, EkcCluster
from e2e.operator.installed import Operator
from e2e.operator.rollouts import ROLLED_S, UPDATES, stateful_set
from processes.cluster import until

_NEWER: Final = "newer"
"""Another tag of the same image, as the next release has it."""

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
def upgraded(operator: Operator, newer: str) -> Iterator[Callable[[], str]]:  # noqa: ARG001
    """Gives the operator the newer image as its default; afterwards it is as it was."""
    yield lambda: operator.install("--set-string", f"registryImage.tag={_NEWER}")
    operator.install()


def test_upgraded_operator_restarts_no_peer_until_it_is_asked_to(
    cluster: EkcCluster,
    upgraded: Callable[[], str],
    newer: str,
    record_property: Record,
) -> None:
    """Neither the upgrade nor an unrelated edit; then all of them, one after the other."""
    cluster.start({"replicas": 3, "updates": UPDATES})
    before, generation, image = cluster.restart_counts, _generation(cluster), _image(cluster)

    upgraded()
    until(lambda: cluster.is_so("UpgradeAvailable", reason="NewerDefaults"), PATIENCE_S)
    message = cluster.condition("UpgradeAvailable")["message"]
    assert image in message
    assert newer in message

    cluster.change({"logging": {"level": "DEBUG"}})
    cluster.wait_ready()

    assert (_generation(cluster), _image(cluster)) == (generation, image)
    assert cluster.restart_counts == before

    version = cluster.status["operatorVersion"]
    begin = time.monotonic()
    upgrade = f"eurekube.io/upgrade={version}"
    cluster.kubectl("annotate", f"eurekacluster/{cluster.name}", upgrade)
    until(lambda: _images_of_pods(cluster) == [newer] * 3, ROLLED_S)
    cluster.wait_ready()
    record_property("three peers onto a newer image", f"{time.monotonic() - begin:.0f} s")

    until(lambda: cluster.condition("UpgradeAvailable") == {}, PATIENCE_S)
    assert not {uid for uid, _ in before.values()} & {
        uid for uid, _ in cluster.restart_counts.values()
    }


def _generation(cluster: EkcCluster) -> int:
    return int(stateful_set(cluster)["metadata"]["generation"])


def _image(cluster: EkcCluster) -> str:
    return str(stateful_set(cluster)["spec"]["template"]["spec"]["containers"][0]["image"])


def _images_of_pods(cluster: EkcCluster) -> list[str]:
    selector = f"--selector=eurekube.io/cluster={cluster.name}"
    pods = cluster.kubectl.get("pods", selector)["items"]
    return [pod["spec"]["containers"][0]["image"] for pod in pods]
