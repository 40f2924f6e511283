"""Peers come and go while a thousand clients hold leases, and nobody else notices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from e2e.clusters import Target
from e2e.operator.ekc import PATIENCE_S, EkcCluster
from e2e.operator.leases import Leases, hold_leases
from processes.cluster import until

LEASES: Final = 1_000

Record = Callable[[str, object], None]


def test_scaling_loses_no_lease_and_restarts_no_survivor(
    target: Target, cluster: EkcCluster, record_property: Record
) -> None:
    """1-3-5-2-0-3: peers that stay keep uid and restart count, and no ready one lacks a lease."""
    record_property("from apply to Ready, one peer", _duration_text(cluster.start({"replicas": 1})))
    revision = _revision(cluster)
    with hold_leases(target, cluster, LEASES) as leases:
        leases.wait_complete(1)
        before = 1
        for wanted in (3, 5, 2):
            _step(cluster, before, wanted, record_property)
            leases.wait_complete(wanted)
            leases.check()
            before = wanted

        _hibernate(cluster)
        _scale(cluster, 0, 3, record_property)
        _check_reregistration(leases, 3)
        # While clients register again by the hundred, peers differ for moments.
        cluster.wait_agreed()
        cluster.wait_ready()
        _check(cluster, 3)

    assert _revision(cluster) == revision


def _step(cluster: EkcCluster, before: int, wanted: int, record: Record) -> None:
    """Scale from `before` to `wanted` peers; all that can be seen is right soon after."""
    lives = cluster.restart_counts
    _scale(cluster, before, wanted, record)

    cluster.wait_agreed()
    kept = [_pod(number) for number in range(1, min(before, wanted) + 1)]
    assert {name: cluster.restart_counts[name] for name in kept} == {
        name: lives[name] for name in kept
    }
    _check(cluster, wanted)


def _scale(cluster: EkcCluster, before: int, wanted: int, record: Record) -> None:
    seconds = cluster.scale(wanted)
    record(f"from scale to converged, {before} to {wanted}", _duration_text(seconds))


def _check(cluster: EkcCluster, wanted: int) -> None:
    assert all(restarts == 0 for _, restarts in cluster.restart_counts.values())
    pods = {f"peer{k}": _pod(k) for k in range(1, wanted + 1)}
    until(lambda: cluster.alias_pods == pods, PATIENCE_S)
    # While leases begin each second, peers differ for moments.
    until(lambda: _shows(cluster, wanted), PATIENCE_S)


def _shows(cluster: EkcCluster, wanted: int) -> bool:
    """Whether its status shows so many peers, and that all is well with each."""
    status = cluster.status
    shown = {peer["name"]: peer["state"] for peer in status["peers"]}
    scale = cluster.kubectl.raw(_scale_path(cluster))
    return (
        (status["phase"], status["replicas"], status["readyReplicas"]) == ("Ready", wanted, wanted)
        and status["endpoints"]["defaultZone"] == cluster.urls(*range(1, wanted + 1))
        and shown == {f"peer{k}": "Ready" for k in range(1, wanted + 1)}
        and scale["spec"]["replicas"] == scale["status"]["replicas"] == wanted
    )


def _hibernate(cluster: EkcCluster) -> None:
    """No peer: the object says that this is as it should be, and no name is left."""
    cluster.scale(0)

    until(lambda: cluster.pods == {}, PATIENCE_S)
    until(lambda: cluster.alias_pods == {}, PATIENCE_S)
    until(lambda: cluster.status["phase"] == "Hibernated", PATIENCE_S)
    until(lambda: cluster.is_so("Available", "False", "Hibernated"), PATIENCE_S)


def _check_reregistration(leases: Leases, peers: int) -> None:
    """Nothing was kept: every client has to register again, as it does after a 404."""
    leases.wait_complete(peers)
    until(lambda: leases.report.lost >= LEASES, PATIENCE_S)


def _revision(cluster: EkcCluster) -> Any:  # noqa: ANN401 - JSON
    """The revision that all pods are of: another one would restart them."""
    items = cluster.kubectl.get("controllerrevisions")["items"]
    return [(each["metadata"]["name"], each["revision"]) for each in items]


def _pod(number: int) -> str:
    return f"eureka-peer-{number}"


def _scale_path(cluster: EkcCluster) -> str:
    group = f"/apis/eurekube.io/v1alpha1/namespaces/{cluster.kubectl.namespace}"
    return f"{group}/eurekaclusters/{cluster.name}/scale"


def _duration_text(seconds: float) -> str:
    return f"{seconds:.1f} s"
