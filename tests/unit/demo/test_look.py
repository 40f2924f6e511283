"""What the demo reads of peers and services; `tests/e2e/test_demo.py` reads real ones."""

from __future__ import annotations

from collections import Counter

from demo.look import Calls, Look, Peer, counts, instances, peers


def test_peers_are_seen_by_the_one_that_was_asked() -> None:
    """In the order of their names; one that is not available says why."""
    state = {
        "peer": {"name": "peer2", "state": "ready"},
        "peers": [
            {"name": "peer3", "available": False, "why": "refused", "agreement": "unknown"},
            {"name": "peer1", "available": True, "why": None, "agreement": "agreed"},
        ],
    }

    found = peers(state)

    assert found == [
        Peer("peer1", "available", "agreed"),
        Peer("peer2", "ready"),
        Peer("peer3", "refused", "unknown"),
    ]
    assert [each.well for each in found] == [True, True, False]


def test_instances_are_counted_by_status() -> None:
    """Of the document that clients read."""
    statuses = ({"status": "UP"}, {"status": "UP"}, {"status": "DOWN"})
    apps = {"applications": {"application": [{"name": "ORDERS", "instance": [*statuses]}]}}

    assert instances(apps) == {"ORDERS": Counter(UP=2, DOWN=1)}


def test_last_lines_of_pods_are_their_counts() -> None:
    """A pod that has just started, or fails, says something else."""
    logs = """\
[pod/orders-1/service] {"app": "orders", "calls": 7, "failed": 1}
[pod/orders-2/service] Traceback (most recent call last):
[pod/billing-1/service] {"app": "billing", "calls": 3, "failed": 0}
error: a container "service" is waiting to start
"""

    assert counts(logs) == {
        "[pod/orders-1/service]": ("orders", Calls(7, 1)),
        "[pod/billing-1/service]": ("billing", Calls(3, 0)),
    }


def test_all_is_well_when_peers_agree_and_calls_succeed() -> None:
    """Not before the first call, and not while a peer is away."""
    ready = [Peer("peer1", "ready"), Peer("peer2", "available", "agreed")]
    called = {"orders": Calls(5, 0), "billing": Calls(5, 4)}

    assert Look(ready, {}, called).well
    assert not Look([], {}, called).well
    assert not Look([*ready, Peer("peer3", "refused", "unknown")], {}, called).well
    assert not Look(ready, {}, called | {"billing": Calls()}).well
