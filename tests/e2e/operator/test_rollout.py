"""Pods get another template: one peer after the other, judged, and none loses anything.

The tests of a file share three peers: each leaves them ready, of one template, and agreed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import pytest

from cluster.faults import Faults
from e2e.clusters import Target
from e2e.operator.changes import wait_available
from e2e.operator.ekc import LABEL, PATIENCE_S, EkcCluster
from e2e.operator.installed import Operator
from e2e.operator.leases import hold_leases
from e2e.operator.lookups import run_lookups
from e2e.operator.rollouts import (
    MISSING,
    NEVER_AGREED,
    NEVER_READY,
    ROLLED_S,
    UPDATES,
    crashing,
    current_peers,
    note,
    reasons,
    stateful_set,
    template_change,
    wait_fenced,
    wait_rolled_back,
    wait_rolling,
)
from e2e.operator.watched import Watched, watched_object, watched_pods
from processes.cluster import until

LEASES: Final = 300
FROM_THE_TOP: Final = ["eureka-peer-3", "eureka-peer-2", "eureka-peer-1"]
CANARY: Final = FROM_THE_TOP[0]
PAIR_FROM_THE_TOP: Final = FROM_THE_TOP[1:]

Record = Callable[[str, object], None]


@pytest.fixture(scope="module")
def rolled(target: Target, operator: Operator) -> Iterator[EkcCluster]:  # noqa: ARG001 - it works there
    """Three peers that are judged for two seconds, and given up after thirty."""
    with target.kubectl.in_a_namespace("rolled") as kubectl:
        cluster = EkcCluster(kubectl)
        cluster.start({"replicas": 3, "updates": UPDATES})
        yield cluster


@pytest.fixture(scope="module")
def pair(target: Target, operator: Operator) -> Iterator[EkcCluster]:  # noqa: ARG001 - it works there
    """The same with two peers, for what takes many restarts."""
    with target.kubectl.in_a_namespace("pair") as kubectl:
        cluster = EkcCluster(kubectl)
        cluster.start({"replicas": 2, "updates": UPDATES, "pod": note("first")})
        yield cluster


def test_good_template_reaches_one_peer_after_the_other(
    target: Target, rolled: EkcCluster, record_property: Record
) -> None:
    """From the highest down; no lease is lost, no look-up fails, and the fence is up again."""
    with (
        hold_leases(target, rolled, LEASES) as leases,
        run_lookups(target, rolled) as looks,
        watched_object(rolled) as seen,
        watched_pods(rolled) as pods,
    ):
        leases.wait_complete(3)
        begin = time.monotonic()
        rolled.change(template_change("good"))
        wait_rolling(rolled, "peer3")
        rolled.wait_ready(ROLLED_S)
        _record(record_property, "three peers of a new template, with 300 leases", begin)
        leases.wait_complete(3)
        leases.check()
        assert looks.report.failed == []
        record_property(
            "look-ups, and those that the next peer answered", _lookup_text(looks.report)
        )
        until(lambda: len(pods.made) == len(FROM_THE_TOP), PATIENCE_S)

    assert pods.made == FROM_THE_TOP
    assert pods.max_away == 1
    assert current_peers(seen) == ["peer3", "peer2", "peer1"]
    assert ("False", "RollingUpdate") in reasons(seen, "Ready")
    assert ("True", "RollingUpdate") in reasons(seen, "Progressing")
    _check_finished(rolled)
    until(lambda: len(rolled.events("RolloutStarted")) == 1, PATIENCE_S)
    until(lambda: len(rolled.events("RolloutFinished")) == 1, PATIENCE_S)
    until(lambda: _updated(rolled) == ["peer3", "peer2", "peer1"], PATIENCE_S)
    # The clients are gone without a word: with self-preservation, later updates would wait.
    rolled.change({"registry": {"selfPreservation": {"enabled": False}}})


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(MISSING, id="image cannot be pulled"),
        pytest.param(NEVER_AGREED, id="never agrees", marks=pytest.mark.long),
    ],
)
def test_bad_template_reaches_one_peer_and_is_taken_back(
    rolled: EkcCluster, change: Mapping[str, Any], record_property: Record
) -> None:
    """It is not tried again until the spec asks for another one."""
    _check_taken_back(rolled, change, record_property)


@pytest.mark.long
def test_other_bad_templates_are_taken_back_likewise(
    target: Target, rolled: EkcCluster, record_property: Record
) -> None:
    """A program that ends at once, and one that is never ready."""
    for change in (crashing(target), NEVER_READY):
        _check_taken_back(rolled, change, record_property)
        rolled.change(template_change("good"))
        rolled.wait_ready(ROLLED_S)


@pytest.mark.long
def test_rollout_goes_on_where_it_was_whoever_forgets_it(
    operator: Operator, rolled: EkcCluster, faults: Faults
) -> None:
    """The leader dies while the canary is judged, and the status is lost: no peer is tried twice.

    What was rolled back before does not stand in the way.
    """
    with watched_pods(rolled) as pods:
        rolled.change(template_change("after a bad one"))
        wait_rolling(rolled, "peer3")
        until(lambda: pods.made == [CANARY], ROLLED_S)
        faults.kill_in_pod(operator.namespace, until(lambda: operator.leader, PATIENCE_S))
        _wipe_status(rolled)
        wait_rolling(rolled, "peer2")
        _wipe_status(rolled)
        rolled.wait_ready(ROLLED_S)
        wait_fenced(rolled)

    assert pods.made == FROM_THE_TOP
    assert pods.max_away == 1
    wait_available(operator)
    _check_finished(rolled)


@pytest.mark.long
def test_without_roll_back_it_stops_and_the_next_template_goes_on(pair: EkcCluster) -> None:
    """The peer that failed is left for people to look at; then it gets the last good one first."""
    before = pair.restart_counts
    with watched_pods(pair) as pods:
        updates = {"autoRollback": False, "progressDeadlineSeconds": 30}
        pair.change({**MISSING, "updates": updates})
        wait_rolled_back(pair, "DeadlineExceeded")
        assert pair.restart_counts["eureka-peer-1"] == before["eureka-peer-1"]
        assert not pair.pods["eureka-peer-2"].ready
        assert "peer2" in pair.condition("Stalled")["message"]
        pair.change(
            {**template_change("after a stop"), "updates": {**UPDATES, "autoRollback": True}}
        )
        pair.wait_ready(ROLLED_S)
        wait_fenced(pair)

    assert pods.made[:1] == ["eureka-peer-2"]
    assert pods.made[-2:] == PAIR_FROM_THE_TOP
    assert pods.made.count("eureka-peer-1") == 1
    assert pods.max_away == 1


def test_restart_by_kubectl_is_an_update_like_others(pair: EkcCluster) -> None:
    """Else it would do nothing, as the fence is up, and say that it has."""
    with watched_pods(pair) as pods:
        pair.kubectl("rollout", "restart", f"statefulset/{pair.name}-peer")
        until(lambda: pods.made == PAIR_FROM_THE_TOP, ROLLED_S)
        pair.wait_ready(ROLLED_S)
        wait_fenced(pair)

    assert pods.made == PAIR_FROM_THE_TOP
    assert pods.max_away == 1


@pytest.mark.long
def test_growing_and_other_clusters_wait_while_a_canary_is_judged(
    rolled: EkcCluster, pair: EkcCluster
) -> None:
    """New peers would be of a template that nobody has tried; one cluster rolls at a time."""
    with watched_object(pair) as seen, watched_pods(rolled) as pods:
        rolled.change(MISSING)
        wait_rolling(rolled, "peer3")
        pair.change(template_change("in turn"))
        rolled.kubectl("scale", f"eurekacluster/{rolled.name}", "--replicas=4")
        wait_rolled_back(rolled)
        until(lambda: len(rolled.pods) == 4 and _all_ready(rolled), ROLLED_S)
        until(lambda: _notes(pair) == dict.fromkeys(PAIR_FROM_THE_TOP, "in turn"), ROLLED_S)
        pair.wait_ready(ROLLED_S)

    assert pods.made == [CANARY, CANARY]
    images = {pod["spec"]["containers"][0]["image"] for pod in _pods(rolled)}
    assert len(images) == 1
    assert not any("missing" in image for image in images)
    assert any("are being replaced" in said for said in _messages(seen, "Ready"))


@pytest.mark.long
def test_zones_get_it_one_after_the_other(cluster: EkcCluster) -> None:
    """The zone of the highest peer first, each from its highest peer down."""
    zones = {"topology": {"zones": [{"name": "a"}, {"name": "b"}]}}
    cluster.start({"replicas": 3, "updates": UPDATES, **zones})
    with watched_pods(cluster) as pods:
        cluster.change(template_change("in zones"))
        until(lambda: len(pods.made) == 3, ROLLED_S)
        cluster.wait_ready(ROLLED_S)
        wait_fenced(cluster, "a")
        wait_fenced(cluster, "b")

    assert pods.made == ["eureka-peer-a-2", "eureka-peer-a-1", "eureka-peer-b-1"]
    assert pods.max_away == 1


@pytest.mark.long
def test_only_peer_is_replaced_with_nobody_to_ask(cluster: EkcCluster) -> None:
    """No other one has to be ready, or to agree."""
    cluster.start({"replicas": 1, "updates": UPDATES, "snapshot": {"enabled": True}})
    with watched_pods(cluster) as pods:
        cluster.change(template_change("alone"))
        until(lambda: pods.made == ["eureka-peer-1"], ROLLED_S)
        cluster.wait_ready(ROLLED_S)

    assert pods.made == ["eureka-peer-1"]


@pytest.mark.long
def test_strategies_of_kubernetes_are_kubernetes_own(pair: EkcCluster) -> None:
    """`OnDelete` leaves peers as they are, `RollingUpdate` asks none of them."""
    pair.change(template_change("before"))
    until(lambda: _notes(pair) == dict.fromkeys(PAIR_FROM_THE_TOP, "before"), ROLLED_S)
    pair.wait_ready(ROLLED_S)
    pair.change({**template_change("on delete"), "updates": {"strategy": "OnDelete"}})
    until(lambda: _strategy(pair) == "OnDelete", PATIENCE_S)
    kept = pair.restart_counts["eureka-peer-2"]
    pair.kubectl("delete", "pod", "eureka-peer-1")
    until(lambda: len(pair.pods) == len(PAIR_FROM_THE_TOP) and _all_ready(pair), ROLLED_S)
    assert _notes(pair) == {"eureka-peer-1": "on delete", "eureka-peer-2": "before"}
    assert pair.restart_counts["eureka-peer-2"] == kept

    with watched_pods(pair) as pods:
        pair.change({"updates": {"strategy": "RollingUpdate"}})
        until(lambda: pods.made == ["eureka-peer-2"], ROLLED_S)
        pair.wait_ready(ROLLED_S)
    assert stateful_set(pair)["spec"]["updateStrategy"]["rollingUpdate"]["partition"] == 0

    with watched_pods(pair) as pods:
        pair.change({"updates": {"strategy": "Converged"}})
        wait_fenced(pair)
        pair.wait_ready(ROLLED_S)
    assert pods.made == []


def _check_taken_back(cluster: EkcCluster, change: Mapping[str, Any], record: Record) -> None:
    """Exactly one peer is affected, and all are of the last good template again."""
    before, revision = cluster.restart_counts, stateful_set(cluster)["status"]["currentRevision"]
    begin = time.monotonic()
    with watched_pods(cluster) as pods:
        cluster.change(change)
        wait_rolling(cluster, "peer3")
        wait_rolled_back(cluster)
        until(lambda: _all_ready(cluster), ROLLED_S)
        cluster.wait_agreed()
        _record(record, "from a bad template to three good peers", begin)
        wait_fenced(cluster)
        generation = stateful_set(cluster)["metadata"]["generation"]
        said = cluster.condition("Stalled")["message"]
        assert "peer3" in said
        until(lambda: cluster.is_so("Ready", "False", "RolledBack"), PATIENCE_S)
        until(lambda: cluster.events("RolledBack"), PATIENCE_S)
        _edit_something_else(cluster)

    assert pods.made == [CANARY, CANARY]
    assert pods.max_away == 1
    assert _others(cluster.restart_counts) == _others(before)
    body = stateful_set(cluster)
    assert body["status"]["updateRevision"] == revision
    assert body["metadata"]["generation"] == generation
    until(lambda: cluster.is_so("Stalled", reason="RolledBack"), PATIENCE_S)


def _edit_something_else(cluster: EkcCluster) -> None:
    """What has nothing to do with the template is no reason to try it again."""
    cluster.kubectl("label", f"eurekacluster/{cluster.name}", "team=a", "--overwrite")
    cluster.change({"logging": {"level": "DEBUG"}})
    until(lambda: cluster.is_so("ConfigSynced"), PATIENCE_S)
    until(lambda: cluster.is_so("Stalled", reason="RolledBack"), PATIENCE_S)
    cluster.change({"logging": None})
    until(lambda: cluster.is_so("ConfigSynced"), PATIENCE_S)
    until(lambda: cluster.is_so("Stalled", reason="RolledBack"), PATIENCE_S)


def _check_finished(cluster: EkcCluster) -> None:
    """Nothing is under way, and a pod that dies comes back as it was."""
    wait_fenced(cluster)
    until(lambda: "rollout" not in cluster.status, PATIENCE_S)
    cluster.wait_agreed()
    assert all(restarts == 0 for _, restarts in cluster.restart_counts.values())


def _wipe_status(cluster: EkcCluster) -> None:
    """Lose all that the status says."""
    ref = f"eurekacluster/{cluster.name}"
    patch = '[{"op": "replace", "path": "/status", "value": {}}]'
    cluster.kubectl("patch", ref, "--subresource=status", "--type=json", f"--patch={patch}")


def _others(lives: Mapping[str, tuple[str, int]]) -> dict[str, tuple[str, int]]:
    return {name: life for name, life in lives.items() if name != CANARY}


def _all_ready(cluster: EkcCluster) -> bool:
    return all(pod.ready for pod in cluster.pods.values())


def _strategy(cluster: EkcCluster) -> str:
    return str(stateful_set(cluster)["spec"]["updateStrategy"]["type"])


def _notes(cluster: EkcCluster) -> dict[str, str]:
    """The note in each pod's template."""
    return {
        each["metadata"]["name"]: each["metadata"]["annotations"].get("example.com/note", "")
        for each in _pods(cluster)
    }


def _pods(cluster: EkcCluster) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = cluster.kubectl.get("pods", f"--selector={LABEL}={cluster.name}")[
        "items"
    ]
    return found


def _messages(seen: Watched, kind: str) -> set[str]:
    """What a condition said."""
    return {
        each["message"]
        for document in seen.objects
        for each in document.get("status", {}).get("conditions", [])
        if each["type"] == kind
    }


def _updated(cluster: EkcCluster) -> list[str]:
    """The peers that events call updated, in this order."""
    return [_first_named(said) for said in cluster.events("PeerUpdated")]


def _first_named(said: str) -> str:
    return next(word.strip(":,") for word in said.split() if word.startswith("peer"))


def _lookup_text(seen: Any) -> str:  # noqa: ANN401
    return f"{seen.looks}, {seen.retried}"


def _record(record_property: Record, what: str, begin: float) -> None:
    record_property(what, f"{time.monotonic() - begin:.1f} s")
