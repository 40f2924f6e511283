"""Finds the address of this machine that others can reach, if a peer listens on every network."""

from __future__ import annotations

import fcntl
import ipaddress
import socket
import struct
from collections.abc import Iterator, Sequence
from typing import Final

_SIOCGIFADDR: Final = 0x8915
"""Linux' question for the address of IPv4 of an interface (netdevice(7))."""
_REQUEST: Final = struct.Struct("16s2xH4s16x")
_FAR_AWAY: Final = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
"""Addresses of documentation (RFC 5737, RFC 3849): they show which way out packets would take."""


def address_of(sockets: Sequence[socket.socket]) -> str:
    """Return the address by which others reach sockets of `sockets.bind`.

    The one that they listen on. If that is every network, the first of this machine that is not the
    loopback's, as Spring's `InetUtils.findFirstNonLoopbackAddress` finds it.
    """
    own = str(sockets[0].getsockname()[0]).partition("%")[0]
    return first_address() if ipaddress.ip_address(own).is_unspecified else own


def first_address() -> str:
    """Return this machine's first address that is not the loopback's; else 127.0.0.1."""
    candidates = (*_of_interfaces(), *_of_ways_out())
    return next((each for each in candidates if _is_of_use(each)), "127.0.0.1")


def _is_of_use(address: str) -> bool:
    found = ipaddress.ip_address(address)
    return not (found.is_loopback or found.is_unspecified)


def _of_interfaces() -> Iterator[str]:
    """Yield the addresses of IPv4 by the index of their interface; none but on Linux."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        for _, name in sorted(socket.if_nameindex()):
            question = _REQUEST.pack(name.encode()[:15], socket.AF_INET, b"")
            try:
                answer = fcntl.ioctl(asking, _SIOCGIFADDR, question)
            except OSError:  # it has none, or this is no Linux
                continue
            yield socket.inet_ntoa(answer[20:24])


def _of_ways_out() -> Iterator[str]:
    """Yield the source addresses of packets to other networks; no packet is sent."""
    for family, far_away in _FAR_AWAY:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as asking:
                asking.connect((far_away, 9))
                yield str(asking.getsockname()[0]).partition("%")[0]
        except OSError:  # no such network
            continue
