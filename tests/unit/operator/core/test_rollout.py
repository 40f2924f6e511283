"""What the next step of an update is, and what it waits for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import pytest
from msgspec.structs import replace

from eureka_operator.core import names
from eureka_operator.core.convergence import Convergence
from eureka_operator.core.kinds import DISRUPTION_BUDGET, STATEFUL_SET, Object
from eureka_operator.core.observed import Observed, Pod, Report
from eureka_operator.core.peering import Seat
from eureka_operator.core.rollout import Rollout, Stuck, rollout
from unit.operator.core.builders import NOW, cluster, observed, own, pod, pods, report

_SET: Final = "eureka-peer"
_NEW: Final[Object] = {"metadata": {}, "spec": {"containers": [{"image": "2"}]}}
_OLD: Final[Object] = {"metadata": {}, "spec": {"containers": [{"image": "1"}]}}
_UPDATES: Final = {"settleSeconds": 10, "progressDeadlineSeconds": 60}
_SEATS: Final = tuple(Seat(number, f"{_SET}-{number}", "") for number in (1, 2, 3))
_AGREED: Final = Convergence(ready=3)
_SKIP: Final = {"annotations": {names.SKIP_CONVERGENCE: "true"}}
_GOES_ON: Final = "the annotation eurekube.io/skip-convergence=true goes on all the same"


def _ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def _peer(number: int, revision: str = "old", **rest: object) -> Pod:
    fields = {"revision": revision, "created": _ago(3_600), "ready_since": _ago(3_600), **rest}
    return pod(f"{_SET}-{number}", **fields)


def _away(number: int, revision: str = "old", **rest: object) -> Pod:
    return _peer(number, revision, ready=False, ready_since=None, **rest)


def _live(partition: int, **rest: Any) -> Object:  # noqa: ANN401 - JSON
    """The StatefulSet; nothing is replaced if `partition` is 3."""
    spec: Object = {
        "replicas": 3,
        "updateStrategy": {"rollingUpdate": {"partition": partition}},
        "template": _NEW,
    }
    _, body = own(STATEFUL_SET, _SET, {"spec": spec})
    body["metadata"] |= {
        "generation": 2,
        "annotations": {names.TEMPLATE_HASH: names.object_digest(_NEW)},
    }
    status = {"currentRevision": "old", "updateRevision": "new", "observedGeneration": 2}
    return {**body, "status": status | rest}


def _seen(*peers: Pod, partition: int = 3, budget: object = None, **rest: Any) -> Observed:  # noqa: ANN401 - fields of different types
    """A cluster with these peers, each of which holds 100 instances unless `reports` says more."""
    updates = _UPDATES | rest.pop("updates", {})
    owner = cluster({"updates": updates}, **rest.pop("metadata", {}))
    children = {(STATEFUL_SET, _SET): _live(partition, **rest.pop("status", {}))}
    if budget is not None:
        children[DISRUPTION_BUDGET, "eureka"] = {"status": budget}
    reports = {each.name: report(name=each.name, instances=100) for each in peers}
    reports |= rest.pop("reports", {})
    templates = {"old": _OLD, "new": _NEW}
    return observed(
        owner, *children.items(), pods=pods(*peers), reports=reports, templates=templates, **rest
    )


def _rollout(seen: Observed, found: Convergence = _AGREED, wanted: Object = _NEW) -> Rollout:
    return rollout(seen, _SEATS, {_SET: wanted}, found)


def _position(found: Rollout) -> int | None:
    return found.fences[_SET].position


_ALL_OLD: Final = (_peer(1), _peer(2), _peer(3))


def test_highest_peer_is_replaced_first() -> None:
    """Nothing keeps it: all are ready, and they agree."""
    found = _rollout(_seen(*_ALL_OLD))

    assert (_position(found), found.peer, found.started) == (2, "peer3", NOW)
    assert (found.target, found.updated, found.total) == ("new", 0, 3)
    assert found.has_turn


@pytest.mark.parametrize(
    ("seen", "found", "waits_for"),
    [
        (
            _seen(*_ALL_OLD, rolling="prod/other"),
            _AGREED,
            "the peers of prod/other are being replaced",
        ),
        (
            _seen(_away(1), _away(2), _peer(3)),
            _AGREED,
            f"peer1, peer2 must be ready first; {_GOES_ON}",
        ),
        (_seen(_peer(1), _peer(3)), _AGREED, f"peer2 must be ready first; {_GOES_ON}"),
        (
            _seen(*_ALL_OLD, budget={"disruptionsAllowed": 0}),
            _AGREED,
            "the PodDisruptionBudget allows no peer to be away now",
        ),
        (_seen(*_ALL_OLD), Convergence(ready=3, unreachable=("peer1: late",)), "peer1: late"),
        (
            _seen(*_ALL_OLD),
            Convergence(ready=3, differences=("peer1 does not know peer2",)),
            "peer1 does not know peer2",
        ),
        (
            _seen(*_ALL_OLD, reports={"eureka-peer-1": report(preserving=True)}),
            _AGREED,
            f"peers keep expired leases (self-preservation); {_GOES_ON}",
        ),
    ],
)
def test_no_peer_is_replaced_while_another_one_is_not_well(
    seen: Observed, found: Convergence, waits_for: str
) -> None:
    """Two peers away at a time, or a peer that has not copied yet: clients would lose instances."""
    state = _rollout(seen, found)

    assert state.waits_for == (waits_for,)
    assert (_position(state), state.peer) == (None, "")
    assert not state.has_turn


@pytest.mark.parametrize("budget", [None, {}, {"disruptionsAllowed": 1}])
def test_budget_that_allows_a_peer_to_be_away_is_no_obstacle(budget: object) -> None:
    """One that its controller has not counted yet says nothing."""
    assert _position(_rollout(_seen(*_ALL_OLD, budget=budget))) == 2


def test_annotation_goes_on_without_the_other_peers() -> None:
    """People say that they know. The peers of another cluster still have their turn."""
    apart = Convergence(ready=3, differences=("a",), unreachable=("b",))
    peers = (_away(1), _peer(2), _peer(3))

    assert _position(_rollout(_seen(*peers, metadata=_SKIP), apart)) == 2
    assert _position(_rollout(_seen(*peers, metadata=_SKIP, rolling="prod/b"), apart)) is None


@pytest.mark.parametrize(
    ("since", "position"),
    [
        ({"unready_since": _ago(10)}, 2),
        ({"unready_since": _ago(9)}, None),
        ({"created": _ago(10)}, 2),
        ({"created": _ago(9)}, None),
        ({"created": None}, None),
    ],
)
def test_peer_that_has_long_been_away_does_not_wait_for_the_others(
    since: dict[str, Any], position: int | None
) -> None:
    """A first template that does not work could never be replaced: all peers are away."""
    found = _rollout(_seen(_away(1), _away(2), _away(3, **since)))

    assert _position(found) == position


def test_budget_is_not_asked_for_a_peer_that_is_away() -> None:
    """It takes nothing from the budget; only the others must be well."""
    budget = {"disruptionsAllowed": 0}
    missing = _away(3, unready_since=_ago(1))

    assert _position(_rollout(_seen(_peer(1), _peer(2), missing, budget=budget))) == 2


_QUOTA: Final = "pods are forbidden: exceeded quota"
_DIFFERS: Final = Convergence(ready=3, differing={"peer3": "peer3 and peer1: differs"})
_JUDGED: Final = [
    ((), {}, _AGREED, "it is being replaced", True),
    ((), {"pod_creation_error": _QUOTA}, _AGREED, _QUOTA, True),
    ((_peer(3, "old"),), {}, _AGREED, "it is being replaced", True),
    ((_away(3, "new", trouble="ErrImagePull"),), {}, _AGREED, "ErrImagePull", True),
    (
        (_away(3, "new"),),
        {"reports": {"eureka-peer-3": report(why="copies from peer1")}},
        _AGREED,
        "copies from peer1",
        True,
    ),
    ((_away(3, "new"),), {"reports": {"eureka-peer-3": "late"}}, _AGREED, "it is starting", True),
    ((_peer(3, "new"),), {}, _DIFFERS, "peer3 and peer1: differs", True),
    (
        (_peer(3, "new"),),
        {"reports": {"eureka-peer-3": report(name="peer3", instances=98)}},
        _AGREED,
        "it holds 98 of 100 instances",
        True,
    ),
    (
        (_peer(3, "new"),),
        {"reports": {"eureka-peer-3": "late"}},
        _AGREED,
        "it does not answer the operator",
        False,
    ),
    (
        (_peer(3, "new", ready_since=_ago(9)),),
        {},
        _AGREED,
        "it is ready, for less than 10 s",
        False,
    ),
]
"""The new peer, what else is seen, whether peers agree; what is wrong, may the template cause it"""


def _judged(new_peer: tuple[Pod, ...], rest: Any, seconds: float) -> Observed:  # noqa: ANN401 - fields of different types
    """The third peer is replaced, since so many seconds."""
    started = {"targetRevision": "new", "currentPeer": "peer3"}
    status = {"rollout": {**started, "startedAt": _ago(seconds).isoformat()}}
    return _seen(_peer(1), _peer(2), *new_peer, partition=2, metadata={"status": status}, **rest)


@pytest.mark.parametrize(("new_peer", "rest", "agreement", "wrong", "is_blamed"), _JUDGED)
def test_new_peer_is_waited_for_until_the_deadline(
    new_peer: tuple[Pod, ...],
    rest: object,
    agreement: Convergence,
    wrong: str,
    is_blamed: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """Then the template is taken back, if it may be the cause: silence of a peer says nothing."""
    waiting = _rollout(_judged(new_peer, rest, 60), agreement)
    late = _rollout(_judged(new_peer, rest, 61), agreement)

    assert waiting.waits_for == (f"peer3: {wrong}",)
    assert (waiting.peer, waiting.started) == ("peer3", _ago(60))
    assert (_position(waiting), waiting.has_turn) == (2, True)
    if not is_blamed:
        assert (late.waits_for, late.failed) == ((f"peer3: {wrong}",), "")
        return
    assert late.failed == f"peer3 was not well after 60 s: {wrong}"
    assert late.taken_back
    fence = late.fences[_SET]
    assert (fence.template, fence.position) == (_OLD, None)
    assert (fence.failed, fence.because) == (names.object_digest(_NEW), late.failed)


def test_without_rollback_a_failed_update_stops_where_it_is() -> None:
    """People look at the peer; other clusters need not wait for them."""
    seen = _judged((_away(3, "new"),), {"updates": {"autoRollback": False}}, 61)
    found = _rollout(seen)

    assert found.failed == "peer3 was not well after 60 s: it is starting"
    assert (found.taken_back, _position(found), found.has_turn) == (False, 2, False)


@pytest.mark.parametrize("instances", [99, 100, 101])
def test_next_peer_follows_when_the_new_one_is_well(instances: int) -> None:
    """A few instances come and go meanwhile."""
    reports = {"eureka-peer-3": report(name="peer3", instances=instances)}
    new_peer = _peer(3, "new", ready_since=_ago(10))
    found = _rollout(_judged((new_peer,), {"reports": reports}, 60))

    assert (_position(found), found.peer, found.started) == (1, "peer2", NOW)
    assert (found.updated, found.waits_for) == (1, ())


@pytest.mark.parametrize(
    ("reported", "started"),
    [
        ({"targetRevision": "new", "currentPeer": "peer3", "startedAt": "2026-11-28T11:59:57Z"}, 3),
        ({"targetRevision": "new", "currentPeer": "peer2", "startedAt": "2026-11-28T11:59:57Z"}, 7),
        ({"targetRevision": "old", "currentPeer": "peer3", "startedAt": "2026-11-28T11:59:57Z"}, 7),
        ({"targetRevision": "new", "currentPeer": "peer3"}, 7),
        ({}, 7),
    ],
)
def test_deadline_counts_from_the_beginning_of_this_replacement(
    reported: object, started: int
) -> None:
    """The status says it, if it is of this peer and this template; else the pod's age does."""
    new_peer = _away(3, "new", created=_ago(7))
    metadata = {"status": {"rollout": reported}}
    seen = _seen(_peer(1), _peer(2), new_peer, partition=2, metadata=metadata)

    assert _rollout(seen).started == _ago(started)


@pytest.mark.parametrize("new_peer", [_away(3, "new", created=None), _peer(3, "old")])
def test_deadline_begins_now_if_nothing_says_when(new_peer: Pod) -> None:
    """The former pod may be a year old: a deadline that counts from there has passed at once."""
    found = _rollout(_seen(_peer(1), _peer(2), new_peer, partition=2))

    assert (found.started, found.failed) == (NOW, "")


def test_nothing_goes_on_before_the_controller_has_seen_the_template() -> None:
    """Its revisions are those of the former one. Who is judged stays the same."""
    new_peer = _peer(3, "new", created=_ago(7))
    status = {"observedGeneration": 1}
    joining = Seat(4, f"{_SET}-4", "")
    begun = _rollout(_seen(_peer(1), _peer(2), new_peer, partition=2, status=status))
    closed = rollout(_seen(*_ALL_OLD, status=status), (*_SEATS, joining), {_SET: _NEW}, _AGREED)

    assert begun.waits_for == ("the StatefulSet controller has not seen eureka-peer yet",)
    assert (_position(begun), begun.peer, begun.started) == (2, "peer3", _ago(7))
    assert (_position(closed), closed.peer, closed.started) == (None, "", None)


def test_fence_goes_up_when_all_peers_are_counted() -> None:
    """Before, a pod that dies would come back with the former template."""
    peers = tuple(_peer(number, "new") for number in (1, 2, 3))
    uncounted = _rollout(_seen(*peers, partition=0))
    counted = _rollout(_seen(*peers, partition=0, status={"currentRevision": "new"}))

    assert (_position(uncounted), uncounted.waits_for) == (
        0,
        ("eureka-peer has to count its updated peers",),
    )
    assert (_position(counted), counted.waits_for, counted.has_turn) == (None, (), False)


def test_other_strategies_leave_it_to_the_controller() -> None:
    """No fence, nothing to wait for."""
    seen = _seen(_away(1), _peer(2), _peer(3), updates={"strategy": "RollingUpdate"})
    found = _rollout(seen)

    assert (_position(found), found.target, found.waits_for) == (0, "", ())
    assert not found.has_turn  # other clusters need not wait


@pytest.mark.parametrize(
    ("peers", "partition", "found", "stuck"),
    [
        ((_peer(1), _peer(2), _away(3, "newer")), 2, _AGREED, [3]),
        ((_peer(1), _peer(2), _away(3, "new")), 2, _AGREED, []),
        ((_peer(1), _away(2, "new"), _peer(3, "new")), 2, _AGREED, []),
        ((_peer(1), _peer(2), _away(3, "newer")), 3, _AGREED, [3]),
        ((_peer(1), _peer(2), _away(3, "new")), 3, _AGREED, []),
        ((_peer(1), _away(2, "newer"), _away(3, "newer")), 3, _AGREED, [2, 3]),
        ((_peer(1), _peer(2), _away(3, "newer", deleting_since=NOW)), 3, _AGREED, []),
        ((_peer(1), _peer(2), _peer(3, "newer")), 3, _AGREED, []),
        ((_peer(1), _peer(2), _peer(3, "newer")), 3, _DIFFERS, [3]),
        ((_peer(1), _peer(2), _peer(3)), 3, _DIFFERS, []),
        ((_peer(1), _away(2), _peer(3, "newer")), 3, _DIFFERS, []),
        ((_peer(1), _peer(3, "newer")), 3, _DIFFERS, []),
    ],
)
def test_peer_that_is_not_well_with_a_template_of_nobody_is_removed(
    peers: tuple[Pod, ...], partition: int, found: Convergence, stuck: list[int]
) -> None:
    """The StatefulSet controller would wait for it for ever (kubernetes/kubernetes#67250).

    A ready one goes only while all others are ready.
    """
    state = _rollout(_seen(*peers, partition=partition), found)

    assert sorted(state.stuck, key=lambda each: each.pod) == [
        Stuck(f"{_SET}-{number}", f"uid-of-{_SET}-{number}", f"peer{number}") for number in stuck
    ]


def test_ready_peers_with_a_template_of_nobody_are_removed_one_by_one() -> None:
    """They serve clients, after all; the annotation says that it does not matter who agrees."""
    peers = (_peer(1), _peer(2, "newer"), _peer(3, "newer"))
    apart = Convergence(ready=3, differing={"peer2": "differs", "peer3": "differs"})

    assert [each.peer for each in _rollout(_seen(*peers), apart).stuck] == ["peer3"]
    assert _rollout(_seen(*peers, metadata=_SKIP), apart).stuck == ()


def test_pods_are_left_alone_before_the_controller_has_seen_the_template() -> None:
    """The revisions that it names are not those of this template yet."""
    peers = (_peer(1), _peer(2), _away(3, "newer"))

    assert _rollout(_seen(*peers, status={"observedGeneration": 1})).stuck == ()


def test_unread_report_is_no_word_of_the_fullest_peer() -> None:
    """A peer that holds more counts only while it is ready: another one may be emptied."""
    reports: dict[str, Report] = {"eureka-peer-1": report(name="peer1", instances=1_000)}
    seen = _seen(_away(1), _peer(2), _peer(3, "new"), partition=2, reports=reports, metadata=_SKIP)

    assert _position(_rollout(seen)) == 1


def test_peer_that_is_ready_since_nobody_knows_when_is_well() -> None:
    """`lastTransitionTime` may be missing; the update must not wait for ever."""
    new_peer = _peer(3, "new", ready_since=None)

    assert _rollout(_judged((new_peer,), {}, 1)).peer == "peer2"


def test_nothing_is_reported_of_peers_that_are_as_they_should_be() -> None:
    """An update is shown only while there is one."""
    peers = tuple(_peer(number, "new") for number in (1, 2, 3))
    found = _rollout(_seen(*peers, status={"currentRevision": "new"}))

    assert (found.target, found.updated, found.total, found.waits_for) == ("", 0, 0, ())
    assert _position(found) is None


@pytest.mark.parametrize("partition", [3, 1])
def test_template_is_applied_before_any_peer_is_replaced(partition: int) -> None:
    """The revisions at the API server are those of the former template; the fence goes up first."""
    wanted: Object = {"metadata": {}, "spec": {"containers": [{"image": "3"}]}}
    found = _rollout(_seen(*_ALL_OLD, partition=partition), wanted=wanted)

    assert (found.fences[_SET].template, _position(found)) == (wanted, None)
    assert (found.target, found.peer) == ("", "")


@pytest.mark.parametrize("live", [None, {}])
def test_stateful_set_that_was_just_made_has_nothing_to_replace(live: Object | None) -> None:
    """It is not there yet, or its controller has not written a status."""
    seen = _seen()
    children: dict[Any, Object] = {}
    if live is not None:
        children[STATEFUL_SET, _SET] = _live(3)
        del children[STATEFUL_SET, _SET]["status"]
    found = _rollout(replace(seen, children=children))

    assert (found.fences[_SET].template, _position(found)) == (_NEW, None)
    assert (found.target, found.stuck, found.failed) == ("", (), "")


def test_stateful_set_without_a_partition_has_replaced_nobody() -> None:
    """As the strategy OnDelete leaves it behind."""
    seen = _seen(*_ALL_OLD)
    live = seen.children[STATEFUL_SET, _SET]
    live["spec"]["updateStrategy"] = {"type": "OnDelete"}

    assert (_rollout(seen).peer, _position(_rollout(seen))) == ("peer3", 2)


def test_peer_that_leaves_is_not_updated() -> None:
    """It would be replaced, and then removed."""
    leaving = Seat(3, f"{_SET}-3", "", wanted=False)
    found = rollout(_seen(*_ALL_OLD), (*_SEATS[:2], leaving), {_SET: _NEW}, _AGREED)

    assert (found.peer, found.total) == ("peer2", 2)


def test_restart_by_kubectl_becomes_part_of_the_template() -> None:
    """Else the operator would take the annotation away, which is another restart."""
    wanted: Object = {"metadata": {"labels": {"a": "b"}, "annotations": {"c": "d"}}, "spec": {}}
    seen = _seen(*_ALL_OLD)
    live = seen.children[STATEFUL_SET, _SET]
    live["spec"]["template"] = {"metadata": {"annotations": {names.RESTARTED_AT: "noon"}}}
    found = _rollout(seen, wanted=wanted)

    annotations = {"c": "d", names.RESTARTED_AT: "noon"}
    assert found.fences[_SET].template == {
        "metadata": {"labels": {"a": "b"}, "annotations": annotations},
        "spec": {},
    }


def _taken_back(*peers: Pod, because: str = "why", **rest: Any) -> Observed:  # noqa: ANN401 - fields of different types
    """The template `_NEW` failed, and that of the current revision is in its place."""
    seen = _seen(*peers, **rest)
    seen.children[STATEFUL_SET, _SET]["metadata"]["annotations"] = {
        names.TEMPLATE_HASH: names.object_digest(_OLD),
        names.FAILED_TEMPLATE: names.object_digest(_NEW),
        **({names.FAILED_BECAUSE: because} if because else {}),
    }
    return seen


@pytest.mark.parametrize(
    ("because", "said"), [("why", "why"), ("", "the new pod template of eureka-peer failed")]
)
def test_template_that_failed_is_not_applied_again(because: str, said: str) -> None:
    """Not before the spec asks for another one: it would fail again and again."""
    seen = _taken_back(*_ALL_OLD, because=because, status={"updateRevision": "old"})
    found = _rollout(seen)
    fence = found.fences[_SET]

    assert (fence.template, fence.position) == (_OLD, None)
    assert (fence.failed, fence.because) == (names.object_digest(_NEW), because)
    assert (found.failed, found.taken_back, found.target) == (said, True, "")
    other: Object = {"metadata": {}, "spec": {"containers": [{"image": "3"}]}}
    assert _rollout(seen, wanted=other).fences[_SET].template == other
    assert _rollout(seen, wanted=other).failed == ""


def test_other_strategies_do_not_remember_what_failed() -> None:
    """Nothing is judged there: what people ask for is applied."""
    found = _rollout(_taken_back(*_ALL_OLD, updates={"strategy": "RollingUpdate"}))

    assert (found.fences[_SET].template, found.fences[_SET].failed) == (_NEW, "")


def test_last_good_template_is_the_live_one_if_its_revision_is_lost() -> None:
    """A StatefulSet keeps a few revisions only."""
    seen = _taken_back(*_ALL_OLD)
    found = _rollout(replace(seen, templates={}))

    assert found.fences[_SET].template == seen.children[STATEFUL_SET, _SET]["spec"]["template"]


@pytest.mark.parametrize("partition", [3, 2])
def test_peers_go_back_one_by_one(partition: int) -> None:
    """Those that have the template that failed; the reason stays with the StatefulSet."""
    status = {"currentRevision": "old", "updateRevision": "old"}
    peers = (_peer(1), _peer(2, "new"), _peer(3))
    found = _rollout(_taken_back(*peers, partition=partition, status=status))
    fence = found.fences[_SET]

    assert (found.peer, fence.position, fence.because) == ("peer2", 1, "why")
    assert (found.failed, found.taken_back, found.has_turn) == ("why", True, True)


def test_failed_restart_by_kubectl_is_not_tried_again() -> None:
    """Its annotation stays in the live template, so the update revision stays the failed one."""
    peers = (_peer(1), _peer(2), _away(3, "new"))
    found = _rollout(_taken_back(*peers))

    assert (found.target, _position(found)) == ("", None)
    assert [each.peer for each in found.stuck] == ["peer3"]
    assert _position(_rollout(_taken_back(*peers, partition=2))) is None


_ZONES: Final = {"topology": {"zones": [{"name": "a"}, {"name": "b"}]}}
_OF_A, _OF_B = "eureka-peer-a", "eureka-peer-b"
_ZONE_SEATS: Final = tuple(
    Seat(number, f"eureka-peer-{zone}-{ordinal}", zone)
    for number, (zone, ordinal) in enumerate((("a", 1), ("b", 1), ("a", 2), ("b", 2)), 1)
)


def _zoned(
    revisions: Sequence[str],
    fences: tuple[int, int] = (2, 2),
    seats: Sequence[Seat] = _ZONE_SEATS,
    of_b: Object | None = None,
) -> Rollout:
    """Peers 1 and 3 are in zone a, 2 and 4 in zone b, each with its revision.

    `of_b` are fields of the status of zone b's StatefulSet.
    """
    running = pods(
        *(
            pod(seat.pod, revision=revision, created=_ago(60), ready_since=_ago(60))
            for seat, revision in zip(seats, revisions, strict=True)
        )
    )
    children = {}
    for name, fence in zip((_OF_A, _OF_B), fences, strict=True):
        children[STATEFUL_SET, name] = _live(fence)
        children[STATEFUL_SET, name]["spec"]["replicas"] = 2
    children[STATEFUL_SET, _OF_B]["status"] |= of_b or {}
    seen = observed(
        cluster({"replicas": 4, "updates": _UPDATES, **_ZONES}),
        *children.items(),
        pods=running,
        reports={each: report(name=each) for each in running},
        templates={"old": _OLD, "new": _NEW},
    )
    return rollout(seen, seats, {_OF_A: _NEW, _OF_B: _NEW}, _AGREED)


def _positions(found: Rollout) -> tuple[int | None, int | None]:
    return found.fences[_OF_A].position, found.fences[_OF_B].position


@pytest.mark.parametrize(
    ("revisions", "fences", "peer", "positions"),
    [
        (("old", "old", "old", "old"), (2, 2), "peer4", (None, 1)),
        (("old", "old", "old", "new"), (2, 1), "peer2", (None, 0)),
        (("old", "old", "new", "old"), (1, 2), "peer1", (0, None)),
    ],
)
def test_zone_with_the_highest_peer_comes_first_and_is_finished(
    revisions: tuple[str, ...],
    fences: tuple[int, int],
    peer: str,
    positions: tuple[int | None, int | None],
) -> None:
    """One zone after the other: the other fences stay where they are."""
    found = _zoned(revisions, fences)

    assert (found.peer, _positions(found)) == (peer, positions)
    assert (found.updated, found.total) == (revisions.count("new"), 4)


def test_former_zone_does_not_hold_up_the_others() -> None:
    """Its peers leave, and its fence stays as it was."""
    seats = [Seat(s.number, s.pod, s.zone, wanted=s.zone == "a") for s in _ZONE_SEATS]
    found = _zoned(("new", "old", "new", "old"), (2, 1), seats)

    assert (found.total, found.failed, found.stuck) == (2, "", ())


def test_template_is_taken_back_in_all_zones_that_do_not_have_it_yet() -> None:
    """A zone that has it on all peers keeps it: its current revision is the new one."""
    seats = _ZONE_SEATS
    running = pods(
        *(pod(each.pod, revision="old") for each in seats[:3]),
        pod(seats[3].pod, revision="new", ready=False, created=_ago(61)),
    )
    children = {(STATEFUL_SET, name): _live(2) for name in (_OF_A, _OF_B)}
    children[STATEFUL_SET, _OF_B] = _live(1)
    for each in children.values():
        each["spec"]["replicas"] = 2
    owner = cluster({"replicas": 4, "updates": _UPDATES, **_ZONES})
    seen = observed(owner, *children.items(), pods=running, templates={"old": _OLD, "new": _NEW})
    wanted = {_OF_A: _NEW, _OF_B: _NEW, "eureka-peer-c": _NEW}
    found = rollout(seen, seats, wanted, _AGREED)
    children[STATEFUL_SET, _OF_A]["status"]["currentRevision"] = "new"
    kept = rollout(seen, seats, wanted, _AGREED)

    assert {name: fence.template for name, fence in found.fences.items()} == {
        _OF_A: _OLD,
        _OF_B: _OLD,
        "eureka-peer-c": _NEW,
    }
    assert found.failed.startswith("peer4 was not well after 60 s")
    assert (kept.fences[_OF_A].failed, kept.fences[_OF_B].template) == ("", _OLD)


def test_fence_of_one_zone_goes_up_alone() -> None:
    """The other zone's StatefulSet is wanted all the same."""
    revisions = ("old", "new", "old", "new")
    found = _zoned(revisions, (2, 0), of_b={"currentRevision": "new"})

    assert _positions(found) == (None, None)
    assert (found.target, found.peer) == ("new", "")


def test_peer_that_joins_is_not_judged_before_the_update_begins() -> None:
    """It is waited for as any other peer; its template cannot fail the update."""
    joining = Seat(4, f"{_SET}-4", "")
    found = rollout(_seen(*_ALL_OLD), (*_SEATS, joining), {_SET: _NEW}, _AGREED)

    assert (found.waits_for, found.peer) == ((f"peer4 must be ready first; {_GOES_ON}",), "")
