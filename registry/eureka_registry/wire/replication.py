"""Batches that peers send each other, and their answers (`eureka-protocol.md` 5.2, 5.3).

Java's receiver refuses a whole batch for one unknown key, so only documented keys are written.
Read is leniently: a bad item has a `problem` and harms no other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from eureka_registry.core.model import Instance, PeerAction, Status
from eureka_registry.wire.fields import LONG_MAX, BadDocument, known_status, shown, text, whole
from eureka_registry.wire.jsoncodec import encode, encode_instance, instance_from, is_plain, parse

_UNKNOWN_REPLY = 500
_PLAIN_OK = b'{"statusCode":200}'


class Item(msgspec.Struct, frozen=True):
    """One action of a batch; `None` is what was not given.

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
    """The answer to one item.

    `entity` is the receiver's newer document beside a 409. `reason` says in a sentence for our own
    log why an item was refused; it is not sent.
    """

    status: int
    entity: Instance | None = None
    reason: str | None = None


_OK = Reply(200)


def decode_batch(body: bytes, now_ms: int) -> list[Item]:
    """Read a batch.

    Raises:
        BadDocument: the body holds no list `replicationList`. (Java answers 500 if it is missing.)
    """
    plain = is_plain(body)
    return [_item(entry, now_ms, plain=plain) for entry in _list_in(body, "replicationList")]


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
        action: what is told; of a `CANCEL` only `app` and `id` are written.
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


def encode_replies(replies: Sequence[Reply]) -> bytes:
    """Write the answers to a batch, in the order of its items."""
    return _replies(map(_encode_reply, replies))


def decode_replies(body: bytes, now_ms: int) -> list[Reply]:
    """Read the answers to a batch.

    An entity that cannot be read is `None`; an answer without a status counts as 500.

    Raises:
        BadDocument: the body holds no list `responseList`.
    """
    count = body.count(_PLAIN_OK)
    if body == _replies([_PLAIN_OK] * count):  # nearly every answer there is
        return [_OK] * count
    return [_reply(entry, now_ms) for entry in _list_in(body, "responseList")]


def _replies(items: Iterable[bytes]) -> bytes:
    return b'{"responseList":[' + b",".join(items) + b"]}"


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
        return Item(problem=str(bad))


def _read(entry: Mapping[str, object], now_ms: int, *, plain: bool) -> Item:
    action = _action(text(entry.get("action"), "action"))
    app = text(entry.get("appName"), "appName")
    id_ = text(entry.get("id"), "id")
    if not app or not id_:
        raise BadDocument("appName or id is missing")
    moment = whole(
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
        raise BadDocument(f"unknown action: {shown(word)}") from None


def _overridden(word: str | None) -> Status | None:
    status = known_status(word)
    if word is not None and status is None:
        raise BadDocument(f"unknown overriddenStatus: {shown(word)}")
    return status


def _encode_reply(reply: Reply) -> bytes:
    fields: dict[str, object] = {"statusCode": reply.status}
    if reply.entity is not None:
        fields["responseEntity"] = msgspec.Raw(encode_instance(reply.entity))
    return encode(fields)


def _reply(entry: object, now_ms: int) -> Reply:
    fields = entry if isinstance(entry, dict) else {}
    try:
        status = whole(fields.get("statusCode"), "statusCode", otherwise=None)
    except BadDocument:
        status = None
    return Reply(status or _UNKNOWN_REPLY, _entity(fields.get("responseEntity"), now_ms))


def _entity(fields: object, now_ms: int) -> Instance | None:
    try:
        return instance_from(fields, now_ms) if fields is not None else None
    except BadDocument:
        return None
