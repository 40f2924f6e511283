"""Which faults a cluster meets, in which order, for how long: all of it follows from a seed. Pure.

What is known before: how many peers are wanted. What is not: which node a peer is on; a fault of a
node is therefore one of the node of some peer.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple


class Kind(StrEnum):
    """A kind of fault, as it is shown."""

    KILL = "kill a container"
    DELETE = "delete a pod"
    STOP = "stop a registry"
    HANG = "hang a registry"
    APART = "part two peers"
    CUT = "cut a node"
    LOSE = "lose a node"
    DRAIN = "drain a node"
    SCALE = "scale"
    ROLL = "change the pods"
    BAD_IMAGE = "missing image"
    CONFIGURE = "configure live"
    API = "restart the API"
    LEADER = "kill the leader"
    CONTROLLERS = "stop controllers"
    DRIFT = "delete a child"


LONG: Final = frozenset({Kind.HANG, Kind.LOSE, Kind.BAD_IMAGE})
"""Takes minutes: until the kubelet ends a container that does not answer, until Kubernetes gives up
the pods of a node, until the operator gives up an update."""
TAKES_PEERS: Final = frozenset({Kind.KILL, Kind.DELETE, Kind.STOP, Kind.HANG, Kind.CUT, Kind.LOSE})
"""Faults that take a peer away themselves, so that nothing else may take one meanwhile."""
BESIDE: Final = (Kind.API, Kind.LEADER, Kind.CONTROLLERS, Kind.CONFIGURE)
"""Faults that take away no peer and no name of one: they may happen during another fault."""
_ALONE: Final = frozenset({*BESIDE, Kind.DRIFT, Kind.LOSE, Kind.HANG, Kind.BAD_IMAGE})
"""Kinds that have no fault beside them: what they wait for needs what that would take away."""

_BESIDE_SHARE: Final = 1 / 3
_FEWEST: Final = 2
"""With one peer less there is still one that answers."""
MOST: Final = 5

_SPANS_S: Final[dict[Kind, tuple[float, float]]] = {
    Kind.STOP: (5.0, 25.0),
    Kind.APART: (5.0, 30.0),
    Kind.CUT: (5.0, 15.0),
    Kind.API: (3.0, 15.0),
    Kind.CONTROLLERS: (5.0, 20.0),
}
"""From, to. A registry that stands still is killed after 60 s, a node is lost after 20 s. Leases of
clients of two peers that are parted end after 60 s at the other one: that is no fault of theirs."""

_CHILDREN: Final = (
    "service/eureka",
    "service/eureka-peers",
    "configmap/eureka-config",
    "poddisruptionbudget/eureka",
)


class Fault(NamedTuple):
    """One fault."""

    kind: Kind
    target: str
    """Peers by name, a number of peers, or a child by kind and name; empty: there is one only."""
    span_s: float
    """How long it lasts; 0: it is over at once, or when what it waits for has come."""

    @property
    def title(self) -> str:
        """How it is shown."""
        return f"{self.kind} {self.target}".rstrip()


@dataclass(frozen=True)
class Step:
    """One fault or two at once, and then calm."""

    fault: Fault
    beside: Fault | None
    replicas: int
    """How many peers are wanted during it, and from then on."""

    @property
    def title(self) -> str:
        """How it is shown."""
        return f"{self.fault.title} + {self.beside.title}" if self.beside else self.fault.title


def kinds(minutes: float) -> list[Kind]:
    """What fits a run: in a short one nothing that takes minutes by itself."""
    short = minutes < 15
    return [kind for kind in Kind if not (short and kind in LONG)]


def steps(seed: int, among: Sequence[Kind], replicas: int = 3) -> Iterator[Step]:
    """Steps without end; each kind happens once before any happens twice.

    Args:
        seed: the same one gives the same steps.
        among: the kinds that happen.
        replicas: how many peers are wanted at the beginning.
    """
    chance = random.Random(seed)  # noqa: S311 - it shall be repeatable
    while True:
        for kind in chance.sample(among, len(among)):
            wanted = _other_number(chance, replicas) if kind is Kind.SCALE else replicas
            fault = _fault(chance, kind, replicas, wanted)
            yield Step(fault, _second_fault(chance, kind, among), wanted)
            replicas = wanted


def _fault(chance: random.Random, kind: Kind, replicas: int, wanted: int) -> Fault:
    span_s = round(chance.uniform(*_SPANS_S.get(kind, (0.0, 0.0))), 1)
    match kind:
        case Kind.SCALE:
            return Fault(kind, f"{replicas} to {wanted}", span_s)
        case Kind.DRIFT:
            names = [f"service/peer{number}" for number in range(1, replicas + 1)]
            return Fault(kind, chance.choice([*_CHILDREN, *names]), span_s)
        case Kind.APART:
            two = sorted(chance.sample(range(1, replicas + 1), 2))
            return Fault(kind, " ".join(f"peer{number}" for number in two), span_s)
        case Kind.DRAIN:
            return Fault(kind, f"peer{chance.randint(1, replicas)}", span_s)
        case _ if kind in TAKES_PEERS:
            return Fault(kind, f"peer{chance.randint(1, replicas)}", span_s)
        case _:
            return Fault(kind, "", span_s)


def _second_fault(chance: random.Random, kind: Kind, among: Sequence[Kind]) -> Fault | None:
    possible = [each for each in BESIDE if each in among]
    if kind in _ALONE or not possible or chance.random() > _BESIDE_SHARE:
        return None
    return _fault(chance, chance.choice(possible), 0, 0)


def _other_number(chance: random.Random, replicas: int) -> int:
    others = [number for number in range(_FEWEST, MOST + 1) if number != replicas]
    return chance.choice(others)
