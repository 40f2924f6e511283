"""The ServiceMonitor: how Prometheus' operator finds the peers' metrics."""

from __future__ import annotations

from eureka_operator.api.cluster import Cluster
from eureka_operator.core import names
from eureka_operator.core.desired.common import Environment, child
from eureka_operator.core.kinds import SERVICE_MONITOR, Object


def service_monitor(cluster: Cluster, environment: Environment) -> Object | None:
    """Each peer's metrics; `None` if not asked for, or if there are no ServiceMonitors."""
    monitoring = cluster.spec.monitoring
    if not monitoring.service_monitor or not environment.monitors:
        return None
    endpoint = {"port": "management", "path": "/metrics", "interval": monitoring.interval}
    spec = {
        # Only the headless Service has a port of this name, so no peer is read twice.
        "endpoints": [endpoint],
        "selector": {"matchLabels": names.selector(cluster.name)},
    }
    body = child(cluster, SERVICE_MONITOR, cluster.name, spec=spec)
    body["metadata"]["labels"] = {**monitoring.labels, **body["metadata"]["labels"]}
    return body
