"""Finds which `EurekaCluster`s name which others as remote regions, by namespace and name."""

from __future__ import annotations

from collections.abc import Iterator

from eureka_operator.api.cluster import Cluster, read
from eureka_operator.api.spec import RemoteRegion
from eureka_operator.core.kinds import Object

Place = tuple[str, str]
"""Namespace and name of an `EurekaCluster`, whether it exists or not."""


def remote_cluster(cluster: Cluster, region: RemoteRegion) -> Place | None:
    """The cluster that is a remote region of `cluster`; `None`: the region is given by its URL."""
    if (other := region.cluster_ref) is None:
        return None
    return other.namespace or cluster.namespace, other.name


def remote_clusters(cluster: Cluster) -> Iterator[Place]:
    """Yield all clusters that are remote regions of `cluster`."""
    for region in cluster.spec.registry.remote_regions:
        if (place := remote_cluster(cluster, region)) is not None:
            yield place


class References:
    """Which clusters name which remote regions, according to the events so far."""

    def __init__(self) -> None:
        self._remote_clusters: dict[Place, frozenset[Place]] = {}
        self._known: dict[Place, tuple[str, int]] = {}
        """Uid and generation of each cluster that is there."""

    def take(self, document: Object, *, deleted: bool) -> list[Place]:
        """Take over an event; the clusters whose remote region came, changed or went with it."""
        metadata = document["metadata"]
        place = (str(metadata["namespace"]), str(metadata["name"]))
        before = self._known.pop(place, None)
        self._remote_clusters.pop(place, None)
        if not deleted:
            self._known[place] = (str(metadata["uid"]), int(metadata["generation"]))
            cluster = read(document)
            self._remote_clusters[place] = frozenset(
                remote_clusters(cluster) if isinstance(cluster, Cluster) else ()
            )
        if before == self._known.get(place):
            return []
        return sorted(each for each, others in self._remote_clusters.items() if place in others)
