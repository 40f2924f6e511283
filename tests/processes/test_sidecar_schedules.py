"""All schedules of up to two faults, against a real registry."""

from __future__ import annotations

from collections.abc import Callable

from processes.cluster import Cluster, PeerProcess, until
from support.faultyleases import Leases

Record = Callable[[str, object], None]


def test_every_schedule_of_two_faults_ends_as_wished(record_property: Record) -> None:
    """Whatever is lost, refused or late: what is wished is held in the end, and removed for good.

    The pure machine meets schedules of six faults in `tests/unit/sidecar`; here its sockets and a
    registry that nobody modelled take part.
    """
    with Cluster(1) as cluster:
        (registry,) = cluster.start().peers
        with Leases(registry.port) as crowd:
            crowd.settle(*crowd.life)
            until(lambda: _statuses(registry, crowd) == {"OUT_OF_SERVICE"})
            crowd.settle(lambda lease: lease.resume())
            until(lambda: _statuses(registry, crowd) == {"UP"})

            crowd.close()
            until(lambda: not registry.ids())

            assert crowd.broken() == []
            record_property("schedules of up to 2 faults against a registry", crowd.summary())


def _statuses(registry: PeerProcess, crowd: Leases) -> set[str]:
    """What is shown; every lease that is not removed must be there, and no other."""
    applications = registry.ask("GET", "/apps").json["applications"]["application"]
    assert {each["name"] for each in applications} == crowd.lives.keys()
    return {each["instance"][0]["status"] for each in applications}
