from __future__ import annotations

from typing import Any

import pytest

from eureka_operator.core.injection.budget import overrun

_SIDECAR = {
    "resources": {"requests": {"cpu": "1m", "memory": "16Mi"}, "limits": {"memory": "32Mi"}}
}


def _overrun(budget: object, *containers: object, native: object = None) -> str:
    starting = [{"name": "n", "restartPolicy": "Always", "resources": native}] if native else []
    named = [{"name": str(at), "resources": each} for at, each in enumerate(containers)]
    spec: dict[str, Any] = {"resources": budget, "containers": named, "initContainers": starting}
    found = overrun({"spec": spec}, _SIDECAR)
    return found.detail if found else ""


@pytest.mark.parametrize(
    "budget",
    [
        None,
        {},
        {"requests": {"cpu": "2", "memory": "1Gi"}, "limits": {"memory": "32Mi"}},
        {"requests": {"memory": 83_886_080}},
        {"requests": {"memory": "1e3"}},
        {"requests": {"memory": "1Zi"}},
        {"requests": {"memory": ["64Mi"]}, "limits": 7},
    ],
)
def test_room_is_enough_or_unknown(budget: object) -> None:
    """What is written in a rare way is left to the API server."""
    assert _overrun(budget, {"requests": {"cpu": "1.5", "memory": "64Mi"}}) == ""


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        ({"requests": {"memory": "79Mi"}}, "requests.memory of the pod is 79Mi"),
        ({"requests": {"memory": 82_837_504}}, "requests.memory of the pod is 82837504"),
        ({"requests": {"cpu": "1500m"}}, "requests.cpu of the pod is 1500m"),
        ({"limits": {"memory": "31Mi"}}, "limits.memory of the pod is 31Mi"),
    ],
)
def test_pod_without_room_is_not_injected(budget: object, said: str) -> None:
    """The API server would refuse it, and speak of containers that its user has not written."""
    assert _overrun(budget, {"requests": {"cpu": "1.5", "memory": "64Mi"}}).startswith(said)


def test_limit_without_request_and_other_sidecars_count() -> None:
    """Kubernetes takes a limit for the request that is missing; native sidecars run on."""
    budget = {"requests": {"memory": "100Mi"}}

    assert _overrun(budget, {"limits": {"memory": "84Mi"}}) == ""
    assert _overrun(budget, {"limits": {"memory": "85Mi"}})
    assert _overrun({"requests": {"cpu": "1m"}}, {}, {}) == ""
    assert _overrun(budget, native={"requests": {"memory": "84Mi"}}) == ""
    assert _overrun(budget, native={"requests": {"memory": "85Mi"}})


def test_container_that_ends_before_the_others_start_does_not_count() -> None:
    """Its requests are not added to those of the containers that run."""
    init = {"name": "migrate", "resources": {"requests": {"memory": "90Mi"}}}
    spec = {"resources": {"requests": {"memory": "100Mi"}}, "initContainers": [init]}

    assert overrun({"spec": spec}, _SIDECAR) is None
