"""The README's story on three nodes in three zones, while clients look up and call all the time.

From an empty cluster to an uninstall. What was done, when, and what clients met meanwhile is
printed at the end of the run as a timeline.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterator
from typing import Any, Final

import pytest

from cluster.faults import Faults
from e2e.clusters import Target
from e2e.injection import manifests
from e2e.injection.manifests import LABEL, Document, pod_spec, serving
from e2e.injection.registered import pods_of
from e2e.operator.ekc import PATIENCE_S, EkcCluster
from e2e.operator.installed import Operator
from e2e.operator.lookups import LookUps, run_lookups
from e2e.operator.rollouts import ROLLED_S, template_change
from e2e.operator.test_clients import SOON
from e2e.sidecar.manifests import listed, programs
from processes.cluster import until
from support.kubectl import Kubectl

ORDERS: Final = "orders"
"""A service that knows nothing of Eureka: three pods with sidecars."""
GREETER: Final = "greeter"
"""A Spring application that registers by itself."""
REPLICAS: Final = 3
CALLS_A_SECOND: Final = 20
CACHE_S: Final = 5
ZONES: Final = ("zone-1", "zone-2", "zone-3")
LOST: Final = "zone-3"
LOST_S: Final = 300.0
"""A node counts as lost after 20 s; the operator's leader may be lost with it."""
URLS: Final = [f"http://peer{number}:8761/eureka/" for number in (1, 2, 3)]
_OVER_ZONES: Final = {
    "maxSkew": 1,
    "topologyKey": "topology.kubernetes.io/zone",
    "whenUnsatisfiable": "ScheduleAnyway",
    "labelSelector": {"matchLabels": {"app": ORDERS}},
}


class Clients:
    """Those that look up and call, and what they have met."""

    def __init__(self, kubectl: Kubectl, looks: LookUps) -> None:
        self._kubectl = kubectl
        self.looks = looks
        self.lost: set[str] = set()
        """Instances whose zone was lost: calls to them may have failed."""

    def calls(self, app: str) -> dict[str, Any]:
        """What callers of an application have met: see `e2e/sidecar/caller.py`."""
        nothing: dict[str, Any] = {"held": [], "served": {}, "failed_by": {}, "calls": 0}
        said = self._kubectl.run_unchecked("logs", _caller(app), "--tail=1").stdout
        found: dict[str, Any] = json.loads(said) if said else nothing
        return found

    def check(self) -> None:
        """Go on for a moment; fail if any look-up has failed, or a call to what is there."""
        looks = self.looks.report.looks
        made = {app: self.calls(app)["calls"] for app in (ORDERS, GREETER)}
        until(lambda: self.looks.report.looks > looks, PATIENCE_S)
        for app, before in made.items():
            until(lambda: self.calls(app)["calls"] > before, PATIENCE_S)  # noqa: B023 - at once
            seen = self.calls(app)
            assert seen["failed_by"].keys() <= self.lost, seen["failures"]
        assert self.looks.report.failed == []


class Scenario:
    """A registry with two services and their clients, and what is done to them."""

    def __init__(self, cluster: EkcCluster, clients: Clients, note: Callable[[str], None]) -> None:
        self._cluster = cluster
        self._kubectl = cluster.kubectl
        self._clients = clients
        self._note = note

    def begin(self) -> None:
        """Each service is found and called by its name, by Spring and by others."""
        until(lambda: len(self._clients.calls(ORDERS)["served"]) == REPLICAS, PATIENCE_S)
        until(lambda: self._clients.calls(GREETER)["served"], PATIENCE_S)
        where = f"/api/v1/namespaces/{self._kubectl.namespace}/pods/{GREETER}:8080/proxy"
        call = ("get", "--raw", f"{where}/call/{ORDERS}")
        assert until(lambda: self._kubectl.run_unchecked(*call).stdout, PATIENCE_S) in self._orders
        self._note_step("orders, with sidecars, and greeter, in Spring, are called by their names")

    def scale(self) -> None:
        """Another peer, and one less."""
        lives = self._cluster.restart_counts
        self._cluster.scale(4)
        self._note_step("four peers")
        self._cluster.scale(3)
        assert self._cluster.restart_counts == lives
        self._note_step("three peers, the same as before")

    def roll(self) -> None:
        """Every pod of the service, and every peer, is replaced."""
        before = self._orders
        self._kubectl("rollout", "restart", f"deployment/{ORDERS}")
        until(lambda: self._has_moved(before), PATIENCE_S)
        self._note_step("orders are replaced")
        lives = self._cluster.restart_counts
        self._cluster.change(template_change("rolled"))
        self._cluster.wait_ready(ROLLED_S)
        assert not {*lives.values()} & {*self._cluster.restart_counts.values()}
        self._note_step("peers are replaced")

    def lose_zone(self, faults: Faults, node: str) -> None:
        """A zone is lost and comes back: only calls to what was there may fail."""
        there = {name for name, pod in self._orders.items() if pod["spec"]["nodeName"] == node}
        held = self._clients.calls(ORDERS)["held"]
        self._clients.lost |= {each for each in held if each.partition(".")[0] in there}
        with faults.cut_off(node):
            until(lambda: "peer3" in self._cluster.why_degraded, LOST_S)
            self._note_step("a zone is lost: the status names its peer")
            until(lambda: not self._clients.lost & {*self._clients.calls(ORDERS)["held"]}, LOST_S)
            self._note_step("nobody calls what was there")
        self._cluster.wait_ready(LOST_S)
        until(lambda: len(self._clients.calls(ORDERS)["held"]) == REPLICAS, LOST_S)
        self._note_step("the zone is back: three peers, three pods of orders")

    def upgrade(self, operator: Operator) -> None:
        """Another release of the operator and the injector; peers do not notice."""
        lives = self._cluster.restart_counts
        operator.install("--set-string", "podAnnotations.release=next")
        self._cluster.wait_ready()
        assert self._cluster.restart_counts == lives
        self._note_step("helm upgrade: no peer was restarted")

    def uninstall(self, operator: Operator) -> None:
        """What runs goes on without it."""
        operator.uninstall()
        self._note_step("helm uninstall: the registry and its services go on")

    def tell(self) -> None:
        """What clients met in all."""
        looks = self._clients.looks.report
        self._note_step(
            f"{looks.looks} look-ups, {looks.retried} of them made again at another peer"
        )
        for app in (ORDERS, GREETER):
            seen = self._clients.calls(app)
            self._note_step(f"{seen['calls']} calls of {app}, {seen['failed']} of them failed")

    @property
    def failed_at_lost(self) -> int:
        """Calls that have failed since their zone was lost."""
        return sum(self._clients.calls(ORDERS)["failed_by"].values())

    def _note_step(self, what: str) -> None:
        """Note what is done, once clients have gone on and none has missed anything."""
        self._clients.check()
        self._note(what)

    @property
    def _orders(self) -> dict[str, dict[str, Any]]:
        return pods_of(self._kubectl, ORDERS)

    def _has_moved(self, before: Collection[str]) -> bool:
        """Whether other pods serve, and nothing else can still be called."""
        seen, names = self._clients.calls(ORDERS), {*self._orders}
        return (
            not names & {*before}
            and names <= seen["served"].keys()
            and {each.partition(".")[0] for each in seen["held"]} == names
        )


@pytest.fixture
def note(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Adds a line to the timeline: how many seconds after the beginning something was complete."""
    begin_s = time.monotonic()
    return lambda what: record_property(f"story, {time.monotonic() - begin_s:4.0f} s", what)


@pytest.fixture
def cluster(
    target: Target, operator: Operator, note: Callable[[str], None]
) -> Iterator[EkcCluster]:
    """Three peers in three zones, after nothing was there; afterwards the operator is again."""
    operator.uninstall()
    try:
        operator.install()
        note("helm install: operator and injector work")
        with target.kubectl.in_a_namespace("story") as kubectl:
            cluster = EkcCluster(kubectl)
            zones = [{"name": zone, "nodeZone": zone} for zone in ZONES]
            cluster.start({"replicas": len(ZONES), "topology": {"zones": zones}})
            cluster.wait_agreed()
            note("three peers in three zones agree")
            yield cluster
            operator.install()  # else nobody lets the EurekaCluster go
    finally:
        operator.install()


@pytest.fixture
def clients(target: Target, cluster: EkcCluster, spring: str) -> Iterator[Clients]:
    """Both services, and who calls them, on a node that is not lost."""
    node = cluster.pods[_pod(ZONES[0])].node
    kubectl = cluster.kubectl
    with run_lookups(target, cluster, node) as looks:
        kubectl("label", "namespace", kubectl.namespace, f"{LABEL}=enabled")
        callers = [
            manifests.caller(target, _caller(app), _caller_options(app))
            for app in (ORDERS, GREETER)
        ]
        for each in (greeter := _greeter(spring), *callers):
            each["spec"]["nodeSelector"] = {"kubernetes.io/hostname": node}
        kubectl.apply(listed([programs(), _orders(target), greeter, *callers]))
        yield Clients(kubectl, looks)


def test_story(
    cluster: EkcCluster,
    clients: Clients,
    faults: Faults,
    operator: Operator,
    note: Callable[[str], None],
) -> None:
    """Install, two services, scale, roll, lose a zone, upgrade, uninstall."""
    story = Scenario(cluster, clients, note)
    story.begin()
    story.scale()
    story.roll()
    story.lose_zone(faults, cluster.pods[_pod(LOST)].node)
    failed = story.failed_at_lost
    story.upgrade(operator)
    story.uninstall(operator)
    story.tell()
    assert story.failed_at_lost == failed


def _orders(target: Target) -> Document:
    """One pod in each zone, which serves on for 20 s at its end, as the injector makes it."""
    spec = pod_spec(serving(target), topologySpreadConstraints=[_OVER_ZONES])
    return manifests.deployment(ORDERS, spec, REPLICAS)


def _greeter(image: str) -> Document:
    """It has a Eureka client of its own, so it gets no sidecar."""
    settings = {
        **SOON,
        "spring.application.name": GREETER,
        "eureka.client.service-url.defaultZone": ",".join(URLS),
    }
    client = {
        "name": "greeter",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "env": [{"name": "SPRING_APPLICATION_JSON", "value": json.dumps(settings)}],
    }
    spec = {"containers": [client], "enableServiceLinks": False}
    return manifests.pod(GREETER, spec, {}, client="embedded")


def _caller_options(app: str) -> Document:
    """What the pod that calls an application is told: see `e2e/sidecar/caller.py`."""
    return {
        "app": app,
        "urls": URLS,
        "path": "/hello",
        "fetch_s": CACHE_S,
        "cache_s": CACHE_S,
        "rate": CALLS_A_SECOND,
        "clients": 2,
    }


def _pod(zone: str) -> str:
    return f"eureka-peer-{zone}-1"


def _caller(app: str) -> str:
    return f"calls-{app}"
