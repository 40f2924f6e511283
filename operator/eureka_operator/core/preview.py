"""A plan in words: which objects change, which peers restart, join or leave."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from eureka_operator.core import names
from eureka_operator.core.desired.configuration import CONFIG_FILE
from eureka_operator.core.differences import Difference, differences, removed_keys
from eureka_operator.core.drift import surplus
from eureka_operator.core.kinds import CONFIG_MAP, STATEFUL_SET, Object
from eureka_operator.core.observed import Observed
from eureka_operator.core.peering import Seat, alias
from eureka_operator.core.plan import (
    Abandon,
    Apply,
    Create,
    Delete,
    Plan,
    Recreate,
    Step,
    kind_of,
    name_of,
)
from eureka_operator.core.rollout import CONVERGED, ON_DELETE
from eureka_operator.core.status import is_paused

_FILLED_IN: Final = re.compile(
    r"(^|\.)(creationTimestamp|defaultMode|dnsPolicy|initialDelaySeconds|restartPolicy|"
    r"schedulerName|serviceAccount|successThreshold|terminationMessagePath|"
    r"terminationMessagePolicy)$"
)
"""Fields of a pod template that the API server adds, and the operator never sets."""


class Row(msgspec.Struct, frozen=True):
    """One object that is made, changed or removed, with the fields that change."""

    action: str
    object: str
    changes: tuple[Difference, ...] = ()


class Preview(msgspec.Struct, frozen=True):
    """All consequences of a plan; peers by name, in the order of the changes.

    A peer that joins restarts, too, if it starts with a template that is being replaced. `paused`:
    nothing is done, so nothing else is in it.
    """

    rows: tuple[Row, ...] = ()
    joining: tuple[str, ...] = ()
    leaving: tuple[str, ...] = ()
    restarting: tuple[str, ...] = ()
    reloading: tuple[str, ...] = ()
    paused: bool = False


def preview(observed: Observed, plan: Plan) -> Preview:
    """The consequences of this plan and of the plans that follow from it."""
    cluster = observed.cluster
    if is_paused(cluster):
        return Preview(paused=True)

    def peer_names(seats: Sequence[Seat]) -> tuple[str, ...]:
        return tuple(f"{alias(cluster, seat.number)} ({seat.pod})" for seat in seats)

    running = [seat for seat in plan.seats if seat.pod in observed.pods]
    staying = [seat for seat in running if seat.wanted]
    restarting = _restarted_peers(observed, plan)
    return Preview(
        rows=tuple(row for step in plan.steps for row in _rows(step)),
        joining=peer_names([seat for seat in plan.seats if seat.wanted and seat not in running]),
        leaving=peer_names([seat for seat in running if not seat.wanted]),
        restarting=peer_names(restarting),
        reloading=peer_names([s for s in staying if s not in restarting and _reloads(plan.steps)]),
    )


def _restarted_peers(observed: Observed, plan: Plan) -> list[Seat]:
    """The peers that are replaced, in the order of `core/rollout.py`."""
    if observed.cluster.spec.updates.strategy == ON_DELETE:
        return []
    found: dict[str, list[Seat]] = {}
    for body in plan.objects:
        live = observed.children.get((STATEFUL_SET, name_of(body)))
        if kind_of(body) is STATEFUL_SET and live is not None:
            found[name_of(body)] = _replaced_peers(observed, plan, live, body)

    def order(name: str) -> tuple[bool, int]:
        members = _members(observed, plan, name)
        highest = max((seat.number for seat in members), default=0)
        return plan.rollout.fences[name].position is None, -highest

    return [seat for name in sorted(found, key=order) for seat in found[name]]


def _members(observed: Observed, plan: Plan, name: str) -> list[Seat]:
    """The peers of a StatefulSet."""
    cluster = observed.cluster.name
    return [s for s in plan.seats if s.wanted and names.stateful_set(cluster, s.zone) == name]


def _replaced_peers(observed: Observed, plan: Plan, live: Object, body: Object) -> list[Seat]:
    """The peers of a StatefulSet that are replaced, the highest first."""
    name, status = name_of(body), live.get("status", {})
    changes = _changes_template(live, body)
    current = status.get("currentRevision", "")
    if changes:
        revision = _revision_of(observed, body["spec"]["template"])
    elif plan.rollout.fences[name].failed:
        revision = current
    else:
        revision = status.get("updateRevision", "")
    fenced = observed.cluster.spec.updates.strategy == CONVERGED
    fence = plan.rollout.fences[name].position

    def is_outdated(seat: Seat) -> bool:
        pod = observed.pods.get(seat.pod)
        if pod is None:  # below the fence it is made from the current revision
            is_below = fence is None or _ordinal(seat) <= fence
            return fenced and revision != current and (changes or is_below)
        return pod.revision not in ("", revision) if revision else changes

    found = [seat for seat in _members(observed, plan, name) if is_outdated(seat)]
    return sorted(found, key=_ordinal, reverse=True)


def _ordinal(seat: Seat) -> int:
    return int(seat.pod.rpartition("-")[2])


def _revision_of(observed: Observed, template: Object) -> str:
    """The revision that has a template already, and pods may have; empty: it will be a new one."""
    for name, kept in observed.templates.items():
        added = [each.field for each in differences(template, kept)]
        if all(map(_FILLED_IN.search, added)) and not [*differences(kept, template)]:
            return name
    return ""


def _changes_template(live: Object, body: Object) -> bool:
    """Whether pods of a StatefulSet differ afterwards; one that was taken back has other text."""
    before = live["metadata"].get("annotations", {}).get(names.TEMPLATE_HASH)
    if before == body["metadata"]["annotations"][names.TEMPLATE_HASH]:
        return False
    if any(True for _ in differences(live["spec"]["template"], body["spec"]["template"])):
        return True
    gone = (field for field in surplus(body, live) if field.startswith("spec.template"))
    return not all(_FILLED_IN.search(field) for field in gone)


def _rows(step: Step) -> Iterator[Row]:
    match step:
        case Create(body):
            yield Row("create", f"{body['kind']} {name_of(body)}")
        case Apply(body, live):
            gone = [Difference(field, "set", None) for field in surplus(body, live)]
            found = (*differences(live, body), *removed_keys(live, body), *gone)
            yield Row("change", f"{body['kind']} {name_of(body)}", found)
        case Delete(kind, name):
            yield Row("delete", f"{kind.kind} {name}")
        case Abandon(pod) | Recreate(pod):
            yield Row("delete", f"Pod {pod}")


def _reloads(steps: Sequence[Step]) -> bool:
    """Whether `config.json` changes for running peers."""
    return any(
        step.live.get("data", {}).get(CONFIG_FILE) != step.body["data"].get(CONFIG_FILE)
        for step in steps
        if isinstance(step, Apply) and kind_of(step.body) is CONFIG_MAP
    )
