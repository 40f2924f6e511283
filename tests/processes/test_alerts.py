"""Every alert of the chart fires when it should, and no other does; the dashboard has its data.

Peers are processes; operator and injector are what they expose when they do what is said here.
Prometheus' own promtool evaluates the rules.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from charts import grafana

from eureka_operator.shell.metrics import Metrics
from eureka_operator.shell.webhook import InjectorMetrics, Verdict
from processes.cluster import LONG, REPLICATION, Cluster, PeerProcess, ask, document, until
from processes.test_settings import dead_url
from support import promtool
from support.promtool import Source, check_firing, check_have_data, series

ALERTS: Final = Path(__file__).parents[2] / "charts" / "eurekube" / "files" / "alerts.yaml"
NAMES: Final = frozenset(
    rule["alert"]
    for group in yaml.safe_load(ALERTS.read_text())["groups"]
    for rule in group["rules"]
)
DAY_S: Final = 86_400.0
provoked: set[str] = set()
"""Alerts that fired in a test of this module."""


@pytest.fixture(scope="session")
def program(pytestconfig: pytest.Config) -> Path:
    """Promtool."""
    return promtool.promtool(pytestconfig)


@contextmanager
def running(size: int = 2, **settings: object) -> Iterator[Cluster]:
    """Peers that agree, with an instance."""
    with Cluster(size, **settings) as cluster:
        cluster.start()
        cluster.peers[0].register("ORDERS", "orders-1", leaseInfo=LONG)
        until(lambda: cluster.everywhere("ORDERS", {"orders-1"}))
        until(lambda: all(_agrees(each) for each in cluster.peers))
        yield cluster


def _agrees(peer: PeerProcess) -> bool:
    others = [each for each in peer.view["peers"] if not each["self"]]
    return all(each["agreement"] == "agreed" for each in others)


def sources(*peers: PeerProcess) -> list[Source]:
    """Peers as Prometheus finds them by their ServiceMonitor."""
    labels = {"namespace": "shop", "job": "eureka-peers"}
    return [
        Source({**labels, "pod": f"eureka-{peer.name}"}, partial(_metrics, peer)) for peer in peers
    ]


def _metrics(peer: PeerProcess) -> str:
    return ask(peer.management_port, "GET", "/metrics").body.decode()


def well(*, leads: bool = True) -> tuple[Metrics, InjectorMetrics]:
    """An operator and an injector to which nothing has happened yet, as they expose that."""
    operator, injector = Metrics(), InjectorMetrics()
    operator.leader.set(leads)
    operator.resync_age.set(30)
    operator.pods_without_sidecar.set(0)
    operator.crd_missing_fields("eurekaclusters.eurekube.io", 0)
    operator.clusters([_cluster(30 * DAY_S, Ready="True", TLSReady="True")])
    injector.certificate_ends.set(time.time() + 30 * DAY_S)
    return operator, injector


def exposed(operator: Metrics, injector: InjectorMetrics) -> list[Source]:
    """Both as Prometheus finds them."""
    labels = {"namespace": "eurekube", "job": "eurekube-operator-metrics", "pod": "operator-1"}
    return [
        Source(labels, lambda: operator.exposition().decode()),
        Source({**labels, "pod": "injector-1"}, lambda: injector.exposition().decode()),
    ]


def _cluster(ends_in_s: float, **conditions: str) -> dict[str, Any]:
    ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + ends_in_s))
    listed = [{"type": kind, "status": status} for kind, status in conditions.items()]
    return {
        "metadata": {"namespace": "shop", "name": "eureka"},
        "status": {"conditions": listed, "tls": {"notAfter": ends}},
    }


def fire(program: Path, sources: list[Source], *names: str) -> None:
    """Insist that exactly these alerts fire, and note that they have been tried."""
    check_firing(program, ALERTS, series(sources), names)
    provoked.update(names)


def test_nothing_fires_while_all_is_well_and_every_panel_has_data(program: Path) -> None:
    """A query that finds nothing names something that is not there."""
    with running() as cluster:
        operator, injector = well()
        happen(operator, injector)
        given = series([*sources(*cluster.peers), *exposed(operator, injector)])
        filled = [
            query.replace("$namespace", ".*").replace("$__rate_interval", "5m")
            for query in grafana.queries()
        ]

        check_firing(program, ALERTS, given, ())
        check_have_data(program, ALERTS, given, filled)


def happen(operator: Metrics, injector: InjectorMetrics) -> None:
    """What happens on any day, so that its series are there."""
    with operator.measure() as outcome:
        outcome.result = "ok"
    operator.request("list", 200)
    operator.drift("Service")
    operator.count_removed_lease("pod_gone")
    operator.count_registry_read("read")
    injector.answer(Verdict("injected", "ok", ({},)), 0.003, 4096)


def test_killed_peer(program: Path) -> None:
    """The other one cannot bring it a change, which gets older and older."""
    with running() as cluster:
        one, two = cluster.peers
        two.kill()
        one.register("ORDERS", "orders-2", leaseInfo=LONG)
        until(lambda: not one.edge(two)["available"] and one.edge(two)["lagMs"] > 0)

        fire(program, sources(one), "EurekaPeerUnavailable", "EurekaReplicationLags")


def test_peers_that_differ(program: Path) -> None:
    """As long as nobody repairs it; here that is a moment."""
    with running(digest_interval_s=2.2) as cluster:
        one, two = cluster.peers
        lone = document("ODD", "only-here", leaseInfo=LONG)
        assert one.ask("POST", "/apps/ODD", lone, REPLICATION).status == 204
        until(lambda: two.edge(one)["diverged"] or one.edge(two)["diverged"])

        fire(program, sources(one, two), "EurekaPeersDiverged")


def test_peer_that_waits_for_others(program: Path) -> None:
    """It has nobody to copy from, and goes on asking."""
    with Cluster(2, sync_timeout_s=600) as cluster:
        one, _ = cluster.peers
        one.start()
        until(lambda: ask(one.management_port, "GET", "/livez").status == 200)

        fire(program, sources(one), "EurekaPeerNotReady", "EurekaPeerUnavailable")


def test_leases_that_are_kept(program: Path) -> None:
    """Most clients fell silent at once."""
    with Cluster(1, self_preservation=True, renewal_threshold=0.85, self_preservation_floor=1) as c:
        (peer,) = c.start().peers
        for number in range(4):
            peer.register("SILENT", f"s{number}")
        until(lambda: peer.view["preserving"])

        fire(program, sources(peer), "EurekaSelfPreservation")


def test_settings_that_are_wrong_or_wait_for_a_restart(program: Path) -> None:
    """The last good ones are in force."""
    with Cluster(1) as cluster:
        (peer,) = cluster.start().peers
        peer.configure(app_name="OTHER")
        until(lambda: peer.view["config"]["restartNeeded"])
        fire(program, sources(peer), "EurekaSettingsWaitForRestart")

        peer.file.write_text("{")
        until(lambda: peer.view["config"]["problem"])
        fire(program, sources(peer), "EurekaSettingsWaitForRestart", "EurekaSettingsUnusable")


def test_region_that_does_not_answer(program: Path) -> None:
    """What is shown of it gets old."""
    with Cluster(1) as cluster:
        (peer,) = cluster.start().peers
        peer.configure(remote_regions={"west": dead_url()})
        until(lambda: [each for each in peer.view.get("regions", []) if each["problem"]])

        fire(program, sources(peer), "EurekaRegionUnreachable")


def _no_leader(operator: Metrics, _: InjectorMetrics) -> None:
    operator.leader.set(0)


def _no_list(operator: Metrics, _: InjectorMetrics) -> None:
    operator.resync_age.set(200)


def _not_ready(operator: Metrics, _: InjectorMetrics) -> None:
    operator.clusters([_cluster(30 * DAY_S, Ready="False", TLSReady="True")])


def _old_crd(operator: Metrics, _: InjectorMetrics) -> None:
    operator.crd_missing_fields("eurekaclusters.eurekube.io", 3)


def _certificate_ends(operator: Metrics, _: InjectorMetrics) -> None:
    operator.clusters([_cluster(6 * DAY_S, Ready="True", TLSReady="True")])


def _certificate_is_wrong(operator: Metrics, _: InjectorMetrics) -> None:
    operator.clusters([_cluster(30 * DAY_S, Ready="True", TLSReady="False")])


def _missed(operator: Metrics, _: InjectorMetrics) -> None:
    operator.pods_without_sidecar.set(2)


def _injectors_certificate_ends(_: Metrics, injector: InjectorMetrics) -> None:
    injector.certificate_ends.set(time.time() + 6 * DAY_S)


def _no_certificate(_: Metrics, injector: InjectorMetrics) -> None:
    injector.certificate_ends.set(0)


@pytest.mark.parametrize(
    ("name", "becomes"),
    [
        ("EurekaOperatorDoesNotLead", _no_leader),
        ("EurekaOperatorStuck", _no_list),
        ("EurekaClusterNotReady", _not_ready),
        ("EurekaCRDTooOld", _old_crd),
        ("EurekaCertificateEnds", _certificate_ends),
        ("EurekaCertificateProblem", _certificate_is_wrong),
        ("EurekaPodsWithoutSidecar", _missed),
        ("EurekaInjectorCertificateEnds", _injectors_certificate_ends),
        ("EurekaInjectorCertificateEnds", _no_certificate),
    ],
)
def test_state_of_operator_or_injector(
    program: Path, name: str, becomes: Callable[[Metrics, InjectorMetrics], None]
) -> None:
    """Each by itself."""
    operator, injector = well()
    becomes(operator, injector)

    fire(program, exposed(operator, injector), name)


def test_two_leaders(program: Path) -> None:
    """A standby beside a leader is as it should be."""
    standby = exposed(*well(leads=False))[0]
    other = Source({**standby.labels, "pod": "operator-2"}, standby.expose)
    check_firing(program, ALERTS, series([*exposed(*well()), other]), ())

    second = Source(other.labels, exposed(*well())[0].expose)
    fire(program, [*exposed(*well()), second], "EurekaOperatorDoesNotLead")


def _error(operator: Metrics, _: InjectorMetrics) -> None:
    with operator.measure():
        pass


def _unreadable(operator: Metrics, _: InjectorMetrics) -> None:
    operator.count_registry_read("failed")


def _allow_unreviewed(_: Metrics, injector: InjectorMetrics) -> None:
    injector.answer(Verdict("allowed", "overload"), 2.0, 100)


@pytest.mark.parametrize(
    ("name", "does"),
    [
        ("EurekaReconcileErrors", _error),
        ("EurekaRegistryUnreadable", _unreadable),
        ("EurekaPodsNotLookedAt", _allow_unreviewed),
    ],
)
def test_what_happens_again_and_again(
    program: Path, name: str, does: Callable[[Metrics, InjectorMetrics], None]
) -> None:
    """Each reading of a process finds one more."""
    operator, injector = well()

    def again(source: Source) -> Source:
        def expose() -> str:
            does(operator, injector)
            return source.expose()

        return Source(source.labels, expose)

    fire(program, [again(each) for each in exposed(operator, injector)], name)


def test_pod_let_in_once_is_told(program: Path) -> None:
    """Its series was not there before, so it has no increase."""
    operator, injector = well()
    _allow_unreviewed(operator, injector)
    late = [
        {**each, "values": f"_x{promtool.MINUTES - 6} {each['values'].partition('+')[0]}x6"}
        for each in series(exposed(operator, injector))
        if 'result="allowed"' in each["series"]
    ]
    rest = [
        each
        for each in series(exposed(operator, injector))
        if 'result="allowed"' not in each["series"]
    ]

    check_firing(program, ALERTS, [*rest, *late], ("EurekaPodsNotLookedAt",))


def test_every_alert_has_fired() -> None:
    """A rule that no test provokes may never fire; the tests above have run before."""
    assert provoked <= NAMES
    if provoked:
        assert not NAMES - provoked


def test_names_of_metrics_in_alerts_are_on_the_page_or_the_registrys_own() -> None:
    """`docs/metrics.md` says what they mean."""
    page = (ALERTS.parents[3] / "docs" / "metrics.md").read_text()
    named = set(re.findall(r"\beureka_(?:operator|injector)_\w+", ALERTS.read_text()))

    assert named
    assert not {each for each in named if each not in page}
