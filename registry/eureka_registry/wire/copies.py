"""Documents between Eurekube peers that Java does not have: digests, and copies of leases.

Both come in pages, in the order of `core.pages`. Pages of a copy are also what a snapshot on disk
holds. Moments travel as "so long ago", because the clocks of two machines differ; a snapshot is
read by the clock that wrote it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import msgspec

from eureka_registry.core.lease import Lease
from eureka_registry.core.limits import (
    COPIED_AT_ONCE,
    COPY_PAGE_BYTES,
    NAME_LENGTH,
    PEERS_SEEN,
)
from eureka_registry.core.model import Instance
from eureka_registry.core.pages import BEGIN, Cursor
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
    """The digests of a peer's applications, and how it sees its own peers (by name).

    `whole` sums up all applications. `next` is the last application of this page where further
    ones follow. `renewals` says that the peer takes batches with short renewals.
    """

    node: str
    name: str
    stage: str
    applications: dict[str, str]
    instances: int
    sees: dict[str, Sight] = {}
    whole: str | None = None
    next: str | None = None
    renewals: bool = False


class WireLease(msgspec.Struct, rename="camel"):
    """A lease as it travels; its document is read later."""

    instance: msgspec.Raw
    renewed_ms_ago: int
    registered_ms_ago: int


class Page(msgspec.Struct):
    """Some leases of another peer or a snapshot.

    `next` is the last of them where further ones follow.
    """

    node: str
    stage: str
    leases: list[WireLease]
    next: Cursor | None = None


def encode_digest(digest: Digest) -> bytes:
    """Write a digest."""
    return msgspec.json.encode(digest)


def decode_digest(body: bytes) -> Digest:
    """Read a digest.

    Raises:
        BadDocument: it is not a digest, or its names cannot be shown.
    """
    digest = _decode(body, Digest)
    if len(digest.sees) > PEERS_SEEN:
        raise BadDocument(f"a Digest that sees more than {PEERS_SEEN} peers")
    for name in (digest.name, digest.stage, *digest.sees):
        if len(name) > NAME_LENGTH or not name.isprintable():
            raise BadDocument("a Digest with a name that cannot be shown")
    return digest


def encode_copy(
    leases: Iterable[Lease], node: str, stage: str, now_ms: int
) -> tuple[bytes, Cursor | None]:
    """Write a page of leases for another peer: as many as have room in it.

    Returns:
        The page, and the last of its leases where further ones follow.
    """
    page = Page(node, stage, [])
    size, last = 0, BEGIN
    for lease in leases:
        if size >= COPY_PAGE_BYTES or len(page.leases) >= COPIED_AT_ONCE:
            page.next = last
            break
        document = jsoncodec.encode_instance(lease.document())
        size += len(document)
        last = (lease.instance.app, lease.instance.id)
        page.leases.append(
            WireLease(
                msgspec.Raw(document),
                now_ms - lease.renewed_at_ms,
                now_ms - lease.registered_at_ms,
            )
        )
    return msgspec.json.encode(page), page.next


def decode_page(body: bytes) -> Page:
    """Read a page of a copy; its documents are read later.

    Raises:
        BadDocument: it is none.
    """
    return _decode(body, Page)


def decode_leases(leases: Sequence[WireLease], now_ms: int) -> tuple[list[Instance], list[str]]:
    """Read documents, with moments by our clock; also returns which cannot be read."""
    instances, problems = [], []
    for lease in leases:
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
    return instances, problems


def _ago(ms: int, now_ms: int) -> int:
    """The moment this long ago, never outside of the epoch and now."""
    return now_ms - min(max(0, ms), now_ms)


def _decode(body: bytes, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        message = f"not a {kind.__name__.strip('_')}: {error}"
        raise BadDocument(message) from error
