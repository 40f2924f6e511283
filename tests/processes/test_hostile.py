"""Attacks on a real peer, small; `make bench ARGS=hostile` carries them out in their full size.

What is asserted is what grows with an attack where its bound is missing: the processor time and
the memory of the peer, and that others were served meanwhile. Bounds are several times of what is
seen, and several times below what is seen without the mend.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from bench.attacks import KINDS
from bench.hostile import Victim, run_attack, settings_of
from bench.requests import registration

from processes.cluster import Cluster, PeerProcess

_INSTANCES: Final = 3_000
_PER_BATCH: Final = 250


class Bounds(NamedTuple):
    """What an attack of this size may cost at most."""

    size: float
    cpu_s: float
    memory_mib: float


EXPECTED: Final = {
    "empty-items": Bounds(1.0, 3.0, 60),
    "plain-items": Bounds(0.2, 3.0, 60),
    "largest-batches": Bounds(0.1, 5.0, 80),
    "costly-values": Bounds(0.2, 3.0, 60),
    "endless-bodies": Bounds(2.0, 8.0, 320),
    "endless-batches": Bounds(0.3, 5.0, 120),
    "endless-heads": Bounds(0.3, 3.0, 60),
    "deaf-crowd": Bounds(0.15, 5.0, 60),
    "silent-connections": Bounds(1.0, 3.0, 60),
    "names-of-files": Bounds(0.05, 5.0, 20),
}


@pytest.fixture(scope="module")
def peer_under_attack() -> Iterator[PeerProcess]:
    """A peer with some instances, which lives through one attack after the other."""
    with Cluster(1).start() as cluster:
        (peer,) = cluster.peers
        for first in range(0, _INSTANCES, _PER_BATCH):
            items = [item(number) for number in range(first, first + _PER_BATCH)]
            reply = peer.ask("POST", "/peerreplication/batch/", {"replicationList": items})
            assert reply.status == 200
        yield peer


def item(number: int) -> dict[str, object]:
    """What a peer tells of a registration."""
    document = json.loads(registration(number).partition(b"\r\n\r\n")[2])["instance"]
    key = {"appName": document["app"], "id": document["instanceId"]}
    return {**key, "action": "Register", "instanceInfo": document}


@pytest.mark.parametrize("name", EXPECTED)
def test_an_attack_costs_little_and_others_are_served(
    peer_under_attack: PeerProcess, name: str
) -> None:
    """Whoever sends need not say who he is, and sends what he likes."""
    bounds = EXPECTED[name]

    harm = run_attack(victim(peer_under_attack), name, bounds.size)

    assert harm.unanswered == 0
    assert harm.cpu_s < bounds.cpu_s
    assert harm.memory_mib < bounds.memory_mib


def test_what_is_refused_is_not_inflated(tmp_path: Path) -> None:
    """A client without credentials would have 16 GB inflated with some MB."""
    kind = KINDS["refused-bodies"]
    with Cluster(1, **settings_of(kind, tmp_path)).start() as cluster:
        harm = run_attack(victim(cluster.peers[0]), "refused-bodies", 1.0)

    assert harm.sent > 0
    assert harm.unanswered == 0
    assert harm.cpu_s < 4.0
    assert harm.memory_mib < 60


def victim(peer: PeerProcess) -> Victim:
    """The peer as an attack sees it."""
    assert peer.process is not None
    return Victim(peer.process.pid, peer.port, peer.management_port)
