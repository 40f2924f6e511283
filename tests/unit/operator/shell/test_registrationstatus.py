"""When the status of an EurekaRegistration is written, and what is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import msgspec

from eureka_operator.api.registration import Registration
from eureka_operator.core.registrations.status import Lease
from eureka_operator.core.registrations.wanted import Finding
from eureka_operator.shell.client import Client
from eureka_operator.shell.kube import Kube
from eureka_operator.shell.registrationstatus import Statuses
from support.apiserver import ApiServer
from support.registrationobjects import SERVICE, document
from unit.operator.core.registrations.registered import registration

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
PATH = "/apis/eurekube.io/v1alpha1/namespaces/shop/eurekaregistrations/db"
UP = Lease(app="DB", status="UP", settled=True, renewed=NOW)
GONE = Finding("ServiceNotFound", "there is no Service db")


class World:
    """Statuses of one object, and a watch that shows it when told to."""

    def __init__(self, api: ApiServer, statuses: Statuses) -> None:
        self.api = api
        self.statuses = statuses
        self.seen: Registration = registration()

    async def write(
        self, *findings: Finding, after_s: float = 0.0, leases: tuple[Lease, ...] = (UP,)
    ) -> bool:
        """Have it written so many seconds later."""
        now = NOW + timedelta(seconds=after_s)
        return await self.statuses.write(self.seen, leases, findings, now)

    def see(self) -> None:
        """The watch shows what was written."""
        status = self.api.objects[PATH]["status"]
        self.seen = msgspec.structs.replace(self.seen, status=status)

    @property
    def write_count(self) -> int:
        """How often the object was written."""
        return sum(path == PATH for _, path, _ in self.api.writes)

    @property
    def event_reasons(self) -> list[str]:
        """The reasons of events, in their order."""
        return [each["reason"] for path, each in self.api.objects.items() if "/events/" in path]


@asynccontextmanager
async def world(*, may_act: bool = True) -> AsyncIterator[World]:
    """An API server with the object."""
    api = ApiServer()
    async with api.serving() as way, Client(way) as client:
        await api.put(PATH, document(SERVICE) | {"metadata": {"uid": "uid-of-db"}})
        yield World(api, Statuses(Kube(client), lambda: may_act))


async def test_status_is_written_once_and_told() -> None:
    """Until something changes."""
    async with world() as found:
        assert await found.write()
        found.see()
        assert await found.write(after_s=5)

        assert (found.write_count, found.event_reasons) == (1, ["Synced"])
        assert found.api.objects[PATH]["status"]["up"] == 1


async def test_changes_that_follow_each_other_are_one_write() -> None:
    """Endpoints come by the dozen; what is held back is written a moment later."""
    async with world() as found:
        assert await found.write()
        assert not await found.write(GONE, after_s=1)
        assert await found.write(GONE, after_s=2)

        assert (found.write_count, found.event_reasons) == (2, ["Synced", "ServiceNotFound"])


async def test_what_was_written_counts_before_the_watch_shows_it() -> None:
    """Else it would be written twice."""
    async with world() as found:
        await found.write()
        await found.write(after_s=1)

        assert found.write_count == 1


async def test_write_that_fails_is_tried_again() -> None:
    """And is told when it is done."""
    async with world() as found:
        found.api.refused[PATH] = 503
        assert not await found.write()
        assert found.event_reasons == []
        found.api.refused.clear()
        assert await found.write(after_s=3)

        assert (found.write_count, found.event_reasons) == (1, ["Synced"])


async def test_whoever_does_not_lead_writes_nothing() -> None:
    """Another one does."""
    async with world(may_act=False) as found:
        assert not await found.write()
        assert found.write_count == 0


async def test_object_that_is_gone_is_forgotten() -> None:
    """One that is made again has no status yet."""
    async with world() as found:
        await found.write()
        found.statuses.forget_others([])
        await found.write(after_s=1)

        assert found.write_count == 2
