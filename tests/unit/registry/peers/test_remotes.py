"""Other regions that come, go and change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

import aiohttp
import pytest

from eureka_registry.core.model import DataCenter, Instance
from eureka_registry.peers.client import Limits, Node, open_session
from eureka_registry.peers.regions import Bounds
from eureka_registry.peers.remotes import RemoteRegions, Remotes

NOW_MS = 1_700_000_000_000
A, B = "http://a.test/eureka/", "http://b.test/eureka/"


def remote_regions(
    urls: Mapping[str, str],
    applications: Mapping[str, Sequence[str]] | None = None,
    *,
    retention_ms: int = 180_000,
) -> RemoteRegions:
    """What settings might want."""
    chosen = {name: list(apps) for name, apps in (applications or {}).items()}
    return RemoteRegions(dict(urls), chosen, Bounds(), Limits(), retention_ms)


def instance(app: str) -> Instance:
    """An instance of another region."""
    center = DataCenter("MyOwn")
    return Instance(instance_id="i", host_name="h", app=app, ip_addr="10.0.0.1", data_center=center)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """The session all regions share."""
    async with open_session() as opened:
        yield opened


@pytest.fixture
async def remotes(session: aiohttp.ClientSession) -> Remotes:
    """West, which holds an instance of FOO and one of BAR."""
    remotes = Remotes(
        remote_regions({"west": A}), session, Node("here", "10.0.0.9"), lambda: NOW_MS
    )
    remotes.mirrors["west"].replace([instance("FOO"), instance("BAR")], NOW_MS)
    (west,) = remotes
    west.fetched_ms = NOW_MS
    return remotes


async def test_regions_take_precedence_by_their_names(remotes: Remotes) -> None:
    """Whenever they came; readers keep the mapping that they were given."""
    mirrors = remotes.mirrors

    remotes.adopt(remote_regions({"west": A, "east": B}))

    assert list(mirrors) == ["east", "west"]
    assert [region.name for region in remotes] == ["east", "west"]


async def test_region_that_returns_is_not_taken_for_what_it_was(remotes: Remotes) -> None:
    """The same mirror with higher versions: tags of bodies are made of them."""
    before, version = remotes.mirrors["west"], remotes.mirrors["west"].version

    remotes.adopt(remote_regions({}))
    assert (list(remotes), remotes.mirrors) == ([], {})
    remotes.adopt(remote_regions({"west": A}))

    again = remotes.mirrors["west"]
    assert again is before
    assert (again.ready, again.size) == (False, 0)
    assert again.version > version


async def test_other_url_keeps_what_is_held_and_is_fetched_in_full(remotes: Remotes) -> None:
    """The next list replaces it; none must be missing meanwhile."""
    remotes.adopt(remote_regions({"west": B}))

    (west,) = remotes
    assert (west.client.url, west.fetched_ms) == (B, None)
    assert west.mirror.size == 2


async def test_other_choice_is_fetched_in_full(remotes: Remotes) -> None:
    """A delta would not bring what has not changed."""
    remotes.adopt(remote_regions({"west": A}, {"west": ["FOO"]}, retention_ms=1_000))

    (west,) = remotes
    assert west.fetched_ms is None
    assert list(west.mirror.applications) == ["FOO"]
    assert west.mirror.delta.retention_ms == 1_000


async def test_change_of_nothing_disturbs_no_region(remotes: Remotes) -> None:
    """Most changes of settings are about something else."""
    async with asyncio.TaskGroup() as group:
        remotes.run_in(group)
        tasks = dict(remotes._tasks)

        remotes.adopt(remote_regions({"west": A}, retention_ms=1_000))

        assert remotes._tasks == tasks
        (west,) = remotes
        assert west.fetched_ms == NOW_MS
        remotes.stop()


async def test_fetches_end_with_their_region(remotes: Remotes) -> None:
    """And begin with it."""
    async with asyncio.TaskGroup() as group:
        remotes.run_in(group)
        old = remotes._tasks["west"]

        remotes.adopt(remote_regions({"east": B}))

        await asyncio.wait({old})
        assert old.cancelled()
        assert list(remotes._tasks) == ["east"]
        remotes.stop()
