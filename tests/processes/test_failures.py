"""A peer dies, stalls or misses something while clients go on."""

from __future__ import annotations

import pytest

from processes.cluster import AT_ONCE_S, LONG, Cluster, check_throughout, slowest_look_up, until
from processes.fleet import Fleet


def test_killed_peer_costs_nothing_and_comes_back_with_everything() -> None:
    """SIGKILL under clients: no look-up fails, no lease is lost, the new process has it all."""
    with Cluster() as cluster:
        cluster.start()
        one, two, three = cluster.peers
        with Fleet(cluster.peers, "ORDERS", 6) as fleet:
            two.register("STEADY", "a", leaseInfo=LONG)
            until(lambda: cluster.everywhere("ORDERS", fleet.ids))
            one.kill()
            rounds = fleet.rounds

            until(lambda: fleet.rounds > rounds + 4)
            assert two.ids() == three.ids() == {*fleet.ids, "a"}
            one.start()
            one.ready()

            assert one.ids() == {*fleet.ids, "a"}
            until(cluster.agreed)
            assert (fleet.failed, fleet.lost) == (0, 0)


def test_stalled_peer_slows_nobody_and_catches_up() -> None:
    """SIGSTOP for longer than a lease: others answer at once, their backlog stays small."""
    with Cluster() as cluster:
        cluster.start()
        one, two, three = cluster.peers
        with Fleet([one, two], "ORDERS", 8) as fleet:
            until(lambda: cluster.everywhere("ORDERS", fleet.ids))
            three.pause()

            slowest_look_up([one, two], 4.0)
            # One that waits for the stalled peer is always slow, a busy machine now and then.
            until(lambda: slowest_look_up([one, two], 1.5) < AT_ONCE_S)

            edges = [peer.edge(three) for peer in (one, two)]
            assert all(edge["backlog"] <= len(fleet.ids) for edge in edges), edges
            assert not edges[0]["available"]
            assert edges[0]["why"]
            assert one.ids() == two.ids() == fleet.ids
            one.register("NEWS", "a", leaseInfo=LONG)
            three.resume()
            until(lambda: cluster.everywhere("NEWS", {"a"}))
            until(lambda: cluster.everywhere("ORDERS", fleet.ids))
            until(lambda: one.edge(three)["available"])
            assert (fleet.failed, fleet.lost) == (0, 0)


def test_peer_that_wakes_does_not_lose_the_leases_it_slept_through() -> None:
    """A stalled process sees leases end that others renewed; Java compensates in `EvictionTask`."""
    with Cluster() as cluster:
        cluster.start()
        one, two, _ = cluster.peers
        with Fleet([one], "ORDERS", 4) as fleet:
            until(lambda: cluster.everywhere("ORDERS", fleet.ids))
            two.pause()
            slowest_look_up([one], 3.5)
            two.resume()

            check_throughout(lambda: two.ids("ORDERS") == fleet.ids, 2.0)


def test_start_does_not_wait_for_a_stalled_peer_when_another_has_everything() -> None:
    """A peer that neither answers nor refuses must not hold up one that another can fill."""
    with Cluster(sync_timeout_s=90.0, peer_read_timeout_s=60.0) as cluster:
        cluster.start()
        one, two, three = cluster.peers
        one.register("STEADY", "a", leaseInfo=LONG)
        until(lambda: cluster.everywhere("STEADY", {"a"}))
        three.pause()
        two.kill()
        two.start()

        two.ready(within_s=50.0)

        assert two.ids() == {"a"}


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_cancellation_is_not_undone_by_a_peer_that_missed_it(how: str) -> None:
    """Whoever was away still has the instance and offers it; the others know better."""
    with Cluster(replication_max_age_s=0.5) as cluster:
        cluster.start()
        one, two, three = cluster.peers
        one.register("GONE", "a", leaseInfo=LONG)
        one.register("STAYS", "b", leaseInfo=LONG)
        until(lambda: cluster.everywhere("GONE", {"a"}))
        if how == "stopped":
            two.pause()
        else:
            two.kill()
        assert one.ask("DELETE", "/apps/GONE/a").status == 200
        until(lambda: not three.ids("GONE"))
        check_throughout(
            lambda: not one.ids("GONE"), 1.0
        )  # longer than the change is worth sending

        if how == "stopped":
            two.resume()
        else:
            two.start()
            two.ready()

        until(lambda: cluster.everywhere("GONE", ()))
        check_throughout(lambda: cluster.everywhere("GONE", ()), 1.5)
        assert cluster.everywhere("STAYS", {"b"})
