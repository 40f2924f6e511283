"""Failures under a crowd of clients, in short; `make bench ARGS=storm` is the long form."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from bench.storm import Scene, StormSettings, cut, kill, restart_all, stall, storm

SHORT = StormSettings(instances=200, renewal_s=1.0, lease_s=3, outage_s=5.0)


@pytest.mark.parametrize("what", [kill, stall, cut])
def test_nothing_is_lost_and_no_list_lacks_anybody(what: Callable[[Scene, float], None]) -> None:
    """No client's lease, no read of a peer that serves; queues hold one renewal for each lease."""
    seen = storm(what, SHORT)

    assert (seen.lost, seen.unserved, seen.incomplete) == (0, 0, 0)
    assert seen.reads > 0
    assert seen.backlog <= 2 * SHORT.instances


def test_all_peers_at_once_come_back_with_everybody() -> None:
    """Each has its snapshot: no client is told that its lease is gone, no list lacks anybody.

    Leases must outlast a start and the age of a snapshot, as those of 90 s do.
    """
    seen = storm(restart_all, StormSettings(instances=200, renewal_s=2.0, lease_s=12, outage_s=0.0))

    assert (seen.lost, seen.incomplete) == (0, 0)
