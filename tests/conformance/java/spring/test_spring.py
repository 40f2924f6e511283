"""Spring Boot applications with Spring Cloud's client: one calls the other by its name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from conformance.java.server import BUILD, QUICK_START, JavaServer
from conformance.realclient import not_run
from processes.cluster import Cluster, ask, throughout, until
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


def test_one_calls_the_other_by_name(cluster: Cluster, jar: Path) -> None:
    """As long as it is UP, also after their peer has died; SIGTERM takes it off the list."""
    zone = {"eureka.client.service-url.defaultZone": ",".join(p.url for p in cluster.peers)}
    names = ("greeter", "caller")
    with (
        SpringApplication(jar, {**SOON, **zone, **_named("greeter")}, jvm=QUICK_START) as greeter,
        SpringApplication(jar, {**SOON, **zone, **_named("caller")}, jvm=QUICK_START) as caller,
    ):
        greeter.start()
        caller.start()
        greeter.ready()
        caller.ready()
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
        throughout(lambda: caller.calls("greeter"), 4.0)  # longer than its lease

        greeter.terminate()
        until(lambda: all(not peer.ids("GREETER") for peer in others), PATIENCE_S)
        until(lambda: not caller.calls("greeter"), PATIENCE_S)


def _named(name: str) -> dict[str, object]:
    return {"spring.application.name": name, "eureka.instance.instance-id": f"{name}:1"}
