"""The PodDisruptionBudget: how many peers a drain of nodes may remove at once."""

from __future__ import annotations

from eureka_operator.api.cluster import Cluster
from eureka_operator.core import names
from eureka_operator.core.desired.common import child
from eureka_operator.core.kinds import DISRUPTION_BUDGET, Object


def disruption_budget(cluster: Cluster) -> Object | None:
    """One budget over all zones; `None` for a single peer, whose node could never be drained."""
    disruption = cluster.spec.disruption
    if not disruption.enabled or cluster.spec.replicas <= 1:
        return None
    spec = {
        "maxUnavailable": disruption.max_unavailable,
        "selector": {"matchLabels": names.selector(cluster.name)},
        # A peer that crashes again and again must not keep a node from being drained.
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
    }
    return child(cluster, DISRUPTION_BUDGET, cluster.name, spec=spec)
