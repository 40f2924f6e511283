"""Attacks on a real peer, small; `make bench ARGS=hostile` carries them out in their full size.

What is asserted is what grows with an attack where its bound is missing: the processor time and
the memory of the peer, and that others were served meanwhile. Bounds are several times of what is
seen, and several times below what is seen without the mend.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import pytest
from bench.attacks import KINDS
from bench.hostile import Victim, settings_of, suffered
from bench.line import Line
from bench.requests import registration

from processes.cluster import Cluster


class Bounds(NamedTuple):
    """What a small attack may cost at most: seconds of a core, MiB; and how small it is."""

    cpu_s: float
    memory_mib: float
    size: float


_EXPECTED: Final = {
    "empty-items": Bounds(2.0, 60, 1.0),
}


@pytest.mark.parametrize("name", _EXPECTED)
def test_an_attack_costs_little_and_others_are_served(name: str, tmp_path: Path) -> None:
    """Whoever sends without having to say who he is."""
    kind, bounds = KINDS[name], _EXPECTED[name]
    with Cluster(1, **settings_of(kind, tmp_path)).start() as cluster:
        (peer,) = cluster.peers
        if not kind.guarded:
            with Line(peer.port) as line:
                for number in range(int(kind.instances * bounds.size)):
                    line.demand(registration(number), 204)
        assert peer.process is not None
        victim = Victim(peer.process.pid, peer.port, peer.management_port)

        harm = suffered(victim, name, bounds.size)

    assert harm.sent > 0
    assert harm.unanswered == 0
    assert harm.cpu_s < bounds.cpu_s
    assert harm.memory_mib < bounds.memory_mib
