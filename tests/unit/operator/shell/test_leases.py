"""Leases of registrations, at registries that run here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from eureka_operator.core.pods import Peer
from eureka_operator.core.registrations.held import read_registered
from eureka_operator.core.registrations.sources import Address
from eureka_operator.core.registrations.wanted import DesiredInstance, Key
from eureka_operator.shell.leases import Leases
from eureka_operator.shell.metrics import Metrics
from eureka_operator.shell.registry import session
from support.registrationobjects import SERVICE
from support.server import Running, running
from unit.operator.core.registrations.registered import PLACE, found, slice_of
from unit.operator.shell.eventually import eventually
from unit.operator.shell.test_registries import at, away
from unit.operator.shell.world import PROD, plain

KEY = Key("DB", "shop:db:10.1.0.1:8080")


class World:
    """Leases at peers, and a clock that the test sets."""

    def __init__(self, leases: Leases, metrics: Metrics) -> None:
        self.leases = leases
        self.metrics = metrics

    def requests(self) -> dict[str, int]:
        """How often a registry was asked what, with which result."""
        lines = self.metrics.exposition().decode().splitlines()
        name = "eureka_operator_registration_requests_total{operation="
        counts = [each.removeprefix(name) for each in lines if each.startswith(name)]
        parts = [each.replace('"', "").replace("result=", "").partition("} ") for each in counts]
        return {what: int(float(number)) for what, _, number in parts}


class Clock:
    """Milliseconds that pass only when told to."""

    def __init__(self) -> None:
        self.now = 1_000_000

    def __call__(self) -> int:
        """Give the present moment."""
        return self.now


@asynccontextmanager
async def world(*peers: Peer, now_ms: Any = None, may_act: bool = True) -> AsyncIterator[World]:  # noqa: ANN401
    """Leases that are kept while the block lasts."""
    metrics = Metrics()
    async with session() as connections:
        clock = {"now_ms": now_ms} if now_ms else {}
        leases = Leases(plain(connections), metrics, lambda: may_act, lambda: None, **clock)
        leases.set_peers(peers)
        task = asyncio.create_task(leases.run())
        try:
            yield World(leases, metrics)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def instance(spec: dict[str, Any] = SERVICE, *, ready: bool = True) -> DesiredInstance:
    """What is wanted."""
    (each,) = found(spec, slice_of("db", Address("10.1.0.1", ready))).instances.values()
    return each


async def status_at(peer: Running) -> str | None:
    """The status at a registry."""
    state = await peer.state(*KEY)
    return None if state is None else str(state["status"])


async def until(peer: Running, status: str | None) -> None:
    """Wait until a registry shows it."""
    await eventually(lambda: status_at(peer), status)


async def wait_until_empty(leases: Leases) -> None:
    """Wait until there are none."""

    async def left() -> int:
        return len(list(leases))

    await eventually(left, 0)


async def test_instance_is_registered_changed_and_removed() -> None:
    """And nothing of it is left here."""
    async with running() as peer, world(at(peer)) as found_:
        leases = found_.leases
        leases.want(PROD, "u", instance())
        await until(peer, "UP")
        leases.want(PROD, "u", instance(ready=False))
        await until(peer, "OUT_OF_SERVICE")
        assert leases.clusters == {PROD}
        (entry,) = leases
        leases.remove(entry)
        await until(peer, None)

        await wait_until_empty(leases)


async def test_other_document_of_the_same_instance_is_registered() -> None:
    """A port, a VIP address, times of the lease."""
    async with running() as peer, world(at(peer)) as found_:
        found_.leases.want(PROD, "u", instance())
        await until(peer, "UP")
        found_.leases.want(PROD, "u", instance({**SERVICE, "vipAddress": "other"}))

        async def vip() -> object:
            return (await peer.state(*KEY))["vipAddress"]

        await eventually(vip, "other")


async def test_instance_that_is_wanted_again_while_it_is_removed_comes_back() -> None:
    """A lease that is being removed is never taken back; another one follows it."""
    async with running() as peer, world(at(peer)) as found_:
        leases = found_.leases
        leases.want(PROD, "u", instance())
        await until(peer, "UP")
        (entry,) = leases
        leases.remove(entry)
        leases.want(PROD, "u", instance())
        await until(peer, None)
        await wait_until_empty(leases)
        leases.want(PROD, "u", instance())

        await until(peer, "UP")


async def test_peer_that_does_not_answer_is_passed_over() -> None:
    """The next one gets the same request."""
    gone, ready = away("eureka-peer-1"), "eureka-peer-2"
    async with running() as peer, world(gone, at(peer, ready)) as found_:
        found_.leases.want(PROD, "u", instance())

        await until(peer, "UP")


async def test_without_a_peer_nothing_is_lost() -> None:
    """It is done when there is one."""
    async with running() as peer, world() as found_:
        found_.leases.want(PROD, "u", instance())
        await asyncio.sleep(0)
        found_.leases.set_peers([at(peer)])

        await until(peer, "UP")


async def test_lease_that_ended_by_itself_is_not_removed_for_ever() -> None:
    """A cluster that is gone holds nothing."""
    clock = Clock()
    async with world(now_ms=clock) as found_:
        leases = found_.leases
        leases.want(PROD, "u", instance())
        (entry,) = leases
        leases.remove(entry)
        assert list(leases)
        clock.now += 180_001
        leases.want(PROD, "u", instance())
        leases._wake_event.set()

        await wait_until_empty(leases)


async def test_whoever_does_not_lead_asks_nothing() -> None:
    """Another one does."""
    async with running() as peer, world(at(peer), may_act=False) as found_:
        found_.leases.want(PROD, "u", instance())

        async def due() -> int:
            return len(found_.leases._heap)

        await eventually(due, 0)

        assert found_.requests() == {}
        assert await status_at(peer) is None


async def test_lease_of_a_former_leader_is_renewed_and_not_registered() -> None:
    """By what the registry shows of it."""
    async with running() as peer:
        async with world(at(peer)) as former:
            former.leases.want(PROD, "u", instance())
            await until(peer, "UP")
        clock = Clock()
        async with world(at(peer), now_ms=clock) as found_:
            listed = await found_.leases.full_list(PROD, "")
            assert listed is not None
            held = read_registered(listed[1], PLACE.cluster_uid)
            found_.leases.want(PROD, "u", instance(), held[KEY])
            (entry,) = found_.leases
            assert entry.lease.settled
            clock.now += 30_000
            found_.leases._wake_event.set()

            async def is_renewed() -> bool:
                return "renew,done" in found_.requests()

            await eventually(is_renewed, expected=True)
            assert not any(each.startswith("register") for each in found_.requests())
            assert await found_.leases.full_list(PROD, listed[0]) is None


async def test_lease_that_nobody_knows_is_removed() -> None:
    """A former leader registered it for an object that is gone."""
    async with running() as peer:
        async with world(at(peer)) as former:
            former.leases.want(PROD, "u", instance())
            await until(peer, "UP")
        async with world(at(peer)) as found_:
            listed = await found_.leases.full_list(PROD, "")
            assert listed is not None
            (held,) = read_registered(listed[1], PLACE.cluster_uid).values()
            found_.leases.remove_registered(PROD, held)

            await until(peer, None)
