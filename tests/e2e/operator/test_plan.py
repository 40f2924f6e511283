"""`eureka-operator plan --live` says what a change does to each peer, and that is what happens."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pytest

from cluster.images import REGISTRY
from e2e.clusters import Target
from e2e.operator.ekc import PATIENCE_S, EkcCluster
from e2e.operator.installed import Operator
from e2e.operator.rollouts import ROLLED_S, UPDATES, stateful_set, wait_rolled_back
from e2e.operator.watched import Replacements, watched_pods
from processes.cluster import until

Record = Callable[[str, object], None]

_POD: Final = re.compile(r"\((\S+)\)")
_UPDATES: Final = {**UPDATES, "settleSeconds": 0}
_START: Final = {"replicas": 2, "updates": _UPDATES}
_MISSING: Final = {
    "image": {"tag": "missing"},
    "updates": {**_UPDATES, "progressDeadlineSeconds": 30},
}


@dataclass(frozen=True)
class PlanResult:
    """What `plan` says: pods by name, in the order in which it happens to them."""

    joining: list[str]
    leaving: list[str]
    restarting: list[str]
    reloading: list[str]

    @property
    def quiet(self) -> bool:
        """Whether no peer notices."""
        return not (self.joining or self.leaving or self.restarting or self.reloading)


class Change:
    """An EurekaCluster that is changed field by field, with a plan before each change."""

    def __init__(self, target: Target, operator: Operator, cluster: EkcCluster) -> None:
        self.cluster = cluster
        self.spec: dict[str, Any] = dict(_START)
        self.count = 0
        self._annotations: dict[str, str] = {}
        self._labels: dict[str, str] = {}
        self._operator = operator
        self._image = target.image(REGISTRY)

    def start(self) -> None:
        """Have it as it is written."""
        self._apply()
        self.cluster.wait_ready()

    def to(self, spec: Mapping[str, Any] | None = None, **metadata: dict[str, str]) -> PlanResult:
        """Plan a change, make it, and see that each peer meets what was said; what was said.

        `metadata` are the object's `labels` and `annotations` from now on; `None` removes a field
        of the spec.
        """
        self._write(spec or {}, **metadata)
        found = self._planned()
        before = self.cluster.restart_counts
        with watched_pods(self.cluster) as pods:
            self._apply()
            self._wait(found, before, pods)
            assert pods.made == found.restarting
            assert pods.max_away <= 1 or found.leaving
        after = self.cluster.restart_counts
        assert sorted(after.keys() - before.keys()) == sorted(found.joining)
        assert sorted(before.keys() - after.keys()) == sorted(found.leaving)
        untouched = before.keys() & after.keys() - {*found.restarting}
        assert {name: after[name] for name in untouched} == {
            name: before[name] for name in untouched
        }
        self.count += 1
        return found

    def plan(self, spec: Mapping[str, Any]) -> str:
        """What a person reads of a change that is not made."""
        kept = dict(self.spec)
        self._write(spec)
        try:
            return self._run_plan("text")
        finally:
            self.spec = kept

    def _write(self, spec: Mapping[str, Any], **metadata: dict[str, str]) -> None:
        merged = {**self.spec, **spec}
        self.spec = {key: value for key, value in merged.items() if value is not None}
        self._labels = metadata.get("labels", self._labels)
        self._annotations = metadata.get("annotations", self._annotations)

    def _planned(self) -> PlanResult:
        document = json.loads(self._run_plan("json"))
        names = {
            key: [_pod(each) for each in document[key]]
            for key in ("joining", "leaving", "restarting", "reloading")
        }
        return PlanResult(**names)

    def _run_plan(self, output: str) -> str:
        where = (f"--namespace={self.cluster.kubectl.namespace}", "--file=-")
        image = f"--registry-image={self._image}"
        words = ("plan", "--live", image, f"--output={output}", *where)
        program = ("exec", "-i", f"deployment/{self._operator.deployment}", "--", "eureka-operator")
        done = self._operator.kubectl.run_unchecked(
            *program, *words, given=json.dumps(self._document)
        )
        return done.stdout if done.returncode == 0 else f"refused: {done.stderr}"

    @property
    def _document(self) -> dict[str, Any]:
        metadata = {
            "name": self.cluster.name,
            "labels": self._labels,
            "annotations": self._annotations,
        }
        return {
            "apiVersion": "eurekube.io/v1alpha1",
            "kind": "EurekaCluster",
            "metadata": metadata,
            "spec": self.spec,
        }

    def _apply(self) -> None:
        self.cluster.kubectl.apply(json.dumps(self._document))

    def _wait(
        self, found: PlanResult, before: Mapping[str, tuple[str, int]], pods: Replacements
    ) -> None:
        """Wait until what was said has happened, and nothing is under way."""
        wanted = (before.keys() | {*found.joining}) - {*found.leaving}
        until(lambda: self.cluster.pods.keys() == wanted, ROLLED_S)
        until(lambda: len(pods.made) >= len(found.restarting), ROLLED_S)
        self.cluster.wait_ready(ROLLED_S)
        until(lambda: "rollout" not in self.cluster.status, PATIENCE_S)
        synced = ("True", "Unknown")  # without peers it is not known
        until(lambda: self.cluster.condition("ConfigSynced").get("status") in synced, PATIENCE_S)


@pytest.fixture
def change(target: Target, operator: Operator, cluster: EkcCluster) -> Change:
    """An EurekaCluster of two peers to be changed."""
    found = Change(target, operator, cluster)
    found.start()
    return found


@pytest.mark.long
def test_plan_comes_true_for_each_of_many_changes(change: Change, record_property: Record) -> None:
    """Restarts in their order, who joins, who leaves, who reloads, and who notices nothing."""
    begin = time.monotonic()
    assert change.to({}).quiet
    _check_reloads(change, {"logging": {"level": "DEBUG"}})
    _check_restarts(change)
    _check_scaling(change)
    record_property(f"{change.count} changes, each planned and made", _since(begin))


@pytest.mark.long
def test_plan_comes_true_for_each_change_that_restarts_nobody(change: Change) -> None:
    """What no peer notices, and what each reads while it runs."""
    _check_quiet(change)
    for spec in (
        {"registry": {"rateLimit": {"enabled": True}}},
        {"dashboard": {"enabled": False}},
        {"peers": {"replication": {"batchSize": 100}}},
        {"registry": {"lease": {"evictionIntervalSeconds": 31}}},
    ):
        _check_reloads(change, spec)


def test_plan_knows_what_is_refused_and_what_is_not_done(change: Change) -> None:
    """Immutable fields, a pause, a strategy that waits for people, a template that failed."""
    assert change.plan({"peers": {"port": 8762}}).startswith("refused: ")
    assert change.plan({"peers": {"dnsPrefix": "other"}}).startswith("refused: ")
    assert "paused" in change.plan({"paused": True, **_noted("while paused")})

    assert change.to({"paused": True, **_noted("while paused")}).quiet
    assert change.to({"paused": None, "pod": None}).quiet

    on_delete = {"updates": {**_UPDATES, "strategy": "OnDelete"}}
    assert change.to({**on_delete, **_noted("on delete")}).quiet
    assert change.to({"updates": _UPDATES, "pod": None}).quiet  # no peer has the note
    assert change.to({**on_delete, **_noted("on delete")}).quiet
    assert change.to({"updates": _UPDATES}).restarting == ["eureka-peer-2", "eureka-peer-1"]

    change.cluster.change(_MISSING)
    wait_rolled_back(change.cluster)
    until(lambda: all(pod.ready for pod in change.cluster.pods.values()), ROLLED_S)
    said = change.plan(_MISSING)
    assert "restart" not in said, said
    assert stateful_set(change.cluster)["spec"]["replicas"] == 2


def _check_quiet(change: Change) -> None:
    for spec in (
        {"service": {"annotations": {"example.com/a": "b"}}},
        {"service": {"trafficDistribution": "PreferClose"}},
        {"disruption": {"enabled": False}},
        {"networkPolicy": {"enabled": False}},
        {"updates": {**_UPDATES, "autoRollback": False}},
    ):
        assert change.to(spec).quiet, spec
    assert change.to(labels={"team": "a"}, annotations={"example.com/why": "for fun"}).quiet


def _check_reloads(change: Change, spec: Mapping[str, Any]) -> None:
    found = change.to(spec)
    assert found.reloading == ["eureka-peer-1", "eureka-peer-2"], spec
    assert found.restarting == [], spec


def _check_restarts(change: Change) -> None:
    down = ["eureka-peer-2", "eureka-peer-1"]
    assert change.to(annotations={"eurekube.io/restart-at": "today"}).restarting == down
    pod = {"pod": {"env": [{"name": "NOTE", "value": "a"}]}, "snapshot": {"enabled": True}}
    resources = {"resources": {"requests": {"cpu": "50m", "memory": "100Mi"}}}
    assert change.to({**pod, **resources, "logging": None}).restarting == down


def _check_scaling(change: Change) -> None:
    found = change.to({"replicas": 3, **_noted("and larger")})
    assert found.joining == ["eureka-peer-3"]
    assert found.restarting == ["eureka-peer-3", "eureka-peer-2", "eureka-peer-1"]
    assert change.to({"replicas": 4}).joining == ["eureka-peer-4"]
    assert change.to({"replicas": 2}).leaving == ["eureka-peer-3", "eureka-peer-4"]
    found = change.to({"replicas": 1, "logging": {"level": "WARNING"}})
    assert (found.leaving, found.reloading) == (["eureka-peer-2"], ["eureka-peer-1"])
    assert change.to({"replicas": 0}).leaving == ["eureka-peer-1"]
    assert change.to({"replicas": 2}).joining == ["eureka-peer-1", "eureka-peer-2"]


def _noted(text: str) -> dict[str, Any]:
    return {"pod": {"annotations": {"example.com/note": text}}}


def _pod(said: str) -> str:
    found = _POD.search(said)
    assert found is not None, said
    return found.group(1)


def _since(begin: float) -> str:
    return f"{time.monotonic() - begin:.1f} s"
