from __future__ import annotations

from typing import Any

import pytest

from eureka_operator.core.conditions import Condition
from eureka_operator.core.external import conditions, is_waiting
from eureka_operator.core.observed import Report
from unit.operator.core.builders import cluster, observed, pod, pods, report

_JAVA = "http://java.legacy:8761/eureka/"
_WEST = {"name": "West", "clusterRef": {"name": "eureka", "namespace": "west"}}
_THERE = {("west", "eureka"): "http://eureka.west:8761/eureka/"}


def _found(spec: object, *reports: Report | str, **rest: Any) -> list[Condition]:  # noqa: ANN401
    names = [f"eureka-peer-{number}" for number in range(1, len(reports) + 1)]
    said = dict(zip(names, reports, strict=True))
    ready = pods(*(pod(name) for name in names))
    return conditions(observed(cluster(spec), pods=ready, reports=said, **rest))


def _beside(*urls: str) -> dict[str, Any]:
    return {"peers": {"extraPeerURLs": [*urls]}}


def _regions(*regions: dict[str, Any]) -> dict[str, Any]:
    return {"registry": {"remoteRegions": [*regions]}}


def _peer(name: str = "peer1", why: str = "") -> Report:
    other = {"url": "http://peer9.prod.svc:8761/eureka/", "available": bool(why)}
    return report(
        name=name, peers=[other, {"url": _JAVA, "available": not why, "why": why or None}]
    )


def _mirror(name: str = "peer1", **fields: object) -> Report:
    other = {"name": "east", "ready": False}
    return report(name=name, regions=[other, {"name": "west", "ready": True, **fields}])


def _brief(found: list[Condition]) -> list[tuple[str, str, str]]:
    return [(each.type, each.status, each.reason) for each in found]


def test_cluster_that_names_no_other_server_has_no_such_condition() -> None:
    """It would be one more line for nothing."""
    assert _found({}, report()) == []


def test_extra_peer_that_all_reach() -> None:
    """What a move from Java waits for."""
    found = _found(_beside(_JAVA), _peer(), _peer("peer2"))

    assert _brief(found) == [("ExtraPeersAvailable", "True", "Reached")]
    assert found[0].message == f"changes at the 2 peers that are ready reach {_JAVA}"


def test_extra_peer_that_some_do_not_reach_is_named_once_with_the_reason() -> None:
    """Nine peers with the same trouble are one sentence."""
    why = "connection refused"
    found = _found(_beside(_JAVA), _peer("peer1", why), _peer("peer2"), _peer("peer3", why))

    assert _brief(found) == [("ExtraPeersAvailable", "False", "NotReached")]
    assert found[0].message == (f"changes at peer1, peer3 do not reach {_JAVA}: connection refused")


def test_extra_peer_that_a_peer_does_not_know_yet() -> None:
    """Its list is a moment old."""
    (found,) = _found(_beside(_JAVA), report())

    assert found.message.endswith(": not in its peer list yet")


def test_extra_peer_is_found_in_any_spelling_and_shown_without_password() -> None:
    """Peers show URLs in the one spelling by which they compare them."""
    found = _found(_beside("http://user:secret@Java.legacy:8761/eureka"), _peer())

    assert _brief(found) == [("ExtraPeersAvailable", "True", "Reached")]
    assert "secret" not in found[0].message


@pytest.mark.parametrize("reports", [(), ("timed out",)])
def test_without_a_peer_that_answers_nothing_is_known(reports: tuple[str, ...]) -> None:
    """Unknown is not unreachable."""
    spec = _beside(_JAVA) | _regions(_WEST)
    found = _found(spec, *reports, references=_THERE)

    assert [(each.status, each.reason) for each in found] == [("Unknown", "NoPeerReady")] * 2


def test_region_that_all_have_fetched() -> None:
    """Peers have its name in lower case."""
    found = _found(_regions(_WEST), _mirror(), references=_THERE)

    assert _brief(found) == [("RemoteRegionsAvailable", "True", "Reached")]
    assert "West" in found[0].message


def test_region_by_its_url_is_no_cluster() -> None:
    """It may be a Java server anywhere: only its peers know whether it is there."""
    west = {"name": "West", "url": "http://west.example.com:8761/eureka/"}

    assert _brief(_found(_regions(west), _mirror())) == [
        ("RemoteRegionsAvailable", "True", "Reached")
    ]
    assert _brief(_found(_regions(west), report())) == [
        ("RemoteRegionsAvailable", "False", "NotReached")
    ]


@pytest.mark.parametrize("reports", [(), (_mirror(),), (report(),)])
def test_region_that_is_a_cluster_which_is_not_there(reports: tuple[Report, ...]) -> None:
    """The sentence says which, and where to look."""
    (found,) = _found(_regions(_WEST), *reports)

    assert (found.status, found.reason) == ("False", "ClusterNotFound")
    assert "no EurekaCluster west/eureka is there" in found.message
    assert found.message.endswith("kubectl get ekc -A lists what is there")


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (_mirror(ready=False, problem="connection refused"), "peer1: connection refused"),
        (_mirror(problem="says its hash is 'x'"), "peer1: says its hash is 'x'"),
        (_mirror(ready=False), "peer1: the first fetch is not done yet"),
        (report(), "peer1: it has not got the region's URL yet"),
    ],
)
def test_region_that_a_peer_does_not_have(told: Report, said: str) -> None:
    """With the peer's own reason."""
    (found,) = _found(_regions(_WEST), told, references=_THERE)

    assert (found.status, found.reason) == ("False", "NotReached")
    assert found.message == f"region West: {said}"


@pytest.mark.parametrize(
    ("kind", "status", "waiting"),
    [
        ("RemoteRegionsAvailable", "False", True),
        ("ExtraPeersAvailable", "Unknown", True),
        ("ExtraPeersAvailable", "True", False),
        ("Degraded", "False", False),
    ],
)
def test_operator_looks_again_at_what_it_gets_no_event_of(
    kind: str, status: str, *, waiting: bool
) -> None:
    """A server elsewhere comes without one."""
    others = [{"type": "Ready", "status": "True"}, {"type": "Progressing", "status": "False"}]

    assert is_waiting({"conditions": [*others, {"type": kind, "status": status}]}) is waiting
