"""Chooses the port of each peer if all of them share one machine."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import chain
from typing import Final

import msgspec

MANAGEMENT_OFFSET: Final = 1000
"""How far a peer's management port is above its own, unless that one is taken."""

_HIGHEST: Final = 65535
_LOWEST: Final = 1024


class RequestedPorts(msgspec.Struct, frozen=True):
    """The ports a peer would have alone; a `management` of 0 leaves the choice to us."""

    peer: str
    port: int
    management: int = 0


class Ports(msgspec.Struct, frozen=True):
    """The ports a peer gets."""

    port: int
    management: int


def _next(start: int, used: Collection[int], is_free: Callable[[int], bool]) -> int:
    """Return the first free port from `start` on; the last port is followed by the first."""
    for port in chain(range(start, _HIGHEST + 1), range(_LOWEST, start)):
        if port not in used and is_free(port):
            return port
    raise ValueError("no port is free")


def assign(
    requested: Sequence[RequestedPorts], is_free: Callable[[int], bool]
) -> tuple[list[Ports], list[str]]:
    """Assign two ports to every peer, with a note where a requested port was not granted.

    `is_free` is called for ports that were not requested. A requested port is granted without a
    check: whether it is free shows when the peer starts.
    """
    requested_ports = {request.port for request in requested} | {
        request.management for request in requested
    }
    holders: dict[int, str] = {}
    ports: list[int] = []
    lines: list[str] = []
    for request in requested:
        port = request.port
        if holder := holders.get(port):
            port = _next(request.port + 1, {*requested_ports, *holders}, is_free)
            lines.append(
                f"{request.peer}: port {request.port} is {holder}'s already"
                f" (Java would fail to bind), so {port}"
            )
        holders[port] = request.peer
        ports.append(port)
    managements = [
        _management(request, port, {*requested_ports, *holders}, holders, is_free)
        for request, port in zip(requested, ports, strict=True)
    ]
    pairs = zip(ports, managements, strict=True)
    return [Ports(port, management) for port, management in pairs], lines


def _management(
    requested: RequestedPorts,
    port: int,
    avoid: Collection[int],
    holders: dict[int, str],
    is_free: Callable[[int], bool],
) -> int:
    """Choose a management port and enter it among the `holders`."""
    usual = port + MANAGEMENT_OFFSET
    if requested.management and requested.management not in holders:
        chosen = requested.management
    elif usual <= _HIGHEST and usual not in avoid and usual not in holders:
        chosen = usual
    else:
        chosen = _next(min(usual, _HIGHEST) + 1, {*avoid, *holders}, is_free)
    holders[chosen] = requested.peer
    return chosen
