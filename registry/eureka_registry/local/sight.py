"""Reads the state of the peers on this machine over HTTP, as any client could."""

from __future__ import annotations

import asyncio
from collections import Counter

import aiohttp
import msgspec

from eureka_registry.config.settings import EVERY_NETWORK, Settings
from eureka_registry.config.urls import in_url

_TIMEOUT = aiohttp.ClientTimeout(total=2.0)


class Edge(msgspec.Struct, frozen=True):
    """How one peer sees another."""

    name: str
    available: bool
    lag_ms: int = msgspec.field(name="lagMs")
    backlog: int
    agreement: str
    why: str | None = None
    self: bool = False
    aliasOf: str | None = None  # noqa: N815 - the name on the wire

    @property
    def counts(self) -> bool:
        """Whether it is another peer."""
        return not self.self and self.aliasOf is None


class Sight(msgspec.Struct, frozen=True):
    """One peer: `stage` is `ready`, `starting`, `stopping`, or `down` when it does not answer.

    `pid` is that of its process where it is ours, else `None`.
    """

    name: str
    stage: str
    instances: int = 0
    hash: str = ""
    applications: dict[str, str] = {}
    peers: list[Edge] = []
    selfPreservation: str = ""  # noqa: N815 - the name on the wire
    why: str | None = None
    pid: int | None = None


class Overview(msgspec.Struct, frozen=True):
    """All peers, and instances by application and status as the first ready one lists them."""

    peers: list[Sight]
    applications: dict[str, Counter[str]]

    @property
    def agreed(self) -> bool:
        """Whether all are ready and hold the same."""
        ready = all(peer.stage == "ready" for peer in self.peers)
        return ready and all(p.applications == self.peers[0].applications for p in self.peers)


def base_url(settings: Settings) -> str:
    """The URL of a peer on this machine."""
    return f"http://{_local(settings.host)}:{settings.port}{settings.context_path}/"


def dashboard_url(settings: Settings) -> str:
    """The dashboard's URL of a peer on this machine."""
    return f"{base_url(settings).rstrip('/')}{settings.dashboard_path}/"


def service_url(settings: Settings) -> str:
    """The service URL for clients on this machine."""
    return f"http://{_local(settings.host)}:{settings.port}/eureka/"


async def look(session: aiohttp.ClientSession, peers: list[Settings]) -> Overview:
    """Ask every peer once, all at the same time."""
    sights = await asyncio.gather(*(_look_at(session, peer) for peer in peers))
    ready = [p for p, sight in zip(peers, sights, strict=True) if sight.stage == "ready"]
    applications = await _applications(session, ready[0]) if ready else {}
    return Overview(list(sights), applications)


async def _look_at(session: aiohttp.ClientSession, peer: Settings) -> Sight:
    host = _local(peer.management_host or peer.host)
    body = await _get(session, f"http://{host}:{peer.management_port}/peers")
    try:
        return msgspec.json.decode(body, type=Sight) if body else Sight(peer.name, "down")
    except msgspec.DecodeError:
        return Sight(peer.name, "down", why="its management port is not a Eurekube peer's")


async def _applications(session: aiohttp.ClientSession, peer: Settings) -> dict[str, Counter[str]]:
    body = await _get(session, base_url(peer) + "eureka/apps", compact=True)
    found: dict[str, Counter[str]] = {}
    if body:
        for application in msgspec.json.decode(body)["applications"]["application"]:
            statuses = (instance["status"] for instance in application["instance"])
            found[application["name"]] = Counter(statuses)
    return found


async def _get(session: aiohttp.ClientSession, url: str, *, compact: bool = False) -> bytes:
    headers = {"Accept": "application/json"}
    if compact:
        headers["X-Eureka-Accept"] = "compact"
    try:
        async with session.get(url, headers=headers, timeout=_TIMEOUT) as answer:
            return await answer.read() if answer.status == 200 else b""  # noqa: PLR2004
    except (aiohttp.ClientError, OSError):
        return b""


def _local(host: str) -> str:
    """An address by which this machine reaches `host`."""
    if host in {"", EVERY_NETWORK, "0.0.0.0"}:  # noqa: S104 - compared only
        return "localhost"
    return in_url("::1" if host == "::" else host)
