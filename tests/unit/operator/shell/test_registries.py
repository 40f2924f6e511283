"""Which peer is asked for a registry, and what is remembered of its answers."""

from __future__ import annotations

import logging

import pytest

from eureka_operator.core.pods import Peer
from eureka_operator.shell.metrics import Metrics
from eureka_operator.shell.registries import Registries
from eureka_operator.shell.registry import session
from support.server import Running, running
from unit.operator.shell.world import PROD, plain


def at(peer: Running, name: str = "eureka-peer-1") -> Peer:
    """The pod of a peer that runs here."""
    return Peer(namespace="prod", cluster="eureka", name=name, ip="127.0.0.1", port=peer.port)


def away(name: str = "eureka-peer-1") -> Peer:
    """A peer that does not answer: nobody listens at 127.0.0.2."""
    return Peer(namespace="prod", cluster="eureka", name=name, ip="127.0.0.2", port=1)


class Clock:
    """Seconds that pass only when told to."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        """Give the present moment."""
        return self.now_s


def reads(metrics: Metrics) -> list[str]:
    """How often registries were read, by result."""
    lines = metrics.exposition().decode().splitlines()
    return [each for each in lines if each.startswith("eureka_operator_registry_reads_total{")]


async def test_quiet_turn_is_one_request_and_no_body() -> None:
    """The same list is given again."""
    metrics = Metrics()
    async with running() as peer, session() as connections:
        registries = Registries(plain(connections), metrics)
        first = await registries.read([at(peer)])
        second = await registries.read([at(peer)])

    assert second[PROD].listing is first[PROD].listing
    assert reads(metrics) == [
        'eureka_operator_registry_reads_total{result="read"} 1.0',
        'eureka_operator_registry_reads_total{result="unchanged"} 1.0',
    ]


async def test_peer_is_kept_while_it_is_ready() -> None:
    """Another one may not have been told yet of what was removed."""
    async with running() as one, running() as two, session() as connections:
        registries = Registries(plain(connections), Metrics())
        await one.reg("ORDERS", "only-at-one")
        first = await registries.read([at(one, "eureka-peer-2")])
        kept = await registries.read([at(two, "eureka-peer-1"), at(one, "eureka-peer-2")])
        gone = await registries.read([at(two, "eureka-peer-1")])

    assert kept[PROD].listing is first[PROD].listing
    assert gone[PROD].listing is not first[PROD].listing


async def test_each_cluster_has_its_own_registry() -> None:
    """Two of one name in two namespaces."""
    async with running() as one, running() as two, session() as connections:
        registries = Registries(plain(connections), Metrics())
        other = Peer(
            namespace="test", cluster="eureka", name="eureka-peer-1", ip="127.0.0.1", port=two.port
        )
        found = await registries.read([at(one), other])

    assert [str(name) for name in found] == ["prod/eureka", "test/eureka"]


async def test_another_peer_is_asked_while_one_is_away() -> None:
    """And the first one again after a while."""
    clock = Clock()
    async with running() as peer, session() as connections:
        metrics = Metrics()
        registries = Registries(plain(connections), metrics, clock)
        there = [away("eureka-peer-1"), at(peer, "eureka-peer-2")]
        assert await registries.read(there) == {}
        assert PROD in await registries.read(there)
        clock.now_s += 31
        assert PROD in await registries.read(there)

    assert 'eureka_operator_registry_reads_total{result="failed"} 1.0' in reads(metrics)


async def test_cluster_that_does_not_answer_is_not_waited_for_with_every_turn() -> None:
    """Pauses of other clusters' pods would be late each time."""
    clock, metrics = Clock(), Metrics()
    async with session() as connections:
        registries = Registries(plain(connections), metrics, clock)
        for pause_s in (0, 2, 27, 1):
            clock.now_s += pause_s
            assert await registries.read([away()]) == {}

    assert reads(metrics) == ['eureka_operator_registry_reads_total{result="failed"} 2.0']


async def test_trouble_is_said_when_it_begins_and_when_it_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A NetworkPolicy may be the reason for days."""
    caplog.set_level(logging.INFO)
    clock = Clock()
    async with running() as peer, session() as connections:
        registries = Registries(plain(connections), Metrics(), clock)
        for _ in range(3):
            assert await registries.read([away()]) == {}
            clock.now_s += 31
        assert PROD in await registries.read([at(peer, "eureka-peer-2")])

    said = [each for each in caplog.messages if each.startswith("prod/eureka")]
    assert len(said) == 2
    assert "does a NetworkPolicy keep the operator from the registry's port?" in said[0]
    assert said[1] == "prod/eureka: its registry can be read again"


async def test_cluster_that_is_gone_is_forgotten() -> None:
    """One of its name begins anew."""
    async with running() as peer, session() as connections:
        registries = Registries(plain(connections), Metrics())
        first = await registries.read([at(peer)])
        assert await registries.read([]) == {}
        again = await registries.read([at(peer)])

    assert again[PROD].listing is not first[PROD].listing
