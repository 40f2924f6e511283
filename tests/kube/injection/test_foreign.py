"""Another injector beside ours, asked before it or after it; both are asked again if need be."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any, Final

import pytest

from eureka_operator.core.injection.patches import CONTAINER
from eureka_operator.core.injection.status import STATUS
from kube.injection import foreign
from kube.injection.chain import Chain
from kube.injection.pods import Pods, normalized
from processes.cluster import until
from support.kubectl import Kubectl

POD: Final[dict[str, Any]] = {
    "metadata": {"name": "orders", "labels": {"app": "orders"}},
    "spec": {
        "initContainers": [{"name": "prepare", "image": "example.com/prepare:1"}],
        "containers": [
            {
                "name": "orders",
                "image": "example.com/orders:1",
                "ports": [{"containerPort": 8080}],
            }
        ],
    },
}


_DRY: Final = ("--dry-run=server", "-o", "json")


@pytest.mark.parametrize(
    "other",
    [(name, first) for name in ("a-other", "z-other") for first in (True, False)],
)
async def test_both_injectors_do_their_work_once(
    chain: Chain, selected: Kubectl, pods: Pods, tmp_path: Path, other: tuple[str, bool]
) -> None:
    """The order of what is not ours stays, and all that the pod has at its end is held."""
    (name, first), place = other, selected.namespace
    with foreign.injecting(chain.plan, chain.api, name, place, tmp_path, first=first):
        until(lambda: foreign.STARTER in selected("run", "probe", "--image=p", *_DRY))

        found = normalized(await pods.create(place, copy.deepcopy(POD)))
        again = normalized(await pods.create(place, found))

    starting = [each["name"] for each in found["spec"]["initContainers"]]
    others = [each for each in starting if each != CONTAINER]
    assert others == ([foreign.STARTER, "prepare"] if first else ["prepare", foreign.STARTER])
    assert starting.count(CONTAINER) == 1
    is_asked_last = first and name == "z-other"
    assert starting.index(CONTAINER) == (1 if is_asked_last else 0)
    running = {each["name"]: each for each in found["spec"]["containers"]}
    assert running.keys() == {"orders", foreign.CONTAINER}
    for each in running.values():
        assert each["lifecycle"] == {"preStop": {"sleep": {"seconds": 20}}}
    status = json.loads(found["metadata"]["annotations"][STATUS])
    assert set(status["hooks"]) == running.keys()
    assert again == found
