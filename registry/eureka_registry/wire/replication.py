"""Batches that peers send to each other, and their answers.

The protocol: `docs/protocol/replication.md#batch-request`.

Java's receiver refuses a whole batch for one unknown key, so only documented keys are written.
Read is leniently: a bad item has a `problem` and harms no other.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from eureka_registry.core.limits import BATCH_ITEMS, DOCUMENT_STRUCTURE, SLICE_BYTES
from eureka_registry.core.model import Instance, PeerAction, Status
from eureka_registry.wire.fields import (
    LONG_MAX,
    BadDocument,
    display_text,
    known_status,
    read_integer,
    text,
)
from eureka_registry.wire.jsoncodec import encode, encode_instance, instance_from, parse
from eureka_registry.wire.structure import structure

_UNKNOWN_REPLY = 500
_PLAIN_OK = b'{"statusCode":200}'


class _RawBatch(msgspec.Struct):
    replicationList: list[msgspec.Raw]  # noqa: N815 - the wire's word


class _Plain(msgspec.Struct, forbid_unknown_fields=True):
    """An entry without a document as peers write it; most are renewals."""

    action: PeerAction
    appName: Annotated[str, Meta(min_length=1)]  # noqa: N815 - the wire's words
    id: Annotated[str, Meta(min_length=1)]
    lastDirtyTimestamp: Annotated[int, Meta(ge=0, lt=LONG_MAX)] | None = None  # noqa: N815
    status: str | None = None
    overriddenStatus: Status | None = None  # noqa: N815


class _PlainBatch(msgspec.Struct, forbid_unknown_fields=True):
    replicationList: list[_Plain]  # noqa: N815 - the wire's word


_PLAIN_BATCH: Final = msgspec.json.Decoder(_PlainBatch)
_RAW_BATCH: Final = msgspec.json.Decoder(_RawBatch)
_WHOLE: Final = SLICE_BYTES
"""Batches up to so many bytes are read at once, which is quicker by half."""


class Item(msgspec.Struct, frozen=True):
    """One action of a batch; fields that were not given are `None`.

    `status` is the text that came, perhaps no status at all. `instance` is read for `Register`
    only. An item with a `problem` cannot be carried out and is to be answered 500.
    """

    action: PeerAction | None = None
    app: str | None = None
    id: str | None = None
    last_dirty_ms: int | None = None
    status: str | None = None
    overridden: Status | None = None
    instance: Instance | None = None
    problem: str | None = None


class Reply(msgspec.Struct, frozen=True):
    """The answer to one item; `entity` is the receiver's newer document beside a 409."""

    status: int
    entity: Instance | None = None


_OK = Reply(200)


class TooManyError(Exception):
    """A batch has too many items."""


def entries_of(body: bytes) -> list[object]:
    """The entries of a batch, for `item`; those of a large one are read in their turn.

    Raises:
        BadDocument: the body holds no list `replicationList`. (Java answers 500 if it is missing.)
        TooManyError: there are more than `BATCH_ITEMS`.
    """
    entries = _whole_entries(body) if len(body) <= _WHOLE else _raw_entries(body)
    if len(entries) > BATCH_ITEMS:
        raise TooManyError
    return entries


def item(entry: object, now_ms: int, *, plain: bool) -> Item:
    """Read one of the entries of `entries_of`; what is wrong with it is its `problem`.

    `plain` is whether `jsoncodec.is_plain` holds for all of its batch.
    """
    if isinstance(entry, _Plain):
        moment = entry.lastDirtyTimestamp
        return Item(
            entry.action, entry.appName, entry.id, moment, entry.status, entry.overriddenStatus
        )
    if not isinstance(entry, msgspec.Raw):
        return _item(entry, now_ms, plain=plain)
    text = bytes(entry)
    if structure(text, DOCUMENT_STRUCTURE) > DOCUMENT_STRUCTURE:
        return Item(problem="the item holds too many values")
    try:
        return _item(parse(text), now_ms, plain=plain)
    except BadDocument as bad:
        return Item(problem=str(bad))


def size_of(entry: object) -> int:
    """Bytes of an entry that is read in its turn; 0 for one that was read with its batch."""
    return len(memoryview(entry)) if isinstance(entry, msgspec.Raw) else 0


def encode_item(  # noqa: PLR0913 - the keys of an item
    action: PeerAction,
    app: str,
    id: str,  # noqa: A002 - the wire's word
    *,
    last_dirty_ms: int | None = None,
    status: str | None = None,
    overridden: Status | None = None,
    instance: bytes | None = None,
) -> bytes:
    """Write one action, with the keys that Java's sender writes for it.

    Args:
        action: the action; for a `CANCEL` only `app` and `id` are written.
        app: the application's name.
        id: the lease's id.
        last_dirty_ms: the sender's stored timestamp, epoch ms.
        status: the sender's current status.
        overridden: the override the sender knows; of a `HEARTBEAT` only.
        instance: the full JSON document, bare; of a `REGISTER` only, and needed there.

    Raises:
        ValueError: a `REGISTER` without a document, or one without `leaseInfo`, which Java's
            receiver skips silently when it starts.
    """
    fields: dict[str, object] = {"appName": app, "id": id}
    if action is not PeerAction.CANCEL:
        if last_dirty_ms is not None:
            fields["lastDirtyTimestamp"] = last_dirty_ms
        if overridden is not None and action is PeerAction.HEARTBEAT:
            fields["overriddenStatus"] = overridden
        if status is not None:
            fields["status"] = status
    if action is PeerAction.REGISTER:
        if instance is None or b'"leaseInfo":' not in instance:
            raise ValueError("a Register item needs a full document")
        fields["instanceInfo"] = msgspec.Raw(instance)
    return encode(fields | {"action": action})


def encode_batch(items: Sequence[bytes]) -> bytes:
    """Join items to the body of one request."""
    return b'{"replicationList":[' + b",".join(items) + b"]}"


def decode_replies(body: bytes, now_ms: int) -> list[Reply]:
    """Read the answers to a batch.

    An entity that cannot be read is `None`; an answer without a status counts as 500.

    Raises:
        BadDocument: the body holds no list `responseList`.
    """
    count = body.count(_PLAIN_OK)
    if body == join_replies([_PLAIN_OK] * count):  # nearly every answer there is
        return [_OK] * count
    return [_reply(entry, now_ms) for entry in _list_in(body, "responseList")]


def join_replies(items: Iterable[bytes]) -> bytes:
    """The answer to a batch, of what `encode_reply` gave for each of its items."""
    return b'{"responseList":[' + b",".join(items) + b"]}"


def _whole_entries(body: bytes) -> list[object]:
    """All entries, read; those that are not written like a peer's are read leniently."""
    try:
        plain = _PLAIN_BATCH.decode(body).replicationList
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _list_in(body, "replicationList")
    if any(entry.action is PeerAction.REGISTER for entry in plain):  # its document is missing
        return _list_in(body, "replicationList")
    return list(plain)


def _raw_entries(body: bytes) -> list[object]:
    try:
        return list(_RAW_BATCH.decode(body.removeprefix(codecs.BOM_UTF8)).replicationList)
    except RecursionError:
        raise BadDocument("the document is nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadDocument(f"malformed batch: {error}") from None


def _list_in(body: bytes, key: str) -> list[object]:
    root = parse(body)
    listed = root.get(key) if isinstance(root, dict) else None
    if not isinstance(listed, list):
        raise BadDocument(f"the document has no list {key}")
    return listed


def _item(entry: object, now_ms: int, *, plain: bool) -> Item:
    if not isinstance(entry, dict):
        return Item(problem="the item is not an object")
    try:
        return _read(entry, now_ms, plain=plain)
    except BadDocument as bad:
        app, id_ = entry.get("appName"), entry.get("id")
        return Item(None, _word(app), _word(id_), problem=str(bad))


def _word(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _read(entry: Mapping[str, object], now_ms: int, *, plain: bool) -> Item:
    action = _action(text(entry.get("action"), "action"))
    app = text(entry.get("appName"), "appName")
    id_ = text(entry.get("id"), "id")
    if not app or not id_:
        raise BadDocument("appName or id is missing")
    moment = read_integer(
        entry.get("lastDirtyTimestamp"), "lastDirtyTimestamp", bound=LONG_MAX, otherwise=None
    )
    status = text(entry.get("status"), "status")
    overridden = _overridden(text(entry.get("overriddenStatus"), "overriddenStatus"))
    item = Item(action, app, id_, moment, status, overridden)
    if action is not PeerAction.REGISTER:
        return item
    try:
        instance = instance_from(entry.get("instanceInfo"), now_ms, plain=plain)
        return msgspec.structs.replace(item, instance=instance)
    except BadDocument as bad:
        return msgspec.structs.replace(item, problem=f"instanceInfo: {bad}")


def _action(word: str | None) -> PeerAction:
    try:
        return PeerAction(word or "")
    except ValueError:
        raise BadDocument(f"unknown action: {display_text(word)}") from None


def _overridden(word: str | None) -> Status | None:
    status = known_status(word)
    if word is not None and status is None:
        raise BadDocument(f"unknown overriddenStatus: {display_text(word)}")
    return status


def encode_reply(reply: Reply) -> bytes:
    """Write the answer to one item."""
    if reply == _OK:
        return _PLAIN_OK
    fields: dict[str, object] = {"statusCode": reply.status}
    if reply.entity is not None:
        fields["responseEntity"] = msgspec.Raw(encode_instance(reply.entity))
    return encode(fields)


def _reply(entry: object, now_ms: int) -> Reply:
    fields = entry if isinstance(entry, dict) else {}
    try:
        status = read_integer(fields.get("statusCode"), "statusCode", otherwise=None)
    except BadDocument:
        status = None
    return Reply(status or _UNKNOWN_REPLY, _entity(fields.get("responseEntity"), now_ms))


def _entity(fields: object, now_ms: int) -> Instance | None:
    try:
        return instance_from(fields, now_ms) if fields is not None else None
    except BadDocument:
        return None
