"""Decides how many replicas each StatefulSet has now, until it has the wanted number.

The number grows at once. Before a peer is removed, the changes that it accepted from clients must
have reached the others: the operator asks them, for at most a minute. Losing nothing does not
depend on it (a stopping peer delivers what it has), but a peer that cannot deliver shows before it
is gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from eureka_operator.core import names
from eureka_operator.core.kinds import STATEFUL_SET, Object
from eureka_operator.core.observed import Observed, Report
from eureka_operator.core.peering import Seat, alias, peer_url, replicas

LONGEST: Final = timedelta(seconds=60)
DRAINING: Final = "Draining"
_ON_ITS_WAY_MS: Final = 1_000
"""A change that waits for less is on its way, not stuck."""


class Scale(msgspec.Struct, frozen=True):
    """One StatefulSet's replicas: as they are to be applied now, and as they are wanted.

    `waits_for` says in words what holds back a scale-down, peer by peer.
    """

    zone: str
    name: str
    now: int
    target: int
    waits_for: tuple[str, ...] = ()


def scales(
    observed: Observed,
    seats: Sequence[Seat],
    domain: str,
    edited_sets: frozenset[str],
    judged_pod: str = "",
) -> list[Scale]:
    """The replicas of each StatefulSet; `edited_sets`: those whose replicas somebody else changed.

    `judged_pod` is the peer whose new template is being judged: scaling waits for it.
    """
    cluster = observed.cluster
    wanted = replicas(cluster)
    live = {name: body for (kind, name), body in observed.children.items() if kind is STATEFUL_SET}
    former = {names.zone(cluster.name, name) for name in live} - wanted.keys()
    found = []
    for zone in [*wanted, *sorted(former)]:
        name, goal = names.stateful_set(cluster.name, zone), wanted.get(zone, 0)
        current = _current(live.get(name), goal)
        if judged_pod and goal != current and name not in edited_sets:
            waits = (f"the new template of {judged_pod} is being judged",)
            found.append(Scale(zone, name, current, goal, waits))
            continue
        if goal >= current or name in edited_sets:
            found.append(Scale(zone, name, goal, goal))
            continue
        leaving = [seat for seat in seats if seat.zone == zone and not seat.wanted]
        reasons = [_why_not_drained(observed, seat, seats, domain) for seat in leaving]
        waits_for = tuple(reason for reason in reasons if reason)
        found.append(Scale(zone, name, current if waits_for else goal, goal, waits_for))
    return found


def _current(body: Object | None, wanted: int) -> int:
    return wanted if body is None else int(body["spec"].get("replicas", 0))


def _why_not_drained(
    observed: Observed, leaving_seat: Seat, seats: Sequence[Seat], domain: str
) -> str | None:
    """Why a peer must not be removed yet, in words; `None` if it may be."""
    cluster = observed.cluster
    name = alias(cluster, leaving_seat.number)
    pod = observed.pods.get(leaving_seat.pod)
    if pod is None or pod.deleting or not pod.ready or _is_overdue(observed, name):
        return None
    remaining = [
        seat
        for seat in seats
        if seat.wanted and (other := observed.pods.get(seat.pod)) is not None and other.ready
    ]
    if not remaining:
        return None
    report = observed.report(leaving_seat.pod)
    if report is None:
        return f"{name} does not answer"
    return next(
        (
            f"{name}: {reason}"
            for seat in remaining
            if (
                reason := _undelivered_changes(
                    report, alias(cluster, seat.number), peer_url(observed, seat.number, domain)
                )
            )
        ),
        None,
    )


def _undelivered_changes(report: Report, name: str, url: str) -> str | None:
    view = next((each for each in report.peers if each.url == url), None)
    if view is None or not view.available:
        return f"cannot reach {name}"
    if view.backlog and view.lag_ms >= _ON_ITS_WAY_MS:
        return f"{view.backlog} changes have not reached {name}"
    return None if view.agreement == "agreed" else f"does not agree with {name} yet"


def _is_overdue(observed: Observed, name: str) -> bool:
    """Whether the peer has been draining for too long: it was so in the status a minute ago."""
    for peer in observed.cluster.status.get("peers", []):
        if peer["name"] == name and peer.get("state") == DRAINING and "since" in peer:
            return observed.now - datetime.fromisoformat(peer["since"]) > LONGEST
    return False
