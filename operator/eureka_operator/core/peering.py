"""Decides which pod is which peer, and what `peers.json` says of them.

Rules:

* The alias Services' selectors are the record of peerK -> pod; where somebody edited or deleted
  one, `names` of `peers.json` is. A pod keeps its number as long as it is wanted or still there; a
  new pod takes the lowest free number. So no running peer is renamed.
* A peer is listed once it has an address and its alias Service is ours: a name that is asked for
  before it exists is remembered as missing by the cluster's DNS.
* `generation` grows with every change of the list, also beyond what peers have seen of a list that
  was lost.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from eureka_operator.api.cluster import Cluster
from eureka_operator.core import names, transport
from eureka_operator.core.drift import drift
from eureka_operator.core.kinds import CONFIG_MAP, SERVICE, STATEFUL_SET
from eureka_operator.core.observed import Observed, Pod

PEERS_FILE: Final = "peers.json"


class State(StrEnum):
    """The state of a peer, as `peers.json` tells it to the others."""

    JOINING = "joining"
    ACTIVE = "active"
    DRAINING = "draining"


class Seat(msgspec.Struct, frozen=True):
    """A peer's number and the pod that has it; `wanted` is false for one that will be removed."""

    number: int
    pod: str
    zone: str
    wanted: bool = True


class Entry(msgspec.Struct, frozen=True):
    """One peer as `peers.json` lists it."""

    name: str
    url: str
    zone: str = ""
    state: State = State.ACTIVE


class PeerList(msgspec.Struct, frozen=True):
    """The contents of `peers.json`."""

    generation: int = 0
    names: dict[str, str] = {}
    peers: tuple[Entry, ...] = ()

    @property
    def text(self) -> str:
        """The file."""
        listed = [
            {"name": each.name, "url": each.url, "zone": each.zone, "state": each.state.value}
            for each in self.peers
        ]
        document = {"generation": self.generation, "names": self.names, "peers": listed}
        return json.dumps(document, indent=2) + "\n"


def zones(cluster: Cluster) -> tuple[str, ...]:
    """The zones' names; one empty name if none are named."""
    named = cluster.spec.topology.zones
    return tuple(zone.name for zone in named) if named else ("",)


def replicas(cluster: Cluster) -> dict[str, int]:
    """How many peers each zone gets: dealt one by one, so that adding peers moves none."""
    found = zones(cluster)
    count, total = len(found), cluster.spec.replicas
    return {zone: (total - place + count - 1) // count for place, zone in enumerate(found)}


def wanted_pods(cluster: Cluster) -> list[tuple[str, str]]:
    """Pod and zone of each peer, in the order in which numbers are given out."""
    found = zones(cluster)
    return [
        (names.pod(cluster.name, zone, ordinal), zone)
        for ordinal, zone in (
            (place // len(found) + 1, found[place % len(found)])
            for place in range(cluster.spec.replicas)
        )
    ]


def seats(observed: Observed) -> list[Seat]:
    """Every peer that is wanted or still exists, by number.

    A pod that is not wanted and has no number was never a peer: somebody scaled the StatefulSet.
    """
    wanted = wanted_pods(observed.cluster)
    names_wanted = {pod for pod, _ in wanted}
    leaving = _leaving_pods(observed, names_wanted)
    kept = _record(observed, names_wanted | leaving.keys())
    taken = set(kept.values())
    found: list[Seat] = []
    for pod, zone in wanted:
        number = kept.get(pod) or next(free for free in range(1, 100) if free not in taken)
        taken.add(number)
        found.append(Seat(number, pod, zone))
    found += [Seat(kept[pod], pod, leaving[pod], wanted=False) for pod in leaving.keys() & kept]
    return sorted(found, key=lambda seat: seat.number)


def _leaving_pods(observed: Observed, wanted: set[str]) -> dict[str, str]:
    """Pods, with their zones, that are not wanted but there, or that a StatefulSet will remake."""
    present = set(observed.pods)
    for (kind, name), body in observed.children.items():
        if kind is STATEFUL_SET:
            count = int(body["spec"].get("replicas", 0))
            present |= {f"{name}-{ordinal}" for ordinal in range(1, count + 1)}
    cluster = observed.cluster.name
    return {pod: names.zone(cluster, pod.rpartition("-")[0]) for pod in present - wanted}


def _record(observed: Observed, pods: set[str]) -> dict[str, int]:
    """The numbers of these pods."""
    found: dict[str, int] = {}
    for pod, number in (*_selected_numbers(observed), *_published_numbers(observed)):
        if pod in pods and pod not in found and number not in found.values():
            found[pod] = number
    return found


def _selected_numbers(observed: Observed) -> Iterator[tuple[str, int]]:
    """Yield pod and number by the alias Services whose selectors nobody else changed."""
    for (kind, name), body in observed.children.items():
        number = _number(observed.cluster, name)
        selector = body.get("spec", {}).get("selector")
        if kind is not SERVICE or number is None or not selector:
            continue
        edited = drift({"spec": {"selector": selector}}, body)
        if names.POD_NAME_LABEL in selector and not edited:
            yield str(selector[names.POD_NAME_LABEL]), number


def _published_numbers(observed: Observed) -> Iterator[tuple[str, int]]:
    """Yield pod and number as the last `peers.json` has them."""
    for pod, name in _previous(observed).names.items():
        number = _number(observed.cluster, name)
        if number is not None:
            yield pod, number


def _number(cluster: Cluster, name: str) -> int | None:
    """K of `peerK`; `None` for another name."""
    prefix = cluster.spec.peers.dns_prefix
    digits = name.removeprefix(prefix)
    return int(digits) if name.startswith(prefix) and digits.isdecimal() else None


def alias(cluster: Cluster, number: int) -> str:
    """The name of peer `number`, which is its Service's name, too."""
    return f"{cluster.spec.peers.dns_prefix}{number}"


def peer_list(observed: Observed, seats: Sequence[Seat], domain: str) -> PeerList:
    """The contents of `peers.json`, with a new generation if they change."""
    cluster = observed.cluster
    previous = _previous(observed)
    before = _states(previous)
    listed = [
        Entry(
            alias(cluster, seat.number),
            peer_url(observed, seat.number, domain),
            seat.zone,
            _state(seat, observed.pods.get(seat.pod), before.get(seat.pod)),
        )
        for seat in seats
        if _is_listed(observed, seat, known=seat.pod in before)
    ]
    found = PeerList(
        names={seat.pod: alias(cluster, seat.number) for seat in seats},
        peers=(*listed, *_outside(cluster.spec.peers.extra_peer_urls)),
    )
    reported = [each.generation for pod in observed.pods if (each := observed.report(pod))]
    newest = max([previous.generation, *reported])
    same = (found.names, found.peers) == (previous.names, previous.peers)
    if same and newest == previous.generation:
        return msgspec.structs.replace(found, generation=newest)
    return msgspec.structs.replace(found, generation=newest + 1)


def _states(previous: PeerList) -> dict[str, State]:
    """The state of each pod that is listed."""
    states = {each.name: each.state for each in previous.peers}
    return {pod: states[name] for pod, name in previous.names.items() if name in states}


def peer_url(observed: Observed, number: int, domain: str) -> str:
    """The URL by which peers know peer `number`."""
    cluster = observed.cluster
    host = names.host(alias(cluster, number), cluster.namespace, domain)
    return transport.service_url(observed, host)


def _is_listed(observed: Observed, seat: Seat, *, known: bool) -> bool:
    if (SERVICE, alias(observed.cluster, seat.number)) not in observed.children:
        return False
    pod = observed.pods.get(seat.pod)
    return (pod is not None and bool(pod.ip)) or (known and seat.wanted)


def _state(seat: Seat, pod: Pod | None, before: State | None) -> State:
    if not seat.wanted and (pod is None or pod.deleting):
        return State.DRAINING
    if before is State.ACTIVE or (pod is not None and pod.ready):
        return State.ACTIVE
    return State.JOINING


def _outside(urls: Iterable[str]) -> list[Entry]:
    """Peers outside the cluster, such as Java's, each named by its host and port."""
    found: dict[str, Entry] = {}
    for url in urls:
        place = url.partition("://")[2].partition("/")[0].rpartition("@")[2]
        name = place if place not in found else f"{place}-{len(found) + 1}"
        found[name] = Entry(name, url)
    return list(found.values())


def _previous(observed: Observed) -> PeerList:
    """The list in the ConfigMap; an empty one if there is none that can be read."""
    body = observed.children.get((CONFIG_MAP, names.config_map(observed.cluster.name)))
    data = (body or {}).get("data") or {}
    try:
        return msgspec.json.decode(data.get(PEERS_FILE, ""), type=PeerList)
    except msgspec.DecodeError:
        return PeerList()
