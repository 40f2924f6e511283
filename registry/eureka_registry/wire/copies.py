"""What Eurekube peers tell each other besides Java's batches: digests, and copies of leases.

A copy is also what a snapshot on disk holds. Moments travel as "so long ago", because the clocks
of two machines differ; a snapshot is read by the clock that wrote it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import msgspec

from eureka_registry.core.lease import Lease
from eureka_registry.core.model import Instance
from eureka_registry.wire import jsoncodec
from eureka_registry.wire.documents import BadDocument

_T = TypeVar("_T")


class Sight(msgspec.Struct, frozen=True, rename="camel"):
    """How one peer sees another: whether it takes changes, how far behind it is, if they agree.

    `agreement` is `agreed`, `diverged` or `unknown`; `why` says why the peer is not available.
    """

    available: bool
    lag_ms: int
    backlog: int
    agreement: str
    why: str | None = None


class Digest(msgspec.Struct, frozen=True, rename="camel"):
    """What a peer holds, summed up per application, and how it sees its own peers (by name)."""

    node: str
    name: str
    stage: str
    applications: dict[str, str]
    instances: int
    sees: dict[str, Sight] = {}


class Copy(msgspec.Struct, frozen=True):
    """Leases of another peer or a snapshot, their moments by our clock.

    `problems` names documents that were left out.
    """

    node: str
    stage: str
    instances: list[Instance]
    problems: list[str]


class _WireLease(msgspec.Struct, rename="camel"):
    instance: msgspec.Raw
    renewed_ms_ago: int
    registered_ms_ago: int


class _WireCopy(msgspec.Struct, rename="camel"):
    node: str
    stage: str
    leases: list[_WireLease]


def encode_digest(digest: Digest) -> bytes:
    """Write a digest."""
    return msgspec.json.encode(digest)


def decode_digest(body: bytes) -> Digest:
    """Read a digest.

    Raises:
        BadDocument: it is none.
    """
    return _decoded(body, Digest)


def encode_copy(leases: Iterable[Lease], node: str, stage: str, now_ms: int) -> bytes:
    """Write leases as another peer can take them over."""
    wire = [
        _WireLease(
            msgspec.Raw(jsoncodec.encode_instance(lease.document())),
            now_ms - lease.renewed_at_ms,
            now_ms - lease.registered_at_ms,
        )
        for lease in leases
    ]
    return msgspec.json.encode(_WireCopy(node, stage, wire))


def decode_copy(body: bytes, now_ms: int) -> Copy:
    """Read a copy; documents that cannot be read are left out and named.

    Raises:
        BadDocument: it is no copy.
    """
    wire = _decoded(body, _WireCopy)
    instances, problems = [], []
    for lease in wire.leases:
        try:
            instance = jsoncodec.decode_bare(bytes(lease.instance), now_ms)
        except BadDocument as error:
            problems.append(str(error))
            continue
        moments = msgspec.structs.replace(
            instance.lease,
            renewed_at_ms=_ago(lease.renewed_ms_ago, now_ms),
            registered_at_ms=_ago(lease.registered_ms_ago, now_ms),
        )
        instances.append(msgspec.structs.replace(instance, lease=moments))
    return Copy(wire.node, wire.stage, instances, problems)


def _ago(ms: int, now_ms: int) -> int:
    """The moment so long ago, between the epoch and now whatever was said."""
    return now_ms - min(max(0, ms), now_ms)


def _decoded(body: bytes, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        message = f"not a {kind.__name__.strip('_')}: {error}"
        raise BadDocument(message) from error
