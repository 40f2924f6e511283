from __future__ import annotations

from eureka_operator.core.desired.services import alias_service, client_service, headless_service
from eureka_operator.core.peering import Seat
from unit.operator.core.builders import EVERYTHING, cluster
from unit.operator.core.desired import golden


def test_client_service() -> None:
    """Ready peers only."""
    golden.check("service-client", client_service(cluster()))


def test_client_service_with_everything_set() -> None:
    """Type, annotations, traffic distribution, IP families, port."""
    golden.check("service-client-everything", client_service(cluster(EVERYTHING)))


def test_headless_service() -> None:
    """Peers that are not ready, too, and the port for metrics."""
    golden.check("service-headless", headless_service(cluster()))


def test_headless_service_with_everything_set() -> None:
    """What is for the client Service alone is not here."""
    golden.check("service-headless-everything", headless_service(cluster(EVERYTHING)))


def test_alias_service() -> None:
    """Its selector is the record of which pod is `peer2`."""
    golden.check("service-alias", alias_service(cluster(), Seat(2, "eureka-peer-2", "")))


def test_alias_service_with_everything_set() -> None:
    """Its name begins with `dnsPrefix`."""
    seat = Seat(2, "eureka-peer-b-1", "b")
    golden.check("service-alias-everything", alias_service(cluster(EVERYTHING), seat))
