"""Zones: who is where, what clients of each are told, and what happens when one is lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import pytest

from cluster.faults import Faults
from e2e.clusters import Target
from e2e.operator.ekc import LABEL, PATIENCE_S, EkcCluster
from e2e.operator.leases import Leases, hold_leases
from e2e.operator.lookups import LookUps, run_lookups
from processes.cluster import until

LEASES: Final = 300
LOST_S: Final = 300.0
"""A node counts as lost after 20 s; the operator's leader may be lost with it."""
ZONE_OF_NODES: Final = "topology.kubernetes.io/zone"
PINNED: Final = ("zone-1", "zone-2", "zone-3")
LOST: Final = "zone-3"

Record = Callable[[str, object], None]


@pytest.mark.long
def test_logical_zones_on_one_node(cluster: EkcCluster, record_property: Record) -> None:
    """Peers are numbered over all zones; more peers and more zones restart and rename nobody."""
    nodes = cluster.kubectl.get("nodes")["items"]
    node = next(each["metadata"]["name"] for each in nodes if not each["spec"].get("taints"))
    here = {"nodeSelector": {"kubernetes.io/hostname": node}}
    seconds = cluster.start({"replicas": 3, "pod": here, **_zones("a", "b")})
    record_property("from apply to Ready, three peers in two zones", _duration_text(seconds))
    assert cluster.alias_pods == {
        "peer1": _pod("a", 1),
        "peer2": _pod("b", 1),
        "peer3": _pod("a", 2),
    }

    _grow(cluster, record_property)
    _shrink(cluster)
    _append_zones(cluster, record_property)

    assert {pod.node for pod in cluster.pods.values()} == {node}


@pytest.mark.long  # tests/e2e/test_story.py loses one every time
def test_lost_zone_is_missed_by_nobody(
    target: Target, faults: Faults, cluster: EkcCluster, record_property: Record
) -> None:
    """Each zone's peer is on its nodes; without one zone, clients have all leases at the others.

    When the zone is back, its peer has its number and all leases again.
    """
    pinned = [{"name": zone, "nodeZone": zone} for zone in PINNED]
    cluster.start({"replicas": 3, "topology": {"zones": pinned}})
    nodes = _nodes_by_zone(cluster)
    where = {name: nodes[pod.node] for name, pod in cluster.pods.items()}
    assert where == {_pod(zone, 1): zone for zone in PINNED}
    named = cluster.alias_pods
    assert named == {f"peer{k}": _pod(zone, 1) for k, zone in enumerate(PINNED, start=1)}
    assert _zones_of_clients(cluster) == {
        "zone-1": cluster.urls(1, 2, 3),
        "zone-2": cluster.urls(2, 1, 3),
        "zone-3": cluster.urls(3, 1, 2),
    }
    lives = cluster.restart_counts
    spared, lost = (cluster.pods[_pod(zone, 1)].node for zone in (PINNED[0], LOST))

    with (
        hold_leases(target, cluster, LEASES, spared) as leases,
        run_lookups(target, cluster, spared) as looks,
    ):
        leases.wait_complete(3)
        begin = time.monotonic()
        with faults.cut_off(lost):
            _wait_for_loss(cluster, leases, looks)
            record_property("from a zone's loss to the status that names its peer", _since(begin))
            begin = time.monotonic()
        leases.wait_complete(3, LOST_S)
        record_property("from a zone's return to all leases at three peers", _since(begin))
        cluster.wait_ready(LOST_S)
        cluster.wait_agreed()
        assert looks.report.failed == []
        record_property("look-ups that were made again at another peer", looks.report.retried)

    assert cluster.alias_pods == named
    others = [name for name in lives if name != _pod(LOST, 1)]
    assert {name: cluster.restart_counts[name] for name in others} == {
        name: lives[name] for name in others
    }


def _grow(cluster: EkcCluster, record: Record) -> None:
    """A fourth peer: it moves none, and clients get the peers of their own zone first."""
    lives = cluster.restart_counts
    record("from scale to converged, 3 to 4 in two zones", _duration_text(cluster.scale(4)))

    pods = (_pod("a", 1), _pod("b", 1), _pod("a", 2), _pod("b", 2))
    assert cluster.alias_pods == {f"peer{k}": pod for k, pod in enumerate(pods, start=1)}
    shown = {peer["name"]: peer["zone"] for peer in cluster.status["peers"]}
    assert shown == {"peer1": "a", "peer2": "b", "peer3": "a", "peer4": "b"}
    assert lives.items() <= cluster.restart_counts.items()
    cluster.wait_agreed()
    assert _zones_of_clients(cluster) == {
        "a": cluster.urls(1, 3, 2, 4),
        "b": cluster.urls(2, 4, 1, 3),
    }


def _shrink(cluster: EkcCluster) -> None:
    """Two peers: one stays in each zone."""
    lives = cluster.restart_counts
    cluster.scale(2)

    assert cluster.alias_pods == {"peer1": _pod("a", 1), "peer2": _pod("b", 1)}
    assert cluster.restart_counts.items() <= lives.items()
    assert _zones_of_clients(cluster) == {"a": cluster.urls(1, 2), "b": cluster.urls(2, 1)}


def _append_zones(cluster: EkcCluster, record: Record) -> None:
    """A zone with a peer for it; then one whose peer is taken from a zone that has two."""
    lives, sets = cluster.restart_counts, _generations(cluster)
    seconds = _have_zones(cluster, 3, "a", "b", "c")
    record("from an appended zone to converged, 2 to 3 peers", _duration_text(seconds))
    assert lives.items() <= cluster.restart_counts.items()
    assert sets.items() <= _generations(cluster).items()
    three = {"peer1": _pod("a", 1), "peer2": _pod("b", 1), "peer3": _pod("c", 1)}
    assert cluster.alias_pods == three

    cluster.scale(4)
    lives, sets = cluster.restart_counts, _generations(cluster)
    assert cluster.alias_pods == {**three, "peer4": _pod("a", 2)}
    seconds = _have_zones(cluster, 4, "a", "b", "c", "d")
    record("from an appended zone to converged, still 4 peers", _duration_text(seconds))

    now = cluster.alias_pods
    assert three.items() <= now.items()
    assert set(now.values()) == {*three.values(), _pod("d", 1)}
    assert {pod: cluster.restart_counts[pod] for pod in three.values()} == {
        pod: lives[pod] for pod in three.values()
    }
    assert {zone: _generations(cluster)[zone] for zone in "bc"} == {z: sets[z] for z in "bc"}
    cluster.wait_agreed()
    assert list(_zones_of_clients(cluster)) == ["a", "b", "c", "d"]


def _wait_for_loss(cluster: EkcCluster, leases: Leases, looks: LookUps) -> None:
    """Wait until the status names the peer of the lost zone; nobody else noticed anything."""
    until(lambda: "peer3" in cluster.why_degraded, LOST_S)
    until(lambda: cluster.is_so("Available"), PATIENCE_S)
    leases.wait_complete(2)
    leases.check()
    assert looks.report.failed == []


def _zones(*names: str) -> dict[str, Any]:
    return {"topology": {"zones": [{"name": name} for name in names]}}


def _have_zones(cluster: EkcCluster, replicas: int, *names: str) -> float:
    """Change zones and number of peers and wait until it is Ready; seconds it took."""
    begin = time.monotonic()
    cluster.change({"replicas": replicas, **_zones(*names)})
    cluster.wait_ready()
    return time.monotonic() - begin


def _generations(cluster: EkcCluster) -> dict[str, int]:
    """How often the spec of each zone's StatefulSet was changed."""
    items = cluster.kubectl.get("statefulsets", f"--selector={LABEL}={cluster.name}")["items"]
    return {
        each["metadata"]["labels"]["eurekube.io/zone"]: each["metadata"]["generation"]
        for each in items
    }


def _nodes_by_zone(cluster: EkcCluster) -> dict[str, str]:
    """The zone of each node that has one."""
    nodes = [each["metadata"] for each in cluster.kubectl.get("nodes")["items"]]
    zoned = (each for each in nodes if ZONE_OF_NODES in each["labels"])
    return {each["name"]: each["labels"][ZONE_OF_NODES] for each in zoned}


def _zones_of_clients(cluster: EkcCluster) -> dict[str, str]:
    found: dict[str, str] = cluster.status["endpoints"]["zones"]
    return found


def _pod(zone: str, ordinal: int) -> str:
    return f"eureka-peer-{zone}-{ordinal}"


def _since(begin: float) -> str:
    return _duration_text(time.monotonic() - begin)


def _duration_text(seconds: float) -> str:
    return f"{seconds:.1f} s"
