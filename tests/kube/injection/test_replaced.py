"""Pods are made all the time while what answers for them is replaced; none may be missed.

The webhook fails closed here, so that a question without an answer is an error.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from cluster.plan import CONTROL, Plan
from eureka_operator.core.injection.status import INJECTED_LABEL
from kube.injection.chain import SECRET, Chain
from kube.injection.pods import Pods, normalized
from processes.cluster import until
from support.kubectl import Kubectl

COUNT: Final = 200
AT_ONCE: Final = 8
RENEWED_AFTER_S: Final = 5
ROTATIONS: Final = 3
POD: Final[dict[str, Any]] = {
    "metadata": {"generateName": "orders-", "labels": {"app": "orders"}},
    "spec": {
        "containers": [
            {"name": "orders", "image": "example.com/orders:1", "ports": [{"containerPort": 8080}]}
        ]
    },
}

Record = Callable[[str, object], None]


async def test_no_pod_is_missed_while_injectors_are_replaced(
    chain: Chain, selected: Kubectl, pods: Pods, record_property: Record
) -> None:
    """As in a rollout: the new one is ready before an old one is told to end."""
    with chain.failing_closed(), Unanswered(chain.plan) as unanswered:
        making = asyncio.create_task(_make(pods, selected.namespace, 2 * COUNT))
        for _ in range(2):
            await asyncio.to_thread(chain.replace_one)
        made = await making

    assert [each for each in made if not _is_injected(each)] == []
    assert unanswered.lines == []
    assert chain.answers("allowed") == 0
    record_property("pods made while two injectors were replaced", len(made))
    await asyncio.to_thread(chain.have_no_others)


async def test_no_pod_is_missed_while_ca_and_leaf_are_rotated(
    chain: Chain, selected: Kubectl, pods: Pods, record_property: Record
) -> None:
    """Every few seconds a new CA, and soon a leaf of it: the API server trusts what is served."""
    chain.have_operator(hasty_s=RENEWED_AFTER_S)
    begin = chain.certificate_count()
    chain.home("delete", "secret", SECRET)  # the one that is made in its place ages
    try:
        with chain.failing_closed(), Unanswered(chain.plan) as unanswered:
            stop = asyncio.Event()
            making = asyncio.create_task(_make(pods, selected.namespace, 10 * COUNT, stop))
            await asyncio.to_thread(
                until, lambda: chain.certificate_count() - begin >= 2 * ROTATIONS, 180.0
            )
            stop.set()
            made = await making
            made += await _make(pods, selected.namespace, max(0, COUNT - len(made)))
    finally:
        chain.have_operator()

    assert [each for each in made if not _is_injected(each)] == []
    assert unanswered.lines == []
    record_property(f"pods made during {ROTATIONS} rotations of CA and leaf", len(made))


async def _make(
    pods: Pods, namespace: str, count: int, stop: asyncio.Event | None = None
) -> list[dict[str, Any]]:
    """Make pods, a few at a time, until there are so many or it is to stop; 20 a second at most."""
    made: list[dict[str, Any]] = []
    while len(made) < count and not (stop and stop.is_set()):
        begin = time.monotonic()
        made += await pods.create_many(namespace, [POD] * AT_ONCE)
        await asyncio.sleep(max(0.0, begin + 0.4 - time.monotonic()))
    return made


def _is_injected(pod: dict[str, Any]) -> bool:
    return INJECTED_LABEL in normalized(pod)["metadata"]["labels"]


class Unanswered:
    """What the API server's log says of questions without an answer, and of TLS, in the block."""

    def __init__(self, plan: Plan) -> None:
        self._log: Path = plan.log(CONTROL, "kube-apiserver")
        self._begin = 0
        self.lines: list[str] = []

    def __enter__(self) -> Unanswered:
        """Read from here on."""
        self._begin = self._log.stat().st_size
        return self

    def __exit__(self, *_: object) -> None:
        """Read up to here."""
        with self._log.open("rb") as log:
            log.seek(self._begin)
            lines = log.read().decode(errors="replace").splitlines()
        said = ("ailed calling webhook", "x509:", "tls:")
        self.lines = [each for each in lines if any(word in each for word in said)]
