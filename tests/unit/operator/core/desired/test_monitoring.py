from __future__ import annotations

from msgspec.structs import replace

from eureka_operator.core.desired.monitoring import service_monitor
from eureka_operator.core.desired.services import client_service, headless_service
from unit.operator.core.builders import ENVIRONMENT, cluster
from unit.operator.core.desired import golden

_WISHED = {"monitoring": {"serviceMonitor": True}}


def test_service_monitor() -> None:
    """Labels of the object's own win, so that the operator finds its child again."""
    spec = {
        "monitoring": {
            "serviceMonitor": True,
            "interval": "1m",
            "labels": {"release": "prometheus", "eurekube.io/cluster": "other"},
        }
    }
    golden.check("servicemonitor", service_monitor(cluster(spec), ENVIRONMENT))


def test_no_service_monitor_unless_wished_and_known() -> None:
    """An API server without that CRD would refuse it on every pass."""
    assert service_monitor(cluster(), ENVIRONMENT) is None
    assert service_monitor(cluster(_WISHED), replace(ENVIRONMENT, monitors=False)) is None


def test_each_peer_is_read_once() -> None:
    """All Services of the cluster match the selector; one alone has the port's name."""
    body = service_monitor(cluster(_WISHED), ENVIRONMENT)
    services = (client_service(cluster()), headless_service(cluster()))

    assert body is not None
    port = body["spec"]["endpoints"][0]["port"]
    assert [
        port in {each["name"] for each in service["spec"]["ports"]} for service in services
    ] == [
        False,
        True,
    ]
