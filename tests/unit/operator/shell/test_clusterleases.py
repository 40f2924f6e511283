"""What is registered with one EurekaCluster, compared with what is wanted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from eureka_operator.core.registrations.held import RegisteredInstance
from eureka_operator.core.registrations.sources import Address
from eureka_operator.core.registrations.wanted import DesiredInstance, DesiredInstances, Key, Place
from eureka_operator.shell.client import UnavailableError
from eureka_operator.shell.clusterleases import ClusterLeases
from eureka_operator.shell.leases import Leases
from eureka_operator.shell.unwanted import Owner, RemovalCheck
from support.registrationobjects import SERVICE
from support.server import Running, running
from unit.operator.core.registrations.registered import PLACE, found, slice_of
from unit.operator.shell.eventually import eventually
from unit.operator.shell.test_leases import KEY, status_at, until, world
from unit.operator.shell.test_registries import at
from unit.operator.shell.world import PROD

UID = "uid-of-db"
NOTHING = DesiredInstances({})
KNOWN: frozenset[str] = frozenset()


class SecondLook(RemovalCheck):
    """Says what it is told to, and remembers what it was asked."""

    def __init__(self, *, confirms: bool = True) -> None:
        self.confirms = confirms
        self.fails = False
        self.asked: list[Owner] = []

    async def removable(
        self,
        owner: Owner,
        instances: Sequence[DesiredInstance],
        held: Sequence[RegisteredInstance],
        place: Place,
    ) -> set[Key]:
        """Confirm all, or none, or fail."""
        assert place == PLACE
        self.asked.append(owner)
        if self.fails:
            raise UnavailableError("away")
        keys = {each.key for each in instances} | {each.key for each in held}
        return keys if self.confirms else set()


class LeaseComparison:
    """One cluster's leases, its second look, and a clock that the test sets."""

    def __init__(self, leases: Leases) -> None:
        self.now_s = 1_000.0
        self.leases = leases
        self.look = SecondLook()
        self.compared = ClusterLeases(PROD, leases, self.look, lambda: self.now_s)

    async def compare(
        self, wanted: DesiredInstances = NOTHING, unknown: frozenset[str] = KNOWN
    ) -> set[str]:
        """Compare with what the one registration wants."""
        return await self.compared.compare({UID: wanted}, unknown, PLACE)


@asynccontextmanager
async def compared(peer: Running) -> AsyncIterator[LeaseComparison]:
    """A leader that has done nothing yet."""
    async with world(at(peer)) as there:
        yield LeaseComparison(there.leases)


def db() -> DesiredInstances:
    """One instance."""
    return found(SERVICE, slice_of("db", Address("10.1.0.1")))


async def test_what_is_wanted_is_registered_and_what_is_not_is_removed() -> None:
    """After a second look."""
    async with running() as peer, compared(peer) as there:
        assert await there.compare(db()) == set()
        await until(peer, "UP")
        await there.compare()
        await until(peer, None)

    assert there.look.asked == [Owner(PROD, "shop", "db", UID)]


async def test_removal_that_is_refuted_is_not_looked_at_again_for_a_while() -> None:
    """Each look is a request or more."""
    async with running() as peer, compared(peer) as there:
        there.look.confirms = False
        await there.compare(db())
        await until(peer, "UP")
        await there.compare()
        await there.compare()
        assert len(there.look.asked) == 1
        there.now_s += 10
        await there.compare()

        assert len(there.look.asked) == 2
        assert await status_at(peer) == "UP"


async def test_second_look_that_fails_keeps_the_lease() -> None:
    """And is taken again the next time."""
    async with running() as peer, compared(peer) as there:
        await there.compare(db())
        await until(peer, "UP")
        there.look.fails = True
        await there.compare()
        assert await status_at(peer) == "UP"
        there.look.fails = False
        await there.compare()

        await until(peer, None)


async def test_lease_of_a_registration_that_is_unknown_is_kept() -> None:
    """It is not even looked at."""
    async with running() as peer, compared(peer) as there:
        await there.compare(db())
        await until(peer, "UP")
        await there.compared.compare({}, frozenset({UID}), PLACE)

        assert there.look.asked == []
        assert await status_at(peer) == "UP"


async def test_leases_wait_until_the_registry_was_read() -> None:
    """They may be there already, from a former leader."""
    async with running() as peer, compared(peer) as there:
        there.leases.set_peers([])
        assert await there.compare(db()) == {UID}
        assert list(there.leases) == []
        there.leases.set_peers([at(peer)])
        assert await there.compare(db()) == set()

        await until(peer, "UP")


async def test_what_a_former_leader_left_is_found_now_and_then() -> None:
    """Once at the beginning, and every minute."""
    async with running() as peer:
        async with compared(peer) as former:
            await former.compare(db())
            await until(peer, "UP")
        async with compared(peer) as there:
            there.look.confirms = False
            await there.compared.compare({}, KNOWN, PLACE)
            assert len(there.look.asked) == 1
            there.look.confirms = True
            there.now_s += 30
            await there.compared.compare({}, KNOWN, PLACE)
            assert len(there.look.asked) == 1
            await peer.reg("OTHER", "o1")
            there.now_s += 30
            await there.compared.compare({}, KNOWN, PLACE)

            await until(peer, None)


async def test_lease_of_a_former_leader_goes_on() -> None:
    """It is settled at once: nothing is registered again."""
    async with running() as peer:
        async with compared(peer) as former:
            await former.compare(db())
            await until(peer, "UP")
        before = await peer.state(*KEY)
        async with compared(peer) as there:
            await there.compare(db())
            (entry,) = there.leases

            async def is_settled() -> bool:
                return entry.lease.settled

            await eventually(is_settled, expected=True)
            after = await peer.state(*KEY)
            assert after["lastDirtyTimestamp"] == before["lastDirtyTimestamp"]
