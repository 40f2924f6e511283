"""Peers come and go while a thousand clients hold leases, and nobody else notices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from e2e.clusters import Target
from e2e.operator.ekc import PATIENCE_S, EkcCluster
from e2e.operator.leases import Leases, held
from processes.cluster import until

LEASES: Final = 1_000
ZONES: Final = {"topology": {"zones": [{"name": "a"}, {"name": "b"}]}}

Record = Callable[[str, object], None]


def test_scaling_loses_no_lease_and_restarts_no_survivor(
    target: Target, cluster: EkcCluster, record_property: Record
) -> None:
    """1-3-5-2-0-3: peers that stay keep uid and restart count, and no ready one lacks a lease."""
    record_property("from apply to Ready, one peer", _words(cluster.start({"replicas": 1})))
    revision = _revision(cluster)
    with held(target, cluster, LEASES) as leases:
        leases.wait_complete(1)
        before = 1
        for wanted in (3, 5, 2):
            _step(cluster, before, wanted, record_property)
            leases.wait_complete(wanted)
            leases.check()
            before = wanted

        _hibernate(cluster)
        _scale(cluster, 0, 3, record_property)
        _come_back(leases, 3)
        # While clients register again by the hundred, peers differ for moments.
        cluster.wait_agreed()
        cluster.wait_ready()
        _check(cluster, 3)

    assert _revision(cluster) == revision


def test_peers_of_two_zones_are_numbered_over_both(
    cluster: EkcCluster, record_property: Record
) -> None:
    """One StatefulSet a zone; a fourth peer moves none, and clients get their own zone first."""
    seconds = cluster.start({"replicas": 3, **ZONES})
    record_property("from apply to Ready, three peers in two zones", _words(seconds))
    lives = cluster.lives
    assert _named_pods(cluster) == {
        "peer1": "eureka-peer-a-1",
        "peer2": "eureka-peer-b-1",
        "peer3": "eureka-peer-a-2",
    }

    cluster.scale(4)

    pods = ("eureka-peer-a-1", "eureka-peer-b-1", "eureka-peer-a-2", "eureka-peer-b-2")
    assert _named_pods(cluster) == {f"peer{k}": pod for k, pod in enumerate(pods, start=1)}
    assert _zones(cluster) == {"peer1": "a", "peer2": "b", "peer3": "a", "peer4": "b"}
    assert lives.items() <= cluster.lives.items()
    cluster.wait_agreed()
    assert cluster.status["endpoints"]["zones"] == {
        "a": _urls(cluster, 1, 3, 2, 4),
        "b": _urls(cluster, 2, 4, 1, 3),
    }

    cluster.scale(2)

    assert _named_pods(cluster) == {"peer1": "eureka-peer-a-1", "peer2": "eureka-peer-b-1"}
    assert cluster.lives.items() <= lives.items()
    assert cluster.status["endpoints"]["zones"] == {
        "a": _urls(cluster, 1, 2),
        "b": _urls(cluster, 2, 1),
    }


def _step(cluster: EkcCluster, before: int, wanted: int, record: Record) -> None:
    """Scale from `before` to `wanted` peers; all that can be seen is right soon after."""
    lives = cluster.lives
    _scale(cluster, before, wanted, record)

    cluster.wait_agreed()
    kept = [_pod(number) for number in range(1, min(before, wanted) + 1)]
    assert {name: cluster.lives[name] for name in kept} == {name: lives[name] for name in kept}
    _check(cluster, wanted)


def _scale(cluster: EkcCluster, before: int, wanted: int, record: Record) -> None:
    seconds = cluster.scale(wanted)
    record(f"from scale to converged, {before} to {wanted}", _words(seconds))


def _check(cluster: EkcCluster, wanted: int) -> None:
    assert all(restarts == 0 for _, restarts in cluster.lives.values())
    assert _named_pods(cluster) == {f"peer{k}": _pod(k) for k in range(1, wanted + 1)}
    # While leases begin each second, peers differ for moments.
    until(lambda: _shows(cluster, wanted), PATIENCE_S)


def _shows(cluster: EkcCluster, wanted: int) -> bool:
    """Whether its status shows so many peers, and that all is well with each."""
    status = cluster.status
    shown = {peer["name"]: peer["state"] for peer in status["peers"]}
    scale = cluster.kubectl.raw(_scale_path(cluster))
    return (
        (status["phase"], status["replicas"], status["readyReplicas"]) == ("Ready", wanted, wanted)
        and status["endpoints"]["defaultZone"] == _urls(cluster, *range(1, wanted + 1))
        and shown == {f"peer{k}": "Ready" for k in range(1, wanted + 1)}
        and scale["spec"]["replicas"] == scale["status"]["replicas"] == wanted
    )


def _hibernate(cluster: EkcCluster) -> None:
    """No peer: the object says that this is as it should be, and no name is left."""
    cluster.scale(0)

    assert cluster.pods == {}
    assert _named_pods(cluster) == {}
    assert cluster.status["phase"] == "Hibernated"
    assert cluster.is_so("Available", "False", "Hibernated")


def _come_back(leases: Leases, peers: int) -> None:
    """Nothing was kept: every client has to register again, as it does after a 404."""
    leases.wait_complete(peers)
    assert leases.seen.lost >= LEASES


def _named_pods(cluster: EkcCluster) -> dict[str, str]:
    """The pod that each alias Service leads to, by its name; the peers themselves say the same."""
    services = cluster.kubectl.get("services", f"--selector=eurekube.io/cluster={cluster.name}")
    found = {
        each["metadata"]["name"]: each["spec"]["selector"]["statefulset.kubernetes.io/pod-name"]
        for each in services["items"]
        if "statefulset.kubernetes.io/pod-name" in each["spec"]["selector"]
    }
    for name, pod in found.items():
        assert cluster.peers(pod).get("name") == name
    return found


def _zones(cluster: EkcCluster) -> dict[str, str]:
    return {peer["name"]: peer["zone"] for peer in cluster.status["peers"]}


def _revision(cluster: EkcCluster) -> Any:  # noqa: ANN401 - JSON
    """The revision that all pods are of: another one would restart them."""
    items = cluster.kubectl.get("controllerrevisions")["items"]
    return [(each["metadata"]["name"], each["revision"]) for each in items]


def _urls(cluster: EkcCluster, *numbers: int) -> str:
    domain = f"{cluster.kubectl.namespace}.svc.cluster.local:8761"
    return ",".join(f"http://peer{number}.{domain}/eureka/" for number in numbers)


def _pod(number: int) -> str:
    return f"eureka-peer-{number}"


def _scale_path(cluster: EkcCluster) -> str:
    group = f"/apis/eurekube.io/v1alpha1/namespaces/{cluster.kubectl.namespace}"
    return f"{group}/eurekaclusters/{cluster.name}/scale"


def _words(seconds: float) -> str:
    return f"{seconds:.1f} s"
