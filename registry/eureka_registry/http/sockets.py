"""Opens sockets to listen on; if one cannot be opened, a sentence says why."""

from __future__ import annotations

import logging
import resource
import socket
from collections.abc import Sequence
from typing import Final

from eureka_registry.config.settings import EVERY_NETWORK
from eureka_registry.core.limits import HANDSHAKES

_log = logging.getLogger(__name__)
_OTHER_FILES: Final = 1024
"""Of the management port, to peers, logs and files."""
_EVERY_ADDRESS: Final = {socket.AF_INET: "0.0.0.0", socket.AF_INET6: "::"}  # noqa: S104


class PortInUseError(OSError):
    """A port cannot be opened; the sentence says which, and how to find the process that has it."""


def allow_files(connections: int) -> None:
    """Raise the limit of open files to the number of connections, if the machine allows it."""
    wanted = connections + HANDSHAKES + _OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        _log.info("max_connections=%d, but this process may only open %d files", connections, hard)
        wanted = hard
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def bind(host: str, port: int) -> list[socket.socket]:
    """Sockets listening on every address of `host`, `*` for every network; port 0 is any free one.

    Raises:
        PortInUseError: it is taken, or the address is not this machine's.
    """
    if host == EVERY_NETWORK:
        return _bind_everywhere(port)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise PortInUseError(f"cannot listen on {host!r}: {error.strerror}") from error
    sockets: list[socket.socket] = []
    for family, kind, protocol, _, address in dict.fromkeys(found):
        wanted = (address[0], port_of(sockets) if sockets else port, *address[2:])
        sockets.append(_bind(family, kind, protocol, wanted))
    return sockets


def _bind_everywhere(port: int) -> list[socket.socket]:
    """Sockets for every network of IPv4 and of IPv6, each if the machine has it.

    One socket for each: whether a socket of IPv6 also accepts IPv4 depends on the system.
    """
    sockets: list[socket.socket] = []
    for family, host in _EVERY_ADDRESS.items():
        if _has(family, host):
            wanted = (host, port_of(sockets) if sockets else port)
            sockets.append(_bind(family, socket.SOCK_STREAM, 0, wanted))
    if not sockets:
        raise PortInUseError("cannot listen on any network: there is neither IPv4 nor IPv6")
    return sockets


def _has(family: int, host: str) -> bool:
    """Whether the machine has a family of addresses; IPv6 is often switched off."""
    try:
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            trial.bind((host, 0))
    except OSError:
        return False
    return True


def _bind(family: int, kind: int, protocol: int, address: tuple[object, ...]) -> socket.socket:
    each = socket.socket(family, kind, protocol)
    each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        each.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    try:
        each.bind(address)
    except OSError as error:
        each.close()
        raise PortInUseError(_why_not_bound(address, error)) from error
    return each


def _why_not_bound(address: tuple[object, ...], error: OSError) -> str:
    host, port = address[:2]
    return (
        f"cannot listen on {host} port {port}: {(error.strerror or str(error)).lower()}. "
        f"`ss -ltnp 'sport = :{port}'` (Linux) or `lsof -nP -iTCP:{port} -sTCP:LISTEN` shows who "
        f"has it"
    )


def port_of(sockets: Sequence[socket.socket]) -> int:
    """The port that sockets of `bind` listen on."""
    return int(sockets[0].getsockname()[1])
