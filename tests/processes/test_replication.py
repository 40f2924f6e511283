"""Three peers as processes, with 2 s leases: what one's clients do shows at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from processes.cluster import LONG, REPLICATION, Cluster, check_throughout, document, until
from processes.fleet import Fleet


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """One cluster for the module; each test has an application of its own."""
    with Cluster() as cluster:
        yield cluster.start()


def test_registration_shows_at_every_peer(cluster: Cluster) -> None:
    """A client of any peer finds the instance."""
    cluster.peers[0].register("SEEN", "a", leaseInfo=LONG)

    until(lambda: cluster.everywhere("SEEN", {"a"}))


def test_override_shows_at_every_peer_and_goes(cluster: Cluster) -> None:
    """An operator takes an instance out at one peer, and back at another."""
    one, two, three = cluster.peers
    one.register("OVER", "a", leaseInfo=LONG)
    until(lambda: cluster.everywhere("OVER", {"a"}))

    assert two.ask("PUT", "/apps/OVER/a/status?value=OUT_OF_SERVICE").status == 200

    until(lambda: _each(cluster, "OVER", "status") == ["OUT_OF_SERVICE"] * 3)
    assert three.ask("DELETE", "/apps/OVER/a/status?value=UP").status == 200
    until(lambda: _each(cluster, "OVER", "status") == ["UP"] * 3)


def test_override_survives_the_clients_next_registration_elsewhere(cluster: Cluster) -> None:
    """The override belongs to the lease, not to the peer that was told."""
    one, two, _ = cluster.peers
    one.register("STICKY", "a", leaseInfo=LONG)
    until(lambda: cluster.everywhere("STICKY", {"a"}))
    one.ask("PUT", "/apps/STICKY/a/status?value=OUT_OF_SERVICE")
    until(lambda: _each(cluster, "STICKY", "status") == ["OUT_OF_SERVICE"] * 3)

    two.register("STICKY", "a", leaseInfo=LONG, lastDirtyTimestamp="1700000000999")

    until(lambda: _each(cluster, "STICKY", "lastDirtyTimestamp") == ["1700000000999"] * 3)
    assert _each(cluster, "STICKY", "status") == ["OUT_OF_SERVICE"] * 3


def test_metadata_shows_at_every_peer(cluster: Cluster) -> None:
    """A metadata change travels as a Register."""
    one, two, _ = cluster.peers
    one.register("META", "a", leaseInfo=LONG)
    until(lambda: cluster.everywhere("META", {"a"}))

    assert two.ask("PUT", "/apps/META/a/metadata?weight=7").status == 200

    until(lambda: [m.get("weight") for m in _each(cluster, "META", "metadata")] == ["7"] * 3)


def test_cancelled_instance_goes_everywhere_and_stays_away(cluster: Cluster) -> None:
    """The comparison of digests must not bring it back from a peer that was told late."""
    one, _, three = cluster.peers
    one.register("GONE", "a", leaseInfo=LONG)
    until(lambda: cluster.everywhere("GONE", {"a"}))

    assert three.ask("DELETE", "/apps/GONE/a").status == 200

    until(lambda: cluster.everywhere("GONE", ()))
    check_throughout(lambda: cluster.everywhere("GONE", ()), 1.0)


def test_renewals_at_one_peer_keep_the_lease_at_all(cluster: Cluster) -> None:
    """Longer than the lease lasts, at every moment; nothing is evicted by a peer nobody asks."""
    with Fleet(cluster.peers[:1], "KEPT", 5) as fleet:
        until(lambda: cluster.everywhere("KEPT", fleet.ids))

        check_throughout(lambda: cluster.everywhere("KEPT", fleet.ids), 5.0)

        assert fleet.lost == 0


def test_lease_that_ends_is_evicted_everywhere_and_stays_away(cluster: Cluster) -> None:
    """Each peer evicts by itself, and none brings it back to another."""
    cluster.peers[0].register("SHORT", "a")
    until(lambda: cluster.everywhere("SHORT", {"a"}))

    until(lambda: cluster.everywhere("SHORT", ()))

    check_throughout(lambda: cluster.everywhere("SHORT", ()), 1.0)


def test_divergence_is_shown_by_name_and_repaired() -> None:
    """A change only one peer was told of: named on /peers until the other has taken it over.

    A second comparison repairs it; what is younger than 2 s counts as under way and is not named.
    """
    with Cluster(2, digest_interval_s=2.2) as cluster:
        one, two = cluster.start().peers
        lone = document("ODD", "only-here", leaseInfo=LONG)
        assert one.ask("POST", "/apps/ODD", lone, REPLICATION).status == 204

        shown = until(lambda: two.edge(one)["diverged"] or one.edge(two)["diverged"])

        assert shown == {"ODD": ["only-here"]}
        until(lambda: two.ids() == {"only-here"})
        until(lambda: [two.edge(one)["agreement"], one.edge(two)["agreement"]] == ["agreed"] * 2)
        assert two.edge(one)["repaired"] == 1
        assert "peers diverged" in two.log


def test_different_documents_become_the_newer_one_everywhere(cluster: Cluster) -> None:
    """Both have the instance, one the client's later word: that one wins, whoever asks first."""
    one, _, three = cluster.peers
    one.register("TWICE", "a", leaseInfo=LONG)
    until(lambda: cluster.everywhere("TWICE", {"a"}))
    newer = document(
        "TWICE", "a", leaseInfo=LONG, metadata={"v": "2"}, lastDirtyTimestamp="1700000005000"
    )

    three.ask("POST", "/apps/TWICE", newer, REPLICATION)

    until(lambda: [m.get("v") for m in _each(cluster, "TWICE", "metadata")] == ["2"] * 3)


def test_hash_and_list_agree_at_every_peer(cluster: Cluster) -> None:
    """Clients that switch peers must not have to fetch everything anew."""
    until(cluster.agreed)

    until(lambda: len({peer.view["hash"] for peer in cluster.peers}) == 1)


def _each(cluster: Cluster, app: str, field: str) -> list[Any]:
    """A field of instance `a` at each peer that has it."""
    found = [peer.instance(app, "a") for peer in cluster.peers]
    return [instance[field] for instance in found if instance is not None]
