"""What kopf is told."""

from __future__ import annotations

from kopf._cogs.structs.references import Resource

from eureka_operator.core.kinds import CHILDREN, CLUSTER, POD, Kind
from eureka_operator.shell.queue import Key
from eureka_operator.shell.watch import _of_child, _of_cluster, settings
from support.clusterobjects import document


def test_everything_but_clusters_is_selected_by_the_cluster_label() -> None:
    """Else the API server would send all pods of all namespaces."""
    selectors = settings((*CHILDREN, POD)).watching.label_selectors

    for kind in (*CHILDREN, POD):
        assert list(selectors.collect(resource(kind))) == ["eurekube.io/cluster"], kind
    assert list(selectors.collect(resource(CLUSTER))) == []


def test_nothing_is_scanned_posted_or_shared() -> None:
    """Scanning lists CRDs and namespaces; a peering would freeze both replicas."""
    made = settings([Kind("v1", "Pod", "pods")])

    assert made.scanning.disabled
    assert not made.posting.enabled
    assert made.peering.standalone


async def test_child_with_the_label_of_another_cluster_concerns_its_owner_too() -> None:
    """Else what somebody did to its label would be put right by the next resync only."""
    keys: list[Key] = []
    owner = {"kind": "EurekaCluster", "name": "mine"}

    await _of_child(keys.append)(
        namespace="prod",
        labels={"eurekube.io/cluster": "other"},
        meta={"ownerReferences": [owner, {"kind": "StatefulSet", "name": "mine-peer"}]},
    )

    assert sorted(keys) == [Key("prod", "mine"), Key("prod", "other")]


async def test_cluster_that_comes_or_goes_concerns_those_whose_remote_region_it_is() -> None:
    """Its address is in their configuration; the next resync may be a minute away."""
    keys: list[Key] = []
    handle = _of_cluster(keys.append)
    region = {"name": "west", "clusterRef": {"name": "eureka", "namespace": "west"}}
    east = document({"registry": {"remoteRegions": [region]}})
    west = document({})
    for namespace, body in (("east", east), ("west", west)):
        body["metadata"] |= {"namespace": namespace, "uid": namespace, "generation": 1}

    for kind, body in ((None, east), ("ADDED", west), ("MODIFIED", west), ("DELETED", west)):
        event = {"type": kind, "object": body}
        await handle(namespace=body["metadata"]["namespace"], name="eureka", event=event)

    own, other = Key("west", "eureka"), Key("east", "eureka")
    assert keys == [other, own, other, own, own, other]


def resource(kind: Kind) -> Resource:
    """A kind as kopf finds it on the API server."""
    verbs = frozenset({"list", "watch"})
    return Resource(kind.group, kind.version, kind.plural, verbs=verbs, namespaced=True)
