"""Names and labels that dashboards and alerts rely on."""

from __future__ import annotations

import pytest

from eureka_operator.core.kinds import Object
from eureka_operator.shell.metrics import Metrics


def lines(metrics: Metrics) -> list[str]:
    """The exposition, line by line."""
    return metrics.exposition().decode().splitlines()


def test_reconciles_are_counted_by_result_and_timed() -> None:
    """A pass that raises is an error."""
    metrics, clock = Metrics(), iter([0.0, 2.0, 5.0, 5.5])
    with metrics.measure(lambda: next(clock)) as outcome:
        outcome.result = "ok"
    with pytest.raises(ValueError, match="fault"), metrics.measure(lambda: next(clock)):
        raise ValueError("fault")

    assert 'eureka_operator_reconciles_total{result="ok"} 1.0' in lines(metrics)
    assert 'eureka_operator_reconciles_total{result="error"} 1.0' in lines(metrics)
    assert "eureka_operator_reconcile_seconds_sum 2.5" in lines(metrics)


def test_requests_and_drift_are_counted() -> None:
    """Code 0 is not an answer."""
    metrics = Metrics()
    metrics.request("patch", 200)
    metrics.request("get", 0)
    metrics.drift("Service")

    assert 'eureka_operator_api_requests_total{code="200",verb="patch"} 1.0' in lines(metrics)
    assert 'eureka_operator_api_requests_total{code="0",verb="get"} 1.0' in lines(metrics)
    assert 'eureka_operator_drift_corrected_total{kind="Service"} 1.0' in lines(metrics)


def test_clusters_are_shown_by_condition() -> None:
    """One that is gone is shown no more; one without a status has none yet."""
    metrics = Metrics()
    metrics.clusters([cluster(Ready="True"), cluster(Ready="True"), cluster(Ready="False"), {}])
    assert 'eureka_operator_cluster_conditions{status="True",type="Ready"} 2.0' in lines(metrics)
    assert 'eureka_operator_cluster_conditions{status="False",type="Ready"} 1.0' in lines(metrics)

    metrics.clusters([cluster(Ready="True")])

    assert 'eureka_operator_cluster_conditions{status="True",type="Ready"} 1.0' in lines(metrics)
    assert not any('status="False"' in line for line in lines(metrics))


def test_end_of_a_clusters_certificate_is_shown_while_it_has_one() -> None:
    """An alert of the chart goes by it."""
    metrics = Metrics()
    name = "eureka_operator_cluster_certificate_expiry_timestamp_seconds"
    secure = cluster(Ready="True")
    secure["metadata"] = {"namespace": "shop", "name": "eureka"}
    secure["status"]["tls"] = {"secretName": "eureka-tls", "notAfter": "2027-02-26T12:00:00Z"}

    metrics.clusters([secure, cluster(Ready="True")])
    assert f'{name}{{cluster="eureka",namespace="shop"}} 1.8036432e+09' in lines(metrics)

    metrics.clusters([cluster(Ready="True")])
    assert not any(line.startswith(f"{name}{{") for line in lines(metrics))


def test_what_is_done_for_pods_is_counted() -> None:
    """Alerts go by leases that are removed, and by pods that lack their sidecar."""
    metrics = Metrics()
    metrics.count_registry_read("unchanged")
    metrics.count_removed_lease("pod_gone")
    metrics.count_pause("pause")
    metrics.count_eviction("held")
    metrics.pods_without_sidecar.set(3)

    assert 'eureka_operator_registry_reads_total{result="unchanged"} 1.0' in lines(metrics)
    assert 'eureka_operator_leases_removed_total{reason="pod_gone"} 1.0' in lines(metrics)
    assert 'eureka_operator_pods_paused_total{action="pause"} 1.0' in lines(metrics)
    assert 'eureka_operator_pods_evicted_total{result="held"} 1.0' in lines(metrics)
    assert "eureka_operator_pods_without_sidecar 3.0" in lines(metrics)


def cluster(**conditions: str) -> Object:
    """An EurekaCluster with a status."""
    return {
        "status": {"conditions": [{"type": t, "status": s} for t, s in conditions.items()]},
    }
