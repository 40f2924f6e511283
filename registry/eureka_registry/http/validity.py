"""Reads the end of a certificate from its DER form (RFC 5280, 4.1).

The standard library gives this time for CAs and verified peers, but not for the own certificate,
and `cryptography` takes 9 MiB of memory.
"""

from __future__ import annotations

import re
import ssl
from datetime import UTC, datetime
from typing import Final, NamedTuple

_PEM: Final = re.compile(
    r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----", re.ASCII
)
_VERSION: Final = 0xA0
_UTC_TIME: Final = 0x17
_LONG: Final = 0x80
_OLDEST_YEAR: Final = "50"
"""Years of two digits from 50 on are of the 20th century (RFC 5280, 4.1.2.5.1)."""


class _Element(NamedTuple):
    """One element of the data: its content is from `start` to `end`."""

    tag: int
    start: int
    end: int


def end_of(pem: str) -> float | None:
    """When the first certificate of a PEM file ends (epoch s); `None` if it cannot be read."""
    found = _PEM.search(pem)
    if found is None:
        return None
    try:
        return _not_after(ssl.PEM_cert_to_DER_cert(found[0]))
    except (IndexError, ValueError):
        return None


def _not_after(data: bytes) -> float:
    certificate = _element(data, 0)
    signed = _element(data, certificate.start)
    field = _element(data, signed.start)
    if field.tag == _VERSION:
        field = _element(data, field.end)
    for _ in ("signature", "issuer", "validity"):  # behind the serial number
        field = _element(data, field.end)
    begin = _element(data, field.start)
    return _read_time(data, _element(data, begin.end))


def _read_time(data: bytes, element: _Element) -> float:
    text = data[element.start : element.end].decode("ascii")
    if element.tag == _UTC_TIME:
        text = f"{'19' if text[:2] >= _OLDEST_YEAR else '20'}{text}"
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()


def _element(data: bytes, at: int) -> _Element:
    """The element that begins there."""
    tag, length, start = data[at], data[at + 1], at + 2
    if length >= _LONG:
        digits = length - _LONG
        length = int.from_bytes(data[start : start + digits])
        start += digits
    return _Element(tag, start, start + length)
