"""How a change becomes an item, and that two peers hold the same afterwards: 10.11.

Items go through the bytes of the wire in both directions, as they do between peers.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from eureka_registry.core.model import (
    DataCenter,
    Instance,
    LeaseInfo,
    Origin,
    PeerAction,
    Port,
    Status,
)
from eureka_registry.core.outbox import Task
from eureka_registry.core.registry import Registry
from eureka_registry.peers.exchange import apply, encode, renewal
from eureka_registry.wire.replication import (
    Reply,
    decode_replies,
    encode_batch,
)
from support.batches import decode_batch, encode_replies
from support.instances import (
    APP,
    DIRTY,
    changed,
    holding,
    instance,
    lease,
    register,
    registry,
    status,
)

NOW = 50_000
UP, DOWN, OUT, UNKNOWN = Status.UP, Status.DOWN, Status.OUT_OF_SERVICE, Status.UNKNOWN
OK = Reply(200)


def item(action: str, **fields: object) -> dict[str, Any]:
    """One item about ORDERS/a."""
    return {"appName": APP, "id": "a", "action": action} | fields


def sent(held: Registry, action: PeerAction, app: str = APP, name: str = "a") -> dict[str, Any]:
    """The item a peer gets."""
    encoded = encode(held, Task(action, app, name, 0, NOW))
    assert encoded is not None
    items: list[dict[str, Any]] = json.loads(encode_batch([encoded]))["replicationList"]
    (read,) = items
    return read


def pass_on(action: PeerAction, one: Registry, other: Registry) -> Reply:
    """Tell one peer's change to another, through the bytes of the wire."""
    encoded = encode(one, Task(action, APP, "a", 0, NOW))
    assert encoded is not None
    (received,) = decode_batch(encode_batch([encoded]), NOW)
    (reply,) = decode_replies(encode_replies([apply(other, received, NOW)]), NOW)
    return reply


# -- Sending


def test_registration_is_sent_with_the_bare_document_and_its_lease() -> None:
    """Case 180: Java's receiver reads nothing else."""
    held = registry()
    register(held, at=10_000)
    held.renew(APP, "a", 40_000)
    told = sent(held, PeerAction.REGISTER)
    document = told["instanceInfo"]

    assert (told["lastDirtyTimestamp"], told["status"]) == (DIRTY, "UP")
    assert document["app"] == APP
    assert document["leaseInfo"]["renewalIntervalInSecs"] == 30
    assert document["leaseInfo"]["lastRenewalTimestamp"] == 40_000


def test_renewal_is_sent_with_timestamp_status_and_override() -> None:
    """Case 181; the stored timestamp, not the caller's (198)."""
    held = holding()
    held.set_status(APP, "a", OUT, 1)
    held.renew(APP, "a", 2, DIRTY + 1)

    assert sent(held, PeerAction.HEARTBEAT) == item(
        "Heartbeat",
        lastDirtyTimestamp=DIRTY,
        status="OUT_OF_SERVICE",
        overriddenStatus="OUT_OF_SERVICE",
    )


def test_renewal_is_written_once_for_all_peers() -> None:
    """Nine of ten items are renewals, and they say the same until something changes."""
    held = holding()
    task = Task(PeerAction.HEARTBEAT, APP, "a", 0, NOW)
    before = encode(held, task)
    held.renew(APP, "a", 1)

    assert encode(held, task) is before


def test_short_renewal_is_written_once_for_all_peers() -> None:
    """As the item is."""
    held = holding()
    task = Task(PeerAction.HEARTBEAT, APP, "a", 0, NOW)
    before = renewal(held, task)
    held.renew(APP, "a", 1)

    assert before is not None
    assert renewal(held, task) is before


def test_short_renewal_is_that_of_the_lease_the_task_names() -> None:
    """The look-up is saved; without a lease there is nothing to send."""
    held, empty = holding(), registry()
    task = Task(PeerAction.HEARTBEAT, APP, "a", 0, NOW)

    named = renewal(empty, Task(PeerAction.HEARTBEAT, APP, "a", 0, NOW, lease(held)))

    assert named == renewal(held, task)
    assert renewal(empty, task) is None


CHANGES: list[Callable[[Registry], object]] = [
    lambda held: held.set_status(APP, "a", OUT, 1, DIRTY + 1),
    lambda held: held.clear_status(APP, "a", UP, 2, DIRTY + 2),
    lambda held: held.adopt_override(APP, "a", OUT, 3),
    lambda held: register(held, last_dirty_ms=DIRTY + 3, status=DOWN),
    lambda held: held.set_status(APP, "a", OUT, 4),  # the override was that already
    lambda held: held.set_status(APP, "a", UP, 5),
    lambda held: held.copy(instance(last_dirty_ms=DIRTY + 4), 6),
]


@pytest.mark.parametrize("write", [encode, renewal])
def test_renewal_tells_of_the_lease_as_it_is_now(
    write: Callable[[Registry, Task], bytes | None],
) -> None:
    """What was written for an earlier renewal is never sent after a change."""
    held = holding()
    task = Task(PeerAction.HEARTBEAT, APP, "a", 0, NOW)
    items = [write(held, task)]
    for number, change in enumerate(CHANGES, start=1):
        silent = holding()  # has written no renewal so far
        for earlier in CHANGES[:number]:
            earlier(silent)
        change(held)
        items.append(write(held, task))

        assert items[-1] == write(silent, task)
        assert items[-1] != items[-2]


def test_renewal_tells_of_a_new_override_even_if_the_document_is_the_old() -> None:
    """`Registry` changes both together, but what peers are told must not rest on that."""
    held = holding()
    task = Task(PeerAction.HEARTBEAT, APP, "a", 0, NOW)
    sent(held, PeerAction.HEARTBEAT)
    before = renewal(held, task)
    lease(held).override = OUT

    assert sent(held, PeerAction.HEARTBEAT)["overriddenStatus"] == "OUT_OF_SERVICE"
    assert renewal(held, task) != before


def test_cancellation_names_the_lease_and_nothing_else() -> None:
    """Case 182; the lease is gone by then, or is a new one already."""
    assert sent(registry(), PeerAction.CANCEL) == item("Cancel")
    assert sent(holding(), PeerAction.CANCEL) == item("Cancel")


def test_override_is_sent_with_the_new_status() -> None:
    """Case 183."""
    held = holding()
    held.set_status(APP, "a", OUT, 1)

    assert sent(held, PeerAction.STATUS_UPDATE)["status"] == "OUT_OF_SERVICE"


def test_override_is_sent_as_it_is_while_the_client_is_down() -> None:
    """The task may be read long after it was queued; DOWN would become the peer's override."""
    one, other = holding(), holding()
    one.set_status(APP, "a", OUT, 1)
    register(one, last_dirty_ms=2_000, status=DOWN)
    for action in (PeerAction.STATUS_UPDATE, PeerAction.REGISTER):
        pass_on(action, one, other)

    assert status(one) == status(other) == (DOWN, OUT)


def test_cleared_override_is_sent_with_the_status_after_it() -> None:
    """Case 184."""
    held = holding()
    held.set_status(APP, "a", OUT, 1)
    held.clear_status(APP, "a", UNKNOWN, 2)

    assert sent(held, PeerAction.DELETE_STATUS_OVERRIDE)["status"] == "UNKNOWN"


@pytest.mark.parametrize(
    ("action", "override"),
    [(PeerAction.DELETE_STATUS_OVERRIDE, OUT), (PeerAction.STATUS_UPDATE, None)],
)
def test_status_is_the_instances_if_an_operator_decided_otherwise_meanwhile(
    action: PeerAction, override: Status | None
) -> None:
    """A task is read when it is sent; an item without a status fails at the peer."""
    held = holding(status=DOWN)
    lease(held).override = override

    assert sent(held, action)["status"] == "DOWN"


@pytest.mark.parametrize("action", [a for a in PeerAction if a is not PeerAction.CANCEL])
def test_nothing_is_told_of_a_lease_that_is_gone(action: PeerAction) -> None:
    """Its cancellation is told; a Register would bring it back at the peer."""
    assert encode(registry(), Task(action, APP, "a", 0, NOW)) is None


# -- Both


RICH = changed(
    instance(interval_s=5, duration_s=15, vip_address="a,b", secure_vip_address="s"),
    metadata={"zone": "z1", "a_b$c": "ü <&>", "empty": ""},
    data_center=DataCenter("Amazon", {"instance-id": "i-1", "availability-zone": "1a"}),
    port=Port(8080, enabled=False),
    secure_port=Port(443, enabled=True),
    country_id=49,
    app_group_name="GROUP",
    home_page_url="http://h/",
    status_page_url="http://h/info",
    health_check_url="http://h/health",
    secure_health_check_url="https://h/health",
    asg_name="asg",
    lease=LeaseInfo(5, 15),
)


@pytest.mark.parametrize("document", [instance(), instance(instance_id=None, host_name="a"), RICH])
def test_a_document_passed_on_has_the_same_digest(document: Instance) -> None:
    """Or two peers would find each other different for ever."""
    one, other = registry(), registry()
    one.register(document, Origin.CLIENT, 0)
    reply = pass_on(PeerAction.REGISTER, one, other)

    assert reply == OK
    assert one.applications[APP].digest == other.applications[APP].digest


def test_every_change_passed_on_leaves_two_peers_equal() -> None:
    """The whole life of an instance, told action by action."""
    one, other = registry(), registry()
    steps: list[tuple[PeerAction, Callable[[], object]]] = [
        (PeerAction.REGISTER, lambda: register(one, at=1)),
        (PeerAction.HEARTBEAT, lambda: one.renew(APP, "a", 1)),
        (PeerAction.STATUS_UPDATE, lambda: one.set_status(APP, "a", OUT, 2, 1_500)),
        (PeerAction.REGISTER, lambda: one.update_metadata(APP, "a", {"k": "v"}, 3)),
        (PeerAction.DELETE_STATUS_OVERRIDE, lambda: one.clear_status(APP, "a", UNKNOWN, 4, 1_600)),
        (PeerAction.REGISTER, lambda: register(one, last_dirty_ms=1_700)),
        (PeerAction.REGISTER, lambda: register(one, last_dirty_ms=1_800, status=DOWN)),
    ]
    for action, happen in steps:
        happen()
        assert pass_on(action, one, other) == OK
        assert one.applications[APP].digest == other.applications[APP].digest
        assert one.hashcode() == other.hashcode()

    one.cancel(APP, "a", 9)
    assert pass_on(PeerAction.CANCEL, one, other) == OK
    assert other.applications == {}
