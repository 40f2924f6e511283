"""Batches read and answered whole, as no peer does: it takes item by item."""

from __future__ import annotations

from collections.abc import Iterable

from eureka_registry.wire.jsoncodec import is_plain
from eureka_registry.wire.replication import (
    Item,
    Reply,
    encode_reply,
    entries_of,
    item,
    join_replies,
)


def decode_batch(body: bytes, now_ms: int) -> list[Item]:
    """All items of a batch.

    Raises:
        BadDocument: the body holds no list `replicationList`.
        TooManyError: it has too many items.
    """
    plain = is_plain(body)
    return [item(entry, now_ms, plain=plain) for entry in entries_of(body)]


def encode_replies(replies: Iterable[Reply]) -> bytes:
    """The answer to a batch, in the order of its items."""
    return join_replies(map(encode_reply, replies))
