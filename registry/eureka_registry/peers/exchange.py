"""Applies one item of a replication batch to a registry, and makes an item from a change.

`docs/protocol/replication.md`; Netflix `PeerReplicationResource`, `PeerEurekaNode`. Nothing here
waits or sends, so that whole stories of several peers can be told with it in a test.
"""

from __future__ import annotations

from enum import Enum

from eureka_registry.core.lease import Lease
from eureka_registry.core.model import Instance, Origin, PeerAction, Status
from eureka_registry.core.outbox import Task
from eureka_registry.core.registry import Registry
from eureka_registry.core.room import Full
from eureka_registry.core.validation import problem
from eureka_registry.wire import jsoncodec
from eureka_registry.wire.fields import known_status
from eureka_registry.wire.renewals import encode_renewal
from eureka_registry.wire.replication import Item, Reply, encode_item

Key = tuple[str, str]
"""Application and instance id."""

OK = Reply(200)
NOT_FOUND = Reply(404)
BROKEN = Reply(500)
FULL = Reply(507)
"""There is no room for the instance; its next renewal is answered 404, and it is offered again."""


def apply(registry: Registry, item: Item, now_ms: int) -> Reply:
    """Apply a peer's item, and return the reply. It is never replicated further."""
    if item.problem is not None or item.action is None or not item.app or not item.id:
        if item.problem is not None:
            registry.refusals.note(item.app, item.id, item.problem)
        return BROKEN
    key = (item.app.upper(), item.id)
    match item.action:
        case PeerAction.HEARTBEAT:
            return _renew(registry, key, item, now_ms)
        case PeerAction.REGISTER:
            return _register(registry, key[0], item.instance, now_ms)
        case PeerAction.CANCEL:
            return OK if registry.cancel(*key, now_ms) else NOT_FOUND
        case PeerAction.STATUS_UPDATE:
            return _set_status(registry, key, item, now_ms)
        case PeerAction.DELETE_STATUS_OVERRIDE:
            return _clear_status(registry, key, item, now_ms)


def adopt(registry: Registry, entity: Instance, now_ms: int) -> bool:
    """Take over the newer document that a peer answered with (`PeerEurekaNode.syncInstances`).

    False if it is not acceptable, or if our lease has ended meanwhile: Java brings such an instance
    back.
    """
    if problem(entity, entity.app) is not None or registry.lease(entity.app, entity.id) is None:
        return False
    if isinstance(registry.register(entity, Origin.PEER, now_ms), Full):
        return False
    registry.adopt_override(entity.app, entity.id, entity.overridden_status, now_ms)
    return True


class ReplyOutcome(Enum):
    """The consequence of a peer's reply to one item."""

    NOTHING = "nothing"
    MUST_REGISTER = "the peer must be told the whole document"
    ADOPTED = "the peer's newer document was taken over"
    LEFT = "the peer's document was left: it is unfit, or our lease has ended"


def take_reply(registry: Registry, task: Task, reply: Reply, now_ms: int) -> ReplyOutcome:
    """Do what a peer's reply to a renewal asks for (`PeerEurekaNode.heartbeat`, `handleFailure`).

    Other replies ask for nothing. After a renewal the peer may lack the lease, or have a newer
    document.
    """
    if task.action is not PeerAction.HEARTBEAT:
        return ReplyOutcome.NOTHING
    if reply.status == NOT_FOUND.status:
        return ReplyOutcome.MUST_REGISTER
    entity = reply.entity
    if entity is None or (entity.app, entity.id) != (task.app, task.id):
        return ReplyOutcome.NOTHING
    return ReplyOutcome.ADOPTED if adopt(registry, entity, now_ms) else ReplyOutcome.LEFT


def renewal(registry: Registry, task: Task) -> bytes | None:
    """The short form of a renewal as it is now; `None` if there is no lease.

    A lease that the task names is not looked up: a task that ends or replaces the lease takes this
    one's place.
    """
    lease = task.lease or registry.lease(task.app, task.id)
    if lease is None:
        return None
    instance, override, made = lease.instance, lease.override, lease.renewal_short
    if made is not None and made[0] is instance and made[1] is override:
        return made[2]
    short = encode_renewal(task.app, task.id, instance.last_dirty_ms, instance.status, override)
    lease.renewal_short = (instance, override, short)
    return short


def encode(registry: Registry, task: Task) -> bytes | None:
    """The item for `task`, with the lease as it is now; `None` if the lease is gone."""
    if task.action is PeerAction.CANCEL:
        return encode_item(task.action, task.app, task.id)
    lease = registry.lease(task.app, task.id)
    if lease is None:
        return None
    if task.action is PeerAction.HEARTBEAT:
        return _renewal(task, lease)
    instance = lease.instance
    if task.action is PeerAction.REGISTER:
        return encode_item(
            task.action,
            task.app,
            task.id,
            last_dirty_ms=instance.last_dirty_ms,
            status=instance.status,
            instance=jsoncodec.encode_instance(lease.document()),
        )
    return encode_item(
        task.action,
        task.app,
        task.id,
        last_dirty_ms=instance.last_dirty_ms,
        status=_status_to_send(task, lease),
    )


def _renewal(task: Task, lease: Lease) -> bytes:
    """The item of a renewal: the same for all peers until the document or the override changes."""
    instance, override = lease.instance, lease.override
    made = lease.renewal_item
    if made is not None and made[0] is instance and made[1] is override:
        return made[2]
    item = encode_item(
        task.action,
        task.app,
        task.id,
        last_dirty_ms=instance.last_dirty_ms,
        status=instance.status,
        overridden=override,
    )
    lease.renewal_item = (instance, override, item)
    return item


def _status_to_send(task: Task, lease: Lease) -> Status:
    """The status of a StatusUpdate: the override, even while the client says that it is DOWN."""
    if task.action is PeerAction.STATUS_UPDATE and lease.override is not None:
        return lease.override
    return lease.instance.status


def _register(registry: Registry, app: str, instance: Instance | None, now_ms: int) -> Reply:
    if instance is None:
        return BROKEN
    wrong = problem(instance, app)
    if wrong is not None:
        # Java answers 200 whatever the validation says, and so must we: a sender drops the rest.
        registry.refusals.note(app, instance.id, wrong)
        return OK
    made = registry.register(instance, Origin.PEER, now_ms)
    if isinstance(made, Full):
        registry.refusals.note(app, instance.id, made.sentence)
        return FULL
    return OK


def _renew(registry: Registry, key: Key, item: Item, now_ms: int) -> Reply:
    # With an override its status is not the client's own.
    own = item.status if item.overridden is None else None
    renewal = registry.renew(*key, now_ms, item.last_dirty_ms, own, origin=Origin.PEER)
    if renewal.newer_here is not None:
        return Reply(409, renewal.newer_here)
    if renewal.found:
        return OK
    if not renewal.renewed:
        # 404 would make the sender register what was cancelled here meanwhile.
        return OK if _was_cancelled(registry, key, item.last_dirty_ms) else NOT_FOUND
    if item.overridden is not None:
        registry.adopt_override(*key, item.overridden, now_ms)
    return NOT_FOUND


def _was_cancelled(registry: Registry, key: Key, last_dirty_ms: int | None) -> bool:
    """Whether this version of the instance was cancelled lately; a newer one is another lease."""
    recent = registry.delta.get(*key)
    if recent is None or not recent.departed or recent.expired:
        return False
    return last_dirty_ms == recent.instance.last_dirty_ms


def _set_status(registry: Registry, key: Key, item: Item, now_ms: int) -> Reply:
    status = known_status(item.status)
    if status is None:
        return BROKEN
    dirty_ms = item.last_dirty_ms
    found = registry.set_status(*key, status, now_ms, dirty_ms, origin=Origin.PEER)
    return OK if found else NOT_FOUND


def _clear_status(registry: Registry, key: Key, item: Item, now_ms: int) -> Reply:
    status = known_status(item.status) if item.status is not None else Status.UNKNOWN
    if status is None or item.last_dirty_ms is None:
        return BROKEN
    dirty_ms = item.last_dirty_ms
    found = registry.clear_status(*key, status, now_ms, dirty_ms, origin=Origin.PEER)
    return OK if found else NOT_FOUND
