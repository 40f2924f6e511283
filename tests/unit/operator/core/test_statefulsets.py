"""The controller that rollouts are tried on does what Kubernetes' own does."""

from __future__ import annotations

from typing import Final

import pytest

from eureka_operator.core.kinds import Object
from unit.operator.core.statefulsets import ON_DELETE, Controller, Replica, Rule, Sync

_BUDGETED: Final = (Rule.BUDGET, Rule.BROKEN_FIRST)


def _spec(image: str, partition: int | None = 0, replicas: int = 3) -> Object:
    """A StatefulSet's spec; no partition: its pods are updated when somebody deletes them."""
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": partition}}
    return {
        "replicas": replicas,
        "ordinals": {"start": 1},
        "revisionHistoryLimit": 2,
        "updateStrategy": {"type": ON_DELETE} if partition is None else strategy,
        "template": {"image": image},
    }


class _Set:
    """A StatefulSet whose pods do as they are told at once."""

    def __init__(self, rule: Rule = Rule.ONE_BY_ONE) -> None:
        self.controller = Controller("eureka-peer", rule)
        self.pods: dict[int, Replica] = {}
        self.status: Object = {}

    def sync(self, spec: Object) -> Sync:
        """One look; pods that are made are available, those that are deleted are deleting."""
        done = self.controller.sync(spec, self.status, self.pods.values())
        self.status = done.status
        for ordinal in done.deleted:
            self.pods[ordinal] = self.pods[ordinal]._replace(deleting=True)
        for ordinal, revision in done.created.items():
            self.pods[ordinal] = Replica(ordinal, revision, ready=True, available=True)
        return done

    def roll(self, spec: Object) -> list[int]:
        """Look until nothing happens; the pods that were deleted, in this order."""
        order: list[int] = []
        for _ in range(20):
            done = self.sync(spec)
            order += done.deleted
            self.pods = {key: pod for key, pod in self.pods.items() if not pod.deleting}
        return order

    def images(self) -> list[str]:
        """What the pods run, by ordinal."""
        revisions = self.controller.revisions
        return [revisions[self.pods[each].revision].template["image"] for each in sorted(self.pods)]

    def break_pod(self, ordinal: int) -> None:
        """Let a pod not be ready any more."""
        self.pods[ordinal] = self.pods[ordinal]._replace(ready=False, available=False)


@pytest.fixture(params=Rule, ids=lambda rule: rule.name)
def peers(request: pytest.FixtureRequest) -> _Set:
    """Three pods of the image 1."""
    found = _Set(request.param)
    found.roll(_spec("1"))
    return found


def test_pods_are_made_at_once_and_updated_from_the_top(peers: _Set) -> None:
    """`Parallel` concerns making and removing only."""
    assert _Set().sync(_spec("1")).created.keys() == {1, 2, 3}
    assert peers.roll(_spec("2")) == [3, 2, 1]
    assert peers.status["currentRevision"] == peers.status["updateRevision"]


def test_partition_counts_positions(peers: _Set) -> None:
    """Two are kept, though the third has the ordinal 3."""
    assert peers.roll(_spec("2", partition=2)) == [3]
    assert peers.images() == ["1", "1", "2"]
    assert peers.status["currentRevision"] != peers.status["updateRevision"]


def test_pod_below_the_fence_comes_back_old(peers: _Set) -> None:
    """That protects those that are not to try the new template yet."""
    peers.roll(_spec("2", partition=2))
    del peers.pods[1], peers.pods[3]
    peers.roll(_spec("2", partition=2))

    assert peers.images() == ["1", "1", "2"]


def test_pods_beyond_the_fence_are_made_of_the_new_template(peers: _Set) -> None:
    """Scaling with a fence at 3 puts the new pods on a template that nobody has tried."""
    peers.roll(_spec("2", partition=3))
    peers.roll(_spec("2", partition=3, replicas=5))

    assert peers.images() == ["1", "1", "1", "2", "2"]


def test_revision_of_a_template_that_comes_back_is_the_newest_again(peers: _Set) -> None:
    """No second one is made of it."""
    before = peers.status["updateRevision"]
    peers.roll(_spec("2", partition=3))
    peers.roll(_spec("1", partition=3))

    assert peers.status["updateRevision"] == before
    assert len(peers.controller.revisions) == 2
    assert max(peers.controller.revisions.values(), key=lambda each: each.number).name == before


def test_old_revisions_are_forgotten(peers: _Set) -> None:
    """As many as `revisionHistoryLimit` says are kept beside those in use."""
    for image in ("2", "3", "4", "5"):
        peers.roll(_spec(image))

    kept = [each.template["image"] for each in peers.controller.revisions.values()]
    assert sorted(kept) == ["3", "4", "5"]


def test_on_delete_nobody_is_updated_and_what_is_made_is_new(peers: _Set) -> None:
    """And the current revision stays behind for ever."""
    assert peers.roll(_spec("2", partition=None)) == []
    del peers.pods[1]
    peers.roll(_spec("2", partition=None))

    assert peers.images() == ["2", "1", "1"]
    assert peers.status["currentRevision"] != peers.status["updateRevision"]


def test_broken_pod_with_a_template_that_was_taken_back_stays() -> None:
    """With a budget the only unavailable pod uses it up; before, a fence at 0 let it go."""
    for rule, expected in ((Rule.ONE_BY_ONE, [3]), (Rule.BUDGET, []), (Rule.BROKEN_FIRST, [3])):
        peers = _Set(rule)
        peers.roll(_spec("1"))
        peers.roll(_spec("2", partition=2))
        peers.break_pod(3)

        assert peers.sync(_spec("1", partition=0)).deleted == expected


def test_broken_pod_behind_the_fence_stays(peers: _Set) -> None:
    """Whatever the version: who takes a template back has to delete the pod that has it."""
    peers.roll(_spec("2", partition=2))
    peers.break_pod(3)

    assert peers.roll(_spec("1", partition=3)) == []


@pytest.mark.parametrize("rule", _BUDGETED)
def test_with_a_budget_nothing_is_updated_while_a_pod_is_away(rule: Rule) -> None:
    """Nor when it is one below."""
    peers = _Set(rule)
    peers.roll(_spec("1"))
    peers.roll(_spec("2", partition=3))
    peers.break_pod(1)

    assert peers.roll(_spec("2", partition=2)) == []


def test_without_a_budget_only_pods_above_are_waited_for() -> None:
    """So two may be away if whoever lowers the partition does not look."""
    peers = _Set()
    peers.roll(_spec("1"))
    peers.break_pod(1)

    assert peers.sync(_spec("2", partition=2)).deleted == [3]
