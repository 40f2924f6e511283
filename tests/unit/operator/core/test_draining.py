from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from eureka_operator.core.draining import Scale, scales
from eureka_operator.core.kinds import SERVICE, Object
from eureka_operator.core.observed import Observed, Report
from eureka_operator.core.peering import seats
from eureka_operator.core.status import timestamp
from unit.operator.core.builders import (
    DOMAIN,
    NOW,
    ZONES,
    alias,
    cluster,
    observed,
    own,
    pod,
    pods,
    report,
    stateful_set,
    view,
)

NOBODY: frozenset[str] = frozenset()


def _scales(seen: Observed, edited: frozenset[str] = NOBODY, judged: str = "") -> list[Scale]:
    return scales(seen, seats(seen), DOMAIN, edited, judged)


def _observed(
    wanted: int,
    there: int,
    says: Report | str | None = None,
    status: Object | None = None,
    **leaving: Any,  # noqa: ANN401 - fields of different types
) -> Observed:
    """`there` pods of which `wanted` stay; what the last one says."""
    running = [pod(f"eureka-peer-{k}") for k in range(1, there)]
    return observed(
        cluster({"replicas": wanted}, status=status or {}),
        *(alias(k, f"eureka-peer-{k}") for k in range(1, there + 1)),
        stateful_set(there),
        pods=pods(*running, pod(f"eureka-peer-{there}", **leaving)),
        reports={} if says is None else {f"eureka-peer-{there}": says},
    )


def _draining(state: str = "Draining", seconds: float = 61) -> Object:
    since = timestamp(NOW - timedelta(seconds=seconds))
    return {"peers": [{"name": "peer3", "state": state, "since": since}]}


def test_first_pass_makes_all_peers_at_once() -> None:
    """Nobody has to wait for anybody."""
    assert _scales(observed(cluster())) == [Scale("", "eureka-peer", 3, 3)]


def test_growing_is_done_at_once() -> None:
    """Peers that join take care of themselves."""
    assert _scales(_observed(5, 3)) == [Scale("", "eureka-peer", 5, 5)]


@pytest.mark.parametrize("wanted", [2, 4])
def test_scaling_waits_while_a_template_is_judged(wanted: int) -> None:
    """A peer that joins or goes would change whom the one that is judged agrees with."""
    waits = ("the new template of peer1 is being judged",)

    assert _scales(_observed(wanted, 3), judged="peer1") == [
        Scale("", "eureka-peer", 3, wanted, waits)
    ]


def test_what_is_not_scaled_waits_for_no_judgement() -> None:
    """Nor do replicas that somebody edited: the peers that came by it are none."""
    edited = frozenset({"eureka-peer"})

    assert _scales(_observed(3, 3), judged="peer1") == [Scale("", "eureka-peer", 3, 3)]
    assert _scales(_observed(2, 3), edited, "peer1") == [Scale("", "eureka-peer", 2, 2)]


def test_each_zone_waits_for_the_judgement() -> None:
    """And a former one is not forgotten."""
    sets = [stateful_set(1, zone) for zone in ("a", "b", "former")]
    found = _scales(observed(cluster({"replicas": 4} | ZONES), *sets), judged="peer1")

    assert [(each.now, each.target) for each in found] == [(1, 2), (1, 2), (1, 0)]


def test_peer_that_has_delivered_all_goes_at_once() -> None:
    """Others hold what it took from clients; what is not of this cluster does not count."""
    other = {"url": "http://java:8761/eureka/", "available": False}
    well = [{"url": view(k).url, "available": True, "agreement": "agreed"} for k in (1, 2)]
    says = report(peers=[other, *well])

    assert _scales(_observed(2, 3, says)) == [Scale("", "eureka-peer", 2, 2)]


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        (None, "peer3 does not answer"),
        ("timed out", "peer3 does not answer"),
        (report(), "peer3: cannot reach peer1"),
        ({"available": False}, "peer3: cannot reach peer1"),
        ({"backlog": 4, "lagMs": 1000}, "peer3: 4 changes have not reached peer1"),
        ({"agreement": "diverged"}, "peer3: does not agree with peer1 yet"),
        ({"agreement": "unknown"}, "peer3: does not agree with peer1 yet"),
    ],
)
def test_scale_down_waits_for_changes_that_are_not_delivered(says: Any, reason: str) -> None:  # noqa: ANN401
    """The peer shows what is wrong before it is gone, not after."""
    if isinstance(says, dict):
        well = {"url": view(1).url, "available": True, "agreement": "agreed"}
        says = report(peers=[well | says])

    assert _scales(_observed(2, 3, says)) == [Scale("", "eureka-peer", 3, 2, (reason,))]


def test_change_that_is_just_on_its_way_holds_nothing_back() -> None:
    """Under load there is always one; a stopping peer delivers it."""
    lags: list[Object] = [{"backlog": 9, "lagMs": 999}, {"backlog": 0, "lagMs": 9_999}]
    views = [
        {"url": view(k).url, "available": True, "agreement": "agreed", **lag}
        for k, lag in enumerate(lags, 1)
    ]

    assert _scales(_observed(2, 3, report(peers=views)))[0].now == 2


def test_scale_down_is_carried_out_after_a_minute_all_the_same() -> None:
    """A peer that cannot deliver would be kept for ever otherwise."""
    assert _scales(_observed(2, 3, status=_draining()))[0].now == 2
    assert _scales(_observed(2, 3, status=_draining(seconds=60)))[0].now == 3
    assert _scales(_observed(2, 3, status=_draining("Ready")))[0].now == 3
    assert _scales(_observed(2, 3, status={"peers": [{"name": "peer3"}]}))[0].now == 3
    no_time = {"peers": [{"name": "peer3", "state": "Draining"}]}
    assert _scales(_observed(2, 3, status=no_time))[0].now == 3


def test_minute_of_one_peer_is_not_that_of_another() -> None:
    """`peer2` has been draining for long, `peer3` begins."""
    status = _draining()
    status["peers"][0]["name"] = "peer2"

    assert _scales(_observed(2, 3, status=status))[0].now == 3


@pytest.mark.parametrize("leaving", [{"ready": False}, {"ready": False, "deleting_since": NOW}])
def test_peer_that_is_not_ready_is_not_waited_for(leaving: dict[str, Any]) -> None:
    """Clients do not use it, and it may never be ready."""
    assert _scales(_observed(2, 3, **leaving))[0].now == 2


def test_peer_whose_pod_is_not_there_is_not_waited_for() -> None:
    """Its StatefulSet would make it again, only to take it away."""
    seen = _observed(2, 3)
    there = {name: each for name, each in seen.pods.items() if name != "eureka-peer-3"}

    assert _scales(replace(seen, pods=there)) == [Scale("", "eureka-peer", 2, 2)]


def test_scale_to_zero_waits_for_nobody() -> None:
    """There is nobody who could take anything over."""
    assert _scales(_observed(0, 3))[0].now == 0


def test_survivors_that_are_not_ready_are_not_waited_for() -> None:
    """They copy from somebody when they are back."""
    seen = observed(
        cluster({"replicas": 1}),
        *(alias(k, f"eureka-peer-{k}") for k in (1, 2)),
        stateful_set(2),
        pods=pods(pod("eureka-peer-1", ready=False), pod("eureka-peer-2")),
    )

    assert _scales(seen)[0].now == 1


def test_edited_replicas_are_put_right_at_once() -> None:
    """What somebody scaled behind the operator's back was never part of the registry's plan."""
    assert _scales(_observed(2, 3), frozenset({"eureka-peer"})) == [Scale("", "eureka-peer", 2, 2)]


def test_each_zone_waits_for_its_own() -> None:
    """The StatefulSet of the other zone goes on."""
    seen = observed(
        cluster({"replicas": 2} | ZONES),
        *(
            alias(k, f"eureka-peer-{name}")
            for k, name in enumerate(("a-1", "b-1", "a-2", "b-2"), 1)
        ),
        stateful_set(2, "a"),
        stateful_set(2, "b"),
        pods=pods(
            *(pod(f"eureka-peer-{name}") for name in ("a-1", "b-1", "a-2")),
            pod("eureka-peer-b-2", ready=False),
        ),
    )

    assert _scales(seen) == [
        Scale("a", "eureka-peer-a", 2, 1, ("peer3 does not answer",)),
        Scale("b", "eureka-peer-b", 1, 1),
    ]


def test_zone_that_is_no_more_goes_to_zero() -> None:
    """Zones cannot be removed, but an older CRD may have allowed it."""
    seen = observed(
        cluster({"replicas": 2} | ZONES),
        stateful_set(1, "a"),
        stateful_set(1, "b"),
        stateful_set(1, "former"),
    )

    assert _scales(seen)[-1] == Scale("former", "eureka-peer-former", 0, 0)


def test_zone_goes_by_the_name_of_the_stateful_set() -> None:
    """Its label is anybody's to edit."""
    ref, body = stateful_set(1, "a")
    body["metadata"]["labels"] = {"eurekube.io/zone": "edited"}
    seen = observed(cluster({"replicas": 2} | ZONES), (ref, body), own(SERVICE, "eureka"))

    assert [each.name for each in _scales(seen)] == ["eureka-peer-a", "eureka-peer-b"]
