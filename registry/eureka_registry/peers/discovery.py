"""Finds the peers: from a list of URLs, a watched `peers.json`, or a DNS name.

`peers.json` comes from a ConfigMap mounted as a directory. The kubelet swaps its `..data` link,
which inotify on the file does not see, so its contents are looked at again and again; so is DNS.
What cannot be read or resolved changes nothing: the last good list stays, the problem is shown.
Nobody is taken out of a list here for being this process itself: peers find that out by node id.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from eureka_registry.config.files import content_of, load_or_refuse
from eureka_registry.config.urls import in_url
from eureka_registry.peers import urls


class PeerState(StrEnum):
    """The state of a peer, as the operator writes it into `peers.json`."""

    JOINING = "joining"
    ACTIVE = "active"
    DRAINING = "draining"


class Peer(msgspec.Struct, frozen=True):
    """One entry of a peer list; `url` is a normalised service URL, `zone` is empty if unknown."""

    name: Annotated[str, Meta(min_length=1)]
    url: str
    zone: str = ""
    state: PeerState = PeerState.ACTIVE

    @property
    def takes_changes(self) -> bool:
        """Whether changes are still sent to it; a draining peer only sends its own changes."""
        return self.state is not PeerState.DRAINING


class PeerList(msgspec.Struct, frozen=True):
    """All peers, each URL once; `generation` counts the operator's versions, 0 without one.

    `names` says which peer each pod is, also before the peer is listed; `None`: not in the list.
    """

    peers: tuple[Peer, ...] = ()
    generation: Annotated[int, Meta(ge=0)] = 0
    names: dict[str, str] | None = None


Look = Callable[[], Awaitable[PeerList | str]]
"""Looks once for the peers: the list, or in a sentence what is wrong."""


class _File(msgspec.Struct, frozen=True):
    generation: Annotated[int, Meta(ge=0)]
    peers: tuple[Peer, ...]
    names: dict[str, Annotated[str, Meta(min_length=1)]] | None = None


def parse_peers(text: bytes | str) -> PeerList | str:
    """Read a `peers.json`; a `str` says in a sentence why it cannot be used.

    Unknown keys are ignored: the operator may be newer than this peer.
    """
    try:
        file = msgspec.json.decode(text, type=_File)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return f"not a valid peer list: {error}"
    twice = _twice((file.names or {}).values())
    if twice is not None:
        return f"names gives {twice!r} to several pods; give each its own"
    return _validate(file)


def parse_urls(service_urls: Iterable[str]) -> PeerList | str:
    """Make a peer list of bare URLs; `str`: see `parse_peers`.

    A peer is named by its host, and by host and port where several share one host.
    """
    listed = [url.strip() for url in service_urls if url.strip()]
    wrong = next(filter(None, map(urls.problem, listed)), None)
    if wrong is not None:
        return wrong
    places = {url: urls.host_and_port(url) for url in map(urls.normalise, listed)}
    peers_by_host = Counter(host for host, _ in places.values())
    peers = tuple(
        Peer(host if peers_by_host[host] == 1 else place, url)
        for url, (host, place) in places.items()
    )
    return PeerList(peers)


def static_peers(service_urls: Sequence[str]) -> Look:
    """Look for peers in a list that never changes."""

    async def look() -> PeerList | str:
        return parse_urls(service_urls)

    return look


def in_file(path: Path) -> Look:
    """Look for peers in a `peers.json`."""

    async def look() -> PeerList | str:
        try:
            content = await asyncio.to_thread(content_of, path)
            found = load_or_refuse(lambda: parse_peers(content), "peer list")
        except ValueError as error:
            return f"{path}: {error}"
        return f"{path}: {found}" if isinstance(found, str) else found

    return look


def in_dns(name: str, port: int, scheme: str = "http") -> Look:
    """Look for peers behind every address of `name`, all on `port` and below `/eureka/`."""

    async def look() -> PeerList | str:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(name, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:  # UnicodeError: no name IDNA can encode
            return f"{name}: {_dns_trouble(error)}"
        addresses = sorted({str(place[0]) for *_, place in found})
        return PeerList(tuple(Peer(each, _service_url(scheme, each, port)) for each in addresses))

    return look


async def watch(
    look: Look,
    refresh_s: float,
    on_change: Callable[[PeerList], None],
    on_problem: Callable[[str | None], None],
) -> None:
    """Look at once and every `refresh_s` seconds, for ever.

    `on_change` gets the first list and every changed one, `on_problem` every new problem and, with
    `None`, its end. While there is a problem, the last list is kept.
    """
    last: PeerList | None = None
    trouble: str | None = None
    while True:
        found = await look()
        problem = found if isinstance(found, str) else None
        if problem != trouble:
            trouble = problem
            on_problem(problem)
        if not isinstance(found, str) and found != last:
            last = found
            on_change(found)
        await asyncio.sleep(refresh_s)


def _validate(file: _File) -> PeerList | str:
    by_url: dict[str, Peer] = {}
    for peer in file.peers:
        wrong = urls.problem(peer.url.strip())
        if wrong is not None:
            return f"peer {peer.name!r}: {wrong}"
        url = urls.normalise(peer.url)
        by_url.setdefault(url, msgspec.structs.replace(peer, url=url))
    twice = _twice(peer.name for peer in by_url.values())
    if twice is not None:
        return f"the name {twice!r} stands for several peers; give each its own"
    return PeerList(tuple(by_url.values()), file.generation, file.names)


def _twice(names: Iterable[str]) -> str | None:
    """A name that occurs more than once; `None` if none does."""
    return next((name for name, times in Counter(names).items() if times > 1), None)


def _dns_trouble(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return f"name not known ({error.strerror})"
    return str(error)


def _service_url(scheme: str, address: str, port: int) -> str:
    return f"{scheme}://{in_url(address)}:{port}/eureka/"
