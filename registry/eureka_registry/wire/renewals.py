"""Batches between Eurekube peers: Java's items, and renewals in a short form.

Nearly all changes are renewals, and as an item of a Java batch a renewal costs both sides more than
the client's own request. Here it is a list of five values, and the answer names only those that are
not simply 200. What a renewal does is the same (`peers.exchange.apply`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from eureka_registry.core.limits import RENEWALS_ACCEPTED, REPLIES_BYTES
from eureka_registry.core.model import PeerAction, Status
from eureka_registry.wire import jsoncodec
from eureka_registry.wire.fields import LONG_MAX, BadDocument, display_text, known_status
from eureka_registry.wire.replication import Item, Reply, entries_of

_OK: Final = 200
_NOTHING: Final = msgspec.Raw(b"null")
_Long = Annotated[int, Meta(ge=-LONG_MAX - 1, le=LONG_MAX)]
_Text = Annotated[str, Meta(min_length=1)]


class _Renewal(msgspec.Struct, array_like=True):
    app: _Text
    id: _Text
    last_dirty_ms: _Long | None
    status: str | None
    overridden: str | None


class _Batch(msgspec.Struct, rename="camel"):
    renewals: Annotated[list[_Renewal], Meta(max_length=RENEWALS_ACCEPTED)]
    replication_list: msgspec.Raw


class _Other(msgspec.Struct, array_like=True):
    """An answer that is not 200: to the renewal at this place, and a newer document with a 409."""

    place: int
    status: int
    entity: msgspec.Raw = _NOTHING


class _Answer(msgspec.Struct, rename="camel"):
    response_list: msgspec.Raw
    renewals: int
    others: list[_Other]


def encode_renewal(
    app: str, instance_id: str, last_dirty_ms: int, status: Status, override: Status | None
) -> bytes:
    """Write one renewal, with the status and the override that the sender knows."""
    return jsoncodec.encode((app, instance_id, last_dirty_ms, status, override))


def encode_renewals(renewals: Sequence[bytes], items: Sequence[bytes]) -> bytes:
    """Write renewals, and items of `replication.encode_item`, as the body of one request."""
    return b'{"renewals":[%b],"replicationList":[%b]}' % (b",".join(renewals), b",".join(items))


def decode_renewals(body: bytes) -> tuple[list[Item], list[object]]:
    """Read the renewals and the entries of a request, these for `replication.item`.

    Raises:
        BadDocument: it is none.
        TooManyError: there are too many entries (`replication.entries_of`).
    """
    try:
        batch = msgspec.json.decode(body, type=_Batch)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        message = f"not a batch of renewals: {error}"
        raise BadDocument(message) from error
    entries = entries_of(b'{"replicationList":%b}' % bytes(batch.replication_list))
    return [_item(renewal) for renewal in batch.renewals], entries


def encode_renewal_replies(renewals: Sequence[Reply], items: bytes) -> bytes:
    """Write the answers to renewals, beside those to the items (`replication.join_replies`).

    Documents beyond `REPLIES_BYTES` are left out: the next renewals bring them.
    """
    others = []
    size = 0
    for place, reply in enumerate(renewals):
        if reply.status == _OK:
            continue
        other = _Other(place, reply.status)
        if reply.entity is not None and size < REPLIES_BYTES:
            document = jsoncodec.encode_instance(reply.entity)
            size += len(document)
            other.entity = msgspec.Raw(document)
        others.append(other)
    head = b'{"renewals":%d,"others":%b,' % (len(renewals), msgspec.json.encode(others))
    return head + items[1:]


def decode_renewal_replies(body: bytes, now_ms: int) -> tuple[int, list[tuple[int, Reply]], bytes]:
    """How many renewals were answered, the answers that are not 200 by place, and those to items.

    The last is a document for `replication.decode_replies`.

    Raises:
        BadDocument: it is none.
    """
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        message = f"not an answer to renewals: {error}"
        raise BadDocument(message) from error
    others = [(other.place, _reply(other, now_ms)) for other in answer.others]
    return answer.renewals, others, b'{"responseList":%b}' % bytes(answer.response_list)


def _item(renewal: _Renewal) -> Item:
    overridden = known_status(renewal.overridden)
    if overridden is None and renewal.overridden is not None:
        problem = f"unknown overriddenStatus: {display_text(renewal.overridden)}"
        return Item(None, renewal.app, renewal.id, problem=problem)
    return Item(
        PeerAction.HEARTBEAT,
        renewal.app,
        renewal.id,
        renewal.last_dirty_ms,
        renewal.status,
        overridden,
    )


def _reply(other: _Other, now_ms: int) -> Reply:
    if bytes(other.entity) == bytes(_NOTHING):
        return Reply(other.status)
    try:
        entity = jsoncodec.instance_from(jsoncodec.parse(bytes(other.entity)), now_ms)
    except BadDocument:
        return Reply(other.status)
    return Reply(other.status, entity)
