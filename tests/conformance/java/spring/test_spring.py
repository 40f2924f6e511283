"""Spring Boot applications with Spring Cloud's client: one calls the other by its name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from conformance.java.server import BUILD, QUICK_START, JavaServer, trusting
from conformance.realclient import not_run
from processes.cluster import LONG, Cluster, ask, check_throughout, until
from processes.secured import PASSWORD, USER, Secured
from support.builds import NotBuiltError, built, need

TIER: Final = "Spring Boot applications"
HERE: Final = Path(__file__).parent
SOON: Final = {
    "eureka.instance.hostname": "127.0.0.1",
    "eureka.instance.lease-renewal-interval-in-seconds": 1,
    "eureka.instance.lease-expiration-duration-in-seconds": 3,
    "eureka.client.registry-fetch-interval-seconds": 1,
    "eureka.client.instance-info-replication-interval-seconds": 1,
    "eureka.client.initial-instance-info-replication-interval-seconds": 0,
    "spring.cloud.loadbalancer.cache.enabled": False,
}
"""What takes half a minute by default happens every second."""

TRANSPORTS: Final[Mapping[str, Mapping[str, object]]] = {
    "RestTemplate": {},
    "RestClient": {"eureka.client.restclient.enabled": True},
    "WebClient": {"eureka.client.webclient.enabled": True},
}
"""What Spring Cloud's client speaks through, and what chooses it."""

DEPARTURES: Final = 600
PATIENCE_S: Final = 45.0


class SpringApplication(JavaServer):
    """One application as a process."""

    probe = "/hello"

    def calls(self, name: str) -> bool:
        """Whether it reaches another application by its name."""
        return ask(self.port, "GET", f"/call/{name}", timeout_s=8.0).body == b"hello"


@pytest.fixture(scope="module")
def jar() -> Path:
    """The application, built."""
    try:
        need("java")
        return built("spring-client", HERE, BUILD) / "target" / "application.jar"
    except NotBuiltError as error:
        not_run(TIER, str(error))


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """Three peers."""
    with Cluster() as cluster:
        yield cluster.start()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_one_calls_the_other_by_name(cluster: Cluster, jar: Path, transport: str) -> None:
    """As long as it is UP, also after their peer has died; SIGTERM takes it off the list.

    With WebClient only its lease's end does: it is closed before it could deregister.
    """
    names = ("greeter", "caller")
    with (
        _application(cluster, jar, "greeter", transport) as greeter,
        _application(cluster, jar, "caller", transport) as caller,
    ):
        greeter.start()
        caller.start()
        greeter.ready()
        caller.ready()
        assert f"Eureka HTTP Client uses {transport}" in caller.log
        ids = {name: f"{name}:1" for name in names}
        until(lambda: all(cluster.everywhere(n.upper(), {ids[n]}) for n in names), PATIENCE_S)
        until(lambda: caller.calls("greeter"), PATIENCE_S)

        where = "/apps/GREETER/greeter:1/status"
        assert cluster.peers[1].ask("PUT", f"{where}?value=OUT_OF_SERVICE").status == 200
        until(lambda: not caller.calls("greeter"), PATIENCE_S)
        assert cluster.peers[1].ask("DELETE", f"{where}?value=UP").status == 200
        until(lambda: caller.calls("greeter"), PATIENCE_S)

        first, *others = cluster.peers
        first.kill()
        until(lambda: all(p.ids("GREETER") == {ids["greeter"]} for p in others), PATIENCE_S)
        check_throughout(lambda: caller.calls("greeter"), 4.0)  # longer than its lease

        greeter.terminate()
        until(lambda: all(not peer.ids("GREETER") for peer in others), PATIENCE_S)
        until(lambda: not caller.calls("greeter"), PATIENCE_S)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_registers_and_looks_up_over_tls(
    closed: Secured, jar: Path, tmp_path: Path, transport: str
) -> None:
    """User and password in the URL, which each transport takes out and sends by itself.

    Each has TLS of its own, so the trust store is the JVM's.
    """
    trust = trusting(Path(closed.authority.path), tmp_path)
    name = f"orders-{transport.lower()}"
    settings = {
        **SOON,
        **TRANSPORTS[transport],
        **_application_settings(name),
        "eureka.client.service-url.defaultZone": closed.place(USER, PASSWORD),
    }
    with SpringApplication(jar, settings, name=name, jvm=(*QUICK_START, *trust)) as application:
        application.start()
        application.ready()
        until(lambda: closed.status(name.upper(), f"{name}:1") == "UP", PATIENCE_S)
        until(lambda: application.calls(name), PATIENCE_S)
        assert PASSWORD not in application.log


def test_departures_do_not_blind_webclient(cluster: Cluster, jar: Path) -> None:
    """It reads 256 KiB at the most: with a Java server some 300 departures stop it for minutes."""
    one = cluster.peers[0]
    with (
        _application(cluster, jar, "greeter", "WebClient") as greeter,
        _application(cluster, jar, "caller", "WebClient") as caller,
    ):
        caller.start()
        caller.ready()
        until(lambda: cluster.everywhere("CALLER", {"caller:1"}), PATIENCE_S)
        for batch in range(DEPARTURES // 100):
            ids = [f"d-{batch}-{number}" for number in range(100)]
            for each in ids:
                one.register("DEPARTED", each, leaseInfo=LONG)
            for each in ids:
                assert one.ask("DELETE", f"/apps/DEPARTED/{each}").status == 200
        until(lambda: cluster.everywhere("DEPARTED", ()), PATIENCE_S)

        greeter.start()
        greeter.ready()

        until(lambda: caller.calls("greeter"), PATIENCE_S)
        assert "DataBufferLimitException" not in caller.log


def _application(cluster: Cluster, jar: Path, name: str, transport: str) -> SpringApplication:
    zone = {"eureka.client.service-url.defaultZone": ",".join(p.url for p in cluster.peers)}
    settings = {**SOON, **zone, **TRANSPORTS[transport], **_application_settings(name)}
    return SpringApplication(jar, settings, name=name, jvm=QUICK_START)


def _application_settings(name: str) -> dict[str, object]:
    return {"spring.application.name": name, "eureka.instance.instance-id": f"{name}:1"}
