"""The sidecar at a real Spring Cloud Eureka Server, and a Spring client that calls its service."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from conformance.java.server import ALONE, BUILD, LIVE, JavaServer
from conformance.realclient import not_run
from processes.cluster import ask, check_throughout, until
from processes.test_sidecar_registry import TEN_MINUTES_BEHIND
from support.builds import NotBuiltError, built, need
from support.faultyleases import Leases
from support.sidecars import SOON, Application, Sidecar

Record = Callable[[str, object], None]

SETTINGS: Final[Mapping[str, object]] = {
    **ALONE,
    **LIVE,
    "eureka.server.enable-self-preservation": False,
    "eureka.server.eviction-interval-timer-in-ms": 300,
}
CALLER: Final[Mapping[str, object]] = {
    "spring.application.name": "caller",
    "eureka.client.register-with-eureka": False,
    "eureka.client.registry-fetch-interval-seconds": 1,
    "spring.cloud.loadbalancer.cache.enabled": False,
}
PATIENCE_S: Final = 180.0
SEEN_S: Final = 200.0
"""What Java's server loads into its response cache while an instance changes may be the old list,
and stay for `responseCacheAutoExpirationInSeconds`, 180 s.
"""


@pytest.fixture(scope="module")
def java(java_jar: Path) -> Iterator[JavaServer]:
    """A server that forgets leases when they end; one test after the other uses it."""
    with JavaServer(java_jar, SETTINGS) as java:
        java.start()
        java.ready()
        yield java


@pytest.fixture(scope="module")
def client_jar() -> Path:
    """A Spring Boot application that calls others by their names."""
    try:
        need("java")
        sources = Path(__file__).parent / "spring"
        return built("spring-client", sources, BUILD) / "target" / "application.jar"
    except NotBuiltError as error:
        not_run("a Spring client that calls what the sidecar registers", str(error))


@pytest.fixture
def application() -> Iterator[Application]:
    """Something to be registered."""
    with Application() as application:
        yield application


def _shown(java: JavaServer, sidecar: Sidecar) -> object:
    found = java.instance(sidecar.app, sidecar.id)
    return found["status"] if found else ""


def test_life_at_a_java_server(java: JavaServer, application: Application) -> None:
    """Registered, kept beyond the end of a lease, paused, resumed, removed."""
    with Sidecar("orders", application.port, "--registry", java.url, *SOON) as sidecar:
        until(lambda: _shown(java, sidecar) == "UP", PATIENCE_S)
        found = java.instance(sidecar.app, sidecar.id)
        assert found is not None
        assert found["ipAddr"] == found["hostName"] == "127.0.0.1"
        assert found["port"] == {"$": application.port, "@enabled": "true"}
        assert found["vipAddress"] == "orders"

        assert sidecar.ask("pause").returncode == 0
        assert _shown(java, sidecar) == "OUT_OF_SERVICE"
        check_throughout(
            lambda: _shown(java, sidecar) == "OUT_OF_SERVICE", 4.0
        )  # longer than its lease
        assert sidecar.ask("resume").returncode == 0
        assert _shown(java, sidecar) == "UP"
        check_throughout(lambda: _shown(java, sidecar) == "UP", 2.0)

        assert sidecar.terminate() == 0
        assert _shown(java, sidecar) == ""


def test_successor_with_a_clock_behind_takes_the_place_at_a_java_server(
    java: JavaServer, application: Application
) -> None:
    """`AbstractInstanceRegistry.register` keeps the older document, and answers 204."""
    with Sidecar("again", application.port, "--registry", java.url) as sidecar:
        until(lambda: _shown(java, sidecar) == "UP", PATIENCE_S)
        sidecar.kill()

    behind = TEN_MINUTES_BEHIND
    with (
        Application() as other,
        Sidecar("again", other.port, "--registry", java.url, program=behind) as successor,
    ):
        place = {"$": other.port, "@enabled": "true"}
        until(lambda: (java.instance("AGAIN", "again-1") or {})["port"] == place, PATIENCE_S)
        until(lambda: _shown(java, successor) == "UP", PATIENCE_S)
        assert "had kept an older registration" in successor.log
        assert successor.terminate() == 0
        assert _shown(java, successor) == ""


def test_every_schedule_of_two_faults_ends_as_wished_at_a_java_server(
    java: JavaServer, record_property: Record
) -> None:
    """The rules of a registry are Netflix's: what holds at ours has to hold there."""
    with Leases(java.port) as crowd:
        crowd.settle(*crowd.life)
        until(lambda: _statuses(java, crowd) == {"OUT_OF_SERVICE"}, PATIENCE_S)
        crowd.settle(lambda lease: lease.resume())
        until(lambda: _statuses(java, crowd) == {"UP"}, PATIENCE_S)

        crowd.close()
        until(lambda: _statuses(java, crowd) == set(), PATIENCE_S)

        assert crowd.broken() == []
        record_property("schedules of up to 2 faults against a Java server", crowd.summary())


def _statuses(java: JavaServer, crowd: Leases) -> set[str]:
    """What is shown of those that are not removed; if any is there, all must be."""
    applications = java.ask("GET", "/apps").json["applications"]["application"]
    names = {each["name"] for each in applications}
    if names and names != crowd.lives.keys():
        return {"some are missing, or were removed"}
    return {instance["status"] for each in applications for instance in each["instance"]}


def test_spring_client_calls_the_service_by_its_name(
    java: JavaServer, client_jar: Path, application: Application
) -> None:
    """No line of Java, and no line of Eureka in the service: the sidecar's entry is enough."""
    zone = {"eureka.client.service-url.defaultZone": java.url}
    check = ("--check", f"http://:{application.port}/hello")
    with (
        JavaServer(client_jar, {**CALLER, **zone}, name="caller") as caller,
        Sidecar("greeter", application.port, "--registry", java.url, *check, *SOON) as sidecar,
    ):
        caller.probe = "/hello"
        caller.start()
        caller.ready()
        until(lambda: _calls(caller), SEEN_S)

        assert sidecar.ask("pause").returncode == 0
        until(lambda: not _calls(caller), SEEN_S)
        assert sidecar.ask("resume").returncode == 0
        until(lambda: _calls(caller), SEEN_S)

        assert sidecar.ask("drain").returncode == 0
        until(lambda: not _calls(caller), SEEN_S)


def _calls(caller: JavaServer) -> bool:
    return ask(caller.port, "GET", "/call/greeter", timeout_s=8.0).body == b"hello"


def test_java_server_that_was_restarted_has_it_back_as_it_was(
    java: JavaServer, application: Application
) -> None:
    """It has no memory: the paused instance must come back as paused.

    It is so once the registration is answered. Before, `AbstractInstanceRegistry.register` has the
    instance in its map for a moment without the override.
    """
    with Sidecar("firm", application.port, "--registry", java.url, *SOON) as sidecar:
        until(lambda: _shown(java, sidecar) == "UP", PATIENCE_S)
        assert sidecar.ask("pause").returncode == 0

        java.kill()
        until(lambda: sidecar.problem() == "unreachable")
        java.start()
        java.ready()

        until(lambda: not sidecar.problem(), PATIENCE_S)
        assert _shown(java, sidecar) == "OUT_OF_SERVICE"
        check_throughout(lambda: _shown(java, sidecar) == "OUT_OF_SERVICE", 2.0)
        assert sidecar.ask("resume").returncode == 0
        assert _shown(java, sidecar) == "UP"
