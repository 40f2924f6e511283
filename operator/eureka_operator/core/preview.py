"""What a plan means for people: which objects change, which peers restart, join or leave."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from eureka_operator.core import names
from eureka_operator.core.desired.configuration import CONFIG_FILE
from eureka_operator.core.differences import Difference, differences, removed
from eureka_operator.core.drift import surplus
from eureka_operator.core.kinds import CONFIG_MAP, STATEFUL_SET
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


class Row(msgspec.Struct, frozen=True):
    """One object that is made, changed or removed, with the fields that change."""

    action: str
    object: str
    changes: tuple[Difference, ...] = ()


class Preview(msgspec.Struct, frozen=True):
    """All of a plan's consequences; peers by name, in the order in which it happens to them."""

    rows: tuple[Row, ...]
    joining: tuple[str, ...]
    leaving: tuple[str, ...]
    restarting: tuple[str, ...]
    reloading: tuple[str, ...]


def preview(observed: Observed, plan: Plan) -> Preview:
    """What carrying out the plan, and those that follow from it, leads to."""
    cluster = observed.cluster

    def listed(taken: Sequence[Seat]) -> tuple[str, ...]:
        return tuple(f"{alias(cluster, seat.number)} ({seat.pod})" for seat in taken)

    running = [seat for seat in plan.seats if seat.pod in observed.pods]
    staying = [seat for seat in running if seat.wanted]
    rolled = set(_rolled(plan.steps))
    restarting = [seat for seat in staying if names.stateful_set(cluster.name, seat.zone) in rolled]
    return Preview(
        rows=tuple(row for step in plan.steps for row in _rows(step)),
        joining=listed([seat for seat in plan.seats if seat.wanted and seat not in running]),
        leaving=listed([seat for seat in running if not seat.wanted]),
        restarting=listed(sorted(restarting, key=_update_order)),
        reloading=listed([s for s in staying if s not in restarting and _reloads(plan.steps)]),
    )


def _rows(step: Step) -> Iterator[Row]:
    match step:
        case Create(body):
            yield Row("create", f"{body['kind']} {name_of(body)}")
        case Apply(body, live):
            gone = [Difference(field, "set", None) for field in surplus(body, live)]
            found = (*differences(live, body), *removed(live, body), *gone)
            yield Row("change", f"{body['kind']} {name_of(body)}", found)
        case Delete(kind, name):
            yield Row("delete", f"{kind.kind} {name}")
        case Abandon(pod) | Recreate(pod):
            yield Row("delete", f"Pod {pod}")


def _rolled(steps: Sequence[Step]) -> Iterator[str]:
    """StatefulSets whose pod template changes."""
    for step in steps:
        if isinstance(step, Apply) and kind_of(step.body) is STATEFUL_SET:
            before = step.live["metadata"].get("annotations", {}).get(names.TEMPLATE_HASH)
            if before != step.body["metadata"]["annotations"][names.TEMPLATE_HASH]:
                yield name_of(step.body)


def _reloads(steps: Sequence[Step]) -> bool:
    """Whether `config.json` changes for running peers."""
    return any(
        step.live.get("data", {}).get(CONFIG_FILE) != step.body["data"][CONFIG_FILE]
        for step in steps
        if isinstance(step, Apply) and kind_of(step.body) is CONFIG_MAP
    )


def _update_order(seat: Seat) -> tuple[str, int]:
    """A StatefulSet updates its pods from the highest ordinal down."""
    return seat.zone, -int(seat.pod.rpartition("-")[2])
